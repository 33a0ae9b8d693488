"""What an endpoint may ask of a driver. No I/O and no clock here.

A *flow* is a generator. It yields what it needs done: a `Call` to make, a link to `Fetch`, a
`Pause` to wait, or `Progress` to report. The driver sends back what came of it, or throws a
`VisionCraftError` in, which the flow may catch to say more. What it returns is the result.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias, TypeVar

from langchain_visioncraft.errors import (
    APIStatusError,
    ConnectionFailedError,
    TimedOutError,
    VisionCraftError,
)

ResultT = TypeVar("ResultT")

LONGEST_RETRY_WAIT = 60.0
"""Seconds. A longer wait is not slept through but told to the caller, as `RateLimitError`."""

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
        endpoint: What gave the link, for messages.
        private: Whether it may lead to this machine or this network.
    """

    url: str
    endpoint: str
    private: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a long task is.

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
    """Wait; the driver sends back how many seconds went by since the flow began."""

    seconds: float


class Answer(Protocol):
    """What a driver sends back for a `Call` or a `Fetch`: the body of a successful answer."""

    endpoint: str
    base_url: str
    size: int
    announced_type: str | None
    engine: str | None

    def open(self, mode: str = "rb", /) -> BinaryIO:
        """Open the body for reading."""
        ...

    def take_file(self, target: Path, /) -> bool:
        """Move the body to `target` if it is in a file of its own; false if it is not."""
        ...


Step: TypeAlias = Call | Fetch | Progress | Pause
Flow: TypeAlias = Generator[Step, Any, ResultT]


def call(step: Call) -> Flow[Answer]:
    """Make a call: ``answer = yield from call(Call("GET", "/limits"))``."""
    answer: Answer = yield step
    return answer


def fetch(url: str, endpoint: str, *, private: bool = False) -> Flow[Answer]:
    """Follow a link."""
    answer: Answer = yield Fetch(url, endpoint, private)
    return answer


def pause(seconds: float) -> Flow[float]:
    """Wait; gives the seconds since the flow began."""
    elapsed: float = yield Pause(seconds)
    return elapsed


def report(progress: Progress) -> Flow[None]:
    """Report progress."""
    yield progress


def is_retryable(
    error: BaseException, *, after_timeout: bool = False, download: bool = False
) -> bool:
    """Whether the same call may be made again.

    Yes for a connection that failed before any answer, and for 408, 429, 500, 502, 503 and 504,
    unless the service asks for a wait of more than `LONGEST_RETRY_WAIT`. A read timeout only if
    asked for: the generation may have been done, and paid for. A `download` of what was made is
    repeated also when it broke off: that costs nothing, and giving it up loses the picture.
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
    """Seconds before the next try: what the service asks for, but never less than the backoff."""
    asked = error.retry_after if isinstance(error, VisionCraftError) else None
    return max(asked or 0.0, backoff)
