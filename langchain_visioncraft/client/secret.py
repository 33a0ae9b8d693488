"""Keeping the key out of messages, also where a host repeats it."""

from __future__ import annotations

import json
import re


class Secret:
    """A key, in each way that JSON may write it, and cut off where a message was shortened."""

    def __init__(self, key: str) -> None:
        spellings = {key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]}
        starts = [f"{key[:length]}…" for length in range(len(key) - 1, 4, -1)]
        found = "|".join(re.escape(text) for text in (*sorted(spellings), *starts))
        # A placeholder such as "any" is also a part of words.
        edge = r"\b" if len(key) < 8 else ""
        self._pattern = re.compile(f"{edge}(?:{found}){edge}")

    def hide(self, text: str) -> str:
        """The same text with ``***`` for the key."""
        return self._pattern.sub("***", text)
