"""Keeping keys out of what is shown: texts, errors with their facts, tracebacks with locals."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator
from typing import Any

MASK = "***"
_DEEPEST = 64


class Redactor:
    """Finds a key, in each way that JSON may write it, and cut off where a text was shortened.

    A key of fewer than 8 characters is found only as a whole word. One that consists of letters
    alone is not redacted: it is a placeholder such as "any" or "sandbox", which guards nothing and
    is an ordinary word of messages.
    """

    def __init__(self, key: str) -> None:
        spellings = {key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]}
        starts = [f"{key[:length]}…" for length in range(len(key) - 1, 4, -1)]
        found = "|".join(re.escape(text) for text in (*sorted(spellings), *starts))
        if len(key) < 8:
            found = "(?!)" if key.isalpha() else rf"(?<!\w)(?:{found})(?!\w)"
        self._pattern = re.compile(found)

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """The same texts, bytes, lists and dicts, with ``***`` for the key; others as they are.

        What is nested deeper than any answer means is left out: Python could not follow it.
        """
        if isinstance(value, str):
            return self._pattern.sub(MASK, value)
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
