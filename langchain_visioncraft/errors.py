"""Everything that can go wrong, in one tree.

```text
VisionCraftError
├── MissingKeyError                 no API key
├── InvalidRequestError             the request is invalid (also a ValueError)          [model]
│   └── MediaInputError             an image, mask or recording that cannot be used     [model]
│       ├── UnknownHandleError      no file with this handle in the store               [model]
│       ├── DamagedMediaError       a file whose bytes do not match its handle          [model]
│       └── ForbiddenInputError     a path outside `allowed_dirs`, or not http(s)       [model]
├── TransportError                  the host was not reached, or closed the connection
│   ├── ConnectionFailedError       refused, reset, unresolved, or closed too early
│   ├── TimedOutError               no connection, or no answer, in time
│   └── CertificateError            TLS failed
├── APIStatusError                  the host answered with an error status
│   ├── BadRequestError             400, 422, or an error under 200: it was refused     [model]
│   │   └── UnknownNameError        a model, sampler, … that the host does not know     [model]
│   ├── AuthenticationError         401: the key is wrong, or one is missing
│   ├── SubscriptionError           402, 403, 413: not subscribed, or premium only
│   ├── RateLimitError              429, or 403 with a limit: see `retry_after`         [model]
│   ├── EndpointNotFoundError       404: this host does not offer the endpoint
│   └── ServerError                 5xx
├── ResponseError                   the answer is not what the documents promise
│   ├── UnexpectedAnswerError       HTML, or a type other than the one requested
│   ├── TruncatedAnswerError        empty, or cut off
│   ├── AnswerTooLargeError         more bytes than `max_answer_bytes`
│   ├── UnsafeLinkError             a link to a private address, or a redirect to one
│   └── LinkExpiredError            a link that is gone                                 [model]
└── TaskError                       a long-running task returned no result
    ├── TaskFailedError             the service abandoned it                            [model]
    └── TaskDeadlineError           it took longer than the deadline
```

`[model]`: `recoverable` is true. The model that called the tool can correct its call, so tools
return the message to it. The other errors need a person and are raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class VisionCraftError(Exception):
    """Something went wrong with VisionCraft.

    Attributes:
        message: What was wrong and what to do, without any secret.
        status: The HTTP status, if there was an answer.
        detail: The service's own message, if it sent one.
        endpoint: What was called, such as ``POST /sd``.
        base_url: The root of the host that was called.
        retry_after: Seconds to wait before another try, if the service says so.
    """

    recoverable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str | None = None,
        endpoint: str | None = None,
        base_url: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.detail = detail
        self.endpoint = endpoint
        self.base_url = base_url
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(
    kind: type[VisionCraftError], args: tuple[Any, ...], facts: dict[str, Any]
) -> VisionCraftError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class MissingKeyError(VisionCraftError):
    """No API key was given."""

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        super().__init__(
            message
            or "No VisionCraft API key. Set the environment variable VISIONCRAFT_API_KEY, or pass "
            "api_key=...: your host's key, or any text for a sandbox (`visioncraft sandbox` runs "
            "the same API on your machine).",
            **facts,
        )


class InvalidRequestError(VisionCraftError, ValueError):
    """The request is invalid, so nothing was sent."""

    recoverable = True


class MediaInputError(InvalidRequestError):
    """An image, mask or recording is missing, empty or of the wrong type."""


class UnknownHandleError(MediaInputError):
    """No file with this handle is in the store."""


class DamagedMediaError(MediaInputError):
    """The bytes of a medium do not match its handle."""


class ForbiddenInputError(MediaInputError):
    """A local path is outside ``allowed_dirs``, or a link is not http(s)."""


class TransportError(VisionCraftError):
    """The host was not reached, or the connection broke."""


class ConnectionFailedError(TransportError):
    """The connection was refused, reset or closed early, or the host name did not resolve.

    Attributes:
        answered: Whether part of an answer had already arrived.
    """

    answered: bool = False


class TimedOutError(TransportError):
    """The host did not connect or answer in time.

    Attributes:
        phase: ``"connect"``, ``"read"``, ``"write"``, ``"pool"``, or ``"deadline"`` if the call
            as a whole took too long.
    """

    phase: str = "read"


class CertificateError(TransportError):
    """The TLS certificate of the host could not be verified."""


class APIStatusError(VisionCraftError):
    """The host answered with an error status."""


class BadRequestError(APIStatusError):
    """400 or 422, or an error under status 200: the host refused a parameter or the prompt."""

    recoverable = True


class UnknownNameError(BadRequestError):
    """The host does not know this model, sampler, scheduler, LoRA or refiner.

    Attributes:
        name: The name that was refused.
        suggestions: Near names from the host's own list.
    """

    name: str = ""
    suggestions: Sequence[str] = ()


class AuthenticationError(APIStatusError):
    """401: the key is wrong, banned or inactive, or the host requires one for a public list."""


class SubscriptionError(APIStatusError):
    """402, 403 or 413: the subscription expired, or the call needs a premium one."""


class RateLimitError(APIStatusError):
    """A limit was reached; ``retry_after`` holds the wait in seconds, if it is known."""

    recoverable = True


class EndpointNotFoundError(APIStatusError):
    """404: this host does not offer this endpoint."""


class ServerError(APIStatusError):
    """5xx: the service failed."""


class ResponseError(VisionCraftError):
    """The answer is not what the documents promise."""


class UnexpectedAnswerError(ResponseError):
    """The answer is HTML from a proxy, or its type is not the one requested."""


class TruncatedAnswerError(ResponseError):
    """The answer is empty or cut off."""


class AnswerTooLargeError(ResponseError):
    """The answer has more bytes than allowed."""


class UnsafeLinkError(ResponseError):
    """A link in an answer leads to an address that is not public.

    Attributes:
        reason: Why it was not followed.
    """

    reason: str = ""


class LinkExpiredError(ResponseError):
    """A link in an answer, or a link that you passed, no longer works."""

    recoverable = True


class TaskError(VisionCraftError):
    """A long-running task returned no result."""


class TaskFailedError(TaskError):
    """The service abandoned the task, for example because it refused the prompt."""

    recoverable = True


class TaskDeadlineError(TaskError):
    """The task took longer than its deadline."""
