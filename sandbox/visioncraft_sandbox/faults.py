"""Faults that a test or the command line can inject.

```python
from visioncraft_sandbox import Fault

Fault(endpoint="POST /sd", status=503)                          # once
Fault(endpoint="POST /sd", status=429, retry_after=2, times=3)
Fault(endpoint="POST /generate-xl", hang_up="mid-body", every=2, times=None)
Fault(endpoint="GET /files/*", status=410)                      # an expired link
Fault(endpoint="POST /sd", oversize=10**9, gzip=True)           # a gzip bomb: 1 MB expands to 1 GB
Fault(endpoint="POST /midjourney", task="failed")               # this task will fail
```
"""

from __future__ import annotations

import difflib
import json
import shlex
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.routing import Route

from langchain_visioncraft.errors import InvalidRequestError
from visioncraft_sandbox.catalog import MESSAGES
from visioncraft_sandbox.validation import problems_of

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})

_HTML = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
)


class Fault(BaseModel):
    """A fault, and the requests that it affects.

    `status`, `body`, `html`, `empty`, `redirect` and `oversize` replace the answer; `delay`,
    `stall`, `hang_up`, `truncate`, `announce`, `gzip`, `content_type` and `headers` damage the
    real or the replaced answer. They may be combined.

    Attributes:
        endpoint: ``POST /sd``, ``/sd`` (any method) or a pattern such as ``GET /files/*``.
        times: How many requests it affects; ``None`` means all.
        every: Affect only every nth matching request.
        skip: How many matching requests to leave alone first.
        status: The HTTP status, with `body` or else the documented message.
        body: The body: text as it is, anything else as JSON.
        headers: Headers to add or replace.
        retry_after: The value of ``Retry-After``: seconds or an HTTP date.
        delay: Seconds of silence before the headers.
        stall: Seconds of silence in the middle of the body.
        hang_up: Close the connection ``before`` the answer, or ``mid-body``.
        reset: With `hang_up`: close the connection with a TCP RST instead of a FIN.
        truncate: How many bytes of the body to send, or, below 1, which fraction of it.
        announce: Whether ``Content-Length`` gives the size of the whole body. With `truncate`,
            the connection is then closed too early; without, the answer simply ends.
        gzip: Compress the body, even if the client does not accept it.
        content_type: A different ``Content-Type``.
        html: A proxy's HTML page as the answer; the status is 502 unless `status` is given.
        empty: An answer without a body.
        redirect: A 302 to this URL.
        oversize: A body of this many bytes, generated while it is sent.
        task: For ``POST /midjourney``: the task ``never`` ends, has ``failed``, or is
            ``forgotten``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = "*"
    times: int | None = Field(default=1, ge=1)
    every: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)

    status: int | None = Field(default=None, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: float | str | None = None
    delay: float = Field(default=0.0, ge=0)
    stall: float = Field(default=0.0, ge=0)
    hang_up: Literal["before", "mid-body"] | None = None
    reset: bool = False
    truncate: float | None = Field(default=None, ge=0)
    announce: bool = True
    gzip: bool = False
    content_type: str | None = None
    html: bool = False
    empty: bool = False
    redirect: str | None = None
    oversize: int | None = Field(default=None, ge=1)
    task: Literal["never", "failed", "forgotten"] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Fault:
        idle = {"endpoint", "times", "every", "skip"}
        if not set(self.model_fields_set) - idle:
            msg = "a fault needs an effect, such as status=503"
            raise ValueError(msg)
        if self.reset and self.hang_up is None:
            msg = "reset needs hang_up=before or hang_up=mid-body"
            raise ValueError(msg)
        if self.gzip and self.oversize is not None and (self.truncate is not None or self.stall):
            msg = "gzip with oversize cannot be combined with stall or truncate"
            raise ValueError(msg)
        return self

    @property
    def target(self) -> tuple[str, str]:
        """The method, empty for any, and the path or pattern that it affects."""
        first, _, rest = self.endpoint.strip().partition(" ")
        if first.upper() in _METHODS:
            return first.upper(), rest.strip() or "*"
        return "", self.endpoint.strip()

    def matches(self, method: str, path: str) -> bool:
        """Whether it can affect a request of this method and path."""
        wanted, pattern = self.target
        return wanted in ("", method) and fnmatchcase(path, pattern)

    @property
    def replaces(self) -> bool:
        """Whether it replaces the real answer."""
        given = (self.status, self.body, self.redirect, self.oversize)
        return self.html or self.empty or any(value is not None for value in given)

    def replacement(self) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body that replace the real answer."""
        status = self.status or (302 if self.redirect else 502 if self.html else 200)
        if self.redirect is not None:
            return status, {"location": self.redirect}, b""
        if self.empty:
            return status, {}, b""
        mime, content = "application/json", self.body
        if self.oversize is not None:
            mime, content = "application/octet-stream", ""
        elif self.html:
            mime, content = "text/html", _HTML
        elif isinstance(content, str):
            mime = "text/plain; charset=utf-8"
        elif content is None:
            content = {"error": MESSAGES.get(str(status), f"Status {status}.")}
        text = content if isinstance(content, str) else json.dumps(content)
        return status, {"content-type": mime}, text.encode()

    def __str__(self) -> str:
        """The fault as on the command line: ``POST /sd status=503``."""
        changed = self.model_dump(exclude_unset=True, exclude={"endpoint"})
        return " ".join([self.endpoint, *(f"{name}={value}" for name, value in changed.items())])

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault as on the command line: ``POST /sd status=503 times=1``.

        Values are read as JSON if possible, otherwise as text.

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
            msg = f"The fault {text!r} cannot be used: {'; '.join(problems_of(error))}."
            raise InvalidRequestError(msg) from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"none": None, "always": None}.get(text.lower(), text)


