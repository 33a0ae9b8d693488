"""The generated files behind links: in memory, bounded, and kept for a while."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.sniff import EXTENSIONS
from langchain_visioncraft.media.urls import splittable

_REMEMBERED = 10_000


@dataclass(frozen=True)
class StoredFile:
    """One file, the time when it expires, and the engine that made it."""

    data: bytes
    mime_type: str
    expires: float
    engine: str


class FileStore:
    """Files by name. Names of expired files are remembered, so that their links answer 410.

    Args:
        max_bytes: How much is kept; the oldest files are dropped first.
        seconds: How long each file is kept.
        clock: A monotonic clock.
    """

    def __init__(
        self, max_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._clock = clock
        self._files: dict[str, StoredFile] = {}  # the oldest first
        self._gone: dict[str, None] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, data: bytes, engine: str) -> str:
        """Keep a file, and return its name."""
        mime = type_of(data) or "application/octet-stream"
        name = f"{hashlib.sha256(data).hexdigest()[:24]}.{EXTENSIONS.get(mime, 'bin')}"
        with self._lock:
            self._drop(name)
            self._gone.pop(name, None)
            self._files[name] = StoredFile(data, mime, self._clock() + self._seconds, engine)
            self._bytes += len(data)
            self._forget_expired()
            while self._bytes > self._max_bytes and len(self._files) > 1:
                self._retire(next(iter(self._files)))
        return name

    def get(self, name: str) -> StoredFile | None:
        """The file of that name, if it is still kept."""
        with self._lock:
            self._forget_expired()
            return self._files.get(name)

    def behind(self, url: str) -> StoredFile | None:
        """The file behind a link. Its name is a digest, so any host name will do."""
        try:
            head, found, name = urlsplit(splittable(url)).path.rpartition("/files/")
        except ValueError:
            return None
        return self.get(name) if found and not head else None

    def is_gone(self, name: str) -> bool:
        """Whether there was a file of that name."""
        with self._lock:
            return name in self._gone

    def expire_all(self) -> None:
        """Let every link expire now."""
        with self._lock:
            for name in list(self._files):
                self._retire(name)

    def _forget_expired(self) -> None:
        now = self._clock()
        # Insertion order is expiry order: every file is kept equally long.
        while self._files and next(iter(self._files.values())).expires <= now:
            self._retire(next(iter(self._files)))

    def _retire(self, name: str) -> None:
        self._drop(name)
        self._gone[name] = None
        if len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def _drop(self, name: str) -> None:
        file = self._files.pop(name, None)
        if file is not None:
            self._bytes -= len(file.data)
