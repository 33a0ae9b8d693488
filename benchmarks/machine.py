"""Whether the machine had nothing else to do: figures of a busy one are marked, and not kept."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass

_LOOPS = 400_000
_MOST_LOAD = 0.4
"""Processes that want to run for each processor, before anything is measured."""
_MOST_WAITING = 1.1
"""Time that goes by for each second of work of a thread that never waits."""
_MOST_DRIFT = 1.25
"""The slowest piece of the same work over the fastest: others share caches and turbo."""


@dataclass(frozen=True)
class Probe:
    """The same piece of work, done before and after each round."""

    cpu_s: float
    wall_s: float


def load() -> float:
    """Processes that wanted to run in the last minute, for each processor; 0 where unknown."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def probe() -> Probe:
    """Work for a moment without ever waiting."""
    cpu, wall = time.thread_time(), time.perf_counter()
    total = 0
    for number in range(_LOOPS):
        total += number * number % 7
    return Probe(time.thread_time() - cpu, time.perf_counter() - wall)


def disturbances(load_before: float, probes: Sequence[Probe]) -> list[str]:
    """What disturbed the measurement, in words; empty on a quiet machine."""
    found = []
    if load_before > _MOST_LOAD:
        found.append(f"the load was {load_before:.2f} a processor before it began")
    waiting = max((each.wall_s / each.cpu_s for each in probes), default=1.0)
    if waiting > _MOST_WAITING:
        found.append(f"a thread that only works got a processor {1 / waiting:.0%} of the time")
    times = [each.cpu_s for each in probes] or [1.0]
    if (drift := max(times) / min(times)) > _MOST_DRIFT:
        found.append(f"the same work took up to {drift:.2f} times as long")
    return found


def facts() -> dict[str, object]:
    """What a result was measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count() or 1,
    }
