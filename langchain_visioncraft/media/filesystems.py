"""Flat folders of files that appear only when complete, local or on storage that fsspec opens."""

from __future__ import annotations

import contextlib
import errno
import glob
import itertools
import os
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.handles import digest_of
from langchain_visioncraft.media.paths import local_path, open_regular
from langchain_visioncraft.media.urls import find, is_url, open_file

INCOMING = ".incoming"
"""The folder inside a store for files that are being written."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""Flags to open a file that must not exist yet; the last is for Windows."""

_OF_THIS_PROCESS = uuid.uuid4().hex  # and of its forks: a UUID each would be a system call
_NUMBERS = itertools.count()

_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def open_folder(root: str, storage_options: Mapping[str, Any] | None = None) -> Folder:
    """The folder at a local path or an fsspec URL; raises as `urls.find`, and for a pattern."""
    if is_url(root):
        files, path = find(root, **(storage_options or {}))
        if glob.has_magic(path):
            # A medium would be moved to what the pattern matches, and be gone.
            msg = f"{root!r} cannot be a store: to fsspec, '*', '?' and '[' are parts of patterns."
            raise InvalidRequestError(msg)
        return _Remote(files, path)
    return _Local(local_path(root).absolute())


class _Readable(ABC):
    """The reading methods that both kinds of folder share."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""

    def read(self, name: str) -> bytes | None:
        """All bytes of a file; ``None`` if there is none."""
        try:
            with self.open(name) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, 64 hex digits; ``None`` if there is none."""
        try:
            with self.open(name) as file:
                return digest_of(file)
        except FileNotFoundError:
            return None


class _Local(_Readable):
    """A folder of the local file system, safe for threads and processes.

    Saved files survive the process. They are not synced to disk, which would take five times as
    long: after a power cut, `MediaStore.verify` reports any damage.
    """

    # Names are text, not `pathlib.Path`, and system calls are kept to a minimum: after each one, a
    # thread waits for the interpreter's lock, and async code saves pictures in threads.

    def __init__(self, path: Path) -> None:
        self._root = os.path.join(path, "")
        self._incoming = str(path / INCOMING)
        self.spool_dir: Path | None = path / INCOMING
        """Where an answer may be spooled so that saving it is only a rename."""

    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file of any size under this name, replacing any other."""
        with self._written(chunks) as partial:
            os.replace(partial, self.where(name))

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file under this name; false if there is one already.

        Of concurrent writers, the first wins; on storage that cannot refuse to overwrite (all but
        S3, GCS and Azure), the last.
        """
        target, created = self.where(name), False
        with self._written([data]) as partial:
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
        """Write a small file under this name, replacing any other."""
        self.keep(name, [data])

    def take(self, name: str) -> bytes | None:
        """Remove a small file and return its content; ``None`` if there is none."""
        # Renamed first, so that the text that is read is the one removed, despite other writers.
        with self._partial() as partial:
            os.makedirs(self._incoming, exist_ok=True)
            try:
                os.replace(self.where(name), partial)
            except FileNotFoundError:
                return None
            with open_regular(partial) as file:
                data = file.read()
            _unlink(partial)
            return data

    def append_line(self, name: str, line: str) -> None:
        """Add a line to a text, safely with concurrent writers."""
        file = self._open(self.where(name), _APPEND)
        try:
            rest = f"{line}\n".encode()
            if (size := os.fstat(file).st_size) > 0:
                os.lseek(file, size - 1, os.SEEK_SET)
                # Another's line may have been cut off, such as by a full disk.
                rest = rest if os.read(file, 1) == b"\n" else b"\n" + rest
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of such a text; one of them may have been cut off by a crash."""
        with contextlib.suppress(FileNotFoundError), self.open(name) as file:
            yield from file

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; ``None`` if there is none."""
        try:
            return os.stat(self.where(name)).st_size
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        return open_regular(self.where(name))

    def where(self, name: str) -> str:
        """The path or URL of a file."""
        return self._root + name

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        _unlink(self.where(name))

    def sign(self, _name: str, _seconds: int, /) -> str | None:
        """A link by which anyone may read a file for a time; ``None`` if links are unsupported."""
        return None

    def entries(self, folder: str = "") -> Iterator[tuple[float, str]]:
        """Modification time (0 if unknown) and name of each file here, or in a subfolder."""
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
        """A name for an incomplete file, which is removed at the end if anything failed.

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


class _WithOurErrors:
    """A file system whose methods raise `OSError`: each storage's client has errors of its own."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # pickle asks for them before there is anything
            raise AttributeError(name)
        method = getattr(self._files, name)
        if not callable(method):
            return method

        def work(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except (OSError, ImportError):
                raise
            except NotImplementedError as error:  # fsspec's word for it
                msg = f"{type(self._files).__name__} cannot do this ({name})"
                raise OSError(errno.ENOTSUP, msg) from error
            except Exception as error:
                raise OSError(f"{type(error).__name__}: {error}") from error

        return work


class _Remote(_Readable):
    """A folder of any file system that fsspec opens: S3, GCS, Azure, ``memory://``, …

    A medium is uploaded under another name and then moved, because fsspec completes even a failed
    upload, and some storage shows incomplete files. A small file is one request; its readers notice
    if a crash left only its beginning.
    """

    spool_dir: Path | None = None

    def __init__(self, files: Any, path: str) -> None:
        self._files: Any = _WithOurErrors(files)
        self._path = path.rstrip("/")

    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        with self._uploading(name) as copy:
            for chunk in chunks:
                copy.write(chunk)

    def create(self, name: str, data: bytes) -> bool:
        if self.size(name) is None:
            with contextlib.suppress(FileExistsError):
                self._files.pipe_file(self._at(name), data, mode="create")
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

    def take(self, name: str) -> bytes | None:
        data = self.read(name)
        self.remove(name)
        return data

    def append_line(self, name: str, line: str) -> None:
        self._files.makedirs(self._at(name), exist_ok=True)
        part = self._at(f"{name}/{time.time_ns()}-{uuid.uuid4().hex}")
        self._files.pipe_file(part, line.encode())

    def lines(self, name: str) -> Iterator[bytes]:
        for _, each in sorted(self.entries(name), key=lambda entry: entry[1]):
            yield self.read(f"{name}/{each}") or b""

    def size(self, name: str) -> int | None:
        self._forget_listings()
        try:
            return int(self._files.info(self._at(name))["size"])
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        return open_file(self._files, self._at(name))

    def where(self, name: str) -> str:
        return str(self._files.unstrip_protocol(self._at(name)))

    def sign(self, name: str, seconds: int, /) -> str | None:
        try:
            return str(self._files.sign(self._at(name), expiration=seconds))
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            return None

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _forget_listings(self) -> None:
        # Others save here, too, which a listing cached by fsspec does not show.
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
            with contextlib.suppress(OSError):  # a file that cannot be removed now is swept later
                self.remove(partial)
            raise

    def _expect(self, name: str, written: int) -> None:
        if (arrived := self.size(name)) != written:
            msg = f"An upload was cut short: of {written:,} bytes {arrived or 0:,} arrived."
            raise OSError(msg)


Folder: TypeAlias = _Local | _Remote
