"""A conversation so far: the latest request, the calls since, and the files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.media.handles import HANDLE
from langchain_visioncraft.media.sniff import EXTENSIONS
from visioncraft_sandbox.chat import text_of

_SUFFIXES = "|".join(sorted({*EXTENSIONS.values(), "jpeg", "tif"}, key=len, reverse=True))
SOURCE = re.compile(
    rf"https?://[^\s<>\"')]+[^\s<>\"').,;!?]|(?<![\w/.])(?:~?/|\.{{1,2}}/)?(?:[\w-]+/)*"
    rf"[\w-][\w.-]*\.(?:{_SUFFIXES})\b"
)
"""A handle, a link or a path of a media file."""

PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp", "tiff", "tif", "avif", "heic"})
SOUNDS = frozenset(EXTENSIONS.values()) - PICTURES - {"jxl"}

_ERROR = re.compile(
    r"\s*(?:error\b|exception\b|traceback\b|failed\b|invalid\b|cannot\b|could not\b|"
    r"the arguments are not valid|nothing was (?:sent|done)|no (?:such )?file|unknown\b|"
    r"free users can\b|there is no\b|this host\b|(?:get|post) /\S* on\b|(?:get|post) /\S*:|"
    r"a limit is reached|.{0,80}\bis not (?:in the store|a valid tool)|.{0,80}\bplease fix your)",
    re.IGNORECASE,
)


@dataclass
class Call:
    """One tool call since the latest request, and its result."""

    id: str
    name: str
    arguments: dict[str, Any]
    result: str | None = None

    @property
    def failed(self) -> bool:
        """Whether its result reads like an error."""
        return self.result is not None and bool(_ERROR.match(self.result))

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
    requests = (
        index
        for index, message in enumerate(messages)
        if message["role"] == "user" and not _shows_results(messages, index)
    )
    latest = max(requests, default=-1)
    conversation = Conversation(text_of(messages[latest]) if latest >= 0 else "")
    for message in messages[: max(latest, 0)]:
        if message["role"] in ("user", "tool"):
            pattern = SOURCE if message["role"] == "user" else HANDLE
            conversation.files += pattern.findall(text_of(message))
    conversation.files = list(dict.fromkeys(conversation.files))
    by_id: dict[str, Call] = {}
    for message in messages[latest + 1 :]:
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            known = Call(
                str(call.get("id", "")),
                str(function.get("name", "")),
                _arguments(function.get("arguments")),
            )
            by_id[known.id] = known
            conversation.calls.append(known)
        if message["role"] == "tool":
            answered = by_id.get(str(message.get("tool_call_id", "")))
            if answered is not None:
                answered.result = text_of(message)
    return conversation


def _shows_results(messages: Sequence[Mapping[str, Any]], index: int) -> bool:
    """Whether a user message is how an application shows the pictures that tools made.

    OpenAI's API takes no pictures in tool messages: they follow in a user message.
    """
    parts = messages[index].get("content")
    pictures = isinstance(parts, list) and any("image_url" in part for part in parts)
    return pictures and index > 0 and messages[index - 1]["role"] == "tool"


def _arguments(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    try:
        read = json.loads(value or "{}")
    except (TypeError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def suffix_of(source: str) -> str:
    """The extension of a handle, link or path, in lower case."""
    return source.partition("?")[0].rpartition(".")[2].lower()


def is_picture(source: str) -> bool:
    """Whether this may be a picture; a link without an extension may be anything."""
    return suffix_of(source) in PICTURES or (
        source.startswith("http") and suffix_of(source) not in SOUNDS
    )


def is_sound(source: str) -> bool:
    """Whether this may be a recording, or a video with sound."""
    return suffix_of(source) in SOUNDS or (
        source.startswith("http") and suffix_of(source) not in PICTURES
    )
