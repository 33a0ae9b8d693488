"""What the sandbox was asked and what it answered, bounded in entries and in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from visioncraft_sandbox.answers import ENGINE_HEADER

_ERROR_BYTES = 4096
"""Answers with status 200 are looked into for an error up to this size."""


class Body:
    """The bytes of one request or answer, in the pieces in which they passed by.

    Pieces are kept by reference, so that noting them costs next to nothing. They hold the caller's
    key: only `reading` looks into them, and hides it.
    """

    __slots__ = ("_limit", "_parts", "dropped", "size")

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.dropped = False
        """Whether it was too large to be kept, or had to make room."""
        self._limit = limit
        self._parts: list[bytes] = []

    @property
    def kept(self) -> int:
        """How many bytes are held."""
        return 0 if self.dropped else self.size

    def add(self, part: bytes) -> None:
        """Note the next piece."""
        if not part:
            return
        self.size += len(part)
        if self.size > self._limit:
            self.drop()
        elif not self.dropped:
            self._parts.append(part)

    def drop(self) -> None:
        """Hold nothing any more, only the size."""
        if self.size:
            self.dropped = True
            self._parts = []

    def bytes(self) -> bytes:
        """What is held."""
        return b"".join(self._parts.copy())


@dataclass(eq=False)
class Entry:
    """One request and its answer.

    Attributes:
        number: Counts from 1.
        method: Such as ``POST``.
        path: Such as ``/sd``.
        query: The query string as it came.
        headers: The request's headers as they came.
        request: What came in.
        answer: What went out, as far as it is out.
        started: When the request came, in UTC.
        status: The status of the answer; ``None`` while there is none.
        answer_headers: By lower-case name.
        seconds: How long it took; ``None`` while it goes on.
        complete: Whether the answer was sent to its end.
        failed: Whether the caller did not get what was asked: an error, or an answer cut short.
        fault: The ordered failure that it met, as the command line writes it.
        born: The journal's version when it came.
        version: The journal's version when it last changed.
        held: How many bytes of bodies it holds, once it is done.
        reading: What `reading` made of it, once it is done.
    """

    number: int
    method: str
    path: str
    query: str = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    request: Body = field(repr=False)
    answer: Body = field(repr=False)
    started: datetime
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None
    complete: bool = False
    failed: bool = False
    fault: str | None = None
    born: int = 0
    version: int = 0
    held: int = 0
    reading: Any = field(default=None, repr=False)
    _clock: float = field(default_factory=time.monotonic, repr=False)

    @property
    def done(self) -> bool:
        """Whether nothing of it is to come."""
        return self.seconds is not None

    @property
    def engine(self) -> str:
        """What made the answer; empty if nothing did."""
        engine = self.answer_headers.get(ENGINE_HEADER, "")
        return "" if engine == "none" else engine

    @property
    def content_type(self) -> str:
        """The answer's, without parameters."""
        return self.answer_headers.get("content-type", "").partition(";")[0].strip().lower()

    def drop(self) -> None:
        """Make room: hold only what is short. What is not done yet holds nothing that counts."""
        if self.held:
            self.request.drop()
            self.answer.drop()
            self.held = 0
            self.reading = None

    def end(self, *, complete: bool) -> None:
        """Note that nothing more is to come."""
        self.complete = complete
        # Now, as what the answer says may have to make room.
        self.failed = (
            self.status is None or self.status >= 400 or not complete or self._tells_an_error()
        )
        self.seconds = time.monotonic() - self._clock

    def _tells_an_error(self) -> bool:
        if "json" not in self.content_type or self.answer.kept > _ERROR_BYTES:
            return False
        data = self.answer.bytes()
        if b'"error"' not in data:
            return False
        try:
            told = json.loads(data)
        except ValueError:
            return True  # damaged, and it speaks of an error
        return isinstance(told, dict) and bool(told.get("error"))


class Journal:
    """The latest entries. Safe for threads; a page waits for changes in its own event loop.

    Args:
        entries: How many are kept.
        max_bytes: How many bytes of bodies are held; the oldest entries lose theirs first. One
            body may fill a quarter of it.
    """

    def __init__(self, entries: int, max_bytes: int) -> None:
        self.mark = secrets.token_hex(4)
        """Tells this journal from that of a sandbox that ran here before."""
        self.body_limit = max_bytes // 4
        self.version = 0
        self.closed = False
        self._max_bytes = max_bytes
        self._most = entries
        self._entries: deque[Entry] = deque()
        self._count = 0
        self._held = 0
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._lock = threading.Lock()

    def begin(
        self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]]
    ) -> Entry:
        """Note that a request comes in."""
        entry = Entry(
            number=0,
            method=method,
            path=path,
            query=query,
            headers=headers,
            request=Body(self.body_limit),
            answer=Body(self.body_limit),
            started=datetime.now(UTC),
        )
        with self._lock:
            self._count += 1
            entry.number = self._count
            entry.born = self.version + 1
            self._entries.append(entry)
            if len(self._entries) > self._most:
                gone = self._entries.popleft()
                self._held -= gone.held
                gone.held = 0
        self.touch(entry)
        return entry

    def touch(self, entry: Entry) -> None:
        """Note that an entry has changed, and wake those who wait."""
        with self._lock:
            self.version += 1
            entry.version = self.version
        self._wake()

    def finish(self, entry: Entry, *, complete: bool) -> None:
        """Note the end of an entry, and make room if the bodies are too many."""
        entry.end(complete=complete)
        with self._lock:
            if self._entries and entry.number >= self._entries[0].number:
                entry.held = entry.request.kept + entry.answer.kept
                self._held += entry.held
            for each in self._entries:
                if self._held <= self._max_bytes:
                    break
                self._held -= each.held
                each.drop()
        self.touch(entry)

    def entries(self) -> list[Entry]:
        """All that are kept, the newest first."""
        with self._lock:
            return list(reversed(self._entries))

    def find(self, number: int) -> Entry | None:
        """The entry of this number, if it is still kept."""
        return next((entry for entry in self.entries() if entry.number == number), None)

    async def wait(self, version: int) -> None:
        """Return when something is newer than this version, or the journal is closed."""
        with self._listening() as event:
            if self.version == version and not self.closed:
                await event.wait()

    def open(self) -> None:
        """Let pages wait for changes; the server starts."""
        self.closed = False

    def close(self) -> None:
        """Let those who wait go; the server stops. May be called from any thread."""
        self.closed = True
        self._wake()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        mine = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.add(mine)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting.discard(mine)

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and its page with it
                loop.call_soon_threadsafe(event.set)
