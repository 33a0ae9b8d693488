"""Reads tool calls out of an answer that arrives in pieces; no I/O.

The reader is a generator that waits for characters, so what it decides depends on the text alone,
never on how the text was cut: what streams in pieces equals what arrives whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Generator, Sequence
from typing import TypeAlias

from langchain_visioncraft.chat_models.prompted.formats import (
    CALL_TYPES,
    CLOSERS,
    FORMATS,
    NAME_KEYS,
    RESULT,
    Call,
    Format,
    Offered,
    calls_in,
)

Piece: TypeAlias = str | Call
"""Prose, or a call."""
_Wait: TypeAlias = Generator[None, None, None]

_BY_OPENER = {each.opener: each for each in FORMATS}
_IN_CODE = tuple(each.opener for each in FORMATS if not each.named)
_MARKS = (*_BY_OPENER, *CLOSERS, RESULT)
_PLAIN = re.compile(r"[^\s<\[{`]+")
_CODE = re.compile(r"[^`]+")
_AFTER_CALL = frozenset(",;}]")
_AFTER_STRING = frozenset(",:}]")
_OPENING_OF = {"}": "{", "]": "["}
_QUOTES = "\"'"
_CUT_OFF = "The answer ended in the middle of this call"


class CallReader:
    """Tells calls from prose.

    ```python
    from langchain_visioncraft.chat_models.prompted.formats import Call, Offered
    from langchain_visioncraft.chat_models.prompted.reading import CallReader

    reader = CallReader(Offered({"draw": {"properties": {"prompt": {}}}}))
    assert reader.feed("Sure! {curly} <tool_") == ["Sure! {curly}"]
    assert reader.feed('call>{"name": "draw", "arguments": {}') == []
    assert reader.feed("}</tool_call>") == [Call("draw", {})]
    assert reader.finish() == []
    ```

    Args:
        offered: The tools that may be called.
    """

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._buffer = ""
        self._at = 0
        self._ended = self._cut_off = False
        self._out: list[Piece] = []
        self._blanks = ""
        """Whitespace that is prose only if prose follows."""
        self._blanks_before_call = ""
        self._said = self._called = self._after_call = False
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
        return out

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
        if not self._after_call:  # behind a call, blanks at the end mean nothing
            last, self._blanks = self._blanks, ""
            self._say(last)

    def _marked(self, mark: str) -> _Wait:
        if mark in _BY_OPENER:
            yield from self._announced("", _BY_OPENER[mark])
        elif mark == RESULT and self._called:
            # The model goes on to imagine what the tool answers.
            while (yield from self._peek()):
                self._at = len(self._buffer)
        elif mark in CLOSERS and self._called:
            self._take(len(mark))
            self._drop_blanks()
        else:
            self._say(self._take(1))

    def _announced(self, before: str, form: Format) -> Generator[None, None, bool]:
        """What follows an opener; gives whether there was a call."""
        opening = before + self._take(len(form.opener))
        name = None
        if form.named:
            count = yield from self._while(_is_name)
            char = yield from self._peek(count)
            written = self._take(count)
            opening += written + self._take(char == ">")
            name = written.strip().strip("\"'")
            if char != ">":
                self._say(opening)
                return False
        ahead = yield from self._while(str.isspace)
        count = (yield from self._while("`".__eq__, ahead)) - ahead
        if count:
            ahead = yield from self._while(_is_info, ahead + count)
            ahead = yield from self._while(str.isspace, ahead)
        char = yield from self._peek(ahead)
        if char and char not in "{[":
            self._say(opening)
            return False
        blanks = self._take(ahead)
        if char:
            calls = yield from self._announced_json(form.closer, name)
        else:
            calls = [Call(name, text=opening + blanks, problems=(_CUT_OFF,))]
        self._give(calls)
        self._fence = "`" * count
        return True

    def _announced_json(self, closer: str, name: str | None) -> Generator[None, None, list[Call]]:
        """The JSON behind an opener, up to what closes it."""
        span = JsonSpan()
        size, closed = 0, False
        while not closed and (char := (yield from self._peek(size))):
            may_end = char == "<" and closer and not span.in_string
            if may_end and (yield from self._literal((closer,), size)):
                closed = True  # though brackets are missing
                break
            closed = span.push(char)
            size += 1
        if not closed and closer and (place := self._buffer.find(closer, self._at)) >= 0:
            size, closed = place - self._at, True  # a string without an end: the closer ends it
        broken = not closed and (self._cut_off or span.in_string)
        text = self._take(size)
        if name is not None and not broken:
            text = f'{{"name": {json.dumps(name)}, "arguments": {text}}}'
        calls = calls_in(text, self._offered, marked=True)
        if broken:
            return [Call(name or calls[0].name, text=text, problems=(_CUT_OFF,))]
        return calls

    # ---- JSON without an opener ---------------------------------------------------------------

    def _json(self, opening: str) -> Generator[None, None, bool]:
        """An object or a list that may be a call; gives whether it was one."""
        begins_call = yield from self._begins_call()
        if begins_call is None:
            self._say(opening + self._take(1))
            return False
        if not begins_call:
            self._say(opening)
            yield from self._skip_json()
            return False
        span, size, closed = JsonSpan(), 0, False
        while not closed and (char := (yield from self._peek(size))):
            closed = span.push(char)
            size += 1
            if span.stray:
                self._say(opening + self._take(1))
                return False
        text = self._take(size)
        calls = calls_in(text, self._offered)
        if not closed:
            calls = self._unfinished(text, calls, in_string=span.in_string)
        if calls:
            self._give(calls)
        else:
            self._say(opening + text)
        return bool(calls)

    def _begins_call(self) -> Generator[None, None, bool | None]:
        """Whether JSON begins like a call; ``None`` if this is no JSON.

        The first key and its value decide, as early as possible, so that prose is not held back.
        """
        ahead = yield from self._while(str.isspace, 1)
        if self._buffer[self._at] == "[":
            if (yield from self._peek(ahead)) != "{":
                return None
            ahead = yield from self._while(str.isspace, ahead + 1)
        char = yield from self._peek(ahead)
        if not char or not (char in "}\"'" or char.isidentifier()):
            return None
        if char == "}":  # empty, which may be all that a tool without parameters takes
            return True if self._buffer[self._at] == "{" else None
        key, ahead = yield from self._word(self._offered.first_keys, ahead)
        if not key or key in self._offered.alone or key not in (*NAME_KEYS, "type"):
            return bool(key)
        return (yield from self._value_fits(key, ahead))

    def _value_fits(self, key: str, ahead: int) -> Generator[None, None, bool]:
        """Whether the value behind such a key may be a call's."""
        ahead = yield from self._while(str.isspace, ahead)
        if (yield from self._peek(ahead)) not in ("", ":"):
            return False
        ahead = yield from self._while(str.isspace, ahead + 1)
        char = yield from self._peek(ahead)
        if char and char in _QUOTES:
            options = CALL_TYPES if key == "type" else self._offered.schemas
            return (yield from self._word(options, ahead))[0] != ""
        return not char or key == "type" or (char == "{" and key in ("function", "tool"))

    def _word(
        self, options: Collection[str], ahead: int
    ) -> Generator[None, None, tuple[str | None, int]]:
        """Which of these comes next, in quotes or not, and where it ends.

        It is empty if none does, and ``None`` if the answer ends in the middle of one.
        """
        quote = yield from self._peek(ahead)
        quote = quote if quote in _QUOTES else ""
        word = yield from self._prefix(options, ahead + len(quote))
        ahead += len(quote) + len(word)
        after = yield from self._peek(ahead)
        if not after:
            return None, ahead
        ended = (
            after in (quote, "(") if quote else not (after.isidentifier() or after in "-0123456789")
        )
        return word if ended and word in options else "", ahead + len(quote)

    def _unfinished(self, text: str, calls: list[Call], *, in_string: bool) -> list[Call]:
        """JSON that does not end: a call in it must not be guessed."""
        tools = self._offered.schemas
        name = calls_in(text, self._offered, marked=True)[0].name or ""
        begun = bool(name) and any(tool.startswith(name) for tool in tools)
        if self._cut_off or (in_string if calls else begun):
            return [Call(name if name in tools else None, text=text, problems=(_CUT_OFF,))]
        return calls

    def _skip_json(self) -> _Wait:
        """JSON that is no call: prose up to its end, whatever is inside."""
        span, closed = JsonSpan(), False
        while not closed and (char := (yield from self._peek())):
            if not span.in_string and char in "<`":
                return
            if char == "\n" and (yield from self._peek(1)) == "\n":
                return  # so much for JSON
            closed = span.push(char)
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
        if char and char in "<[" and (mark := (yield from self._literal(_IN_CODE))):
            is_call = yield from self._announced(opening, _BY_OPENER[mark])
        elif char and char in "{[":
            is_call = yield from self._json(opening)
        else:
            self._say(opening)
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

    # ---- characters ---------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Generator[None, None, str]:
        """The next character; empty at the end of the answer."""
        while self._at + ahead >= len(self._buffer):
            if self._ended:
                return ""
            yield
        return self._buffer[self._at + ahead]

    def _prefix(self, options: Collection[str], ahead: int = 0) -> Generator[None, None, str]:
        """As much of one of these as comes next, without taking it."""
        read = ""
        while any(option.startswith(read) and option != read for option in options):
            char = yield from self._peek(ahead + len(read))
            if not char or not any(option.startswith(read + char) for option in options):
                break
            read += char
        return read

    def _literal(self, options: Collection[str], ahead: int = 0) -> Generator[None, None, str]:
        """Which of these comes next, without taking it; empty if none does."""
        read = yield from self._prefix(options, ahead)
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

    # ---- what was read ------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._said or not self._called:
            text = (self._blanks or self._blanks_before_call) + text
        self._blanks = self._blanks_before_call = ""
        self._after_call, self._said = False, True
        last = self._out[-1] if self._out else None
        if isinstance(last, str):
            self._out[-1] = last + text
        else:
            self._out.append(text)

    def _give(self, calls: Sequence[Call]) -> None:
        self._out += calls
        self._blanks_before_call = self._blanks_before_call or self._blanks
        self._blanks = ""
        self._called = self._after_call = True

    def _drop_blanks(self) -> None:
        """Those between a call and what closes its tag or fence."""
        if self._after_call:
            self._blanks = ""


