"""The texts in requests and answers: prompts, chats, transcripts, lists and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from visioncraft_sandbox.chat import text_of

_LONGEST_FACT = 60
_PROSE = frozenset({"prompt", "messages", "token", "api_key", "key", "tools", "init_images"})


def title(asked: Any) -> str:
    """The prompt, or the last message of a chat."""
    if not isinstance(asked, dict):
        return ""
    if isinstance(asked.get("prompt"), str):
        return str(asked["prompt"])
    messages = asked.get("messages")
    if isinstance(messages, list):
        for message in reversed(messages):
            text = text_of(message) if isinstance(message, dict) else ""
            if text:
                return text
    return ""


def facts(asked: Any) -> dict[str, str]:
    """Short parameters, each on one line."""
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


def answer_words(answer: Any, content_type: str) -> tuple[str, str]:
    """The text and the error of an answer."""
    if isinstance(answer, str):
        return _streamed(answer) if content_type == "text/event-stream" else (answer, "")
    if isinstance(answer, list):
        return ", ".join(name for name in answer if isinstance(name, str)), ""
    if not isinstance(answer, dict):
        return "", ""
    error = _error(answer)
    return ("", error) if error else (_text(answer), "")


def _text(answer: Mapping[str, Any]) -> str:
    choices = answer.get("choices")
    if isinstance(choices, list):
        return _said(choices, "message").strip()
    text = answer.get("text")
    return text.strip() if isinstance(text, str) else _segments(answer)


def _error(answer: Mapping[str, Any]) -> str:
    error = answer.get("error") or answer.get("detail")
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else ""


def _segments(answer: Mapping[str, Any]) -> str:
    for name in ("segments", "chunks", "transcription"):
        parts = answer.get(name)
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
        texts.append(text_of(message))
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                name = f"\n→ {function['name']} " if function.get("name") else ""
                texts.append(f"{name}{function.get('arguments') or ''}")
    return "".join(texts)


def _streamed(text: str) -> tuple[str, str]:
    """The text and the error of a stream of events so far."""
    said, error = [], ""
    for line in text.splitlines():
        if not line.startswith("data:"):
            continue
        try:
            event = json.loads(line[5:])
        except ValueError:  # the end mark, or an incomplete event
            continue
        if isinstance(event, dict):
            error = error or _error(event)
            said.append(_said(event.get("choices") or (), "delta"))
    return "".join(said).strip(), error
