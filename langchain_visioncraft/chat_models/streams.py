"""Converts streams of not quite compatible hosts to OpenAI's form, chunk by chunk.

Pieces pass at once. Only parts that may still change are held until the end: ``finish_reason``,
which some hosts put on every piece, usage, which some report as it grows, and arguments encoded
twice. LangChain copies some parts with each piece, and repairs arguments in quadratic time: beyond
a limit, these parts pass in portions, and arguments at the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_visioncraft._json import ODD, is_deeper_than, storable
from langchain_visioncraft.chat_models import normalizing
from langchain_visioncraft.chat_models.portions import Portions

_IN_JSON = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)
_UNDECIDED = re.compile(r"\s*(?:\{\s*(?:\}\s*)?|n(?:u(?:ll?)?)?)?")
"""Arguments that may still turn out to be missing, or begin with a meaningless empty object."""

_MOST_HELD = 64
"""How many pieces are held back until this is decided."""

_MOST_IN_PIECES = 8192
"""How many characters of arguments pass in pieces, in one stream."""

_DEEPEST_IN_PIECES = 64

_MOST_REPAIRED = 256
"""The longest damaged arguments that LangChain may repair."""

_MOST_BLOCKS = 1024
_MOST_PIECES = 1 << 18
"""The limit for one stream: LangChain keeps them all, a hundred times as large as they arrived."""

_TEXT_AT_ONCE = 1 << 19
"""How many characters of content pass in pieces: LangChain copies all before a piece with it."""

_WEIGHT_OF_BLOCK = 1 << 11
"""The characters as which a block counts."""

_MOST_IN_NAME = 1000
_BLANKS = re.compile(r"\s{64}")
_HALF_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*+\\(?:u[dD]?)?\Z")
_UNFINISHED = re.compile(r"[-+.\\\w]{0,20}")
"""A number, word or escape at the end of a piece."""


class NormalizedStream:
    """Reads the chunks of one stream."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._choice: Any = None
        self._spoke = self._has_role = False
        self.finish: str | None = None
        """Why the answer ends, as soon as the host has said so."""
        self._half = ""
        self._words = Portions(65_536)
        self._logprobs = Portions(4096)
        self._content = Portions(_TEXT_AT_ONCE)
        self._blocks = self._pieces = 0
        self._in_pieces = 0
        self._calls: list[_StreamedCall] = []
        self._known: dict[int | str | None, _StreamedCall] = {}
        self._ids: set[str] = set()

    def read(self, chunk: Any) -> Iterator[dict[str, Any]]:
        """The chunks in OpenAI's form to pass on for one chunk, or ``{"error": …}``.

        Raises:
            UnreadableAnswerError: If a part of it has no evident meaning.
            BrokenOffAnswerError: If the host could not finish its answer.
        """
        if not isinstance(chunk, dict):
            raise normalizing.unreadable("an event", chunk)
        self._head |= normalizing.head_of(chunk)
        if usage := normalizing.usage_of(chunk):
            self._usage = normalizing.most(self._usage, usage)
        choices = normalizing.as_list("choices", chunk.get("choices") or [])
        told = False
        for choice in normalizing.no_more("choices", choices, normalizing.MOST_CHOICES):
            if not isinstance(choice, dict):
                raise normalizing.unreadable("a choice", choice)
            if error := choice.get("error"):
                yield {"error": error}
            self._spoke = True
            index = choice.get("index")
            if isinstance(index, int) and self._choice is None:
                self._choice = index
            if isinstance(index, int) and index != self._choice:
                continue  # another of several answers; LangChain would mix them
            written = normalizing.spoken(choice, "delta", "message", "text")
            delta = self._delta(written)
            finish = normalizing.finish_of(choice)
            logprobs = self._logprobs.take(normalizing.logprobs_of(choice) or {}) or None
            # "stop" on every piece means less than another reason on one of them.
            if finish and (self.finish is None or finish != "stop"):
                self.finish = finish
            # Of empty choices, one is enough: LangChain takes longer for each than they are long.
            if any(delta.values()) or logprobs or not (finish or told or self._is_holding):
                told = True
                yield self._chunk(delta, logprobs=logprobs)

    @property
    def _is_holding(self) -> bool:
        return any(each.is_holding for each in (self._words, self._logprobs, self._content))

    def _chunk(self, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        # The SDK takes the role from the first chunk that has it.
        role = {} if self._has_role else {"role": "assistant"}
        self._has_role = True
        self._pieces += 1
        normalizing.no_more("pieces", range(self._pieces), _MOST_PIECES)
        choice = {"index": 0, "delta": {**role, **delta}, "finish_reason": None, **more}
        return {**self._head, "choices": [choice]}

    def _delta(self, written: Mapping[str, Any]) -> dict[str, Any]:
        said = normalizing.said_in(self._with_whole_characters(written))
        delta = {"content": self._mixed(said.pop("content")), **_words(self._words.take(said))}
        if calls := _joined(filter(None, map(self._piece_of_call, normalizing.calls_of(written)))):
            delta["tool_calls"] = calls
        return delta

    def _mixed(self, content: Any) -> Any:
        """The content that passes: at once, unless it is long or consists of many blocks."""
        if isinstance(content, list):
            self._blocks += len(content)
            normalizing.no_more("blocks of content", range(self._blocks), _MOST_BLOCKS)
        elif not content:
            return content
        elif self._blocks:
            content = [content]
        weight = _WEIGHT_OF_BLOCK if isinstance(content, list) else 1
        return _joined_content(self._content.take({"content": content}, weight))

    def _with_whole_characters(self, written: Mapping[str, Any]) -> Mapping[str, Any]:
        """Some hosts cut between the two halves of a character."""
        text = written.get("content")
        if not isinstance(text, str) or not (self._half or _is_half(text[-1:])):
            return written
        text = self._half + text
        self._half = text[-1] if _is_half(text[-1:]) else ""
        return {**written, "content": text.removesuffix(self._half)}

    def _piece_of_call(self, piece: normalizing.Call) -> dict[str, Any] | None:
        given = piece.arguments or ""
        arguments = given if isinstance(given, str) else normalizing.arguments_of(given)
        last = self._calls[-1] if self._calls else None
        is_placed = piece.place is not None
        call = self._known.get(piece.place) if is_placed else self._known.get(piece.id, last)
        if call is None or call.is_followed_by(piece, arguments.strip()):
            call = _StreamedCall(len(self._calls), piece, normalizing.fresh_id(piece.id, self._ids))
            self._calls.append(call)
            normalizing.no_more("tool calls", self._calls, normalizing.MOST_CALLS)
            self._known |= {key: call for key in (piece.place, piece.id) if key is not None}
        passed = call.passable(call.take(arguments), _MOST_IN_PIECES - self._in_pieces)
        self._in_pieces += len(passed)
        return call.tell(piece.name, passed)

    def end(self) -> Iterator[dict[str, Any]]:
        """The parts that were held until the end.

        Raises:
            UnreadableAnswerError: If the stream held no choice, or a call has no name.
            BrokenOffAnswerError: If a call was cut off.
        """
        if not self._spoke:
            raise normalizing.unreadable("the choice of a stream", None)
        pieces = []
        for call in self._calls:
            if not call.name:
                raise normalizing.unreadable("the name of a tool call", None)
            if self.finish == "length" and call.begun and not call.complete:
                msg = f"it reached max_tokens within the call of {call.name!r}: raise max_tokens"
                raise normalizing.BrokenOffAnswerError(msg)
            pieces.append(call.tell(None, call.rest()))
        half = self._mixed(normalizing.sound(self._half))
        held = _joined_content(self._content.rest())
        delta: dict[str, Any] = {"content": held or half} if held or half else {}
        if calls := list(filter(None, pieces)):
            delta["tool_calls"] = calls
        delta |= _words(self._words.rest())
        logprobs = self._logprobs.rest() or None
        if delta or logprobs:
            yield self._chunk(delta, logprobs=logprobs)
        if self.finish:
            yield self._chunk({}, finish_reason=self.finish)
        if self._usage:
            yield {**self._head, "choices": [], "usage": self._usage}


class _StreamedCall:
    """One call, as its pieces arrive."""

    def __init__(self, index: int, given: normalizing.Call, own_id: str) -> None:
        self.index, self.given, self.id = index, given, own_id
        self.name: str | None = None
        self.begun = False
        self._told = self._passes = self._twice = False
        self._text: list[str] = []
        self._held: list[str] = []
        self._passed = ""
        self._late: list[str] = []
        self._depth = self._deepest = 0
        self._quoted = self._escaped = False

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are a complete value, judged by brackets."""
        return self.begun and not (self._depth or self._quoted)

    def is_followed_by(self, piece: normalizing.Call, arguments: str) -> bool:
        """Whether a piece at the place of this call begins the next one.

        Some hosts omit the index, or send 0 for every call; some repeat name and id on every
        piece, and some make up a new id for each.
        """
        if not piece.name or not self.name:
            return False
        other_id = None not in {piece.id, self.given.id} and piece.id != self.given.id
        if piece.name != self.name:
            placed = piece.place is not None or piece.id is not None
            return other_id or self.begun or bool(arguments) or not placed
        if not self.begun:
            return other_id
        if not self.complete or other_id or piece.id is not None:
            return self.complete and other_id
        return bool(arguments) and arguments != "".join(self._text).strip()

    def take(self, piece: str) -> str:
        """Take a piece of the arguments, and return what is certain by now."""
        if self._passes and self.complete:
            self._held.append(piece)  # some hosts send everything again
            return ""
        self._follow(piece)
        if self._passes:
            return piece
        self._held.append(piece)
        if self._twice:
            return ""
        held = "".join(self._held)
        if len(self._held) < _MOST_HELD and _UNDECIDED.fullmatch(held):
            return ""
        self._twice = held.lstrip().startswith('"')
        if self._twice:
            return ""
        self._passes = True
        self._held.clear()
        return re.sub(r"\s*\{\s*\}\s*(?=\S)", "", held, count=1)

    def _follow(self, piece: str) -> None:
        """Follow the brackets, in linear time."""
        self.begun = self.begun or bool(piece.strip())
        self._text.append(piece)
        if self._escaped and piece:
            piece, self._escaped = piece[1:], False
        for mark in _IN_JSON.findall(piece):
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
                self._deepest = max(self._deepest, self._depth)

    def passable(self, piece: str, room: int) -> str:
        """This piece, unless the arguments must be held back by now."""
        if not piece:
            return ""
        text = self._passed + piece
        deep = self._deepest > _DEEPEST_IN_PIECES
        if self._late or deep or len(piece) > room or not _is_cheap(text):
            self._late.append(piece)
            return ""
        self._passed = text
        return piece

    def rest(self) -> str:
        """The arguments that were held back."""
        held = "".join(self._held).strip()
        if not self._passes:
            held = normalizing.arguments_of(held) if held else ""
        elif held == "".join(self._text).strip():
            held = ""
        rest = "".join([*self._late, held])
        text = storable(self._passed + rest)
        return rest and _not_repaired(text.removeprefix(self._passed), text)

    def tell(self, name: str | None, arguments: str) -> dict[str, Any] | None:
        """A piece as OpenAI would send it; ``None`` if there is nothing new in it."""
        function = {"arguments": arguments}
        if name and name != self.name:
            function["name"] = name
            self.name = (self.name or "") + name
            normalizing.no_more("characters in the name of a tool", self.name, _MOST_IN_NAME)
        first = {} if self._told else {"id": self.id, "type": "function"}
        if not (first or arguments or "name" in function):
            return None
        self._told = True
        return {"index": self.index, **first, "function": function}


def _joined(pieces: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Several pieces of one call as one: LangChain joins those of different chunks only."""
    joined: dict[int, dict[str, Any]] = {}
    texts: dict[tuple[int, str], list[str]] = {}
    for piece in pieces:
        joined.setdefault(piece["index"], piece)
        for name, text in piece["function"].items():
            texts.setdefault((piece["index"], name), []).append(text)
    for (index, name), parts in texts.items():
        joined[index]["function"][name] = "".join(parts)
    return list(joined.values())


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udbff"


def _words(held: Mapping[str, list[Any]]) -> dict[str, str]:
    return {name: "".join(parts) for name, parts in held.items()}


def _joined_content(held: Mapping[str, list[Any]]) -> Any:
    parts = held.get("content") or [""]
    return "".join(parts) if all(isinstance(part, str) for part in parts) else parts


def _is_cheap(text: str) -> bool:
    """Whether LangChain completes the JSON that begins like this without many attempts.

    It would keep half characters, and integers that are too long.
    """
    if any(each.search(text) for each in (_BLANKS, ODD, _HALF_ESCAPE)):
        return False
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated string")
        return is_open or _UNFINISHED.fullmatch(text, error.pos) is not None
    except (ValueError, RecursionError):
        return False
    return True


def _not_repaired(rest: str, text: str) -> str:
    """The rest of a text, with too many brackets if it is long and damaged.

    LangChain does not repair such a text, but makes an invalid call of it.
    """
    if len(text) <= _MOST_REPAIRED or not _is_damaged(text):
        return rest
    closers = "}" * (text.count("{") + text.count("[") + 1)
    return f'{rest}{closers}"{closers}'  # whether it ends in a string or not


def _is_damaged(text: str) -> bool:
    try:
        return is_deeper_than(json.loads(text, strict=False))
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):  # JSON that LangChain cannot read either
        return False
