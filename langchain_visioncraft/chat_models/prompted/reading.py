"""Tells calls from prose in an answer that arrives in pieces; no I/O.

Prose is given until the first mark that may begin a call. What follows is held, and read once at
the end. What is decided depends on the text alone, never on how it was cut: what streams in pieces
equals what arrives whole.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TypeAlias

from langchain_visioncraft._json import JsonReader
from langchain_visioncraft._reasoning import beginnings
from langchain_visioncraft.chat_models.prompted.bodies import (
    COLON,
    PYTHON,
    Written,
    colon_calls,
    python_calls,
    tagged_calls,
)
from langchain_visioncraft.chat_models.prompted.calls import (
    CALL_KEYS,
    CALL_TYPES,
    CUT_OFF,
    NAME_KEYS,
    NO_CALL,
    Call,
    Offered,
    calls_in,
)
from langchain_visioncraft.chat_models.prompted.formats import FORMATS, RESULTS, STOPS, Format

Piece: TypeAlias = str | Call
"""Prose, or a call."""

_ROWS = {row.opener: row for row in reversed(FORMATS) if row.opener}
_CLOSERS = {row.closer for row in FORMATS} - {""}
_MARKS = sorted({*_ROWS, *_CLOSERS, *RESULTS, *STOPS}, key=len, reverse=True)
_OPENERS = re.compile("|".join(map(re.escape, _ROWS)))
_SPECIAL = re.compile(r"[|｜\[✿]")
_LOOKAHEAD = 240
"""Characters within which it is known whether something begins a call."""

_TAG = r"<(?!/?[\w:｜]*\s?(?:param|function|invoke|\w*arg_))[^<>{}\[\]\n]{1,48}>"
_GAP = (
    rf"(?:\s++|```\w{{0,10}}|{_TAG}|\[CALL_ID\]\w{{0,40}}|\[ARGS\]|✿ARGS✿:|[>:=]|json|code"
    r"|commentary)"
)
_BETWEEN = re.compile(rf"(?:[\s,;}}\]]|```\w{{0,10}}|{_TAG})*+")
_NAMED = re.compile(
    rf"(?:function\s?{_TAG})?[\"']?(?P<name>[\w./:-]{{1,128}}?)[\"']?{_GAP}{{0,12}}+(?=\{{)"
)
_HEAD = re.compile(
    r"[\[{][\s\[{]{0,40}(?:([\"'])(?P<quoted>[^\"'\n]{0,64})\1|(?P<bare>[A-Za-z_]\w{0,64}))"
    r"\s{0,20}:\s{0,20}(?:[\"'](?P<value>[^\"'\n(]{0,64})[\"'(]|(?P<sign>\S))"
)
_HEAD_BEGUN = re.compile(
    r"[\[{][\s\[{]{0,40}(?:[\"']?[\w.-]{0,64}[\"']?\s{0,20}(?::\s{0,20}(?:[\"'][^\"'\n(]{0,64})?)?)?\Z"
)
_NAME_BEGUN = re.compile(
    rf"[\[{{][\s\[{{]{{0,40}}[\"']({'|'.join(NAME_KEYS)})[\"']\s{{0,20}}:\s{{0,20}}[\"']([\w.:-]{{1,64}})\Z"
)
_EMPTY = re.compile(r"\{\s{0,20}\}")
_DATA = re.compile(r"\{\s{0,20}[\"']|\[\s{0,20}(?:[\"'\d-]|true|false|null)")
_DATA_SIGN = re.compile(r"\\.|[\"{}\[\]<`]|\n[ \t]*\n", re.DOTALL)
_DATA_BEGUN = re.compile(r"(?<!\\)(?:\\\\)*\\\Z|\n[ \t]*\Z")
_INFO = re.compile(r"[\w+.-]{0,20}[ \t]{0,8}(?:\r?\n\s{0,40})?")
_TICKS = re.compile(r"`{1,10}\Z")
_INPUT = re.compile(r"\s{0,10}Action Input[ \t]*:[ \t]*(?:```\w{0,10}\s{0,4})?")
_INPUT_ENDS = re.compile(r"\n|Observation:|\Z")
_LINE = re.compile(
    r"[ \t>]*(?:(?P<label>Action|Call)[ \t]{0,4}:\s{0,10})?(?:```\w{0,10}\s{0,4})?"
    r"(?P<name>[A-Za-z_][\w.:-]{0,128})?"
)
_LINE_GAP = r"(?:\[ARGS\]|<\|tool_call_argument_begin\|>)?\s{0,6}(?:```\w{0,10}\s{0,4})?"
_LINE_ENDS = re.compile(r"[ \t;,]*(?=\n|```|<|\Z)")
_BRACKETS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\]{}]", re.DOTALL)
_MOST_PYTHON = 40_000
"""Characters in which the end of a call in Python is looked for, in one answer."""


class CallReader:
    """Tells calls from prose.

    ```python
    from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
    from langchain_visioncraft.chat_models.prompted.reading import CallReader

    reader = CallReader(Offered({"draw": {"properties": {"prompt": {}}}}))
    assert reader.feed("Sure! {curly} <tool_") == ["Sure! {curly}"]
    assert reader.feed('call>{"name": "draw", "arguments": {}}</tool_call>') == []
    assert reader.finish() == [Call("draw", {})]
    ```

    Args:
        offered: The tools that may be called.
    """

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._json = JsonReader()
        self._marks, self._begun = _patterns(frozenset(offered.schemas))
        self._text = "\n"  # a line begins; behind it stands what is not decided
        self._at = 1
        self._held: list[str] = []
        self._ended = self._cut_off = False
        self._python_left = _MOST_PYTHON
        self._fence = ""
        """The fence of the code that we are in, which holds no call."""
        self._call_fence = ""
        """The fence around the call that was read last, while it is open."""
        self._depth, self._in_string = 0, False
        """Of the JSON that we are in, which is no call."""
        self._out: list[Piece] = []
        self._blanks: list[str] = []
        """Whitespace that is prose only if prose follows."""
        self._blanks_before_call = ""
        self._said = self._called = self._after_call = False

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer, and give what is certain by now."""
        if self._held:
            self._held.append(text)
            return []
        self._text = self._text[self._at - 1 :] + text
        self._at = 1
        if self._next_mark() is not None:
            self._held = [self._text]
        return self._given()

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Give what is left.

        Args:
            cut_off: Whether the answer was ended by its greatest length: a call that is not
                complete must not be guessed then.
        """
        self._ended, self._cut_off = True, cut_off
        self._text = "".join(self._held) or self._text
        while (mark := self._next_mark()) is not None:
            self._read(mark)
        if not self._after_call:
            self._say("", last=True)
        return self._given()

    def _given(self) -> list[Piece]:
        out, self._out = self._out, []
        joined: list[Piece] = []
        for piece in out:
            if isinstance(piece, str) and joined and isinstance(joined[-1], str):
                joined[-1] += piece
            else:
                joined.append(piece)
        return joined

    # ---- prose --------------------------------------------------------------------------------

    def _next_mark(self) -> re.Match[str] | None:
        """Take prose up to the next mark of a call; ``None`` if there is none, or none yet."""
        goes_on, size = True, len(self._text)
        begun = size  # where a mark may have begun that is not complete yet
        if not self._ended and (
            found := self._begun.search(self._text, max(self._at, size - _LOOKAHEAD))
        ):
            begun = found.start()
        while goes_on and self._at < len(self._text):
            if self._fence:
                goes_on = self._take_code()
            elif self._depth:
                goes_on = self._take_data()
            else:
                mark = self._marks.search(self._text, self._at)
                if mark is None or begun < mark.start():
                    self._take(max(begun, self._at))
                    return None
                self._take(mark.start())
                verdict = self._verdict(mark)
                if verdict:
                    return mark
                goes_on = verdict is not None
        return None

    def _verdict(self, mark: re.Match[str]) -> bool | None:
        """Whether this begins a call; ``None`` if that is not known yet. If not, it is taken."""
        kind, sign = mark.lastgroup, mark[0]
        if kind == "line" or sign in _ROWS:
            return True
        if kind == "fence":
            return self._fence_verdict(mark)
        if kind == "json":
            return self._json_verdict(self._at)
        if sign in STOPS or (self._called and sign in _CLOSERS):
            self._at = mark.end()
        elif self._called and sign in RESULTS:
            self._at = len(self._text)  # the model goes on to imagine what the tool answers
        else:
            self._take(mark.end())
        return False

    def _fence_at(self, mark: re.Match[str]) -> tuple[str, int]:
        """The backticks, and where the code behind them begins."""
        info = _INFO.match(self._text, mark.end()) if len(mark[0]) >= 3 else None
        return mark[0], info.end() if info else mark.end()

    def _fence_verdict(self, mark: re.Match[str]) -> bool | None:
        ticks, content = self._fence_at(mark)
        if ticks == self._call_fence:
            self._at, self._call_fence = mark.end(), ""
            self._blanks = [] if self._after_call else self._blanks
            return False
        verdict = self._begins_call(content, python=len(ticks) >= 3)
        if verdict is not False:
            return verdict
        self._take(mark.end())
        if len(ticks) >= 3:
            self._fence = ticks
        return False

    def _begins_call(self, at: int, *, python: bool) -> bool | None:
        """Whether code begins with a call."""
        if at >= len(self._text):
            return False if self._ended else None
        mark = self._marks.match(self._text, at)
        if mark and mark[0] in _ROWS:
            return not self._text.startswith("`", mark.end())
        if mark and mark.lastgroup == "json":
            return self._json_verdict(at, take=False)
        if python and self._names_at(at):
            return True
        undecided = not self._ended and len(self._text) - at < _LOOKAHEAD // 2
        line = self._text[at:].partition("\n")
        return None if undecided and not line[1] and len(line[0]) < 64 else False

    def _names_at(self, at: int) -> bool:
        called = PYTHON.match(self._text, at)
        if called is None:
            return False
        name = called[0].rstrip("( ").removeprefix("[").removeprefix("print(").split("=")[-1]
        return name == "tool_call" or self._offered.name_of(name.strip()) is not None

    def _json_verdict(self, at: int, *, take: bool = True) -> bool | None:
        text = self._text
        if text[at] == "[" and self._names_at(at):
            return True
        if not self._ended and _HEAD_BEGUN.match(text, at):
            return None
        head = _HEAD.match(text, at)
        if head is not None and self._is_call(head):
            return True
        if self._offered.forced and _EMPTY.match(text, at):
            return True
        named = _NAME_BEGUN.match(text, at) if self._ended else None
        if named and any(name.startswith(named[2]) for name in self._offered.schemas):
            return True
        if take:
            if _DATA.match(text, at):
                self._depth = 1
            self._take(at + 1)
        return False

    def _is_call(self, head: re.Match[str]) -> bool:
        key = head["quoted"] if head["bare"] is None else head["bare"]
        if key in self._offered.alone:
            return True
        if key not in CALL_KEYS:
            return head["sign"] == "{" and self._offered.name_of(key) is not None
        if key in NAME_KEYS and head["value"] is not None:
            return self._offered.name_of(head["value"]) is not None
        if key == "type":
            return head["value"] in CALL_TYPES
        return key not in NAME_KEYS or head["sign"] == "{"

    def _take_code(self) -> bool:
        """Code that is no call: prose up to the end of its fence. Gives whether it has one."""
        end = self._text.find(self._fence, self._at)
        if end >= 0:
            self._take(end + len(self._fence))
            self._fence = ""
            return True
        size = len(self._text)
        begun = None if self._ended else _TICKS.search(self._text, max(self._at, size - 40))
        self._take(begun.start() if begun else size)
        return False

    def _take_data(self) -> bool:
        """JSON that is no call: prose up to its end, or to what cannot be JSON."""
        limit = len(self._text)
        if not self._ended and (begun := _DATA_BEGUN.search(self._text, max(self._at, limit - 40))):
            limit = begun.start()
        end = limit
        for found in _DATA_SIGN.finditer(self._text, self._at, limit):
            sign = found[0]
            if sign == '"':
                self._in_string = not self._in_string
            elif sign[0] == "\n" or (sign in "<`" and not self._in_string):
                self._depth, end = 0, found.start()
            elif not self._in_string and sign in "{}[]":
                self._depth += 1 if sign in "{[" else -1
                end = end if self._depth else found.end()
            if not self._depth:
                self._in_string = False
                break
        self._take(end)
        return not self._depth

    # ---- calls --------------------------------------------------------------------------------

    def _read(self, mark: re.Match[str]) -> None:
        """Read what begins with a mark: calls, or prose after all."""
        start, row = self._at, _ROWS.get(mark[0])
        if mark.lastgroup == "fence":
            ticks, at = self._fence_at(mark)
            inner = self._marks.match(self._text, at)
            row = _ROWS.get(inner[0]) if inner else None
            calls, end = self._calls_at(at, row)
        else:
            calls, end = self._calls_at(start, row)
            ticks = "```"
        if calls and self._text[start:end].count(ticks) == 1:
            self._call_fence = ticks
        if not calls:
            self._take(max(end, start + 1))
            return
        self._give(calls)
        self._at = end

    def _calls_at(self, at: int, row: Format | None) -> tuple[list[Call], int]:
        """The calls that begin here, and where they end."""
        if row is not None:
            return self._marked(at, row)
        if self._text[at] in "{[" and not self._names_at(at):
            return self._bare_json(at)
        return self._line(at)

    def _marked(self, opening: int, row: Format) -> tuple[list[Call], int]:
        """The calls behind an opener, up to what closes it."""
        text, at = self._text, opening + len(row.opener)
        calls: list[Call] = []
        while True:
            at = self._between(at, row.closer)
            if calls and row.closer and text.startswith(row.closer, at):
                return calls, at + len(row.closer)
            mark = self._marks.match(text, at)
            if mark and mark[0] in _ROWS and calls:
                return calls, at
            found, end = self._json_call(at, row)
            if not found:
                break
            calls, at = calls + found, end
        if calls:
            return calls, at
        end = text.find(row.closer, at) if row.closer else -1
        closed = end >= 0
        if not closed:
            following = text.find(row.opener, at)
            end = following if following >= 0 else len(text)
        calls = self._other_body(opening, at, end)
        after = end + len(row.closer) if closed else end
        if calls:
            return calls, after
        body = text[at:end]
        if closed or not body.strip() or _SPECIAL.search(row.opener):
            name = self._offered.name_of(body.strip().partition("\n")[0][:128])
            problem = NO_CALL if closed or body.strip() else CUT_OFF
            return [Call(name, text=text[opening:after], problems=(problem,))], after
        return [], opening + len(row.opener)  # prose that speaks of the mark

    def _between(self, at: int, closer: str) -> int:
        """Past what may stand between the calls of one region, but not past its end."""
        found = _BETWEEN.match(self._text, at)
        end = found.end() if found else at
        close = self._text.find(closer, at, end) if closer else -1
        return close if close >= 0 else end

    def _json_call(self, at: int, row: Format) -> tuple[list[Call], int]:
        """A call as JSON, perhaps behind its name; none if something else is here."""
        text = self._text
        named = _NAMED.match(text, at)
        start = named.end() if named else at
        other = COLON.match(text, at) or PYTHON.match(text, start)
        if other or text[start : start + 1] not in ("{", "["):
            return [], at
        value, end, kind = self._json.value_at(text, start, row.closer)
        written = text[at:end]
        name = named["name"] if named else None
        if kind == "in string" or (kind == "open" and self._cut_off):
            known = self._offered.name_of(name) if name else None
            if name is None:
                known = calls_in(value, "", self._offered, self._json, marked=True)[0].name
            return [Call(known, text=written, problems=(CUT_OFF,))], end
        if name is not None:
            arguments = text[start:end] if value is None else value
            return [self._offered.call(name, arguments, written, self._json)], end
        return calls_in(value, written, self._offered, self._json, marked=True), end

    def _other_body(self, opening: int, at: int, end: int) -> list[Call]:
        """Calls that are not JSON."""
        body = self._text[at:end]
        found: Sequence[Written] = ()
        if COLON.match(body.lstrip()):
            found = colon_calls(body, self._json)
        elif PYTHON.match(body.lstrip()):
            found = python_calls(body)
        found = found or tagged_calls(self._text[opening:end], self._json)
        found = found or tagged_calls(body, self._json)
        return [self._offered.call(name, values, body, self._json) for name, values in found]

    def _bare_json(self, at: int) -> tuple[list[Call], int]:
        """JSON without an opener, which is a call only if it names a tool that was offered."""
        value, end, kind = self._json.value_at(self._text, at)
        text = self._text[at:end]
        calls = calls_in(value, text, self._offered, self._json, marked=False)
        if kind == "closed":
            return calls, end
        name = calls_in(value, text, self._offered, self._json, marked=True)[0].name
        known = self._offered.name_of(name or "")
        if self._cut_off or (kind == "in string" and (known or not calls)):
            return [Call(known, text=text, problems=(CUT_OFF,))], end
        return calls, end

    def _line(self, at: int) -> tuple[list[Call], int]:
        """A call that only its tool's name announces: Python, a name before JSON, or ReAct."""
        text = self._text
        line = _LINE.match(text, at)
        name = line["name"] if line else None
        if line is None or PYTHON.match(text, at):
            return self._python(at)
        if name is None:  # Command R
            value, end, _ = self._json.value_at(text, line.end())
            return calls_in(value, text[at:end], self._offered, self._json, marked=True), end
        if text.startswith("(", line.end()):
            return self._python(line.start("name"))
        if not name.startswith("call:"):
            return self._named_line(line)
        line_ends = text.find("\n", at + 1)
        end = line_ends if line_ends >= 0 else len(text)
        found = colon_calls(text[line.start("name") : end], self._json)
        return [self._offered.call(*each, text[at:end], self._json) for each in found], end

    def _named_line(self, line: re.Match[str]) -> tuple[list[Call], int]:
        """A name before JSON, or ReAct's action with its input."""
        text, name = self._text, line["name"]
        given = _INPUT.match(text, line.end()) if line["label"] else None
        behind = given or _NAMED.match(text, line.start("name"))
        start = behind.end() if behind else line.end()
        if text[start : start + 1] in ("{", "["):
            value, end, kind = self._json.value_at(text, start)
            if kind == "in string" or (kind == "open" and self._cut_off):
                known = self._offered.name_of(name)
                return [Call(known, text=text[start:end], problems=(CUT_OFF,))], end
            return [self._offered.call(name, value, text[start:end], self._json)], end
        if given is None:
            return ([Call(self._offered.name_of(name))] if line["label"] else []), start
        ends = _INPUT_ENDS.search(text, start)
        end = ends.start() if ends else len(text)
        return [self._offered.call(name, text[start:end].strip(), text, self._json)], end

    def _python(self, at: int) -> tuple[list[Call], int]:
        """Calls of offered tools as Python, which fill their lines."""
        depth, end = 0, 0
        limit = min(len(self._text), at + self._python_left)
        for found in _BRACKETS.finditer(self._text, at, limit):
            if len(found[0]) == 1:
                depth += 1 if found[0] in "([{" else -1
            if depth <= 0:
                end = found.end()
                break
        self._python_left -= (end or limit) - at
        ends = _LINE_ENDS.match(self._text, end) if end else None
        written = python_calls(self._text[at:end]) if ends else []
        if self._cut_off and not end and limit == len(self._text):
            return [Call(None, text=self._text[at:], problems=(CUT_OFF,))], limit
        if not written or not all(self._offered.name_of(name) for name, _ in written):
            line_ends = self._text.find("\n", at)
            return [], line_ends if line_ends >= 0 else len(self._text)
        body = self._text[at:end]
        return [self._offered.call(name, values, body, self._json) for name, values in written], end

    # ---- what was read ------------------------------------------------------------------------

    def _take(self, end: int) -> None:
        self._say(self._text[self._at : end])
        self._at = end

    def _say(self, text: str, *, last: bool = False) -> None:
        if self._after_call and not last:
            kept = text.lstrip(" \t\r\n,;}]")
            self._blanks.append("".join(filter(str.isspace, text[: len(text) - len(kept)])))
            text = kept
        given = text if last else text.rstrip()
        if not given and not last:
            self._blanks.append(text)
            return
        if self._said or not self._called:
            given = ("".join(self._blanks) or self._blanks_before_call) + given
        self._blanks, self._blanks_before_call = [text[len(text.rstrip()) :]], ""
        self._after_call = False
        self._said = self._said or bool(given)
        if given:
            self._out.append(given)

    def _give(self, calls: Sequence[Call]) -> None:
        self._out += calls
        self._blanks_before_call = self._blanks_before_call or "".join(self._blanks)
        self._blanks = []
        self._called = self._after_call = True


