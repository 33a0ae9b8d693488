"""Handles: the names of media, from the SHA-256 of their bytes and their actual type."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import BinaryIO

from langchain_visioncraft.errors import DamagedMediaError
from langchain_visioncraft.media.sniff import EXTENSIONS

CHUNK_BYTES = 1 << 20
DIGITS = 12
SHA256 = re.compile(r"[0-9a-f]{64}")

_EXTENSION = "|".join(sorted({*EXTENSIONS.values()}))
HANDLE = re.compile(rf"\b[0-9a-f]{{{DIGITS}}}\.(?:{_EXTENSION})\b")
_PERHAPS = re.compile(rf"(?<![0-9a-f])([0-9a-f]{{{DIGITS}}})(\.(?:{_EXTENSION}))?(?![0-9a-z])")


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of a file from its present position, 64 hex digits."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def checked_chunks(file: BinaryIO, sha256: str) -> Iterator[bytes]:
    """The bytes of a file, piece by piece; an error at the end if they have another SHA-256."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        msg = "The bytes of a medium changed before they were saved; read the file again."
        raise DamagedMediaError(msg)


def digest_of_text(text: str) -> str:
    """SHA-256 of a text, 64 hex digits; lone surrogates are allowed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def handle_for(sha256: str, mime_type: str) -> str:
    """The name of a file in a store: 12 hex digits of its SHA-256 and the extension of its type."""
    return f"{sha256[:DIGITS]}.{EXTENSIONS.get(mime_type, 'bin')}"


def stands_for(handle: str, sha256: str) -> bool:
    """Whether bytes with this SHA-256 may have this handle."""
    return handle.startswith(sha256[:DIGITS])


def is_handle(name: str) -> bool:
    """Whether a file of this name is a medium: here the extension is required."""
    return HANDLE.fullmatch(name) is not None


def candidates(text: str) -> list[str]:
    """The handles that a text may mean. Never anything with a path in it."""
    match = _PERHAPS.search(text.strip().lower()) if len(text) <= 200 else None
    if match is None:
        return []
    return [match[0]] if match[2] else [f"{match[1]}.{each}" for each in EXTENSIONS.values()]