def _is_info(char: str) -> bool:
    return char.isalnum() or char in "_+-. "


def _is_name(char: str) -> bool:
    return char.isalnum() or char in "_-.\"' "


class JsonSpan:
    """Follows a JSON object or list, one character after another, to its end.

    A small model's JSON is often damaged, so this is no parser: it follows strings and brackets
    only, and forgives quotes inside of strings and brackets that do not match.

    ```python
    from langchain_visioncraft.chat_models.prompted.reading import JsonSpan

    span = JsonSpan()
    text = '{"say": "a brace } and a "quote"."} and prose'
    assert text[: next(n for n, sign in enumerate(text, 1) if span.push(sign))][-2:] == '"}'
    ```

    Attributes:
        in_string: Whether it is inside a string, by JSON's own rule: every quote counts.
        stray: Whether something between the objects of a list belongs to no list of calls.
    """

    def __init__(self) -> None:
        self.in_string = self.stray = False
        self._open: list[str] = []
        self._quote = ""
        """The kind of quote that opened the string we are in."""
        self._escaped = self._maybe_closed = False

    def push(self, char: str) -> bool:
        """Take the next character; true if the value ends with it."""
        if self._quote and self._goes_on(char):
            return False
        if char in _QUOTES:
            self._quote, self.in_string = char, True
        elif char in "{[":
            self._open.append(char)
        elif char in "}]" and _OPENING_OF[char] in self._open:
            while self._open.pop() != _OPENING_OF[char]:
                pass
            return not self._open
        elif char not in ",}]" and not char.isspace():
            self.stray = self.stray or self._open == ["["]
        return False

    def _goes_on(self, char: str) -> bool:
        """Whether the string that we are in goes on with this character."""
        if self._maybe_closed:
            if char.isspace():
                return True
            self._maybe_closed = False
            if char in _AFTER_STRING:
                self._quote, self.in_string = "", False
                return False
            # That quote was a part of the string, which should have escaped it.
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == self._quote:
            self._maybe_closed, self.in_string = True, not self.in_string
        return True