@functools.lru_cache(maxsize=64)
def _patterns(tools: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What may begin a call, and what may be the beginning of that."""
    names = sorted(tools, key=lambda name: (-len(name), name))
    any_name = rf"(?:functions\.|default_api\.)?(?:{'|'.join(map(re.escape, names))})"
    line = (
        r"^[ \t]{0,40}(?:>>>)?(?:"
        rf"Action[ \t]{{0,4}}:\s{{0,10}}(?:(?:```\w{{0,10}}\s{{0,4}})?[\[{{]|{any_name}\b)"
        rf"|(?:Call: ?)?(?:print\()?{any_name}(?:\.call)?\(|call:{any_name}[{{(]"
        rf"|{any_name}(?::\d{{1,4}})?{_LINE_GAP}\{{)"
    )
    marks = "|".join(map(re.escape, _MARKS))
    whole = rf"(?P<line>{line})|(?P<mark>{marks})|(?P<fence>`{{1,10}})|(?P<json>[\[{{])"
    words = [*names, *(f"functions.{name}" for name in names), "default_api.", "Action:", "Call: ",
             "call:", "print(", ">>>"]  # fmt: skip
    begun = (
        rf"^[ \t]{{0,40}}(?:(?:>>>)?(?:Call: ?|call:|print\()?(?:{beginnings(words)})"
        rf"|(?:>>>)?(?:Call: ?)?(?:print\()?{any_name}[\s:.\w`\[\]<>|]{{0,64}}"
        rf"|Action[ \t]{{0,4}}:[\s`\w]{{0,30}})?\Z|(?:{beginnings(_MARKS)}|`{{1,10}})\Z"
    )
    return re.compile(whole, re.MULTILINE), re.compile(begun, re.MULTILINE)


def from_first_opener(text: str) -> str:
    """What begins with the first opener of a call in a text, if there is one."""
    found = _OPENERS.search(text)
    return text[found.start() :] if found else ""
