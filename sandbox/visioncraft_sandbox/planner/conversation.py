"""A conversation so far: the latest request, the calls since, and the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.media.handles import HANDLE
from visioncraft_sandbox.chat import text_of
from visioncraft_sandbox.planner.phrases import WORDS, after, sources

_TELLS_ERROR = "is not in the store|is not a valid tool|please fix your"
_LONGEST_RESULT = 20_000
_LONGEST_REQUEST = 8_000
_TASK, _EXPECTED = "\nCurrent Task: ", "\n\nThis is the expected criteria for your final answer:"
_CONTEXT = "\n\nThis is the context you're working with:\n"
"""CrewAI's text around a task; the results of earlier tasks in it are not requests."""


@dataclass
class Call:
    """A tool call since the latest request and its result, or one that is still to be made."""

    name: str
    arguments: dict[str, Any]
    result: str | None = None
    made: bool = False

    @property
    def failed(self) -> bool:
        """Whether its result reads like an error."""
        begin = (self.result or "").lstrip()[:160].lower()
        return begin.startswith(tuple(WORDS["errors"])) or after(begin, _TELLS_ERROR) > 0

    @property
    def files(self) -> list[str]:
        """The handles in its result."""
        return [] if self.failed else list(dict.fromkeys(HANDLE.findall(self.result or "")))


@dataclass
class Conversation:
    """The latest request, the calls since, and the handles and links from before, in order."""

    request: str = ""
    calls: list[Call] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def read_conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """Read a conversation."""
    asked = (number for number in reversed(range(len(messages))) if _asks(messages, number))
    latest = next(asked, -1)
    request = text_of(messages[latest])[:_LONGEST_REQUEST] if latest >= 0 else ""
    task, expected, rest = request.partition(_EXPECTED)
    files = HANDLE.findall(rest.partition(_CONTEXT)[2])
    for message in messages[: max(latest, 0)]:
        text = text_of(message)[:_LONGEST_RESULT]
        if message["role"] in ("user", "tool"):
            files += sources(text) if message["role"] == "user" else HANDLE.findall(text)
    found = Conversation(task.partition(_TASK)[2] if expected else request)
    found.files = list(dict.fromkeys(files))
    by_id: dict[str, Call] = {}
    for message in messages[latest + 1 :]:
        for call in message.get("tool_calls") or ():
            function = call["function"]
            made = Call(function["name"], _read(function.get("arguments")), made=True)
            by_id[str(call.get("id", ""))] = made
            found.calls.append(made)
        answered = by_id.get(str(message.get("tool_call_id", "")))
        if message["role"] == "tool" and answered is not None:
            result = text_of(message)
            if result.startswith('{"result": "'):  # as Google's ADK wraps it
                result = str(_read(result).get("result", result))
            answered.result = result[:_LONGEST_RESULT]
    return found


def _asks(messages: Sequence[Mapping[str, Any]], index: int) -> bool:
    """Whether a message is a user's own, not an application's with the pictures of tools.

    OpenAI's API takes no pictures in tool messages: they follow in a user message.
    """
    parts = messages[index].get("content")
    pictures = isinstance(parts, list) and any(
        isinstance(part, dict) and "image_url" in part for part in parts
    )
    shows = pictures and index > 0 and messages[index - 1]["role"] == "tool"
    return messages[index]["role"] == "user" and not shows


def _read(arguments: Any) -> dict[str, Any]:
    try:
        read = json.loads(arguments or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
