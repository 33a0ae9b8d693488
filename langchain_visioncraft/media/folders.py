"""What holds the bytes of media, and what the folder of a store can do (see `filesystems`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from langchain_visioncraft.media.handles import digest_of

INCOMING = ".incoming"
"""The folder, inside of a store, of what is being written."""


class Holder(Protocol):
    """Something that holds the bytes of a medium."""

    def open(self, mode: str = "rb", /) -> BinaryIO:
        """Open them for reading."""
        ...

    def take_file(self, _target: Path, /) -> bool:
        """Move them to `target` if they are a file of their own; false if they are not."""
        return False


class Folder(ABC):
    """A flat folder of files that appear when they are complete, never in part."""

    spool_dir: Path | None = None
    """Where an answer may be spooled so that keeping it is a rename."""

    @abstractmethod
    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a medium under this name, over what is there."""

    @abstractmethod
    def holder(self, name: str) -> Holder:
        """What opens a file, in other processes as well."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write a small file, over what is there."""

    @abstractmethod
    def create_text(self, name: str, text: str) -> bool:
        """Write a text under this name; false if there is one already.

        Of those that do so at the same moment the first wins; on storage that cannot refuse to
        overwrite (all but S3, GCS and Azure), the last.
        """

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
    def where(self, name: str) -> str:
        """The path or URL of a file."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of every file here, or in a folder of this."""

    def sign(self, _name: str, _seconds: int, /) -> str | None:
        """A link by which anybody may read a file for so long; ``None`` if there are none here."""
        return None

    def read(self, name: str) -> bytes | None:
        """All bytes of a file; ``None`` if there is none."""
        try:
            with self.open(name) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def read_text(self, name: str) -> str | None:
        """Read a text, damaged as it may be; ``None`` if there is none."""
        data = self.read(name)
        return None if data is None else data.decode(errors="replace")

    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""
        self.write(name, to_bytes(text))

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


def to_bytes(text: str) -> bytes:
    """JSON as UTF-8; half of a surrogate pair, which a model may write, is escaped."""
    return text.encode("utf-8", "backslashreplace")
