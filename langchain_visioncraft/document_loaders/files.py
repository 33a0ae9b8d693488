"""Files to read, and files that have been read: their type, SHA-256 and documents."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError, VisionCraftError
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.handles import digest_of_text
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.places import HeldBytes, Holder, InStore, Place
from langchain_visioncraft.media.sniff import kind_of

_KINDS = {"image": "a picture", "audio": "a recording", "video": "a video"}


class Source(NamedTuple):
    """A file to read: its path, URL or handle, how to open it, and metadata for its documents."""

    name: str
    holder: Holder
    metadata: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def of(cls, item: Path | Media | Blob) -> Source:
        """A file as code may pass it."""
        if isinstance(item, Media):
            return cls(item.location or item.handle, item.held or HeldBytes(item.read()))
        if isinstance(item, Path):
            return cls(str(item), Place(str(item)))
        in_memory = item.data is not None or not item.path
        holder = HeldBytes(item.as_bytes()) if in_memory else Place(str(item.path))
        return cls(str(item.source or ""), holder, item.metadata)


class MediaFile(NamedTuple):
    """A file that has been read: its name, its type and its bytes."""

    source: str
    kind: str
    media: Media
    metadata: Mapping[str, Any]

    @property
    def recording(self) -> Recording:
        """How to decode it, if it is a recording."""
        return Recording(self.media.open, self.source, self.media.mime_type)

    def document(self, text: str, made_by: Sequence[Any], **facts: Any) -> Document:
        """A document made from it.

        Its id depends on the source, the bytes and `made_by` (what else determines the content:
        model, prompt, part), so copies of a file are separate documents. Facts that are `None` are
        left out of the metadata, since several vector stores refuse `None`.
        """
        facts = {
            "source": self.source,
            "mime_type": self.media.mime_type,
            "sha256": self.media.sha256,
            "handle": self.media.handle,
            **facts,
        }
        known = {name: value for name, value in facts.items() if value is not None}
        metadata = {**self.metadata, **known}
        return Document(
            text, id=document_id(self.source, self.media.sha256, *made_by), metadata=metadata
        )

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Add the name of the file to the message of an error."""
        try:
            yield
        except VisionCraftError as error:
            if self.source not in error.message:
                error.message = f"{self.source}: {error.message}"
                error.args = (error.message, *error.args[1:])
            raise


def read(source: Source, kinds: Sequence[str] = tuple(_KINDS)) -> MediaFile:
    """Read a file, piece by piece, and detect its type.

    Raises `MediaInputError` if it cannot be read, is empty, or of none of these kinds.
    """
    name = source.name or "<data>"
    try:
        holder = source.holder
        if isinstance(holder, Place | InStore) and holder.path is None:
            with holder.open() as file:  # decoders need to seek
                holder = HeldBytes(file.read())
        try:
            media = Media.found(holder)
            mime_type: str | None = media.mime_type
        except InvalidRequestError:
            with holder.open() as file:
                mime_type = type_of(file)
                if not file.seek(0, io.SEEK_END):
                    raise MediaInputError(f"{name} is empty (0 bytes).") from None
        else:
            if (kind := str(kind_of(mime_type))) in kinds:
                handle = media.handle  # now, since it may take time
                return MediaFile(source.name or handle, kind, media, source.metadata)
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    wanted = " or ".join(_KINDS[kind] for kind in kinds)
    msg = (
        f"{name} is {mime_type or 'unknown data'}, not {wanted}. A loader leaves such files out "
        "with on_error='skip', or with suffixes= of those that you want."
    )
    raise MediaInputError(msg)


def document_id(*parts: Any) -> str:
    """The same id for the same parts, as a UUID, the only form that every vector store takes."""
    return str(uuid.UUID(digest_of_text("\x00".join(map(str, parts)))[:32]))
