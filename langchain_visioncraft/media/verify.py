"""Finds damage in a media store, and repairs it where possible."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.filesystems import INCOMING, Folder
from langchain_visioncraft.media.handles import is_handle, stands_for
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.places import InStore
from langchain_visioncraft.media.sidecar import read_sidecar, sidecar_of, write_sidecar

DAY = 86_400.0

ProblemKind: TypeAlias = Literal[
    "missing-file",
    "truncated",
    "wrong-content",
    "unreadable",
    "missing-sidecar",
    "damaged-sidecar",
    "orphan-sidecar",
    "leftover",
]
"""The problems that a file of a store may have.

- ``missing-file``: the sidecar exists, the medium does not.
- ``truncated``: the medium is shorter than its sidecar says.
- ``wrong-content``: its SHA-256 does not match its handle.
- ``unreadable``: the storage returns an error instead of the bytes.
- ``missing-sidecar``: an intact medium without provenance.
- ``damaged-sidecar``: an intact medium with an unreliable sidecar.
- ``orphan-sidecar``: an unreliable sidecar without a medium.
- ``leftover``: a file of a process that died while it saved.
"""


@dataclass(frozen=True)
class Problem:
    """A problem with one file of a store.

    Attributes:
        kind: The kind of problem.
        handle: The handle of the medium; ``None`` for a leftover.
        path: The path or URL of the file.
        detail: A description.
        repaired: Whether it was repaired.
    """

    kind: ProblemKind
    handle: str | None
    path: str
    detail: str
    repaired: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}{' (repaired)' if self.repaired else ''}"


def find_problems(
    folder: Folder, *, contents: bool, repair: bool, older_than: float
) -> Iterator[Problem]:
    """Check all files, one after another; see `MediaStore.verify`."""
    written_before = time.time() - older_than
    for changed, name in folder.entries():
        handle = name.removesuffix(".json")
        if not is_handle(handle):
            continue
        settled = changed <= written_before
        if handle == name:
            found = _of_medium(folder, handle, contents=contents, repair=repair, settled=settled)
        else:
            found = _of_orphan(folder, handle, repair=repair)
        try:
            for kind, file, detail, repaired in found:
                yield Problem(kind, handle, folder.where(file), detail, repaired)
        except FileNotFoundError:
            continue  # removed since it was listed
        except OSError as error:
            detail = f"it cannot be read: {error}"
            yield Problem("unreadable", handle, folder.where(name), detail)
    for name in sweep(folder, older_than=older_than, dry=not repair):
        yield Problem("leftover", None, folder.where(name), _LEFTOVER, repaired=repair)


_LEFTOVER = "a process died while it wrote this, and never reported it as saved"


def sweep(folder: Folder, *, older_than: float, dry: bool = False) -> Iterator[str]:
    """Remove the leftovers of unfinished saves, and return their names. `dry` only names them."""
    written_before = time.time() - older_than
    for changed, file in list(folder.entries(INCOMING)):
        name = f"{INCOMING}/{file}"
        # 0 is an unknown age: it may be new.
        if 0 < changed <= written_before:
            if not dry:
                folder.remove(name)
            yield name


_Found: TypeAlias = Iterator[tuple[ProblemKind, str, str, bool]]
"""The kind of a problem, its file, its description, and whether it was repaired."""


def _of_medium(
    folder: Folder, handle: str, *, contents: bool, repair: bool, settled: bool
) -> _Found:
    """The problems of a medium, and of the sidecar that belongs to it."""
    size = folder.size(handle)
    if size is None:
        return
    sidecar = sidecar_of(handle)
    data = folder.read(sidecar)
    facts = read_sidecar(data, handle)
    digest = folder.digest(handle) if contents else None
    whole = digest is None or stands_for(handle, digest)
    if facts is not None and size < facts["size"]:
        yield "truncated", handle, f"only {size:,} of {facts['size']:,} bytes are there", False
    elif (facts is not None and size > facts["size"]) or not whole:
        yield "wrong-content", handle, "its bytes are not those that were saved", False
    if data is None and settled:
        repaired = repair and _rebuilt(folder, handle)
        yield "missing-sidecar", sidecar, "it has no sidecar", repaired
    elif data is not None and facts is None:
        repaired = repair and _rebuilt(folder, handle, damaged=True)
        yield "damaged-sidecar", sidecar, "the sidecar is not what was written", repaired


def _of_orphan(folder: Folder, handle: str, *, repair: bool) -> _Found:
    """The problem of a sidecar, if its medium is not there."""
    sidecar = sidecar_of(handle)
    if folder.size(handle) is not None:
        return  # it is checked with its medium
    if read_sidecar(folder.read(sidecar), handle) is not None:
        yield "missing-file", sidecar, f"{handle} is gone; only this sidecar is left", False
        return
    if repair:
        _put_back_if_whole(folder, handle, folder.take(sidecar))
    yield "orphan-sidecar", sidecar, "it belongs to no medium, and is not what was written", repair


def _rebuilt(folder: Folder, handle: str, *, damaged: bool = False) -> bool:
    """Rewrite a sidecar if the medium is intact, which only its contents show."""
    try:
        media = Media.found(InStore(handle, folder), folder.where(handle))
    except InvalidRequestError:
        return False
    if media.handle != handle:
        return False
    taken = folder.take(sidecar_of(handle)) if damaged else None
    if not _put_back_if_whole(folder, handle, taken):
        folder.create(sidecar_of(handle), write_sidecar(media))
    return True


def _put_back_if_whole(folder: Folder, handle: str, taken: bytes | None) -> bool:
    """Keep a good sidecar that was saved after the bad one was read."""
    if taken is None or read_sidecar(taken, handle) is None:
        return False
    folder.create(sidecar_of(handle), taken)
    return True
