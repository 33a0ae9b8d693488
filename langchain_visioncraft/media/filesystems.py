"""Where a store keeps its files: what a folder can do, and the local one."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from langchain_visioncraft.errors import DamagedMediaError
from langchain_visioncraft.media.handles import CHUNK_BYTES, digest_of
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.safe_open import open_regular

INCOMING = ".incoming"
"""The folder, inside of a store, of what is being written."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""How a file is opened that must not be there yet; the last is for Windows."""

_OF_THIS_PROCESS = uuid.uuid4().hex  # and of its forks: a UUID each would be a system call
_NUMBERS = itertools.count()

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Folder(ABC):
    """A flat folder of files that appear when they are complete, never in part."""

    spool_dir: Path | None
    """Where an answer may be spooled so that keeping it is a rename."""

    @abstractmethod
    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""

    @abstractmethod
    def create_text(self, name: str, text: str) -> bool:
        """Write a text under this name; false if there is one already."""

    @abstractmethod
    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""

    @abstractmethod
    def take_text(self, name: str) -> str | None:
        """Remove a text, and give what it was; ``None`` if there is none."""

    @abstractmethod
    def append_line(self, name: str, line: str) -> None:
        """Add a line to a text, whoever else does so at the same moment."""

    @abstractmethod
    def lines(self, name: str) -> Iterator[str]:
        """The lines of such a text; one that a writer's death cut off may be among them."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""

    @abstractmethod
    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""

    @abstractmethod
    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""

    @abstractmethod
    def where(self, name: str) -> str:
        """The path or URL of a file."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of every file here, or in a folder of this."""

    def sign(self, name: str, seconds: int) -> str:
        """A link by which anybody may read a file for so long.

        Raises:
            NotImplementedError: If this kind of folder has none.
        """
        raise NotImplementedError

    def read_text(self, name: str) -> str | None:
        """Read a text, damaged as it may be; ``None`` if there is none."""
        try:
            with self.open(name) as file:
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return None

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, 64 hex digits; ``None`` if there is none."""
        try:
            with self.open(name) as file:
                return digest_of(file)
        except FileNotFoundError:
            return None

    def leftovers(self) -> Iterator[tuple[float, str]]:
        """The entries of what is being written, or was when its writer died."""
        for changed, name in self.entries(INCOMING):
            yield changed, f"{INCOMING}/{name}"


def checked_chunks(media: Media) -> Iterator[bytes]:
    """The bytes of a medium, piece by piece; at the end it is sure that they are its own.

    Raises:
        DamagedMediaError: If they are others than those that it was made of.
    """
    expected, digest = media.sha256, hashlib.sha256()
    with media.open() as source:
        if isinstance(media.held, HeldBytes):  # immutable
            yield source.read()
            return
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != expected:
        msg = f"The bytes of {media.handle} changed before they were saved; read the file again."
        raise DamagedMediaError(msg)


class LocalFolder(Folder):
    """A folder of the local file system, safe for threads and processes.

    What was kept survives the process. It is not forced onto the disk, which would take five times
    as long: after a power cut, `MediaStore.verify` says what is damaged.
    """

    # Names are text, not `pathlib.Path`, and no system call is made in vain: after each of them a
    # thread waits for the interpreter's lock, and an event loop's pictures are kept in threads.

    def __init__(self, path: Path) -> None:
        self._root = str(path)
        self._incoming = str(path / INCOMING)
        self.spool_dir: Path | None = path / INCOMING

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        target = self.where(name)
        # What was spooled into this folder is only renamed.
        if media.held is not None and media.held.take_file(Path(target)):
            return
        with self._written(checked_chunks(media)) as partial:
            os.replace(partial, target)

    def create_text(self, name: str, text: str) -> bool:
        """Write a text under this name; false if there is one already."""
        target, created = self.where(name), False
        with self._written([to_bytes(text)]) as partial:
            try:
                os.link(partial, target)  # unlike a rename, it fails if the target exists
                created = True
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                if not os.path.exists(target):
                    os.replace(partial, target)
                    return True
            _unlink(partial)
        return created

    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""
        with self._written([to_bytes(text)]) as partial:
            os.replace(partial, self.where(name))

    def take_text(self, name: str) -> str | None:
        """Remove a text, and give what it was; ``None`` if there is none."""
        # Renamed first, so that what is read is what was removed, despite other writers.
        with self._partial() as partial:
            os.makedirs(self._incoming, exist_ok=True)
            try:
                os.replace(self.where(name), partial)
            except FileNotFoundError:
                return None
            with open_regular(partial) as file:
                text = file.read().decode("utf-8", "replace")
            _unlink(partial)
            return text

    def append_line(self, name: str, line: str) -> None:
        """Add a line to a text: one write, which the system does not mix with others."""
        file = self._open(self.where(name), _APPEND)
        try:
            os.write(file, to_bytes(f"{line}\n"))
        finally:
            os.close(file)

    def lines(self, name: str) -> Iterator[str]:
        """The lines of such a text."""
        with contextlib.suppress(FileNotFoundError), self.open(name) as file:
            for line in file:
                yield line.decode(errors="replace")

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        try:
            return os.stat(self.where(name)).st_size
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return open_regular(self.where(name))

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        return media.at(self.where(name))

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        return Media.from_path(self.where(name))

    def where(self, name: str) -> str:
        """The path of a file."""
        return os.path.join(self._root, name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        _unlink(self.where(name))

    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
        """Modification time and name of every file here, or in a folder of this."""
        try:
            entries = os.scandir(self.where(folder))
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # gone since the folder was read
                    yield entry.stat().st_mtime, entry.name

    @contextlib.contextmanager
    def _partial(self) -> Iterator[str]:
        """A name for a file that is not complete yet; it is gone at the end, unless all went well.

        Its writer moves or removes it.
        """
        name = f"{_OF_THIS_PROCESS}-{os.getpid()}-{next(_NUMBERS)}.part"
        partial = os.path.join(self._incoming, name)
        try:
            yield partial
        except BaseException:
            _unlink(partial)
            raise

    @contextlib.contextmanager
    def _written(self, chunks: Iterable[bytes]) -> Iterator[str]:
        with self._partial() as partial:
            file = self._open(partial, NEW_FILE)
            try:
                for chunk in chunks:
                    rest = memoryview(chunk)
                    while rest:
                        rest = rest[os.write(file, rest) :]
            finally:
                os.close(file)
            yield partial

    def _open(self, path: str, flags: int) -> int:
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:  # the first in this folder
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(path, flags, 0o666)


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # others may sweep
        os.unlink(path)


def to_bytes(text: str) -> bytes:
    """JSON as UTF-8; half of a surrogate pair, which a model may write, is escaped."""
    return text.encode("utf-8", "backslashreplace")
