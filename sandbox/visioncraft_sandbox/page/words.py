"""The words of requests and answers: prompts, chats, transcripts, lists and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST_FACT = 60
_PROSE = frozenset({"prompt", "messages", "token", "api_key", "key", "tools", "init_images"})


def title(asked: Any) -> str:
    """What was asked, in words: the prompt, or the last message of a chat."""
    if not isinstance(asked, dict):
        return ""
    if isinstance(asked.get("prompt"), str):
        return str(asked["prompt"])
    messages = asked.get("messages")
    if isinstance(messages, list):
        for message in reversed(messages):
            text = content_text(message.get("content")) if isinstance(message, dict) else ""
            if text:
                return text
    return ""


def facts(asked: Any) -> dict[str, str]:
    """Short parameters, as they are written on one line."""
    if not isinstance(asked, dict):
        return {}
    found = {}
    for name, value in asked.items():
        if name in _PROSE or value is None:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(text) <= _LONGEST_FACT:
            found[str(name)] = text
    return found


def content_text(content: Any) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "\n".join(text for text in texts if isinstance(text, str))


def answer_words(told: Any, content_type: str) -> tuple[str, str]:
    """What an answer says in words, and the error that it tells."""
    if isinstance(told, str):
        return _streamed(told) if content_type == "text/event-stream" else (told, "")
    if isinstance(told, list):
        return ", ".join(name for name in told if isinstance(name, str)), ""
    if not isinstance(told, dict):
        return "", ""
    error = _error(told)
    return ("", error) if error else (_told(told), "")


def _told(told: Mapping[str, Any]) -> str:
    choices = told.get("choices")
    if isinstance(choices, list):
        return _said(choices, "message").strip()
    text = told.get("text")
    return text.strip() if isinstance(text, str) else _segments(told)


def _error(told: Mapping[str, Any]) -> str:
    error = told.get("error") or told.get("detail")
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else ""


def _segments(told: Mapping[str, Any]) -> str:
    for name in ("segments", "chunks", "transcription"):
        parts = told.get(name)
        if isinstance(parts, list):
            texts = (part.get("text") for part in parts if isinstance(part, dict))
            return " ".join(text.strip() for text in texts if isinstance(text, str))
    return ""


def _said(choices: Iterable[Any], part: str) -> str:
    """The texts and tool calls of choices, whole or in pieces."""
    texts = []
    for choice in choices:
        message = choice.get(part) if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            continue
        texts.append(content_text(message.get("content")))
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                name = f"\n→ {function['name']} " if function.get("name") else ""
                texts.append(f"{name}{function.get('arguments') or ''}")
    return "".join(texts)


def _streamed(text: str) -> tuple[str, str]:
    """The words of a stream of events, as far as it has come."""
    said, error = [], ""
    for line in text.splitlines():
        if not line.startswith("data:"):
            continue
        try:
            event = json.loads(line[5:])
        except ValueError:  # the end mark, or an event that is still under way
            continue
        if isinstance(event, dict):
            error = error or _error(event)
            said.append(_said(event.get("choices") or (), "delta"))
    return "".join(said).strip(), error
