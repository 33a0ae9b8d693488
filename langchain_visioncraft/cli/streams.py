"""Standard streams of every kind: closed, in other encodings, or with a BOM."""

from __future__ import annotations

import codecs
import io
import os
import sys

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, because it begins with the same BOM
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def prepare_streams() -> None:
    """Make all three usable: printing the result of a paid call must not fail.

    A closed stream is treated as one that nobody reads. Characters that the encoding lacks are
    escaped; file names that are not valid text are written as their bytes.
    """
    codecs.register_error("visioncraft", _escaped)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 -- it stays open
        elif name == "stdout" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="visioncraft")


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def fits_stdout(text: str) -> bool:
    """Whether stdout can show this text without escapes."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def decoded(data: bytes) -> str:
    """Decode piped text: UTF-8, or as its byte order mark says, or in the locale's encoding.

    Raises `UnicodeError` if it is not valid text in any of them.
    """
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "")
    if encoding:
        return data.decode(encoding).removeprefix("\ufeff")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode(sys.stdin.encoding or "utf-8")
    if "\x00" in text:
        msg = "UTF-16 without a byte order mark, or no text at all"
        raise UnicodeError(msg)
    return text