@dataclass
class _Injected:
    """A fault, and how many requests have matched it and were affected."""

    fault: Fault
    matched: int = 0
    affected: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.affected >= self.fault.times

    def affects_next(self) -> bool:
        """Count a matching request, and decide whether it is affected."""
        self.matched += 1
        turn = self.matched - self.fault.skip
        if turn < 1 or turn % (self.fault.every or 1):
            return False
        self.affected += 1
        return True


class FaultBook:
    """The injected faults. Thread-safe: tests inject faults while the server runs."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = [_Injected(fault) for fault in faults]
        self._lock = threading.Lock()
        self._routes: Sequence[Route] = ()

    def serve(self, routes: Sequence[Route]) -> None:
        """Set the known routes: faults for any others are refused."""
        self._routes = routes
        for fault in self.pending:
            self._check(fault)

    def inject(self, *faults: Fault | str) -> None:
        """Inject faults; text is read as on the command line.

        Raises:
            InvalidRequestError: If one cannot be read, or the sandbox has no such endpoint.
        """
        read = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        for fault in read:
            self._check(fault)
        with self._lock:
            self._faults += [_Injected(fault) for fault in read]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    @property
    def pending(self) -> list[Fault]:
        """The faults that can still affect a request."""
        with self._lock:
            return [each.fault for each in self._faults if not each.spent]

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if any; the first injected comes first."""
        with self._lock:
            for each in self._faults:
                if not each.spent and each.fault.matches(method, path) and each.affects_next():
                    return each.fault
            return None

    def _check(self, fault: Fault) -> None:
        method, path = fault.target
        if not self._routes or {*path} & {*"*?["}:
            return
        served = [route for route in self._routes if route.path_regex.match(path)]
        if not any(method in {"", *(route.methods or ())} for route in served):
            names = [f"{name} {route.path}" for route in self._routes
                     for name in sorted(route.methods or ())]  # fmt: skip
            near = difflib.get_close_matches(f"{method or 'POST'} {path}", names, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            msg = f"The sandbox has no endpoint {fault.endpoint!r} to inject a fault into.{hint}"
            raise InvalidRequestError(msg)
