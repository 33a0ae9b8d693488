"""What a person can do about each error."""

from __future__ import annotations

from langchain_visioncraft import errors

ADVICE: dict[type[errors.VisionCraftError], str] = {
    errors.VisionCraftError: "Catch it to catch every error below.",
    errors.MissingKeyError: "Set `VISIONCRAFT_API_KEY`, or pass `api_key=`; or start a sandbox.",
    errors.InvalidRequestError: "Read the message: it names the parameter and its bounds.",
    errors.MediaInputError: "Pass a handle, a URL, or a file of a type that the message names.",
    errors.UnknownHandleError: "Give both tools the same `store=`. The message names a handle "
    "that exists.",
    errors.DamagedMediaError: "Run `MediaStore.verify(repair=True)`, which repairs what it can. "
    "If it cannot, make the file again.",
    errors.ForbiddenInputError: "Add the folder to `allowed_dirs=`, if models may read it.",
    errors.TransportError: "Check `base_url`, the network and proxies; then try again.",
    errors.ConnectionFailedError: "The call was already retried `max_retries` times. Check whether "
    "the host has moved.",
    errors.TimedOutError: "Raise `timeout=(connect, read)`. Clients and tools do not retry "
    "after a read timeout, since the work may have been paid for.",
    errors.CertificateError: "Pass `verify=` with a CA bundle. `verify=False` switches the check "
    "off, and warns.",
    errors.APIStatusError: "Read `status` and `detail`: these are the host's own words.",
    errors.BadRequestError: "Change the parameter or the prompt that `detail` mentions.",
    errors.UnknownNameError: "Use one of `suggestions`, or ask `VisionCraftCatalog` for the list.",
    errors.AuthenticationError: "Check the key, and that it belongs to this host.",
    errors.SubscriptionError: "Renew the subscription, or use what the tier allows.",
    errors.RateLimitError: "Wait `retry_after` seconds. `rate_limiter=` keeps you below the limit.",
    errors.EndpointNotFoundError: "Use another generation of the endpoint: see "
    "[the API](api.md). Check `base_url`.",
    errors.ServerError: "The call was already retried `max_retries` times. Try later.",
    errors.ResponseError: "Check that `base_url` is the API, not a proxy or a web page.",
    errors.UnexpectedAnswerError: "Open the host in a browser: a proxy may answer in its place.",
    errors.TruncatedAnswerError: "Try again: the connection broke, or the host sent nothing.",
    errors.AnswerTooLargeError: "If you expect an answer of this size, raise the client's "
    "`max_answer_bytes`.",
    errors.UnsafeLinkError: "Do not trust this host: one that answers with private addresses is "
    "broken or hostile.",
    errors.LinkExpiredError: "Make the file again, and fetch it at once: links expire quickly.",
    errors.TaskError: "See the next two errors.",
    errors.TaskFailedError: "Read the service's reason in the message, and change the prompt.",
    errors.TaskDeadlineError: "Raise `deadline`, or ask again with the task's id: "
    "`endpoints.midjourney_result(task_id=...)`.",
}
