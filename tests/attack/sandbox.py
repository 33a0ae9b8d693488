"""The sandbox, in a process of its own, gets documented requests that are bent and broken."""

from __future__ import annotations

from functools import partial

from fuzzing import GROWTH_BYTES, fuzz, memory_of, serving

from attack import Outcome

SMALL = """
import asyncio
from visioncraft_sandbox import SandboxConfig, create_app
from visioncraft_sandbox.server import SandboxServer, listen
listener = listen("127.0.0.1", 0)
print(f"VISIONCRAFT_BASE_URL=http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
config = SandboxConfig(models=False, files_max_bytes=8 << 20, page_bytes=8 << 20)
asyncio.run(SandboxServer(create_app(config)).serve(sockets=[listener]))
"""
"""It keeps so little that its memory soon ends growing; ``make fuzz`` tries one of usual size."""

MOST_BYTES = 448 << 20
"""Of all its memory, however short the attack is: its engines take 330 MB."""
SETTLED_SECONDS = 15.0
"""Until then, engines are loaded at their first use, in bursts of more than `GROWTH_BYTES`."""


def attack(seconds: float) -> Outcome:
    """Requests until the time is over."""
    for url, process in serving(("-c", SMALL)):
        found = fuzz(url, seed=1, seconds=seconds, memory=partial(memory_of, process))
        failures = [f"request {number}: {problem}" for number, problem in found.failures]
        if (most := max(found.memory, default=0)) > MOST_BYTES:
            failures.append(f"memory was {most >> 20} MB")
        if seconds >= SETTLED_SECONDS and found.growth >= GROWTH_BYTES:
            failures.append(f"memory grew by {found.growth >> 20} MB")
        tried = f"{sum(found.statuses.values()):,} requests, slowest {found.slowest[0]:.1f} s"
        return Outcome(tried, tuple(failures))
    return Outcome("nothing", ("the sandbox did not start",))
