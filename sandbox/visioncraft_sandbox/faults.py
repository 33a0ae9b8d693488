"""Failures that a test, or the command line, can order.

```python
from visioncraft_sandbox import Fault

Fault(endpoint="POST /sd", status=503)                          # once, then all is well
Fault(endpoint="POST /sd", status=429, retry_after=2, times=3)
Fault(endpoint="POST /generate-xl", hang_up="mid-body", every=2, times=None)
Fault(endpoint="GET /files/*", status=410)                      # a link that expired
Fault(endpoint="POST /sd", oversize=10**9, gzip=True)           # a bomb: a megabyte becomes 1 GB
Fault(endpoint="POST /midjourney", task="failed")               # this task will fail
```
"""

from __future__ import annotations

import json
import shlex
import threading
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langchain_visioncraft.errors import InvalidRequestError

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})

_MESSAGES = {
    400: "The request was malformed or missing required parameters.",
    401: "The API key is invalid or missing.",
    403: "You have exceeded your usage limits or are not subscribed to the required Telegram "
    "channel.",
    404: "Not found.",
    408: "The request took too long.",
    410: "This link has expired.",
    413: "Subscribe to premium to use this.",
    429: "Free users can make 10 requests per 5 minutes.",
    500: "An unexpected error occurred on the server.",
    502: "Bad gateway.",
    503: "The server is overloaded. Try again later.",
    504: "Gateway timeout.",
}

_HTML = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
)


