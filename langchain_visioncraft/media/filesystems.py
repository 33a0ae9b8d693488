"""Where a store keeps its files: a local folder, or any file system that fsspec opens."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from langchain_visioncraft.media.media import Media

_MISSING_EXTRA = (
    "A media store at {root!r} needs fsspec: pip install 'langchain-visioncraft[remote]', and the "
    "package for that kind of storage (s3fs for s3://, gcsfs for gs://, adlfs for az://)."
)


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

    def read_text(self, name: str) -> str | None:
        """Read a text; ``None`` if there is none."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        ...

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        ...

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        ...

    def names(self) -> Iterator[tuple[float, str]]:
        """Modification time and name of every file."""
        ...


def open_folder(root: str, storage_options: dict[str, Any]) -> Folder:
    """The folder at a path or an fsspec URL.

    Raises:
        ImportError: If fsspec is needed and not installed.
    """
    if "://" in root or "::" in root:
        return RemoteFolder(root, storage_options)
    return LocalFolder(Path(root).expanduser().absolute())


class LocalFolder:
    """A folder of the local file system, safe for threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool_dir: Path | None = path

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / name
        # What was spooled into this folder is only renamed.
        if media.held is not None and media.held.take_file(target):
            return
        partial = self._partial()
        try:
            with media.open() as source, partial.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def create_text(self, name: str, text: str) -> None:
        """Write a text under this name, unless there is one already."""
        target, partial = self.path / name, self._partial()
        try:
            partial.write_text(text, encoding="utf-8")
            try:
                os.link(partial, target)  # unlike a rename, it fails if the target exists
            except FileExistsError:
                return
            except OSError:  # a file system without hard links
                if not target.exists():
                    partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def read_text(self, name: str) -> str | None:
        """Read a text; ``None`` if there is none."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        return media.at(str(self.path / name))

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        return Media.from_path(self.path / name)

    def names(self) -> Iterator[tuple[float, str]]:
        """Modification time and name of every file."""
        try:
            entries = os.scandir(self.path)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                yield entry.stat().st_mtime, entry.name

    def _partial(self) -> Path:
        return self.path / f".{uuid.uuid4().hex}.part"


class RemoteFolder:
    """A folder of any file system that fsspec opens: S3, GCS, Azure, ``memory://``, …"""

    def __init__(self, root: str, storage_options: dict[str, Any]) -> None:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 -- the extra `remote`
        except ImportError as error:
            raise ImportError(_MISSING_EXTRA.format(root=root)) from error
        self._files, path = url_to_fs(root, **storage_options)
        self._path = path.rstrip("/")
        self.spool_dir: Path | None = None

    def keep(self, media: Media, name: str) -> None:
        """Write a medium under this name, over what is there."""
        with media.open() as source:
            self._write(name, source)

    def create_text(self, name: str, text: str) -> None:
        """Write a text under this name, unless there is one already."""
        if not self._files.exists(self._at(name)):
            self._files.pipe_file(self._at(name), text.encode())

    def read_text(self, name: str) -> str | None:
        """Read a text; ``None`` if there is none."""
        try:
            return cast("bytes", self._files.cat_file(self._at(name))).decode()
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        try:
            return int(self._files.info(self._at(name))["size"])
        except FileNotFoundError:
            return None

    def at(self, media: Media, name: str) -> Media:
        """The same medium, known to lie here."""
        located = media.at(self._files.unstrip_protocol(self._at(name)))
        return located.opened_by(_RemoteFile(self._files, self._at(name)))

    def load(self, name: str) -> Media:
        """Build the medium from the file itself."""
        with self._files.open(self._at(name), "rb") as file:
            return self.at(Media.from_bytes(file.read()), name)

    def names(self) -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of every file."""
        if not self._files.exists(self._path):
            return
        for info in self._files.ls(self._path, detail=True):
            changed = info.get("created") or info.get("LastModified") or info.get("mtime") or 0.0
            stamp = changed.timestamp() if hasattr(changed, "timestamp") else float(changed)
            yield stamp, str(info["name"]).rpartition("/")[2]

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _write(self, name: str, source: BinaryIO) -> None:
        # Object stores show a file when it is complete; others need the rename.
        partial = self._at(f".{uuid.uuid4().hex}.part")
        self._files.makedirs(self._path, exist_ok=True)
        try:
            with self._files.open(partial, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            self._files.mv(partial, self._at(name))
        finally:
            if self._files.exists(partial):
                self._files.rm(partial)


class _RemoteFile:
    """A file with the `open` of a path, which knows how to sign in."""

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path

    def open(self, mode: str = "rb") -> BinaryIO:
        opened: BinaryIO = self._files.open(self._path, mode)
        return opened

    def take_file(self, _target: Path) -> bool:
        return False


def open_remote(location: str) -> BinaryIO:
    """Open a remote file by its URL, with what the environment knows about signing in."""
    try:
        import fsspec  # noqa: PLC0415 -- the extra `remote`
    except ImportError as error:
        raise ImportError(_MISSING_EXTRA.format(root=location)) from error
    opened: BinaryIO = fsspec.open(location, "rb").open()
    return opened
