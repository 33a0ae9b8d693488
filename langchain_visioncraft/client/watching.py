"""Watches a call: how long it may take in total, and whether any byte of an answer arrived.

The HTTP library limits each read separately, so a host that sends a byte a second never ends. It
also does not report whether an unreadable answer had begun. The connections of our own clients
consult the watch of the call that they serve.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from langchain_visioncraft.errors import InvalidRequestError

DoneT = TypeVar("DoneT")

_LEAST = 0.001
"""Seconds: a timeout of 0 would make a socket non-blocking, with other errors."""

_PIECE = 1 << 14
"""Bytes that are sent before the deadline is looked at again; a record of TLS holds as many."""


@dataclass
class Watch:
    """The state of a call.

    Attributes:
        seconds: How long it may take; ``None`` for no deadline.
        began: When it began, by ``time.monotonic``.
        came: Whether a byte arrived for the latest request.
    """

    seconds: float | None = None
    began: float = field(default_factory=time.monotonic)
    came: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.seconds is not None and time.monotonic() >= self.began + self.seconds

    def left(self, timeout: float | None = None) -> float | None:
        """Seconds left to wait; ``None`` for no limit."""
        if self.seconds is None:
            return timeout
        left = max(self.began + self.seconds - time.monotonic(), _LEAST)
        return left if timeout is None else min(timeout, left)

    def left_on_wire(self, timeout: float | None) -> float | None:
        """The same for a read or a write; raises `TimeoutError` if the deadline has passed.

        If bytes keep coming, no single wait times out.
        """
        if self.is_over:
            raise TimeoutError
        return self.left(timeout)


_current: ContextVar[Watch | None] = ContextVar("visioncraft_watch", default=None)


@contextmanager
def resumed(watch: Watch) -> Iterator[Watch]:
    """Resume a watch: streams are read piece by piece, with other work in between."""
    token = _current.set(watch)
    try:
        yield watch
    finally:
        _current.reset(token)


def watching(seconds: float | None) -> AbstractContextManager[Watch]:
    """Watch what is sent and received inside the block, for at most this many seconds."""
    return resumed(Watch(seconds))


def checked_deadline(seconds: float | None) -> float | None:
    """A valid deadline: a positive number of seconds."""
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (number and 0 < seconds < math.inf):
        msg = f"deadline={seconds!r} is not valid: give seconds, more than 0, or None for none."
        raise InvalidRequestError(msg)
    return seconds


def current() -> Watch:
    """The watch of the present call."""
    return _current.get() or Watch()


def bounded(request: Any) -> Any:
    """A request none of whose waits outlasts the deadline, whichever HTTP client sends it."""
    for name, seconds in (timeouts := (request.extensions or {}).get("timeout") or {}).items():
        timeouts[name] = current().left(seconds)
    return request


def in_time(work: Callable[[], DoneT], undo: Callable[[DoneT], Any] = lambda _: None) -> DoneT:
    """Do what takes no timeout, such as looking up a name; raises `TimeoutError` at the deadline.

    Then it is left to end in its thread, and its result to `undo`.
    """
    watch = current()
    if watch.seconds is None:
        return work()
    done: Future[DoneT] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- for who waits
            done.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    try:
        return done.result(watch.left())
    except BaseException:
        done.add_done_callback(lambda late: late.exception() or undo(late.result()))
        raise


class _Wrapper:
    """A connection, or an opener of connections, that consults the watch."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _SyncStream(_Wrapper):
    _is_twice = False
    """Whether this is TLS within TLS, of which the library limits each part of a wait."""

    def _wait(self, work: Callable[..., DoneT], *given: Any) -> DoneT:
        return in_time(partial(work, *given)) if self._is_twice else work(*given)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch = current()
        data: bytes = self._wait(self._inner.read, max_bytes, watch.left_on_wire(timeout))
        watch.came = watch.came or bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        watch = current()
        watch.came = False
        if self._is_twice:
            self._wait(self._inner.write, buffer, watch.left_on_wire(timeout))
            return
        # The library gives each part that a slow host takes the whole of this time.
        view: Any = memoryview(buffer)
        for at in range(0, len(view), _PIECE):
            self._inner.write(view[at : at + _PIECE], watch.left_on_wire(timeout))

    def start_tls(
        self, ssl_context: Any, server_hostname: Any = None, timeout: float | None = None
    ) -> _SyncStream:
        left = current().left(timeout)
        self._is_twice = self._inner.get_extra_info("ssl_object") is not None
        stream = _SyncStream(self._wait(self._inner.start_tls, ssl_context, server_hostname, left))
        stream._is_twice = self._is_twice
        return stream


class _AsyncStream(_Wrapper):
    async def read(self, *args: Any, **options: Any) -> bytes:
        watch = current()
        data: bytes = await self._inner.read(*args, **options)
        watch.came = watch.came or bool(data)
        return data

    async def write(self, *args: Any, **options: Any) -> None:
        current().came = False
        await self._inner.write(*args, **options)

    async def start_tls(self, *args: Any, **options: Any) -> _AsyncStream:
        return _AsyncStream(await self._inner.start_tls(*args, **options))


class _SyncBackend(_Wrapper):
    def connect_tcp(
        self, host: Any, port: Any, timeout: float | None = None, *args: Any, **options: Any
    ) -> _SyncStream:
        left = current().left(timeout)
        connect = partial(self._inner.connect_tcp, host, port, left, *args, **options)
        return _SyncStream(in_time(connect, undo=lambda stream: stream.close()))


class _AsyncBackend(_Wrapper):
    async def connect_tcp(self, *args: Any, **options: Any) -> _AsyncStream:
        return _AsyncStream(await self._inner.connect_tcp(*args, **options))


def watched(client: Any) -> None:
    """Make the connections of an HTTP client consult the watch, as far as the library allows.

    The library accepts no backend, so this one is put into its pools. If a version has none there,
    deadlines are still checked between two pieces of an answer.
    """
    mounts = getattr(client, "_mounts", {})
    for transport in (getattr(client, "_transport", None), *mounts.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and backend is not None:
            is_async = hasattr(transport, "handle_async_request")
            pool._network_backend = (_AsyncBackend if is_async else _SyncBackend)(backend)