class Fault(BaseModel):
    """One failure, and the requests that meet it.

    The fields that replace the answer are `status`, `body`, `html`, `empty`, `redirect` and
    `oversize`; those that spoil the true (or the replaced) answer are `delay`, `stall`,
    `hang_up`, `truncate`, `announce`, `gzip`, `content_type` and `headers`. They may be combined.

    Attributes:
        endpoint: ``POST /sd``, ``/sd`` (any method) or a pattern such as ``GET /files/*``.
        times: How often it strikes; ``None`` means always.
        every: Only every nth matching request meets it.
        skip: How many matching requests pass before.
        status: The HTTP status; with a `body` of your own, or the documented sentence.
        body: The body: text as it stands, anything else as JSON.
        headers: Further headers, or other values of those that are there.
        retry_after: The value of ``Retry-After``: seconds or an HTTP date.
        delay: Seconds of silence before the headers.
        stall: Seconds of silence in the middle of the body.
        hang_up: Close the connection ``before`` any answer, or in the ``mid-body``.
        reset: With `hang_up`: reset it (TCP RST) instead of ending it.
        truncate: How many bytes of the body are sent, or (below 1) which share of it.
        announce: Whether ``Content-Length`` announces the whole body. With `truncate`, the
            connection is then closed too early; without, the answer just ends.
        gzip: Compress the body, whatever the client accepts.
        content_type: Another ``Content-Type`` than the true one.
        html: A proxy's HTML page instead of the answer; status 502 unless `status` says another.
        empty: No body at all.
        redirect: A 302 to this URL.
        oversize: A body of so many bytes, made while it is sent.
        task: For ``POST /midjourney``: the task ``never`` ends, has ``failed``, or is
            ``forgotten``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = "*"
    times: int | None = Field(1, ge=1)
    every: int | None = Field(None, ge=1)
    skip: int = Field(0, ge=0)

    status: int | None = Field(None, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: float | str | None = None
    delay: float = Field(0.0, ge=0)
    stall: float = Field(0.0, ge=0)
    hang_up: Literal["before", "mid-body"] | None = None
    reset: bool = False
    truncate: float | None = Field(None, ge=0)
    announce: bool = True
    gzip: bool = False
    content_type: str | None = None
    html: bool = False
    empty: bool = False
    redirect: str | None = None
    oversize: int | None = Field(None, ge=1)
    task: Literal["never", "failed", "forgotten"] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Fault:
        idle = {"endpoint", "times", "every", "skip"}
        if not set(self.model_fields_set) - idle:
            msg = "a fault needs something that goes wrong, such as status=503"
            raise ValueError(msg)
        if self.reset and self.hang_up is None:
            msg = "reset says how to hang up: give hang_up=before or hang_up=mid-body as well"
            raise ValueError(msg)
        if self.gzip and self.oversize is not None and (self.truncate is not None or self.stall):
            msg = "a compressed body that is made while it is sent cannot stall or be truncated"
            raise ValueError(msg)
        return self

    def matches(self, method: str, path: str) -> bool:
        """Whether a request of this method and path can meet it."""
        first, _, rest = self.endpoint.strip().partition(" ")
        if first.upper() in _METHODS:
            return first.upper() == method and fnmatchcase(path, rest.strip() or "*")
        return fnmatchcase(path, self.endpoint.strip())

    @property
    def replaces(self) -> bool:
        """Whether it stands in for the true answer."""
        return (
            self.status is not None
            or self.body is not None
            or self.html
            or self.empty
            or self.redirect is not None
            or self.oversize is not None
        )

    def replacement(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body that stand in for the true answer."""
        status = self.status or (302 if self.redirect else 502 if self.html else 200)
        if self.redirect is not None:
            return status, {"location": self.redirect}, b""
        if self.empty:
            return status, {}, b""
        if self.oversize is not None:
            return status, {"content-type": "application/octet-stream"}, b""
        if self.html:
            return status, {"content-type": "text/html"}, _HTML.encode()
        if isinstance(self.body, str):
            return status, {"content-type": "text/plain; charset=utf-8"}, self.body.encode()
        content = self.body
        if content is None:
            content = {"error": _MESSAGES.get(status, f"Status {status}.")}
        return status, {"content-type": "application/json"}, json.dumps(content).encode()

    def told(self) -> str:
        """The fault as the command line writes it: ``POST /sd status=503``."""
        changed = self.model_dump(exclude_unset=True, exclude={"endpoint"})
        return " ".join([self.endpoint, *(f"{name}={value}" for name, value in changed.items())])

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault as the command line has it: ``POST /sd status=503 times=1``.

        Values are JSON where they can be read as such, text otherwise.

        Raises:
            InvalidRequestError: If it cannot be read.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            msg = f"The fault {text!r} cannot be read: {error}."
            raise InvalidRequestError(msg) from error
        where = [word for word in words if "=" not in word]
        values: dict[str, Any] = {"endpoint": " ".join(where) or "*"}
        for name, _, value in (word.partition("=") for word in words if "=" in word):
            values[name.replace("-", "_")] = _value(value)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".lstrip(": ")
                for problem in error.errors(include_url=False)
            )
            msg = f"The fault {text!r} cannot be used: {problems}."
            raise InvalidRequestError(msg) from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"none": None, "always": None}.get(text.lower(), text)


class _Ordered:
    """A fault and how often it was met and has struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met = 0
        self.struck = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times

    def strike(self) -> bool:
        """Count a matching request and say whether it is hit."""
        self.met += 1
        turn = self.met - self.fault.skip
        if self.spent or turn < 1 or turn % (self.fault.every or 1):
            return False
        self.struck += 1
        return True


class FaultBook:
    """The faults that are ordered. Safe for threads: tests order while the server runs."""

    def __init__(self, *faults: Fault) -> None:
        self._ordered = [_Ordered(fault) for fault in faults]
        self._lock = threading.Lock()

    def inject(self, *faults: Fault | str) -> None:
        """Order failures; text is read as the command line reads it."""
        read = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        with self._lock:
            self._ordered += [_Ordered(fault) for fault in read]

    def clear(self) -> None:
        """Forget all orders."""
        with self._lock:
            self._ordered.clear()

    @property
    def pending(self) -> list[Fault]:
        """The faults that can still strike."""
        with self._lock:
            return [ordered.fault for ordered in self._ordered if not ordered.spent]

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, if any; the first ordered goes first."""
        with self._lock:
            for ordered in self._ordered:
                if not ordered.spent and ordered.fault.matches(method, path) and ordered.strike():
                    return ordered.fault
            return None
