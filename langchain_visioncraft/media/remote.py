"""Stores on any file system that fsspec opens: the extra ``remote``."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from langchain_visioncraft.media.filesystems import INCOMING, Folder, checked_chunks, to_bytes
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.urls import find, open_file


class RemoteFolder(Folder):
    """A folder of any file system that fsspec opens: S3, GCS, Azure, ``memory://``, …

    A file is uploaded under another name and then moved, because fsspec ends an upload that
    failed like one that did not, and not every storage shows a file only when it is complete.
    """

    def __init__(self, root: str, storage_options: dict[str, Any]) -> None:
        self._files, path = find(root, **storage_options)
        self._path = path.rstrip("/")
        self.spool_dir: Path | None = None

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        with self._uploading(name) as copy:
            for chunk in checked_chunks(media):
                copy.write(chunk)

    def create_text(self, name: str, text: str) -> bool:
        """Write a text under this name; false if there is one already.

        Where the storage itself refuses to overwrite (S3, GCS, Azure), the first writer wins;
        elsewhere the last of those that write at the same moment does.
        """
        if self.size(name) is None:
            with contextlib.suppress(FileExistsError):
                self._files.pipe_file(self._at(name), to_bytes(text), mode="create")
                return True
        return False

    def replace_text(self, name: str, text: str) -> None:
        """Write a text under this name, over what is there."""
        with self._uploading(name) as copy:
            copy.write(to_bytes(text))

    def read_text(self, name: str) -> str | None:
        """The same in one request."""
        try:
            return cast("bytes", self._files.cat_file(self._at(name))).decode(errors="replace")
        except FileNotFoundError:
            return None

    def take_text(self, name: str) -> str | None:
        """Remove a text, and give what it was; ``None`` if there is none."""
        text = self.read_text(name)
        self.remove(name)
        return text

    def append_line(self, name: str, line: str) -> None:
        """Add a line to a text: a file of its own, since object storage cannot append."""
        self._files.makedirs(self._at(name), exist_ok=True)
        self._files.pipe_file(
            self._at(f"{name}/{time.time_ns()}-{uuid.uuid4().hex}"), to_bytes(line)
        )

    def lines(self, name: str) -> Iterator[str]:
        """The lines of such a text, in the order of their time."""
        for _, each in sorted(self.entries(name), key=lambda entry: entry[1]):
            yield self.read_text(f"{name}/{each}") or ""

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        self._forget_listings()
        try:
            return int(self._files.info(self._at(name))["size"])
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return open_file(self._files, self._at(name))

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        return media.at(self.where(name)).opened_by(_RemoteFile(self._files, self._at(name)))

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        with self.open(name) as file:
            return self.at(Media.from_bytes(file.read()), name)

    def where(self, name: str) -> str:
        """The URL of a file."""
        return str(self._files.unstrip_protocol(self._at(name)))

    def sign(self, name: str, seconds: int) -> str:
        """A link by which anybody may read a file for so long.

        Raises:
            NotImplementedError: If this storage has none.
        """
        return str(self._files.sign(self._at(name), expiration=seconds))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _forget_listings(self) -> None:
        # Others save here, too; a listing that fsspec remembers does not show it.
        self._files.invalidate_cache(self._path)

    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of every file here, or in a folder of this."""
        self._forget_listings()
        try:
            found = self._files.ls(self._at(folder).rstrip("/"), detail=True)
        except FileNotFoundError:
            return
        for info in found:
            changed = info.get("created") or info.get("LastModified") or info.get("mtime") or 0.0
            stamp = changed.timestamp() if hasattr(changed, "timestamp") else float(changed)
            yield stamp, str(info["name"]).rpartition("/")[2]

    @contextlib.contextmanager
    def _uploading(self, name: str) -> Iterator[BinaryIO]:
        partial = f"{INCOMING}/{uuid.uuid4().hex}.part"
        self._files.makedirs(self._at(INCOMING), exist_ok=True)
        try:
            with self._files.open(self._at(partial), "wb") as copy:
                yield copy
                written = copy.tell()
            self._expect(partial, written)
            self._files.mv(self._at(partial), self._at(name))
        except BaseException:
            with contextlib.suppress(OSError):  # what cannot be removed now is swept later
                self.remove(partial)
            raise

    def _expect(self, name: str, written: int) -> None:
        arrived = self.size(name)
        if arrived != written:
            msg = f"An upload was cut short: of {written:,} bytes {arrived or 0:,} arrived."
            raise OSError(msg)


class _RemoteFile:
    """A file with the `open` of a path, which knows how to sign in."""

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        return open_file(self._files, self._path)

    def take_file(self, _target: Path, /) -> bool:
        return False
