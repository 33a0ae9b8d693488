"""Where a store keeps its files: what a folder can do, and the local one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from langchain_visioncraft.errors import DamagedMediaError
from langchain_visioncraft.media.media import Media

INCOMING = ".incoming"
"""The folder, inside of a store, of what is being written."""

_CHUNK_BYTES = 1 << 20


class Folder(Protocol):
    """A flat folder of files that appear when they are complete, never in part."""

    spool_dir: Path | None
    """Where an answer may be spooled so that keeping it is a rename."""

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        ...

    def create_text(self, name: str, text: str) -> None:
        """Write a text under this name, unless there is one already."""
        ...

    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""
        ...

    def read_text(self, name: str) -> str | None:
        """Read a text, damaged as it may be; ``None`` if there is none."""
        ...

    def take_text(self, name: str) -> str | None:
        """Remove a text, and give what it was; ``None`` if there is none."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        ...

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, 64 hex digits; ``None`` if there is none."""
        ...

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        ...

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        ...

    def where(self, name: str) -> str:
        """The path or URL of a file."""
        ...

    def names(self) -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of every file."""
        ...

    def leftovers(self) -> Iterator[tuple[float, str]]:
        """The same of what is being written, or was when its writer died."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


def open_folder(root: str, storage_options: dict[str, Any]) -> Folder:
    """The folder at a path or an fsspec URL.

    Raises:
        ImportError: If fsspec is needed and not installed.
    """
    if "://" in root or "::" in root:
        from langchain_visioncraft.media.remote import RemoteFolder  # noqa: PLC0415 -- extra

        return RemoteFolder(root, storage_options)
    return LocalFolder(Path(root).expanduser().absolute())


def copy_exactly(media: Media, target: BinaryIO) -> None:
    """Write the bytes of a medium, and make sure that they are the ones that it was made of.

    Raises:
        DamagedMediaError: If they are not.
    """
    expected, digest = media.sha256, hashlib.sha256()
    with media.open() as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    if digest.hexdigest() != expected:
        msg = f"The bytes of {media.handle} changed before they were saved; read the file anew."
        raise DamagedMediaError(msg)


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of a file, 64 hex digits."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


class LocalFolder:
    """A folder of the local file system, safe for threads and processes.

    What was kept outlasts the process. It is not forced onto the disk, which would take five times
    as long: after a power cut, `MediaStore.verify` says what is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool_dir: Path | None = path / INCOMING

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        target = self.path / name
        with self._partial() as partial:
            # What was spooled into this folder is only renamed.
            if media.held is not None and media.held.take_file(target):
                return
            with self._create(partial) as file:
                copy_exactly(media, file)
            partial.replace(target)

    def create_text(self, name: str, text: str) -> None:
        """Write a text under this name, unless there is one already."""
        target = self.path / name
        with self._written(text) as partial:
            try:
                os.link(partial, target)  # unlike a rename, it fails if the target exists
            except FileExistsError:
                return
            except OSError:  # a file system without hard links
                if not target.exists():
                    partial.replace(target)

    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""
        with self._written(text) as partial:
            partial.replace(self.path / name)

    def read_text(self, name: str) -> str | None:
        """Read a text, damaged as it may be; ``None`` if there is none."""
        try:
            return (self.path / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def take_text(self, name: str) -> str | None:
        """Remove a text, and give what it was; ``None`` if there is none."""
        # Renamed first: what is read is what was removed, whoever writes meanwhile.
        with self._partial() as partial:
            partial.parent.mkdir(exist_ok=True)
            try:
                (self.path / name).replace(partial)
            except FileNotFoundError:
                return None
            return partial.read_text(encoding="utf-8", errors="replace")

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, 64 hex digits; ``None`` if there is none."""
        try:
            with (self.path / name).open("rb") as file:
                return digest_of(file)
        except FileNotFoundError:
            return None

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        return media.at(self.where(name))

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        return Media.from_path(self.path / name)

    def where(self, name: str) -> str:
        """The path of a file."""
        return str(self.path / name)

    def names(self) -> Iterator[tuple[float, str]]:
        """Modification time and name of every file."""
        return self._entries(self.path)

    def leftovers(self) -> Iterator[tuple[float, str]]:
        """The same of what is being written, or was when its writer died."""
        for changed, name in self._entries(self.path / INCOMING):
            yield changed, f"{INCOMING}/{name}"

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    @staticmethod
    def _entries(folder: Path) -> Iterator[tuple[float, str]]:
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # gone since the folder was read
                    yield entry.stat().st_mtime, entry.name

    @contextlib.contextmanager
    def _partial(self) -> Iterator[Path]:
        """A name for a file that is not complete yet."""
        partial = self.path / INCOMING / f"{uuid.uuid4().hex}.part"
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)

    @staticmethod
    def _create(partial: Path) -> BinaryIO:
        try:
            return partial.open("xb")
        except FileNotFoundError:  # the first in this folder
            partial.parent.mkdir(parents=True, exist_ok=True)
            return partial.open("xb")

    @contextlib.contextmanager
    def _written(self, text: str) -> Iterator[Path]:
        with self._partial() as partial:
            with self._create(partial) as file:
                file.write(to_bytes(text))
            yield partial


def to_bytes(text: str) -> bytes:
    """JSON as UTF-8; half of a surrogate pair, which a model may write, is escaped."""
    return text.encode("utf-8", "backslashreplace")
