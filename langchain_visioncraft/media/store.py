"""`MediaStore`: files by their content, each with a sidecar that says where it came from."""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from langchain_visioncraft.errors import UnknownHandleError, VisionCraftError
from langchain_visioncraft.media.filesystems import open_folder
from langchain_visioncraft.media.media import Media, handle_for
from langchain_visioncraft.media.sniff import EXTENSIONS

_HANDLE = re.compile(
    rf"(?<![0-9a-f])([0-9a-f]{{12}})(?:\.({'|'.join(sorted({*EXTENSIONS.values()}))}))?(?![0-9a-z])"
)


class MediaStore:
    """A folder of media, named by their content.

    The same bytes have one handle however often they are saved. A file appears when it is
    complete; beside it ``<handle>.json`` keeps its provenance, that of the first save.

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

    @property
    def spool_dir(self) -> Path | None:
        """The folder in which answers may be spooled, so that keeping one is a rename."""
        return self._folder.spool_dir

    def add(
        self,
        media: Media | bytes | os.PathLike[str],
        *,
        tool: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        sources: Sequence[str] = (),
    ) -> Media:
        """Keep a medium, and where it came from.

        Args:
            media: What to keep; bytes and files are looked at for their type.
            tool: What made it.
            arguments: What it was made with: JSON values, no secrets.
            sources: Handles (or other names) of what it was made from.

        Returns:
            The medium with its `location` in this store.

        Raises:
            InvalidRequestError: If bytes or a file are no medium that is known.
            OSError: If the folder cannot be written.
        """
        if isinstance(media, bytes):
            media = Media.from_bytes(media)
        elif not isinstance(media, Media):
            media = Media.from_path(media)
        name, sidecar = media.handle, f"{media.handle}.json"
        known = self._read_sidecar(name)
        if known is not None and known["sha256"] != media.sha256:
            msg = f"{name} is taken by another file with the same first 12 digits of its SHA-256."
            raise VisionCraftError(msg)
        if self._folder.size(name) != media.size:
            self._folder.keep(media, name)
        kept = self._folder.at(media, name)
        if known is None:
            facts = {
                **media.model_dump(exclude={"location"}, exclude_none=True),
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "tool": tool,
                "arguments": dict(arguments or {}),
                "sources": list(sources),
            }
            text = json.dumps(facts, indent=2, ensure_ascii=False, default=str)
            self._folder.create_text(sidecar, text)
        return kept

    def get(self, handle: str) -> Media:
        """Find a medium by its handle; quotes, blanks and a missing extension are forgiven.

        Raises:
            UnknownHandleError: If there is none.
        """
        for name in _candidates(handle):
            size = self._folder.size(name)
            if size is None:
                continue
            facts = self._read_sidecar(name)
            if facts is None or facts["size"] != size:
                return self._folder.load(name)  # saved by hand, or its saving was cut short
            return self._folder.at(Media.model_validate(facts), name)
        recent = [name for _, name in heapq.nlargest(5, self._handles())]
        known = f"The newest here: {', '.join(recent)}." if recent else "The store is empty."
        msg = (
            f"There is no {str(handle)[:80]!r} in the media store. Use a handle that a tool gave, "
            f"such as a1b2c3d4e5f6.png. {known}"
        )
        raise UnknownHandleError(msg)

    def provenance(self, handle: str) -> dict[str, Any]:
        """Where a medium came from: tool, arguments, sources, time, sizes.

        Raises:
            UnknownHandleError: If there is no such medium.
        """
        media = self.get(handle)
        facts = self._read_sidecar(media.handle)
        return facts or media.model_dump(exclude={"location"}, exclude_none=True)

    def __contains__(self, handle: object) -> bool:
        names = _candidates(handle) if isinstance(handle, str) else ()
        return any(self._folder.size(name) is not None for name in names)

    def __iter__(self) -> Iterator[Media]:
        """All media, oldest first."""
        for _, name in sorted(self._handles()):
            try:
                yield self.get(name)
            except VisionCraftError:  # damaged, or gone by now
                continue

    def __len__(self) -> int:
        return sum(1 for _ in self._handles())

    def __repr__(self) -> str:
        return f"MediaStore({self.root!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.root, self._storage_options)

    def _handles(self) -> Iterator[tuple[float, str]]:
        return ((time, name) for time, name in self._folder.names() if _HANDLE.fullmatch(name))

    def _read_sidecar(self, name: str) -> dict[str, Any] | None:
        try:
            facts = json.loads(self._folder.read_text(f"{name}.json") or "null")
            media = Media.model_validate(facts)
        except (ValueError, RecursionError):  # damaged; pydantic's error is a ValueError, too
            return None
        true = media.handle == name == handle_for(media.sha256, media.mime_type)
        return dict(facts) if true else None


def _reopen(root: str, storage_options: dict[str, Any]) -> MediaStore:
    return MediaStore(root, storage_options=storage_options)


def _candidates(handle: str) -> list[str]:
    """The names that a handle may mean. Never anything with a path in it."""
    if len(handle) > 200:
        return []
    match = _HANDLE.search(handle.strip().lower())
    if match is None:
        return []
    if match[2]:
        return [match[0]]
    return [f"{match[1]}.{extension}" for extension in EXTENSIONS.values()]
