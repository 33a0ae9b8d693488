"""The steps of a plan, and the second attempt that an error message makes possible."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from visioncraft_sandbox.planner.conversation import Call
from visioncraft_sandbox.planner.intents import PICTORIAL, Intent
from visioncraft_sandbox.planner.tools import Tool

_QUOTED = re.compile(r"['\"`]([^'\"`]+)['\"`]")
_BOUND = re.compile(
    r"(\w+): input should be (less|greater) than(?: or equal to)? (-?\d+(?:\.\d+)?)", re.IGNORECASE
)
_WAIT = re.compile(
    r"try again|rate limit|limit is reached|per \d+ (?:second|minute|hour)s?|overloaded|"
    r"temporar|\b(?:429|502|503|504)\b|timed? ?out|hung up|connection",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"(?:does not know|doesn't have|unknown|no such|not known)(?: the)? (\w+)[^'\"`]*"
    r"['\"`]([^'\"`]+)['\"`]",
    re.IGNORECASE,
)


@dataclass
class Step:
    """An intent, the tool for it, and the attempts so far.

    Attributes:
        parts: The attempts for each source, or for the one call that needs none.
    """

    intent: Intent
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
        """The handles in their results."""
        return [file for call in self.results() for file in call.files]

    def retry(self, part: int) -> dict[str, Any] | None:
        """Arguments for a second attempt, if the error says how to repair the first."""
        attempts = self.parts[part]
        if len(attempts) > 1 or not attempts[0].failed:
            return None
        return repaired(attempts[0], self.tool)

    def is_open(self) -> bool:
        """Whether it has not been attempted, waits for a result, or can be attempted again."""
        if not self.parts:
            return self.intent.kind in PICTORIAL | {"other", "transcribe"}
        return any(
            attempts[-1].result is None or self.retry(part) is not None
            for part, attempts in self.parts.items()
        )


def repaired(call: Call, tool: Tool) -> dict[str, Any] | None:
    """Arguments for a second attempt, or ``None`` if the error does not suggest any."""
    message = call.result or ""
    bounds = _within_bounds(call, message, tool)
    if bounds is not None:
        return bounds
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        return _with_known_name(call, unknown[1], unknown[2], message[unknown.end() :], tool)
    extra = re.search(r"(\w+):? is not a parameter", message)
    if extra is not None and extra[1] in call.arguments:
        return {name: value for name, value in call.arguments.items() if name != extra[1]}
    return dict(call.arguments) if _WAIT.search(message) else None


def _within_bounds(call: Call, message: str, tool: Tool) -> dict[str, Any] | None:
    arguments, changed = dict(call.arguments), False
    for name, _, bound in _BOUND.findall(message):
        if name in arguments and name in tool.parameters:
            whole = tool.parameters[name].get("type") == "integer"
            arguments[name] = int(float(bound)) if whole else float(bound)
            changed = True
    return arguments if changed else None


def _with_known_name(
    call: Call, what: str, refused: str, rest: str, tool: Tool
) -> dict[str, Any] | None:
    arguments = dict(call.arguments)
    if refused not in arguments.values() and what in tool.parameters:
        arguments[what] = refused  # the tool's own default was refused
    # A list's own name is quoted, too ("in the list 'sd', 'models'"): only what precedes it.
    near = _QUOTED.findall(re.split(r"\bin the list\b|\bSee GET\b", rest)[0])
    for name, value in list(arguments.items()):
        if value != refused:
            continue
        if near:
            arguments[name] = near[0]
        elif name not in tool.required:
            del arguments[name]
        else:
            return None
        return arguments
    return None
