"""Keeping keys out of what is shown: texts, errors with their facts, tracebacks with locals."""

from __future__ import annotations

import html
import json
import re
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

MASK = "***"
_ESCAPE = re.compile(r"\\|&|%[0-9A-Fa-f]")
_DEEPEST = 64


class Redactor:
    """Finds a key, however JSON, HTML or a URL write it, and cut off where a text was shortened.

    A key of fewer than 8 characters is found only as a whole word. One that consists of letters
    alone is not redacted: it is a placeholder such as "any" or "sandbox", which guards nothing and
    is an ordinary word of messages.
    """

    def __init__(self, key: str) -> None:
        spellings = {key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]}
        starts = [f"{key[:length]}…" for length in range(len(key) - 1, 4, -1)]
        found = "|".join(re.escape(text) for text in (*sorted(spellings), *starts))
        escaped = "".join(map(_spellings, key))
        if not key or (len(key) < 8 and key.isalpha()):
            found = escaped = "(?!)"
        elif len(key) < 8:
            found, escaped = (rf"(?<!\w)(?:{each})(?!\w)" for each in (found, escaped))
        self._pattern, self._escaped = re.compile(found), re.compile(escaped)

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """The same texts, bytes, lists and dicts, with ``***`` for the key; others as they are.

        What is nested deeper than any answer means is left out: Python could not follow it.
        """
        if isinstance(value, str):
            value = self._pattern.sub(MASK, value)
            return self._escaped.sub(MASK, value) if _ESCAPE.search(value) else value
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self(text).encode("utf-8", "surrogateescape")
        if isinstance(value, dict | list) and depth > _DEEPEST:
            return MASK
        if isinstance(value, dict):
            return {self(name): self(held, depth + 1) for name, held in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self(held, depth + 1) for held in value)
        return value

    def clean(self, error: BaseException) -> None:
        """Take the key out of the arguments and the facts of an error."""
        error.args = self(error.args)
        vars(error).update(self(vars(error)))


def _spellings(letter: str) -> str:
    """A pattern of a letter as it is, and as JSON, HTML and URLs may write it."""
    number, named = ord(letter), {html.escape(letter), quote(letter, safe="")} - {letter}
    escapes = [rf"\\{{1,4}}u{number:04x}", rf"&#0{{0,9}}{number};?", rf"&#x0{{0,9}}{number:x};?"]
    escapes += [f"%{number:02x}", *map(re.escape, sorted(named))]
    return rf"(?:\\{{0,4}}{re.escape(letter)}|(?i:{'|'.join(escapes)}))"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, …"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def forget_locals(error: BaseException) -> None:
    """Empty the finished frames of an error and of what caused it.

    Frames of the HTTP library hold the request, and those that read an answer what the host said:
    the key may be in both, and tools that show the locals of a traceback would show it.
    """
    for link in chain(error):
        traceback.clear_frames(link.__traceback__)
