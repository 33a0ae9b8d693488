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
    folder: Folder,
    *,
    contents: bool,
    repair: bool,
    older_than: float,
) -> Iterator[Problem]:
    """Check all files, one after another; see `MediaStore.verify`."""
    check = _Check(
        folder, contents=contents, repair=repair, written_before=time.time() - older_than
    )
    for changed, name in folder.entries():
        handle = name.removesuffix(".json")
        if not is_handle(handle):
            continue
        try:
            if handle == name:
                yield from check.medium(handle, changed)
            else:
                yield from check.orphan(handle)
        except FileNotFoundError:
            continue  # removed since it was listed
        except OSError as error:
            yield check.problem("unreadable", name, f"it cannot be read: {error}")
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


@dataclass(frozen=True)
class _Check:
    folder: Folder
    contents: bool
    repair: bool
    written_before: float

    def problem(
        self, kind: ProblemKind, name: str, detail: str, *, repaired: bool = False
    ) -> Problem:
        return Problem(
            kind, name.removesuffix(".json"), self.folder.where(name), detail, repaired=repaired
        )

    def medium(self, handle: str, changed: float) -> Iterator[Problem]:
        """A medium, and the sidecar that belongs to it."""
        size = self.folder.size(handle)
        if size is None:
            return
        text = self.folder.read(sidecar_of(handle))
        facts = read_sidecar(text, handle)
        digest = self.folder.digest(handle) if self.contents else None
        whole = digest is None or stands_for(handle, digest)
        if facts is not None and size < facts["size"]:
            detail = f"only {size:,} of {facts['size']:,} bytes are there"
            yield self.problem("truncated", handle, detail)
        elif (facts is not None and size > facts["size"]) or not whole:
            detail = "its bytes are not those that were saved"
            yield self.problem("wrong-content", handle, detail)
        if text is None and changed <= self.written_before:
            yield self._sidecar("missing-sidecar", handle, "it has no sidecar")
        elif text is not None and facts is None:
            detail = "the sidecar is not what was written"
            yield self._sidecar("damaged-sidecar", handle, detail)

    def orphan(self, handle: str) -> Iterator[Problem]:
        """A sidecar, if its medium is not there."""
        name = sidecar_of(handle)
        if self.folder.size(handle) is not None:
            return  # it is checked with its medium
        if read_sidecar(self.folder.read(name), handle) is not None:
            yield self.problem("missing-file", name, f"{handle} is gone; only this sidecar is left")
            return
        if self.repair:
            self._put_back_if_whole(handle, self.folder.take(name))
        detail = "it belongs to no medium, and is not what was written"
        yield self.problem("orphan-sidecar", name, detail, repaired=self.repair)

    def _sidecar(self, kind: ProblemKind, handle: str, detail: str) -> Problem:
        name = sidecar_of(handle)
        repaired = self.repair and self._repaired(kind, handle)
        return self.problem(kind, name, detail, repaired=repaired)

    def _repaired(self, kind: ProblemKind, handle: str) -> bool:
        try:
            media = Media.found(InStore(handle, self.folder), self.folder.where(handle))
        except InvalidRequestError:
            return False
        if media.handle != handle:  # only an intact file can tell
            return False
        taken = self.folder.take(sidecar_of(handle)) if kind == "damaged-sidecar" else None
        if not self._put_back_if_whole(handle, taken):
            self.folder.create(sidecar_of(handle), write_sidecar(media))
        return True

    def _put_back_if_whole(self, handle: str, taken: bytes | None) -> bool:
        """Keep a good sidecar that was saved after the bad one was read."""
        if taken is None or read_sidecar(taken, handle) is None:
            return False
        self.folder.create(sidecar_of(handle), taken)
        return True
