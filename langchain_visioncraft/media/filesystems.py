"""Where a store keeps its files: a flat folder, local or on whatever fsspec opens."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from langchain_visioncraft.media.folders import INCOMING, Folder, Holder, to_bytes
from langchain_visioncraft.media.paths import local_path
from langchain_visioncraft.media.places import Place
from langchain_visioncraft.media.safe_open import open_regular
from langchain_visioncraft.media.urls import find, is_url, open_file

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""How a file is opened that must not be there yet; the last is for Windows."""

_OF_THIS_PROCESS = uuid.uuid4().hex  # and of its forks: a UUID each would be a system call
_NUMBERS = itertools.count()

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def open_folder(root: str, storage_options: Mapping[str, Any] | None = None) -> Folder:
    """The folder at a local path or an fsspec URL; raises as `urls.find`."""
    if is_url(root):
        return _Remote(*find(root, **(storage_options or {})))
    return _Local(local_path(root).absolute())


class _Local(Folder):
    """A folder of the local file system, safe for threads and processes.

    What was kept survives the process. It is not forced onto the disk, which would take five times
    as long: after a power cut, `MediaStore.verify` says what is damaged.
    """

    # Names are text, not `pathlib.Path`, and no system call is made in vain: after each of them a
    # thread waits for the interpreter's lock, and an event loop's pictures are kept in threads.

    def __init__(self, path: Path) -> None:
        self._root = os.path.join(path, "")
        self._incoming = str(path / INCOMING)
        self.spool_dir = path / INCOMING

    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        with self._written(chunks) as partial:
            os.replace(partial, self.where(name))

    def create_text(self, name: str, text: str) -> bool:
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

    def write(self, name: str, data: bytes) -> None:
        self.keep(name, [data])

    def take_text(self, name: str) -> str | None:
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
        file = self._open(self.where(name), _APPEND)
        try:
            os.write(file, to_bytes(f"{line}\n"))
        finally:
            os.close(file)

    def lines(self, name: str) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), self.open(name) as file:
            for line in file:
                yield line.decode(errors="replace")

    def size(self, name: str) -> int | None:
        try:
            return os.stat(self.where(name)).st_size
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        return open_regular(self.where(name))

    def holder(self, name: str) -> Holder:
        return Place(self.where(name))

    def where(self, name: str) -> str:
        return self._root + name

    def remove(self, name: str) -> None:
        _unlink(self.where(name))

    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
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


class _Remote(Folder):
    """A folder of any file system that fsspec opens: S3, GCS, Azure, ``memory://``, …

    A medium is uploaded under another name and then moved, because fsspec ends an upload that
    failed like one that did not, and not every storage shows a file only when it is complete. A
    small file is one request; whoever reads it notices if a kill left only its beginning.
    """

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path.rstrip("/")

    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        with self._uploading(name) as copy:
            for chunk in chunks:
                copy.write(chunk)

    def create_text(self, name: str, text: str) -> bool:
        if self.size(name) is None:
            with contextlib.suppress(FileExistsError):
                self._files.pipe_file(self._at(name), to_bytes(text), mode="create")
                return True
        return False

    def write(self, name: str, data: bytes) -> None:
        self._files.makedirs(self._path, exist_ok=True)
        self._files.pipe_file(self._at(name), data)

    def read(self, name: str) -> bytes | None:
        try:
            return cast("bytes", self._files.cat_file(self._at(name)))
        except FileNotFoundError:
            return None

    def take_text(self, name: str) -> str | None:
        text = self.read_text(name)
        self.remove(name)
        return text

    def append_line(self, name: str, line: str) -> None:
        self._files.makedirs(self._at(name), exist_ok=True)
        self._files.pipe_file(
            self._at(f"{name}/{time.time_ns()}-{uuid.uuid4().hex}"), to_bytes(line)
        )

    def lines(self, name: str) -> Iterator[str]:
        for _, each in sorted(self.entries(name), key=lambda entry: entry[1]):
            yield self.read_text(f"{name}/{each}") or ""

    def size(self, name: str) -> int | None:
        self._forget_listings()
        try:
            return int(self._files.info(self._at(name))["size"])
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        return open_file(self._files, self._at(name))

    def holder(self, name: str) -> Holder:
        return _RemoteFile(self._files, self._at(name))

    def where(self, name: str) -> str:
        return str(self._files.unstrip_protocol(self._at(name)))

    def sign(self, name: str, seconds: int, /) -> str | None:
        try:
            return str(self._files.sign(self._at(name), expiration=seconds))
        except NotImplementedError:  # fsspec's word for it
            return None

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _forget_listings(self) -> None:
        # Others save here, too; a listing that fsspec remembers does not show it.
        self._files.invalidate_cache(self._path)

    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
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


class _RemoteFile(Holder):
    """A file with the `open` of a path, which knows how to sign in."""

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        return open_file(self._files, self._path)
