"""What a blob is: its bytes measured, its type by content, its name for messages."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from langchain_core.documents.base import Blob

from langchain_visioncraft.errors import MediaInputError, VisionCraftError
from langchain_visioncraft.media.handles import digest_of, digest_of_text, handle_for
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of, sniff

_ErrorT = TypeVar("_ErrorT", bound=VisionCraftError)
_KINDS = {"image": "a picture", "audio": "a recording", "video": "a video"}


@dataclass(frozen=True)
class Facts:
    """What was found out about a blob's bytes.

    Attributes:
        source: Where it came from: a path, a URL, or its handle if nobody said.
        mime_type: By content.
        sha256: 64 hex digits.
        size: Bytes.
    """

    source: str
    mime_type: str
    sha256: str
    size: int

    @property
    def kind(self) -> str | None:
        """``image``, ``audio`` or ``video``."""
        return kind_of(self.mime_type)

    @property
    def handle(self) -> str:
        """What its file is called in a `MediaStore`."""
        return handle_for(self.sha256, self.mime_type)

    def metadata(self, blob: Blob, **further: Any) -> dict[str, Any]:
        """The metadata of a document: the blob's own, and what was measured.

        What is `None` is left out: several vector stores refuse it.
        """
        measured = {
            "source": self.source,
            "mime_type": self.mime_type,
            "sha256": self.sha256,
            "handle": self.handle,
            **further,
        }
        return {**blob.metadata, **{k: v for k, v in measured.items() if v is not None}}


def name_of(blob: Blob) -> str:
    """What to call a blob before anything is known of its bytes."""
    return str(blob.source) if blob.source else "<data>"


def local_path(blob: Blob) -> Path | None:
    """The file that holds the bytes of a blob, if one does."""
    return Path(blob.path) if blob.data is None and blob.path else None


@contextmanager
def opened(blob: Blob) -> Iterator[BinaryIO]:
    """Open the bytes of a blob for reading and seeking.

    Raises:
        MediaInputError: If there is no such file, or it cannot be read.
    """
    if isinstance(blob.data, str):
        yield io.BytesIO(blob.as_bytes())
        return
    try:
        stream = blob.as_bytes_io()
        file = stream.__enter__()
    except OSError as error:
        msg = f"{name_of(blob)} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    try:
        yield cast("BinaryIO", file)
    finally:
        stream.__exit__(None, None, None)


def measure(blob: Blob, kinds: Sequence[str] = ("image", "audio", "video")) -> Facts:
    """Read a blob once, in pieces: SHA-256, size and type by content.

    Args:
        blob: What to read.
        kinds: Which kinds of file are of use.

    Raises:
        MediaInputError: If it cannot be read, is empty, or of another kind.
    """
    name = name_of(blob)
    with opened(blob) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        sha256, size = digest_of(file), file.tell()
    if not size:
        msg = f"{name} is empty (0 bytes)."
        raise MediaInputError(msg)
    mime_type = sniff(head)
    if mime_type is None or kind_of(mime_type) not in kinds or mime_type == "image/svg+xml":
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        msg = f"{name} is {mime_type or 'unknown data'}, not {wanted}."
        raise MediaInputError(msg)
    source = str(blob.source) if blob.source else handle_for(sha256, mime_type)
    return Facts(source, mime_type, sha256, size)


def document_id(*parts: Any) -> str:
    """The id of a document: the same for the same bytes, model, prompt and part.

    It is the beginning of their SHA-256 written as a UUID, the one form that every vector store
    takes as an id.
    """
    return str(uuid.UUID(digest_of_text("\x00".join(map(str, parts)))[:32]))


def naming(error: _ErrorT, source: str) -> _ErrorT:
    """The same error, with the name of the file in its message."""
    if source not in error.message:
        error.message = f"{source}: {error.message}"
        error.args = (error.message, *error.args[1:])
    return error
