"""The sandbox, in a process of its own, gets documented requests that are bent and broken."""

from __future__ import annotations

from functools import partial

from fuzzing import fuzz, memory_of, serving

from attack import Outcome

MOST_BYTES = 768 << 20
"""Of memory more than at first: what outlives requests may take 400 MiB, their work the rest.
``make fuzz`` takes the ten minutes after which memory must no longer grow."""


def attack(seconds: float) -> Outcome:
    """Requests until the time is over."""
    for url, process in serving():
        found = fuzz(url, seed=1, seconds=seconds, memory=partial(memory_of, process))
        failures = [f"request {number}: {problem}" for number, problem in found.failures]
        grown = max(found.memory, default=0) - min(found.memory, default=0)
        if grown > MOST_BYTES:
            failures.append(f"memory grew by {grown >> 20} MB")
        tried = f"{sum(found.statuses.values()):,} requests, slowest {found.slowest[0]:.1f} s"
        return Outcome(tried, tuple(failures))
    return Outcome("nothing", ("the sandbox did not start",))
