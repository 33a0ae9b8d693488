"""The table of everything that reads foreign text, and what time it takes by the length of that.

Hosts, models, files and users write such text, and it may be hostile, or merely long. Four times as
much of it may take six times as long at most, whatever it consists of: linear work takes four
times, quadratic sixteen. Seconds are those of this thread's own computing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attack import Outcome
from attack.families import FAMILIES
from langchain_visioncraft.errors import VisionCraftError

SIZES = (1_000, 4_000, 16_000, 64_000)
"""Characters. Each is tried only if the one before it took no longer than it may."""
MOST_TIMES = 6.0
FREE_SECONDS = 0.04
"""Too little to be measured, or to harm anybody: 64,000 steps of quadratic work take seconds."""
MOST_SECONDS = 2.0
TRIES = 3
"""Of what seems slow, the quickest counts: a collection of garbage may fall into one of them."""


def seconds_of(work: Callable[[str], Any], text: str) -> float:
    """What some work computes; it may refuse the text in its own way."""
    urlsplit.cache_clear()
    began = time.thread_time()
    with contextlib.suppress(ValueError, VisionCraftError):
        work(text)
    return time.thread_time() - began


def problem_of(work: Callable[[str], Any], family: str, longest: int = SIZES[-1]) -> str | None:
    """What is wrong with the time that some work takes; ``None`` if nothing is.

    What grows too fast does so each time; what another process on the same core takes does not.
    """
    problem = None
    for _ in range(TRIES):
        problem = _problem_of(work, family, longest)
        if problem is None:
            return None
    return problem


def _problem_of(work: Callable[[str], Any], family: str, longest: int) -> str | None:
    before = seconds_of(work, FAMILIES[family](SIZES[0] // 4))  # also what is imported late
    for size in (size for size in SIZES if size <= longest):
        text = FAMILIES[family](size)
        small = size == SIZES[0]
        allowed = MOST_SECONDS if small else max(MOST_TIMES * before, FREE_SECONDS)
        taken = seconds_of(work, text)
        for _ in range(TRIES - 1):
            if taken <= allowed:
                break
            taken = min(taken, seconds_of(work, text))
        if taken > min(allowed, MOST_SECONDS):
            earlier = f"{before:.3f} s for a quarter of it"
            return f"{family}: {taken:.3f} s for {size:,} characters, {earlier}"
        before = taken
    return None


def attack(_seconds: float) -> Outcome:
    """Every function with every family. How long that takes is bounded by the table."""
    from attack.readers import READERS

    failures = [
        f"{name}, {problem}"
        for name, work in READERS.items()
        for family in FAMILIES
        if (problem := problem_of(work, family))
    ]
    return Outcome(f"{len(READERS)} readers x {len(FAMILIES)} families", tuple(failures))
