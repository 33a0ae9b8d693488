"""Answers put together of the marks that models write: read without an error, whole as in pieces.

What is decided depends on the text alone, so an answer that streams in pieces of any length gives
the same calls and the same prose as one that arrives whole.
"""

from __future__ import annotations

import random
import time
from typing import Any

from attack import Outcome
from attack.readers import CONSTRAINED, OFFERED
from langchain_visioncraft._reasoning import ReasoningSplitter
from langchain_visioncraft.chat_models.prompted.formats import FORMATS, RESULTS, STOPS
from langchain_visioncraft.chat_models.prompted.reading import CallReader

MOST_SECONDS = 2.0
"""Of this thread's computing, for an answer of a few thousand characters."""

_SAMPLES = [row.sample.replace("get_weather", "draw").replace("city", "prompt") for row in FORMATS]
_SIGNS = [
    *("{", "}", "[", "]", '"', "'", "`", "```", "```json\n", "\n", "\n\n", " ", ":", ",", "<", ">"),
    *("</", "|", "(", ")", "draw", "draw(", "limits", '"name": ', '"arguments": ', "prompt", "7"),
    *("null", "\\", "\\u00", "\ud800", "A cat.", "Let me see", "Action: ", "Action Input: ", "é"),
    *("<think>", "</think>", "{" * 500, "-" * 300, " " * 300),
]
_MARKS = sorted({*STOPS, *RESULTS, *(row.opener for row in FORMATS), *(r.closer for r in FORMATS)})


def answer(chance: random.Random) -> str:
    """An answer."""
    parts = []
    for _ in range(chance.randint(1, 12)):
        source: list[str] = chance.choice([_SAMPLES, _SIGNS, _SIGNS, _MARKS])
        part = chance.choice(source)
        if source is _SAMPLES and chance.random() < 0.7:
            at = chance.randrange(len(part))
            part = part[:at] + chance.choice(["", chance.choice(_SIGNS)]) + part[at + 1 :]
            part = part[: chance.randrange(1, len(part))] if chance.random() < 0.3 else part
        parts.append(part)
    return "".join(parts)


def _pieces(text: str, chance: random.Random) -> list[str]:
    most = chance.choice((1, 3, 20, 400))
    pieces, at = [], 0
    while at < len(text):
        size = chance.randint(1, most)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def _read(reader: Any, pieces: list[str]) -> tuple[str, list[Any]]:
    found: list[Any] = []
    for piece in pieces:
        given = reader.feed(piece)
        found += given
    found += reader.finish()
    prose = "".join(each for each in found if isinstance(each, str))
    return prose, [each for each in found if not isinstance(each, str)]


def problem_of(text: str, chance: random.Random) -> str | None:
    """What is wrong with how an answer is read; ``None`` if nothing is."""
    pieces = _pieces(text, chance)
    readers = {
        "calls": lambda: CallReader(OFFERED),
        "constrained": lambda: CONSTRAINED.reading(correct=False),
    }
    began = time.thread_time()
    try:
        for name, reader in readers.items():
            if _read(reader(), [text]) != _read(reader(), pieces):
                return f"{name}: in pieces it is another answer than whole"
        splitter, whole = ReasoningSplitter(), ReasoningSplitter()
        streamed = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
        at_once = [whole.feed(text), whole.finish()]
        for side in (0, 1):
            if "".join(each[side] for each in streamed) != "".join(each[side] for each in at_once):
                return "thoughts: in pieces it is another answer than whole"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    seconds = time.thread_time() - began
    return f"it took {seconds:.1f} s" if seconds > MOST_SECONDS else None


def fuzz(seconds: float, *, seed: int = 0, answers: int = 1_000_000) -> tuple[int, list[str]]:
    """How many answers were read, and what was wrong with some."""
    failures, began, number = [], time.monotonic(), 0
    while number < answers and time.monotonic() - began < seconds:
        chance = random.Random(f"{seed}/{number}")
        text = answer(chance)
        if problem := problem_of(text, chance):
            failures.append(f"answer {seed}/{number}, {problem}: {text[:120]!r}")
        number += 1
    return number, failures


def attack(seconds: float) -> Outcome:
    """Answers until the time is over."""
    number, failures = fuzz(seconds)
    return Outcome(f"{number:,} answers, whole and in pieces", tuple(failures))
