"""Holds the body of an answer while it arrives: in memory, and in a file if it is long."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import uuid
import weakref
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self

from langchain_visioncraft._redact import Redactor, redactor_of
from langchain_visioncraft.errors import AnswerTooLargeError
from langchain_visioncraft.media.filesystems import NEW_FILE
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.media import Media, readable_size
from langchain_visioncraft.media.places import HeldBytes

MEMORY_BYTES = 1 << 20
"""Longer bodies go to a temporary file."""


class LocalError(Exception):
    """An error of the disk or the caller, which has the same type as one of the connection."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Spool:
    """Collects the body of an answer.

    The temporary file is removed with the object, unless `take_file` moved it elsewhere: a store
    passes its own `folder`, so that saving the file is only a rename. Of `limit` bytes, `before`
    are used up by other files of the same call. No more than `keep` are kept, if it is given.
    """

    def __init__(
        self, limit: int, folder: Path | None = None, *, keep: int | None = None, before: int = 0
    ) -> None:
        self.size = 0
        self.endpoint = ""
        self.base_url = ""
        self.engine: str | None = None
        self.redact: Redactor = redactor_of("")
        self._limit, self._before = limit, before
        self._keep = keep
        self._folder = folder
        self._buffer = bytearray()
        self.path: Path | None = None
        self._file: BinaryIO | None = None
        self._cleanup: weakref.finalize[[Path, int], Spool] | None = None

    def expect(self, length: int) -> None:
        """Refuse an answer by its announced length, before it comes."""
        if self._before + length > self._limit:
            raise self._too_large()

    def accept(self, chunk: bytes) -> bool:
        """Take the next piece; false if no more is needed. Raises beyond the limit."""
        if self._keep is not None:
            chunk = chunk[: self._keep - self.size]
        self.size += len(chunk)
        if self._before + self.size > self._limit:
            self.discard()
            raise self._too_large()
        try:
            if self._file is None and self.size > MEMORY_BYTES:
                self._file = self._open_file()
                self._file.write(self._buffer)
                self._buffer = bytearray()
            if self._file is None:
                self._buffer += chunk
            else:
                self._file.write(chunk)
        except OSError as error:
            raise LocalError(error) from error
        return self._keep is None or self.size < self._keep

    def _too_large(self) -> AnswerTooLargeError:
        msg = (
            f"The answer of {self.endpoint}, with the files that it links to, is larger than "
            f"{readable_size(self._limit)}, the limit. Raise max_answer_bytes to accept it."
        )
        return AnswerTooLargeError(msg, endpoint=self.endpoint, base_url=self.base_url)

    def _open_file(self) -> BinaryIO:
        # It may become a file of a store, and needs the permissions of the others.
        folder, mode = self._folder or Path(tempfile.gettempdir()), 0o666 if self._folder else 0o600
        self.path = folder / f".visioncraft-{uuid.uuid4().hex}.part"
        try:
            descriptor = os.open(self.path, NEW_FILE, mode)
        except (FileNotFoundError, NotADirectoryError):  # the first in this folder, or none
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, NEW_FILE, mode)
        self._cleanup = weakref.finalize(self, _remove, self.path, os.getpid())
        return os.fdopen(descriptor, "wb", buffering=1 << 18)

    def finish(self) -> None:
        """Call it when everything has arrived."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise LocalError(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.discard()

    def discard(self) -> None:
        """Forget what arrived."""
        with contextlib.suppress(LocalError):
            self.finish()
        self._buffer = bytearray()
        if self._cleanup is not None:
            self._cleanup()

    def take_file(self, target: Path) -> bool:
        """Move the temporary file to `target`; false if there is none, or it is on another disk."""
        if self.path is None or self._cleanup is None:
            return False
        try:
            self.path.replace(target)
        except OSError:
            return False
        self._cleanup.detach()
        self.path = target
        self._cleanup = None
        return True

    @cached_property
    def mime_type(self) -> str | None:
        """The MIME type, by content; call it when everything has arrived."""
        with self.open() as file:
            return type_of(file)

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        """Open the body for reading."""
        return self.path.open("rb") if self.path is not None else io.BytesIO(self._buffer)

    def __reduce__(self) -> tuple[type[HeldBytes], tuple[bytes]]:
        with self.open() as file:
            return HeldBytes, (file.read(),)


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child must not take the file from its parent
        path.unlink(missing_ok=True)


def discard_spools(result: Any) -> None:
    """Remove the temporary files of media, except those that were moved into a store."""
    for medium in result if isinstance(result, list) else ():
        if isinstance(medium, Media) and isinstance(medium.held, Spool):
            medium.held.discard()
