"""Texts that carry a file: base64 in every variant in use, and data URLs."""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote, unquote_to_bytes

import pybase64

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of

_IN_BASE64 = re.compile(
    # The type, and parameters up to the last one before the data: names may hold anything.
    r"data:[^,;]*(?:;[^<]{0,2000}?)??;\s{0,9}base64\s{0,9}(?:;[^,]{0,2000})?,",
    re.IGNORECASE,
)
_STANDARD = re.compile(r"[A-Za-z0-9+/\s]{4,}={0,2}\s*", re.ASCII)
_ANY_ALPHABET = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}", re.ASCII)
_BLANKS = ("\\r", "\\n", "\\t", "\ufeff", "\u200b")
"""Besides white space: line breaks from JSON that was escaped twice, and invisible characters."""
_SEARCHED = 4096
_LONGEST_NAME = 260
_PIECE = 1 << 20
"""Characters that are decoded in one step, before other threads may run."""


def is_data_url(text: str) -> bool:
    """Whether this text is a data URL, damaged or not."""
    return text[:5].lower() == "data:"


def is_base64(text: str) -> bool:
    """Whether this text, judged by its beginning, is base64 and not a name or a sentence.

    A text with ``-`` or ``_`` may be either: it is base64 if it decodes to a picture or recording.
    """
    start = text[:_SEARCHED]
    if _STANDARD.fullmatch(start) and (len(text) > _LONGEST_NAME or "." not in text):
        return True
    digits = _without_blanks(start)
    if not _ANY_ALPHABET.fullmatch(digits):
        return False
    try:
        head = decode_base64(digits[: len(digits) // 4 * 4])
    except MediaInputError:
        return False
    return kind_of(type_of(head[:HEAD_BYTES])) in ("image", "audio", "video")


def decode_base64(text: str, label: str = "<base64>") -> bytes:
    """Decode base64 of either alphabet of RFC 4648, with or without padding and line breaks."""
    digits = _without_blanks(text).rstrip("=").replace("-", "+").replace("_", "/")
    # Padding within would be right at the end of a piece, but is wrong.
    padded = digits.replace("=", "?") + "=" * (-len(digits) % 4)
    try:
        pieces = (padded[at : at + _PIECE] for at in range(0, len(padded), _PIECE))
        return b"".join(pybase64.b64decode(piece, validate=True) for piece in pieces)
    except (binascii.Error, ValueError) as error:
        msg = f"{label} is not valid base64."
        raise MediaInputError(msg) from error


def _without_blanks(text: str) -> str:
    digits = "".join(text.split())
    if "\\" in digits or not digits.isascii():
        for blank in _BLANKS:
            digits = digits.replace(blank, "")
    return digits


def data_of_url(text: str) -> str | bytes:
    """The content of a data URL: base64 that is not decoded yet, or bytes."""
    if match := _IN_BASE64.match(text):
        return unquote(text[match.end() :])
    if "," not in text:
        msg = "This data URL is damaged: its form must be 'data:<type>;base64,<data>'."
        raise MediaInputError(msg)
    return unquote_to_bytes(text.partition(",")[2])
