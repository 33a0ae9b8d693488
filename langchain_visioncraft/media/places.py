"""Where the bytes of a medium are: in memory, at a place that code named, or in a store.

A medium restored from data, such as a tool message's artifact in a checkpoint, may claim any
location. It is read only from the stores that this process opened, by its handle, and only if the
bytes there have its SHA-256.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from langchain_visioncraft.errors import DamagedMediaError
from langchain_visioncraft.media.filesystems import Folder
from langchain_visioncraft.media.handles import digest_of
from langchain_visioncraft.media.paths import open_regular

_MOST_STORES = 4096  # one for each user, of many


class Holder(Protocol):
    """An object that holds the bytes of a medium."""

    def open(self, mode: str = "rb", /) -> BinaryIO:
        """Open them for reading."""
        ...

    def take_file(self, _target: Path, /) -> bool:
        """Move them to `target` if they are in a separate file; otherwise return false."""
        return False


class HeldBytes(Holder):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        """Open them for reading."""
        return io.BytesIO(self._data)


@dataclass(frozen=True)
class Place(Holder):
    """A local file that code named."""

    path: Path

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        """Open it for reading."""
        return open_regular(self.path)


_opened: OrderedDict[str, Folder] = OrderedDict()
"""The folders of the stores that this process opened, by their prefixes; the newest last."""
_lock = threading.Lock()


def register(files: Folder) -> None:
    """Make the folder of this store known for media that are restored from data."""
    root = files.where("x").removesuffix("x")  # of an empty name, some storage drops the slash
    with _lock:
        _opened[root] = files
        _opened.move_to_end(root)
        if len(_opened) > _MOST_STORES:
            _opened.popitem(last=False)


def store_of(location: str | None, name: str) -> Folder | None:
    """The folder of the opened store that contains this location, if there is one."""
    root, found, rest = (location or "").rpartition(name)
    with _lock:
        return _opened.get(root) if found and not rest else None


@dataclass(frozen=True)
class InStore(Holder):
    """A file of a store, in a folder that code named.

    A file restored from data has a SHA-256, which is checked, and perhaps no folder: its location
    is trusted only if it is in a store that this process opened.
    """

    name: str
    folder: Folder | None
    sha256: str | None = None
    claimed: str | None = None

    def _found(self) -> Folder:
        folder = self.folder or store_of(self.claimed, self.name)
        if folder is not None and (self.sha256 is None or folder.size(self.name) is not None):
            return folder
        where = "not in this store" if folder else "in no store that this process has opened"
        msg = (
            f"The bytes of {self.name} are {where}. A location from data is not trusted: open "
            "its store first, or pass the store (Media.from_artifact(artifact, store)). Save a "
            "medium that is in no store with MediaStore.add() before you dump it"
        )
        raise FileNotFoundError(msg)

    @property
    def path(self) -> Path | None:
        """The local file, if it is in a local store."""
        folder = self._found()
        return Path(folder.where(self.name)) if folder.spool_dir else None

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        """Open it; raises `DamagedMediaError` if the bytes do not have its SHA-256."""
        file = self._found().open(self.name)
        if self.sha256 is None:
            return file
        if digest_of(file) != self.sha256:
            file.close()
            msg = f"{self.name} in the media store does not have the bytes that this data names."
            raise DamagedMediaError(msg)
        file.seek(0)
        return file
