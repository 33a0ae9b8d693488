"""The sandbox's page: what came in and went out, live, and a form for each capability."""
