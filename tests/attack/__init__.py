"""`make attack`: what a hostile host, model, file or client may send, for a bounded time each.

Each group is a module with ``attack(seconds) -> Outcome``. To add one, write its module and its
line in `GROUPS`.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = {
    "complexity": "attack.complexity",
    "client": "attack.client",
    "parser": "attack.parser",
    "sandbox": "attack.sandbox",
    "mcp": "attack.mcp",
}
"""The name of each group, and its module, which is imported when its turn comes."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attack.

    Attributes:
        tried: What was sent, for people, such as ``12,000 answers``.
        failures: What did not hold, each with what is needed to see it again.
    """

    tried: str
    failures: tuple[str, ...] = ()
