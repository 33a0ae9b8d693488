"""The sandbox's page: live requests and answers, and a form for each capability."""
