"""The steps that an endpoint may ask of a driver. Nothing here does I/O or reads a clock.

A *flow* is a generator. It yields the work to do: a `Call` to make, a link to `Fetch`, a `Pause`
to wait, or `Progress` to report. The driver sends back the outcome, or throws a `VisionCraftError`
into the flow, which may catch it to add details. The flow returns the result.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from langchain_visioncraft._redact import Redactor
from langchain_visioncraft.errors import (
    APIStatusError,
    ConnectionFailedError,
    TimedOutError,
    VisionCraftError,
)
from langchain_visioncraft.media.places import Holder

ResultT = TypeVar("ResultT")

LONGEST_RETRY_WAIT = 60.0
"""Seconds. The client does not sleep longer than this: it raises `RateLimitError`."""

Auth: TypeAlias = Literal["token", "bearer", "none"]

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Call:
    """A call of the API. It holds no secret: the driver adds the key as `auth` says.

    Attributes:
        auth: ``"token"`` puts the key into the JSON body, ``"bearer"`` into a header,
            ``"none"`` sends none.
        streams: Whether the answer may report its progress while it arrives.
    """

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    auth: Auth = "token"
    streams: bool = False

    @property
    def endpoint(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Fetch:
    """A link in an answer, to be downloaded without the key.

    Attributes:
        endpoint: The endpoint that returned the link, for messages.
        private: Whether it may lead to this machine or this network.
    """

    url: str
    endpoint: str
    private: bool = False


@dataclass(frozen=True)
class Progress:
    """The progress of a long task.

    Attributes:
        message: For people.
        elapsed: Seconds since the task was submitted.
        details: Facts, such as the task's id. JSON-safe.
    """

    message: str
    elapsed: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pause:
    """A wait; the driver sends back the seconds since the flow began."""

    seconds: float


class Answer(Holder, Protocol):
    """What a driver sends back for a `Call` or a `Fetch`: the body of a successful answer.

    `redact` takes the key out of the host's words; `json_from` applies it.
    """

    endpoint: str
    base_url: str
    size: int
    engine: str | None
    redact: Redactor

    @property
    def mime_type(self) -> str | None:
        """The MIME type, by content."""
        ...


Step: TypeAlias = Call | Fetch | Progress | Pause
Flow: TypeAlias = Generator[Step, Any, ResultT]


def fetch(url: str, endpoint: str, *, private: bool = False) -> Flow[Answer]:
    """A flow that follows a link, and does nothing else."""
    answer: Answer = yield Fetch(url, endpoint, private)
    return answer


def is_retryable(
    error: BaseException, *, after_timeout: bool = False, download: bool = False
) -> bool:
    """Whether the same call may be made again.

    It may be repeated after a connection that failed before any answer, and after 408, 429, 500,
    502, 503 and 504, unless the service asks for a wait of more than `LONGEST_RETRY_WAIT`. After a
    read timeout it is repeated only on request, since the work may have been done and paid for. A
    `download` of a result is also repeated if it broke off: this is free, and the picture would
    otherwise be lost.
    """
    if isinstance(error, TimedOutError):
        return error.phase == "connect" or (after_timeout and error.phase != "deadline")
    if isinstance(error, ConnectionFailedError):
        return download or not error.answered
    if isinstance(error, APIStatusError):
        wait = error.retry_after or 0.0
        return error.status in RETRY_STATUSES and wait <= LONGEST_RETRY_WAIT
    return False


def retry_wait(error: BaseException | None, backoff: float) -> float:
    """Seconds before the next try: as the service asks, but never less than the backoff."""
    asked = error.retry_after if isinstance(error, VisionCraftError) else None
    return max(asked or 0.0, backoff)
