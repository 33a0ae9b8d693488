"""One step of a plan: a wish, the tool that fulfils it, and what has been tried."""

from __future__ import annotations

from dataclasses import dataclass, field

from visioncraft_sandbox.planner.talk import Call
from visioncraft_sandbox.planner.tools import Tool
from visioncraft_sandbox.planner.wishes import Wish


@dataclass
class Step:
    """A wish, the tool that does it, and what has been tried.

    Attributes:
        parts: For each source (or the one call that needs none): the attempts so far.
    """

    wish: Wish
    tool: Tool
    parts: dict[int, list[Call]] = field(default_factory=dict)

    def results(self) -> list[Call]:
        """The calls that succeeded."""
        return [
            attempts[-1]
            for _, attempts in sorted(self.parts.items())
            if attempts and attempts[-1].result is not None and not attempts[-1].failed
        ]

    def files(self) -> list[str]:
        """The handles that its calls gave."""
        return [file for call in self.results() for file in call.files]
