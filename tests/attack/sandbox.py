"""The sandbox, in a process of its own, gets documented requests that are bent and broken."""

from __future__ import annotations

from fuzzing import fuzz, serving

from attack import Outcome


def attack(seconds: float) -> Outcome:
    """Requests until the time is over."""
    for url, _ in serving():
        found = fuzz(url, seed=1, seconds=seconds)
        failures = tuple(f"request {number}: {problem}" for number, problem in found.failures)
        return Outcome(f"{sum(found.statuses.values()):,} requests", failures)
    return Outcome("nothing", ("the sandbox did not start",))
