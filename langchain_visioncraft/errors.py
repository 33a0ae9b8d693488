"""Everything that can go wrong, in one tree.

```text
VisionCraftError
├── MissingKeyError                 no API key
├── InvalidRequestError             what was asked cannot be sent (also a ValueError)   [model]
│   └── MediaInputError             an image, mask or audio that cannot be used         [model]
│       ├── UnknownHandleError      no file with this handle in the store               [model]
│       ├── DamagedMediaError       a file whose bytes are not those that were saved    [model]
│       └── ForbiddenInputError     a path outside `allowed_dirs`, or not http(s)       [model]
├── TransportError                  the host was not reached, or hung up
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
│   ├── UnexpectedAnswerError       HTML, or another type than was asked for
│   ├── TruncatedAnswerError        empty, or cut off
│   ├── AnswerTooLargeError         more bytes than `max_answer_bytes`
│   ├── UnsafeLinkError             a link to a private address, or a redirect to one
│   └── LinkExpiredError            a link that is gone                                 [model]
└── TaskError                       a long-running task
    ├── TaskFailedError             the service abandoned it                            [model]
    └── TaskDeadlineError           it took longer than the deadline
```

`[model]`: `recoverable` is true. The model that called the tool can correct its call, so tools
give it the text as an error message; the others need a person and are raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class VisionCraftError(Exception):
    """Something went wrong with VisionCraft.

    Attributes:
        message: What was wrong and what to do, without any secret.
        status: The HTTP status, where there was an answer.
        detail: The service's own message, where it gave one.
        endpoint: What was called, such as ``POST /sd``.
        base_url: The root of the host that was asked.
        retry_after: Seconds after which it is worth another try, where the service says so.
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
    """What was asked cannot be sent; nothing was."""

    recoverable = True


class MediaInputError(InvalidRequestError):
    """An image, mask or audio that is missing, empty or of the wrong type."""


class UnknownHandleError(MediaInputError):
    """No file with this handle is in the store."""


class DamagedMediaError(MediaInputError):
    """The bytes of a medium do not match its handle."""


class ForbiddenInputError(MediaInputError):
    """A local path outside ``allowed_dirs``, or a link that is not http(s)."""


class TransportError(VisionCraftError):
    """The host was not reached, or the connection broke."""


class ConnectionFailedError(TransportError):
    """Refused, reset, not resolved, or closed before the answer was complete.

    Attributes:
        answered: Whether a part of an answer had already arrived.
    """

    answered: bool = False


class TimedOutError(TransportError):
    """No connection or no answer in time.

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
    """400 or 422, or an error under status 200: a parameter or the prompt was refused."""

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
    """401: the key is wrong, banned or no longer active, or a host wants one for a public list."""


class SubscriptionError(APIStatusError):
    """402, 403 or 413: the subscription expired, or this needs a premium one."""


class RateLimitError(APIStatusError):
    """A limit was reached; ``retry_after`` holds the wait in seconds, where it is known."""

    recoverable = True


class EndpointNotFoundError(APIStatusError):
    """404: this host does not offer this endpoint."""


class ServerError(APIStatusError):
    """5xx: the service failed."""


class ResponseError(VisionCraftError):
    """The answer is not what the documents promise."""


class UnexpectedAnswerError(ResponseError):
    """HTML from a proxy, or another type than was asked for."""


class TruncatedAnswerError(ResponseError):
    """An answer that is empty or cut off."""


class AnswerTooLargeError(ResponseError):
    """More bytes than allowed."""


class UnsafeLinkError(ResponseError):
    """A link in an answer leads to an address that is not public.

    Attributes:
        reason: Why it was not followed.
    """

    reason: str = ""


class LinkExpiredError(ResponseError):
    """A link in an answer, or one that was passed on, no longer works."""

    recoverable = True


class TaskError(VisionCraftError):
    """A long-running task did not give its result."""


class TaskFailedError(TaskError):
    """The service abandoned the task, for example because it refused the prompt."""

    recoverable = True


class TaskDeadlineError(TaskError):
    """The task took longer than its deadline."""
