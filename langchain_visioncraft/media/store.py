"""`MediaStore`: files by their content, each with a sidecar that says where it came from."""

from __future__ import annotations

import contextlib
import heapq
import json
import math
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.errors import (
    DamagedMediaError,
    InvalidRequestError,
    UnknownHandleError,
    VisionCraftError,
)
from langchain_visioncraft.media.filesystems import open_folder
from langchain_visioncraft.media.handles import (
    candidates,
    checked_chunks,
    digest_of_text,
    is_handle,
    stands_for,
)
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.paths import LEDGER, REMEMBERED
from langchain_visioncraft.media.places import HeldBytes, InStore, register
from langchain_visioncraft.media.sheets import Sheets
from langchain_visioncraft.media.sidecar import Usage, read_sidecar, sidecar_of, write_sidecar
from langchain_visioncraft.media.verify import DAY, Problem, find_problems, sweep

_MOST_USERS = 1024  # whose stores are kept open


class MediaStore(KnownKeywords, Sheets):
    """A folder of media, named by their content.

    The same bytes have one handle, however often they are saved. A file appears only when it is
    complete; beside it, ``<handle>.json`` records its provenance, that of the first save. Once
    `add` has returned, the medium survives a crash; an unfinished file stays in the folder
    ``.incoming`` and is removed a day later. Threads, processes and machines may share a store.

    ```python
    from langchain_visioncraft import MediaStore

    store = MediaStore("memory://pictures")
    kept = store.add(b"GIF89a" + bytes(7) + b";", tool="by hand")
    assert store.get(kept.handle).read() == kept.read()
    assert store.provenance(kept.handle)["tool"] == "by hand"
    ```

    Args:
        root: A local folder (made at the first save), or an fsspec URL such as
            ``s3://bucket/folder`` when the extra ``remote`` is installed.
        storage_options: For fsspec: keys, endpoints and the like.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = "visioncraft-media",
        *,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = os.fspath(root)
        self._storage_options = dict(storage_options or {})
        self._folder = open_folder(self.root, self._storage_options)
        register(self._folder)
        self._swept = False
        self._of_users: dict[str, MediaStore] = {}

    @property
    def spool_dir(self) -> Path | None:
        """The folder in which to spool answers, so that saving one only renames it."""
        return self._folder.spool_dir

    def add(
        self,
        media: Media | bytes | os.PathLike[str],
        *,
        tool: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        sources: Sequence[str] = (),
        call: Mapping[str, Any] | None = None,
    ) -> Media:
        """Save a medium and its provenance.

        Args:
            media: The medium to save. The type of bytes and files is detected.
            tool: The tool that made it.
            arguments: The arguments of the tool: JSON values, no secrets.
            sources: Handles (or other names) of the media that it was made from.
            call: Facts of the call that made it: endpoint, model, seconds, …

        Returns:
            The medium with its `location` in this store.

        Raises:
            InvalidRequestError: If bytes or a file are of no known type.
            DamagedMediaError: If the file has changed since the `Media` was created.
            OSError: If the folder cannot be written, or the disk is full.
        """
        if isinstance(media, bytes):
            media = Media.from_bytes(media)
        elif not isinstance(media, Media):
            media = Media.from_path(media)
        sidecar = write_sidecar(media, tool=tool, arguments=arguments, sources=sources, call=call)
        wrote_file = self._keep_file(media)
        wrote = self._keep_sidecar(media, sidecar, new=wrote_file) or wrote_file
        while not wrote_file and self._folder.size(media.handle) is None:
            # Removed after it was found: saved like a new one.
            wrote_file = self._keep_file(media)
            self._keep_sidecar(media, sidecar)
        if wrote:
            self._sweep_once()
        return self._at(media, media.handle)

    def _keep_file(self, media: Media) -> bool:
        """Make sure that the file exists and is intact; true if it had to be written."""
        name = media.handle
        # An existing file is read, not trusted: a damaged one is replaced.
        found = self._folder.digest(name)
        if found == media.sha256:
            return False
        if found is not None and stands_for(name, found):
            msg = f"{name} is taken by another file with the same first 12 digits of its SHA-256."
            raise VisionCraftError(msg)
        held, spooled = media.held, self.spool_dir is not None
        # A file that was spooled into this folder is only renamed.
        if not (held and spooled and held.take_file(Path(self._folder.where(name)))):
            with media.open() as file:
                # Bytes in memory are immutable.
                whole = [file.read()] if isinstance(held, HeldBytes) else None
                self._folder.keep(name, whole or checked_chunks(file, media.sha256))
        return True

    def _keep_sidecar(self, media: Media, sidecar: bytes, *, new: bool = False) -> bool:
        """Make sure that the sidecar exists and is intact; true if it had to be written."""
        name = sidecar_of(media.handle)
        if new and self._folder.create(name, sidecar):
            return True
        present = self._folder.read(name)
        facts = read_sidecar(present, media.handle)
        if facts is not None and (facts["sha256"], facts["size"]) == (media.sha256, media.size):
            return False
        if present is None:
            self._folder.create(name, sidecar)
        else:
            self._folder.write(name, sidecar)
        return True

    def get(self, handle: str) -> Media:
        """Find a medium by its handle; quotes, blanks and a missing extension are accepted.

        This does not read the bytes, which `verify` does, unless the sidecar is missing or damaged
        or the size differs.

        Raises:
            UnknownHandleError: If there is no such medium.
            DamagedMediaError: If the file is not what its handle says.
        """
        name, size = self._find(handle)
        facts = self._facts(name)
        if facts is not None and facts["size"] == size:
            return self._at(Media.model_validate(facts), name)
        try:
            return self._load(name)  # saved by hand, or its saving or removal was cut short
        except FileNotFoundError:  # removed since it was found
            raise self._unknown(handle) from None

    def remove(self, handle: str) -> None:
        """Remove a medium and its sidecar, whatever their state.

        The sidecar is removed first, so after an interrupted removal the medium is still there and
        can be removed again. If the same medium is added at that moment, it is saved again.

        Raises:
            UnknownHandleError: If there is no such medium.
            OSError: If it cannot be removed.
        """
        name, _ = self._find(handle)
        self._folder.remove(sidecar_of(name))
        self._folder.remove(name)

    def provenance(self, handle: str) -> dict[str, Any]:
        """The provenance of a medium: tool, arguments, sources, time, sizes.

        Raises:
            UnknownHandleError: If there is no such medium.
        """
        media = self.get(handle)
        facts = self._facts(media.handle)
        return facts or media.model_dump(exclude={"location"}, exclude_none=True)

    def url(self, handle: str, *, expires: float = 3600) -> str:
        """A signed link to a medium for web pages, on storage that signs links (S3, GCS, Azure).

        Anyone who has the link can read the medium without a key until the link expires.

        Args:
            handle: As for `get`.
            expires: Seconds, an hour by default.

        Raises:
            UnknownHandleError: If there is no such medium.
            InvalidRequestError: If `expires` is less than a second.
            VisionCraftError: If this kind of storage cannot sign links.
        """
        if not 1 <= expires < math.inf:
            msg = f"expires={expires!r} is not valid: give seconds, 1 or more."
            raise InvalidRequestError(msg)
        name, _ = self._find(handle)
        link = self._folder.sign(name, int(expires))
        if link is None:
            msg = (
                f"{self.root} cannot sign links; only object storage (s3://, gs://, az://) can. "
                "Serve the file yourself (Media.open), or put it into the page (Media.data_url)."
            )
            raise VisionCraftError(msg)
        return link

    def of_user(self, user: str) -> MediaStore:
        """The store of one user: a folder inside this one, without any other user's handles.

        The folder is in ``users/``, and is named by the first 32 hex digits of the SHA-256 of the
        user's name, so any text may be a name.
        """
        store = self._of_users.get(user)
        if store is None:
            name = f"users/{digest_of_text(user)[:32]}"
            local = self.spool_dir is not None
            root = self._folder.where(name) if local else posixpath.join(self.root, name)
            store = _reopen(root, self._storage_options)
            if len(self._of_users) >= _MOST_USERS:
                self._of_users.clear()
            self._of_users[user] = store
        for used in (self, store):
            register(used._folder)  # again: of many, the last used are known
        return store

    def remember(self, key: str, media: Sequence[Media]) -> None:
        """Remember the media of a call, for `recall`."""
        handles = [medium.handle for medium in media]
        self._folder.write(f"{key}{REMEMBERED}", json.dumps(handles).encode())

    def recall(self, key: str) -> list[Media] | None:
        """The media of a call; ``None`` if it is unknown, or any of them is gone."""
        data = self._folder.read(f"{key}{REMEMBERED}")
        try:
            return [self.get(str(handle)) for handle in json.loads(data or b"null")]
        except (TypeError, ValueError, RecursionError, VisionCraftError):
            return None

    def record(self, usage: Usage) -> None:
        """Write a call into the ledger, the file ``usage.jsonl`` of this store.

        Raises:
            OSError: If it cannot be written.
        """
        self._folder.append_line(LEDGER, json.dumps(usage.model_dump(exclude_none=True)))

    def usage(self) -> Iterator[Usage]:
        """The calls that were made for this store, oldest first."""
        for line in self._folder.lines(LEDGER):
            with contextlib.suppress(ValueError, RecursionError):  # cut off, or not written here
                yield Usage.model_validate(json.loads(line))

    def verify(
        self, *, contents: bool = True, repair: bool = False, older_than: float = DAY
    ) -> Iterator[Problem]:
        """Check the store for damage.

        Args:
            contents: Read each file and compare its SHA-256. Otherwise only sizes and sidecars
                are compared, which is quick, but misses changed bytes of the same size.
            repair: Rebuild missing and damaged sidecars from intact files, and remove leftovers
                and sidecars without content. The bytes of media are never changed: to repair a
                damaged file, save the same medium again.
            older_than: Seconds, a day by default. Younger leftovers and missing sidecars may
                belong to a save in progress, and are not reported.

        Yields:
            One problem per file, and whether it was repaired.
        """
        yield from find_problems(
            self._folder,
            contents=contents,
            repair=repair,
            older_than=older_than,
        )

    def sweep(self, *, older_than: float = DAY) -> int:
        """Remove the leftovers of interrupted saves, and return how many there were.

        The first save of each store object also does this. Media, sidecars and files that may still
        be written are never removed. On object storage, the parts of a large upload that was killed
        are not files yet; remove them with a lifecycle rule of the bucket.

        Args:
            older_than: Seconds since a leftover was last written to, a day by default.
        """
        return sum(1 for _ in sweep(self._folder, older_than=older_than))

    def entries(self) -> Iterator[tuple[float, str]]:
        """When each medium was saved (seconds since 1970) and its handle, in no particular order.

        This opens no file, so it is quick even for large stores.
        """
        return ((time, name) for time, name in self._folder.entries() if is_handle(name))

    def __contains__(self, handle: object) -> bool:
        names = candidates(handle) if isinstance(handle, str) else ()
        return any(self._folder.size(name) is not None for name in names)

    def __iter__(self) -> Iterator[Media]:
        """All media, oldest first."""
        for _, name in sorted(self.entries()):
            try:
                yield self.get(name)
            except VisionCraftError:  # damaged, or removed meanwhile
                continue

    def __len__(self) -> int:
        return sum(1 for _ in self.entries())

    def __repr__(self) -> str:
        return f"MediaStore({self.root!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.root, self._storage_options)

    def _at(self, media: Media, name: str) -> Media:
        """The same medium, with its location in this store."""
        return media.at(self._folder.where(name), InStore(name, self._folder))

    def _find(self, handle: str) -> tuple[str, int]:
        """The name of a medium, and its size."""
        sizes = [(name, self._folder.size(name)) for name in candidates(handle)]
        found = [(name, size) for name, size in sizes if size is not None]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(name for name, _ in found)
            msg = f"{handle!r} matches several media: {names}. Give the handle with its extension."
            raise UnknownHandleError(msg)
        raise self._unknown(handle)

    def _unknown(self, handle: str) -> UnknownHandleError:
        recent = [name for _, name in heapq.nlargest(5, self.entries())]
        known = f"The newest here: {', '.join(recent)}." if recent else "The store is empty."
        msg = (
            f"There is no {str(handle)[:80]!r} in the media store. Use a handle that a tool "
            f"returned, such as a1b2c3d4e5f6.png. {known}"
        )
        return UnknownHandleError(msg)

    def _facts(self, name: str) -> dict[str, Any] | None:
        return read_sidecar(self._folder.read(sidecar_of(name)), name)

    def _load(self, name: str) -> Media:
        try:
            media = Media.found(InStore(name, self._folder), self._folder.where(name))
            true = stands_for(name, media.sha256)
        except InvalidRequestError:
            true = False
        if not true:
            msg = (
                f"{name} is damaged in the media store: its bytes are not those that were saved. "
                "Make it again, or save it again."
            )
            raise DamagedMediaError(msg)
        return media

    def _sweep_once(self) -> None:
        """Remove the leftovers of a crashed process, at the first save of the next one."""
        if not self._swept:
            self._swept = True
            with contextlib.suppress(OSError):  # the medium is saved; another process may sweep
                self.sweep()


def _reopen(root: str, storage_options: dict[str, Any]) -> MediaStore:
    return MediaStore(root, storage_options=storage_options)
