"""The readable part of an entry: prompt, parameters, media and text, never the key."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inputs import is_link, parse_source
from langchain_visioncraft.media.inspection import media_info, type_of
from langchain_visioncraft.media.media import readable_size
from langchain_visioncraft.media.sniff import kind_of
from visioncraft_sandbox import hiding
from visioncraft_sandbox.chat import text_of
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.journal import LETTER_BYTES, Body, Entry

logger = logging.getLogger(__name__)

Side = Literal["in", "out"]
_Source: TypeAlias = Callable[[], bytes | None]
"""Reads the bytes of a medium."""

_SHOWN_KINDS = ("image", "video", "audio")
_NAMES = {"url": "", "data": "", "image_url": "image", "input_audio": "audio"}
"""Names for fields of chat messages; an empty name is that of the enclosing field."""
_SHORTEST_MEDIUM = 64
"""Shorter texts are words, not base64."""
_SHORTEST_SECRET = 8
"""A shorter key is redacted only in the fields of keys, not in other texts."""
_MOST_SECRETS = 50
"""With more, no text of an entry is shown: looking for all of them would take too long."""
_LONGEST_TEXT = 20_000
_MOST_VALUES = 10_000
_LONGEST_FACT = 60
_MOST_FACTS = 100
_MOST_MEDIA = 100
_PROSE = frozenset({"prompt", "messages", "token", "api_key", "key", "tools", "init_images"})
_HEAD_TEXT = 1 << 17
"""This many characters of base64 reveal a file's type and a picture's size."""


@dataclass(frozen=True)
class Medium:
    """A picture, video or recording of an entry, without its bytes."""

    side: Side
    index: int  # on that side
    name: str  # the request's parameter
    mime: str
    size: str  # as text
    width: int | None = None
    height: int | None = None

    @property
    def kind(self) -> str:
        """``image``, ``video`` or ``audio``."""
        return kind_of(self.mime) or ""


@dataclass(frozen=True)
class Reading:
    """The readable part of an entry, without keys."""

    title: str = ""  # the prompt, or the last message of a chat
    method: str = ""
    path: str = ""
    facts: dict[str, str] = field(default_factory=dict)  # short parameters
    media: tuple[Medium, ...] = ()
    text: str = ""
    error: str = ""
    request: str = ""
    answer: str = ""
    notes: tuple[str, ...] = ()  # what is not shown, and why
    headers: dict[str, str] = field(default_factory=dict)
    answer_headers: dict[str, str] = field(default_factory=dict)
    later: bool = False  # it is still to be read


def read(entry: Entry, files: FileStore) -> Reading:
    """Read an entry, again only if there is more of it."""
    state, known = _state(entry), entry.reading
    if known is not None and known[0] == state:
        found: Reading = known[1]
        return found
    try:
        found = _Reader(entry, files).reading()
    except Exception:  # one request must not break the page of all others
        logger.exception("The page could not read a request")
        found = Reading(notes=("The page could not read this request; the log says why.",))
    entry.reading, entry.read_bytes = (state, found), LETTER_BYTES * len(repr(found))
    return found


def is_read(entry: Entry) -> bool:
    """Whether an entry has been read as it is now."""
    known = entry.reading
    return known is not None and known[0] == _state(entry)


def _state(entry: Entry) -> tuple[int, int, bool]:
    return entry.request.size, entry.answer.size, entry.done


def medium_bytes(entry: Entry, files: FileStore, side: Side, index: int) -> bytes | None:
    """The bytes of one medium; ``None`` if they are no longer kept."""
    reader = _Reader(entry, files)
    reader.reading()
    found = [source for medium, source in reader.media if medium.side == side]
    return found[index]() if index < len(found) else None


class _Reader:
    """Reads one entry and collects its media."""

    def __init__(self, entry: Entry, files: FileStore) -> None:
        self._entry = entry
        self._files = files
        self._secrets: set[str] = set()
        self._notes = list(_notes(entry))
        self.media: list[tuple[Medium, _Source]] = []

    def reading(self) -> Reading:
        entry = self._entry
        headers = hiding.shown_headers(entry.headers, note=self._secrets.add)
        path = hiding.shown_path(entry.path, self._secrets.add)
        query = hiding.shown_text(entry.query, self._secrets.add)
        asked = self._body(entry.request, "in", headers.get("content-type", ""))
        answered = self._body(entry.answer, "out", entry.content_type)
        found = entry.answer_headers.items()
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found]
        answer_headers = hiding.shown_headers(raw, unknown=True, note=self._secrets.add)
        text, error = answer_words(answered, entry.content_type)
        if isinstance(answered, dict) and isinstance(answered.get("note"), str):
            self._notes.append(self._hide(answered["note"]))
        return Reading(
            title=self._hide(_title(asked) or query),
            method=self._hide(entry.method),
            path=self._hide(path),
            facts=self._facts(asked),
            media=tuple(medium for medium, _ in self.media),
            text=self._hide(text),
            error=self._hide(error),
            request=self._as_text(asked),
            answer=self._as_text(answered),
            notes=tuple(self._notes),
            headers=self._hidden(headers),
            answer_headers=self._hidden(answer_headers),
        )

    def _hidden(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {self._hide(name): self._hide(text) for name, text in texts.items()}

    def _body(self, body: Body, side: Side, content_type: str) -> Any:
        """A body as JSON without keys or as text; ``None`` if it is a medium or not kept."""
        data = body.bytes()
        mime = type_of(data) if data else None
        if _can_be_shown(mime):
            self._add(side, "", data[:_HEAD_TEXT], len(data), lambda: data)
            return None
        if hiding.values_in(data) > _MOST_VALUES:
            of = "request" if side == "in" else "answer"
            most = f"{_MOST_VALUES:,} values"
            self._notes.append(f"The body of the {of} has more than {most}: not shown.")
            data = b""
        if not data:
            return None
        try:
            value = hiding.read_json(data, self._secrets.add) if side == "in" else json.loads(data)
            return hiding.shown(self._without_media(value, side, ""), _LONGEST_TEXT, self._hide)
        except (ValueError, RecursionError):
            if mime is None and "json" not in content_type and "text" not in content_type:
                return None
            if side == "out":
                return data[: _LONGEST_TEXT * 4].decode("utf-8", "replace")
            size = readable_size(len(data))
            self._notes.append(
                f"The body of the request ({size}) is not JSON, so it may hold a key: not shown."
            )
            return None

    def _without_media(self, value: Any, side: Side, name: str) -> Any:
        if isinstance(value, dict):
            return {
                key: self._without_media(part, side, _NAMES.get(key, key) or name)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self._without_media(part, side, name) for part in value]
        if len(self.media) >= _MOST_MEDIA:
            return value
        if isinstance(value, str) and is_link(value):
            file = self._files.behind(value)
            if file is not None and _can_be_shown(file.mime_type):
                self._add(side, name, file.data, len(file.data), lambda: file.data)
        elif isinstance(value, str) and len(value) >= _SHORTEST_MEDIUM:
            head = _decoded(value[:_HEAD_TEXT])
            if head is not None and _can_be_shown(type_of(head)):
                size = (len(value) - value.find(",") - 1) * 3 // 4
                medium = self._add(side, name, head, size, partial(_decoded, value))
                return f"[{medium.mime}, {medium.size}]"
        return value

    def _add(self, side: Side, name: str, head: bytes, size: int, source: _Source) -> Medium:
        mime = type_of(head) or "application/octet-stream"
        shape = media_info(io.BytesIO(head), mime)
        index = sum(medium.side == side for medium, _ in self.media)
        label = self._hide(name) if side == "in" else ""
        medium = Medium(side, index, label, mime, readable_size(size), shape.width, shape.height)
        self.media.append((medium, source))
        return medium

    def _facts(self, asked: Any) -> dict[str, str]:
        hidden = {*_PROSE, *(medium.name for medium, _ in self.media)}
        facts: dict[str, str] = {}
        for name, value in asked.items() if isinstance(asked, dict) else ():
            if value is not None and name not in hidden:
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                if max(len(name), len(text)) <= _LONGEST_FACT and len(facts) < _MOST_FACTS:
                    facts[self._hide(name)] = self._hide(text)
        return facts

    def _as_text(self, value: Any) -> str:
        """A text, or JSON, at least as much of it as is shown."""
        if value is None or isinstance(value, str):
            return self._hide(value or "")
        pieces, left = [], _LONGEST_TEXT + hiding.LONGEST_KEY
        try:
            for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    break
        except RecursionError:
            return "[nested too deeply to be shown]"
        return self._hide("".join(pieces))

    def _hide(self, text: str) -> str:
        # Before the end is cut off, perhaps within a key.
        text = text[: _LONGEST_TEXT + hiding.LONGEST_KEY]
        # Longer keys are never accepted.
        secrets = {
            each[: hiding.LONGEST_KEY] for each in self._secrets if len(each) >= _SHORTEST_SECRET
        }
        if len(secrets) > _MOST_SECRETS:
            return hiding.HIDDEN
        text = hiding.redacted(self._entry.keys, hiding.without(secrets, text))
        return hiding.shown_text(text)[:_LONGEST_TEXT]


def _can_be_shown(mime: str | None) -> bool:
    """Whether it is a picture, video or recording; SVG may hold scripts, and stays text."""
    return kind_of(mime) in _SHOWN_KINDS and mime != "image/svg+xml"


def _decoded(text: str) -> bytes | None:
    """The bytes of base64 or a data URL, or of the beginning of one."""
    head, comma, payload = text.partition(",") if text.startswith("data:") else ("", "", text)
    try:
        source = parse_source(f"{head}{comma}{payload[: len(payload) // 4 * 4]}")
        return None if source.url else source.open().read()
    except MediaInputError:
        return None


def _notes(entry: Entry) -> Iterator[str]:
    for body, what in ((entry.request, "request"), (entry.answer, "answer")):
        if body.dropped:
            size = readable_size(body.size)
            yield f"The body of the {what} ({size}) is not kept: too large, or too old."
    if entry.done and not entry.complete:
        sent = readable_size(entry.answer.size)
        yield (
            "The connection was closed before any answer."
            if entry.status is None
            else f"The connection was closed after {sent} of the answer."
        )


def _title(asked: Any) -> str:
    """The prompt, or the last message of a chat."""
    if not isinstance(asked, dict):
        return ""
    if isinstance(asked.get("prompt"), str):
        return str(asked["prompt"])
    messages = asked.get("messages")
    texts = (
        text_of(message)
        for message in reversed(messages if isinstance(messages, list) else [])
        if isinstance(message, dict)
    )
    return next(filter(None, texts), "")


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
    return text.strip() if isinstance(text, str) else ""


def _error(answer: Mapping[str, Any]) -> str:
    error = answer.get("error") or answer.get("detail")
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else ""


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
