"""Reads tool calls out of an answer that arrives in pieces; no I/O.

The reader is a generator that waits for characters, so what it decides depends on the text alone,
never on how the text was cut: what streams in pieces equals what arrives whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias

from langchain_visioncraft.chat_models.call_forms import (
    BrokenCall,
    Call,
    Offered,
    Prose,
    interpret,
)
from langchain_visioncraft.chat_models.call_rules import CallRules
from langchain_visioncraft.chat_models.json_span import JsonSpan

Piece: TypeAlias = Prose | Call | BrokenCall
_Wait: TypeAlias = Generator[None, None, None]

# What announces a call: Hermes and Qwen, Mistral, Llama 3.1; and what ends it.
_CLOSER_OF = {
    "<tool_call>": "</tool_call>",
    "<tool_calls>": "</tool_calls>",
    "<function_call>": "</function_call>",
    "[TOOL_CALLS]": "",
    "<|python_tag|>": "<|eom_id|>",
}
OPENERS = tuple(_CLOSER_OF)
CLOSERS = (*filter(None, _CLOSER_OF.values()), "</function>", "<|im_end|>", "</s>")
_NAMED_OPENER = "<function="
_RESULT = "<tool_response>"
_MARKS = (*OPENERS, *CLOSERS, _NAMED_OPENER, _RESULT)

_PLAIN = re.compile(r"[^\s<\[{`]+")
_AFTER_CALL = frozenset(",;}]")
_CODE = re.compile(r"[^`]+")
_CUT_OFF = "The answer ended in the middle of this call."


class CallReader:
    """Tells calls from prose.

    ```python
    from langchain_visioncraft.chat_models.call_forms import Call, Offered, Prose
    from langchain_visioncraft.chat_models.call_reader import CallReader

    reader = CallReader(Offered({"draw": {"properties": {"prompt": {}}}}))
    assert reader.feed("Sure! {curly} <tool_") == [Prose("Sure! {curly}")]
    assert reader.feed('call>{"name": "draw", "arguments": {}') == []
    assert reader.feed("}</tool_call>") == [Call("draw", {})]
    assert reader.finish() == []
    ```

    Args:
        offered: The tools that may be called.
    """

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._rules = CallRules(offered)
        self._buffer = ""
        self._at = 0
        self._ended = self._cut_off = False
        self._out: list[Piece] = []
        self._blanks = ""
        """Whitespace that is prose only if prose follows."""
        self._blanks_before_call = ""
        self._said = self._called = False
        self._after_call = False
        self._fence = ""
        """The fence around the call that was read last, while it is open."""
        self._running = self._run()

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer, and give what is certain by now."""
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return self._go_on()

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Give what is left.

        Args:
            cut_off: Whether the answer was ended by its greatest length: a call that is not
                complete must not be guessed then.
        """
        self._ended, self._cut_off = True, cut_off
        return self._go_on()

    def _go_on(self) -> list[Piece]:
        next(self._running, None)
        out, self._out = self._out, []
        return _joined(out)

    # ---- characters ---------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Generator[None, None, str]:
        """The next character; empty at the end of the answer."""
        while self._at + ahead >= len(self._buffer):
            if self._ended:
                return ""
            yield
        return self._buffer[self._at + ahead]

    def _literal(self, options: Sequence[str], ahead: int = 0) -> Generator[None, None, str]:
        """Which of these comes next, without taking it; empty if none does."""
        read = ""
        while any(option.startswith(read) and option != read for option in options):
            char = yield from self._peek(ahead + len(read))
            if not char or not any(option.startswith(read + char) for option in options):
                break
            read += char
        return read if read in options else ""

    def _while(self, accepted: Callable[[str], bool], ahead: int = 0) -> Generator[None, None, int]:
        """Where the characters end that are accepted."""
        while (char := (yield from self._peek(ahead))) and accepted(char):
            ahead += 1
        return ahead

    def _take(self, count: int) -> str:
        text = self._buffer[self._at : self._at + count]
        self._at += count
        return text

    # ---- prose --------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if not text:
            return
        blanks = self._blanks or self._blanks_before_call
        if self._said or not self._called:
            text = blanks + text
        self._blanks = self._blanks_before_call = ""
        self._after_call, self._said = False, True
        self._out.append(Prose(text))

    def _give(self, calls: Sequence[Call | BrokenCall]) -> None:
        self._out += calls
        self._blanks_before_call = self._blanks_before_call or self._blanks
        self._blanks = ""
        self._called = self._after_call = True

    def _drop_blanks(self) -> None:
        """Those between a call and what closes its tag or fence."""
        if self._after_call:
            self._blanks = ""

    # ---- the grammar --------------------------------------------------------------------------

    def _run(self) -> _Wait:
        while char := (yield from self._peek()):
            if char.isspace():
                self._blanks += self._take(1)
            elif self._after_call and char in _AFTER_CALL:
                self._take(1)  # between calls, or one bracket too many
            elif char in "<[" and (mark := (yield from self._literal(_MARKS))):
                yield from self._marked(mark)
            elif char == "`":
                yield from self._fenced()
            elif char in "{[":
                yield from self._json("")
            else:
                plain = _PLAIN.match(self._buffer, self._at)
                self._say(self._take(len(plain[0]) if plain else 1))
        if not self._after_call:
            # Blanks at the end belong to prose; behind a call they mean nothing.
            if self._blanks:
                self._out.append(Prose(self._blanks))
            self._blanks = ""

    def _marked(self, mark: str) -> _Wait:
        if mark in OPENERS:
            yield from self._tagged(self._take(len(mark)), mark)
        elif mark == _NAMED_OPENER:
            yield from self._named()
        elif mark == _RESULT and self._called:
            # The model goes on to imagine what the tool answers.
            while (yield from self._peek()):
                self._at = len(self._buffer)
        elif mark in CLOSERS and self._called:
            self._take(len(mark))
            self._drop_blanks()
        else:
            self._say(self._take(1))

    # ---- code fences --------------------------------------------------------------------------

    def _fenced(self) -> _Wait:
        count = yield from self._while("`".__eq__)
        fence = "`" * count
        if fence == self._fence:
            self._take(count)
            self._fence = ""
            self._drop_blanks()
            return
        ahead = yield from self._start_of_code(count)
        char = yield from self._peek(ahead)
        opening = self._take(ahead)
        is_call = False
        if not char or char not in "{[<":
            self._say(opening)
        elif char in "<[" and (mark := (yield from self._literal(OPENERS))):
            self._take(len(mark))
            is_call = yield from self._tagged(opening + mark, mark)
        elif char == "<":
            self._say(opening)
        else:
            is_call = yield from self._json(opening)
        if is_call:
            self._fence = fence
        elif count >= 3 and (not char or char == "`" or opening.count("\n")):
            yield from self._to_end_of_fence(fence)

    def _start_of_code(self, count: int) -> Generator[None, None, int]:
        """Behind the opening line of a fence of so many backticks."""
        if count < 3:
            return count
        ahead = yield from self._while(_is_info, count)
        if (yield from self._peek(ahead)) in ("\n", "\r"):
            return (yield from self._while(str.isspace, ahead))
        return ahead

    def _to_end_of_fence(self, fence: str) -> _Wait:
        """Code that is no call: prose up to the end of its fence."""
        while char := (yield from self._peek()):
            if char == "`" and (yield from self._literal((fence,))):
                self._say(self._take(len(fence)))
                return
            code = _CODE.match(self._buffer, self._at)
            self._say(self._take(len(code[0]) if code else 1))

    # ---- JSON ---------------------------------------------------------------------------------

    def _json(self, opening: str) -> Generator[None, None, bool]:
        """An object or a list that may be a call; gives whether it was one."""
        span, name = JsonSpan(), None
        size, closed = 0, False
        while not closed and (char := (yield from self._peek(size))):
            closed = span.push(char)
            size += 1
            if span.stray:
                self._say(opening + self._take(1))
                return False
            if self._rules.exclude(span.field):
                yield from self._skip(span, opening + self._take(size), closed)
                return False
            name = self._rules.name_in(span.field) or name
        text = self._take(size)
        calls = interpret(text, self._offered, marked=False)
        if not closed and self._is_broken(span, name, calls):
            calls = [BrokenCall(name, text, _CUT_OFF)]
        if calls is None:
            self._say(opening + text)
            return False
        self._give(calls)
        return True

    def _is_broken(self, span: JsonSpan, name: str | None, calls: Sequence[object] | None) -> bool:
        """Whether JSON that does not end is a call which must not be guessed."""
        if self._cut_off:
            return span.field is not None and span.field.key_is_whole
        if calls is not None:
            return span.in_string
        return name is not None or self._rules.begins_name(span.field)

    def _skip(self, span: JsonSpan, text: str, closed: bool) -> _Wait:
        """JSON that is no call: prose up to its end, whatever is inside."""
        self._say(text)
        while not closed and (char := (yield from self._peek())):
            if not span.in_string and char in "<`":
                return
            if char == "\n" and (yield from self._peek(1)) == "\n":
                return  # so much for JSON
            closed = span.push(char)
            self._say(self._take(1))

    # ---- calls with marks ---------------------------------------------------------------------

    def _named(self) -> _Wait:
        """Llama's own form: ``<function=name>{…}</function>``."""
        ahead = yield from self._while(_is_name, len(_NAMED_OPENER))
        char = yield from self._peek(ahead)
        opening = self._take(ahead + (char == ">"))
        if char != ">" or (yield from self._peek()) != "{":
            self._say(opening)
            return
        name = opening[len(_NAMED_OPENER) : -1].strip().strip("\"'")
        text, broken = yield from self._value("</function>")
        if not broken:
            text = f'{{"name": {json.dumps(name)}, "arguments": {text}}}'
        self._give(self._read(text, broken))

    def _tagged(self, opening: str, mark: str) -> Generator[None, None, bool]:
        """What follows a mark that announces calls; gives whether there was one."""
        ahead = yield from self._while(str.isspace)
        count = (yield from self._while("`".__eq__, ahead)) - ahead
        if count:
            ahead = yield from self._while(_is_info, ahead + count)
            ahead = yield from self._while(str.isspace, ahead)
        char = yield from self._peek(ahead)
        if not char:
            self._give([BrokenCall(None, opening + self._take(ahead), _CUT_OFF)])
        elif char not in "{[":
            self._say(opening)
            return False
        else:
            self._take(ahead)
            text, broken = yield from self._value(_CLOSER_OF.get(mark, ""))
            self._give(self._read(text, broken))
            self._fence = "`" * count
        return True

    def _value(self, closer: str) -> Generator[None, None, tuple[str, bool]]:
        """The JSON in a tag, and whether it is broken off."""
        span = JsonSpan()
        size, closed = 0, False
        while not closed and (char := (yield from self._peek(size))):
            may_end = char == "<" and closer and not span.in_string
            if may_end and (yield from self._literal((closer,), size)):
                closed = True  # though brackets are missing
                break
            closed = span.push(char)
            size += 1
        if not closed and closer:
            # A string without an end: the tag ends it.
            place = self._buffer.find(closer, self._at, self._at + size)
            if place >= 0:
                return self._take(place - self._at), False
        return self._take(size), not closed and (self._cut_off or span.in_string)

    def _read(self, text: str, broken: bool) -> list[Call | BrokenCall]:
        found = interpret(text, self._offered, marked=True) or []
        if not broken:
            return found
        return [BrokenCall(found[0].name if found else None, text, _CUT_OFF)]


def _is_info(char: str) -> bool:
    return char.isalnum() or char in "_+-. "


def _is_name(char: str) -> bool:
    return char.isalnum() or char in "_-.\"' "


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Prose) and isinstance(last, Prose):
            joined[-1] = Prose(last.text + piece.text)
        else:
            joined.append(piece)
    return joined
