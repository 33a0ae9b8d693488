"""The states of a picture that is being made: JSON objects, one after another in one body.

With ``stream``, a host sends ``{"status": "WAITING", "queue_position": 3, …}``, then
``RUNNING``, then ``SUCCESS`` with the link. They are bare objects, not SSE; a chunk of the network
may end anywhere in one.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_visioncraft._redact import shortened
from langchain_visioncraft.client.flow import Progress

UNFINISHED = ("waiting", "running")
_FINISHED = "success"
_BETWEEN = frozenset(" \t\r\n,")
_SCAN = json.JSONDecoder().raw_decode
_LONGEST_STATE = 4096
"""Characters. Anything longer is a result and is not reported; this also bounds the work."""
_LONGEST_WORDS = 200


def status_of(state: Any) -> str | None:
    """The ``status`` of a decoded answer in lower case, if it is a word."""
    status = state.get("status") if isinstance(state, Mapping) else None
    return status.lower() if isinstance(status, str) else None


def outcome_of(body: str) -> Any:
    """The decisive state among several in one body: the last success, or else the last.

    ``None`` if the body does not consist of states, or breaks off within one.
    """
    states, end = [], 0
    for state, after in _states_in(body):
        states.append(state)
        end = after
    if not states or status_of(states[0]) not in (*UNFINISHED, _FINISHED):
        return None
    done = [state for state in states if status_of(state) == _FINISHED]
    return done[-1] if done else states[-1] if end == len(body) else None


class StateWatch:
    """Reads the chunks of an answer as they arrive, and returns the progress that they report."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._text = ""
        self._last: Progress | None = None
        self._reads = True

    def __call__(self, chunk: bytes) -> Iterator[Progress]:
        """The new progress in this chunk."""
        if not self._reads:
            return
        text, at = (self._text + self._decode(chunk)).lstrip(" \t\r\n,"), 0
        for state, after in _states_in(text):
            at = after
            progress = _progress(state)
            if progress is not None and progress != self._last:
                self._last = progress
                yield progress
        self._text = text[at:]
        self._reads = self._text[:1] in ("", "{") and len(self._text) <= _LONGEST_STATE


def _states_in(text: str) -> Iterator[tuple[Any, int]]:
    """The whole states at the beginning of a text, each with where the next one begins."""
    at = 0
    while at < len(text):
        try:
            state, at = _SCAN(text, at)
        except (ValueError, RecursionError):
            return
        while text[at : at + 1] in _BETWEEN:
            at += 1
        yield state, at


def _progress(state: Any) -> Progress | None:
    status = status_of(state)
    if status not in UNFINISHED:
        return None
    facts = {
        name: shortened(value, _LONGEST_WORDS) if isinstance(value, str) else value
        for name in ("queue_position", "queue_total", "progress", "job_id")
        if isinstance(value := state.get(name), int | float | str)
    }
    message = f"{status}: {facts['progress']}" if facts.get("progress") else status
    if "queue_position" in facts:
        of = f" of {facts['queue_total']}" if "queue_total" in facts else ""
        message = f"{status} in the queue: {facts['queue_position']}{of}"
    return Progress(message, details={"status": status, **facts})
