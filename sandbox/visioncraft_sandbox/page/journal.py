"""The page's requests and answers, bounded in entries and in bytes."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from visioncraft_sandbox.answers import ENGINE_HEADER

_ERROR_BYTES = 4096
"""Up to this size, answers with status 200 are searched for an error."""
LETTER_BYTES = 4
"""The most that a letter of a text takes."""


class Body:
    """The bytes of one request or answer, kept by reference in the pieces that passed through.

    They hold the caller's key: only `reading` looks at them, and redacts it.
    """

    __slots__ = ("_limit", "_parts", "dropped", "size")

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.dropped = False
        """Whether it was too large to keep, or had to make room for others."""
        self._limit = limit
        self._parts: list[bytes] = []

    @property
    def kept(self) -> int:
        """How many bytes are held."""
        return 0 if self.dropped else self.size

    def add(self, part: bytes) -> None:
        """Add the next piece."""
        if not part:
            return
        self.size += len(part)
        if self.size > self._limit:
            self.drop()
        elif not self.dropped:
            self._parts.append(part)

    def drop(self) -> None:
        """Keep only the size, also of what is still to come."""
        self._limit = 0
        if self.size:
            self.dropped = True
            self._parts = []

    def bytes(self) -> bytes:
        """The bytes that are held."""
        return b"".join(self._parts.copy())


@dataclass(eq=False)
class Entry:
    """One request and its answer, whose bodies hold the caller's key."""

    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    request: Body = field(repr=False)
    answer: Body = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)  # of this sandbox
    number: int = 0
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: int | None = None  # None: no answer yet
    answer_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None
    progress: float | None = None
    complete: bool = False
    failed: bool = False
    fault: str | None = None  # as on the command line
    version: int = 0  # the journal's when it last changed
    reading: Any = field(default=None, repr=False)  # of `reading.read`, and the state that was read
    read_bytes: int = 0  # of that
    item: tuple[int, str] | None = field(default=None, repr=False)  # as HTML, and its version
    _clock: float = field(default_factory=time.monotonic, repr=False)

    @property
    def done(self) -> bool:
        """Whether its answer has ended."""
        return self.seconds is not None

    @property
    def engine(self) -> str:
        """The engine of the answer; empty if there is none."""
        engine = self.answer_headers.get(ENGINE_HEADER, "")
        return "" if engine == "none" else engine

    @property
    def content_type(self) -> str:
        """The content type of the answer, without parameters."""
        return self.answer_headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def to_read(self) -> int:
        """How many bytes must be read to show it: of a medium only the first."""
        is_medium = self.content_type.startswith(("image/", "video/"))
        return self.request.kept + (0 if is_medium else self.answer.kept)

    @property
    def held(self) -> int:
        """How many bytes of its bodies, and of what was read and written of them, are held."""
        written = LETTER_BYTES * len(self.item[1]) if self.item else 0
        return self.request.kept + self.answer.kept + self.read_bytes + written

    def drop(self) -> None:
        """Drop the bodies to make room."""
        self.request.drop()
        self.answer.drop()
        self.reading = self.item = None
        self.read_bytes = 0

    def end(self, *, complete: bool) -> None:
        """Mark it as done."""
        self.complete = complete
        # Decided now, as the answer's body may be dropped later.
        self.failed = (
            self.status is None or self.status >= 400 or not complete or self._reports_an_error()
        )
        self.seconds = time.monotonic() - self._clock

    def _reports_an_error(self) -> bool:
        if "json" not in self.content_type or self.answer.kept > _ERROR_BYTES:
            return False
        data = self.answer.bytes()
        if b'"error"' not in data:
            return False
        try:
            answer = json.loads(data)
        except ValueError:
            return True  # damaged, and it mentions an error
        return isinstance(answer, dict) and bool(answer.get("error"))


class Journal:
    """The latest entries. Thread-safe.

    Args:
        entries: How many are kept.
        max_bytes: How many bytes are held of bodies and of what was read of them; the oldest are
            dropped first. One body may fill a quarter of it.
        keys: The keys of the sandbox.
    """

    def __init__(self, entries: int, max_bytes: int, keys: tuple[str, ...] = ()) -> None:
        self.mark = secrets.token_hex(4)
        """Distinguishes this journal from that of an earlier sandbox on this address."""
        self.body_limit = max_bytes // 4
        self.version = 0
        self.closed = False
        """Whether the server stops, and open pages with it."""
        self._max_bytes = max_bytes
        self._keys = keys
        self._entries: deque[Entry] = deque(maxlen=entries)
        self._count = 0
        self._lock = threading.Lock()

    def begin(
        self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]]
    ) -> Entry:
        """Add a request."""
        bodies = Body(self.body_limit), Body(self.body_limit)
        entry = Entry(method, path, query, headers, *bodies, self._keys)
        with self._lock:
            self._count += 1
            entry.number = self._count
            if len(self._entries) == self._entries.maxlen:
                self._entries[0].drop()  # its answer may not have ended
            self._entries.append(entry)
            self._make_room()
        self.touch(entry)
        return entry

    def touch(self, entry: Entry) -> None:
        """Mark an entry as changed."""
        with self._lock:
            self.version += 1
            entry.version = self.version

    def finish(self, entry: Entry, *, complete: bool) -> None:
        """Mark an entry as done, and drop the oldest bodies if there are too many."""
        entry.end(complete=complete)
        self.make_room()
        self.touch(entry)

    def make_room(self) -> None:
        """Drop the oldest bodies if there are too many."""
        with self._lock:
            self._make_room()

    def _make_room(self) -> None:
        held = sum(each.held for each in self._entries)
        for each in self._entries:
            if held <= self._max_bytes:
                break
            if each.held:
                held -= each.held
                each.drop()

    def entries(self) -> list[Entry]:
        """All kept entries, the newest first."""
        with self._lock:
            return list(reversed(self._entries))

    def find(self, number: int) -> Entry | None:
        """The entry of this number, if it is still kept."""
        return next((entry for entry in self.entries() if entry.number == number), None)
