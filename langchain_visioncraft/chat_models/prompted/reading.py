"""Tells calls from prose in an answer that arrives in pieces; no I/O.

Prose is given until the first mark that may begin a call. What follows is held, and read once at
the end. What is decided depends on the text alone, never on how it was cut: what streams in pieces
equals what arrives whole.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from typing import TypeAlias

from langchain_visioncraft._json import End, JsonReader
from langchain_visioncraft._reasoning import beginnings
from langchain_visioncraft.chat_models.prompted.bodies import (
    PYTHON,
    TAG,
    gemma_arguments,
    lone_call,
    python_calls,
    tagged_call,
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
from langchain_visioncraft.chat_models.prompted.formats import FORMATS, RESULTS, STOPS

Piece: TypeAlias = str | Call
"""Prose, or a call."""

_OPENERS = {row.opener for row in FORMATS} - {""}
_CLOSERS = {row.closer for row in FORMATS} - {""}
_ALL = ">>>all\n"
_MARKS = sorted({*_OPENERS, *_CLOSERS, *RESULTS, *STOPS} - {_ALL}, key=len, reverse=True)
_LOOKAHEAD = 160
"""Characters within which it is known whether something begins a call."""

# Tags that mean the same as those of the table, in the spelling of another model.
_CALL_TAG = (
    r"(?:\]<\]minimax\[>\[)?<(?=[^\s])[^<>\n\"'={}()]{0,32}?"
    r"(?i:(?:tool|function)[\s_▁\\]{0,3}(?:call|use)s?|[|｜]\s?calls|(?<=<)call(?=>))[^<>\n\"'={}()]{0,24}>"
)
_CLOSING = re.compile(
    r"</|<[|｜]/|<\w+[|｜]>|<\|close|\[/|(?i:(?<![a-z])end(?![a-z]))|<\|e[om][a-z]_id\|>"
)
_ANY_MARK = rf"{'|'.join(map(re.escape, _MARKS))}|{_CALL_TAG}"
_CLOSER = re.compile(
    "|".join(map(re.escape, sorted(_CLOSERS, key=len, reverse=True)))
    + rf"|(?=</|<[|｜]/|<\w+[|｜]>|<[^<>\n]{{0,32}}(?i:(?<![a-z])end)){_CALL_TAG}"
)
_SKIPPED = re.compile(
    rf"(?P<mark>{_ANY_MARK})|\]<\]minimax\[>\[|Call: ?|</?code>|`(?!`)|to=[\w.]+<\|message\|>(?=<)"
    rf"|[\s,;}}\]]+|```\w{{0,10}}|>>>|print\(\w{{1,40}}\)|#[^\n]{{0,200}}\n"
    rf"|(?!{TAG.pattern})<[|｜][^<>\n\"'=]{{1,40}}[|｜]?>"
    r"(?!\s?[\w.:-]{1,64}<[|｜]tool_call:name)|<\|from\|>\w+|assistant\b"
)
_TAIL = re.compile(
    rf"(?:[ \t]+(?://|#)[^\n]{{0,200}})?(?:(?:\]<\]minimax\[>\[|</?code>|`(?!`)|[\s,;}}\]]|print\(\w{{1,40}}\)|{_CLOSER.pattern}"
    rf"|{'|'.join(map(re.escape, STOPS))})*+(?:</?[\w|:]{{0,24}}\Z)?)"
)
_GAP = (
    r"(?:\s++|```\w{0,10}|<[^<>{}\[\]\n/=]{1,48}>|\[CALL_ID\]\w{0,40}|\[ARGS\]?|✿ARGS✿:|[>:=]|json"
    r"|code|commentary|analysis)"
)
_NAMED = re.compile(
    r"(?:[\w]{1,40}\s?<[^<>\n]{0,20}(?:sep|:name)[^<>\n]{0,2}>\s?)?(?P<call>call\b|:)?[:\s-]{0,3}"
    rf"[\"'`]?(?P<name>[\w./:-]{{1,128}}?)[\"'`]?{_GAP}{{0,12}}+(?:(?=\{{)|(?(call)(?=\()|(?!)))"
)
_HEAD = re.compile(
    r"[\[{]\s{0,40}(?:[\[{]\s{0,40}){0,3}(?:([\"'])(?P<quoted>[^\"'\n]{0,64})\1|(?P<bare>[A-Za-z_]\w{0,64}))"
    r"\s{0,20}:\s{0,20}(?:[\"'](?P<value>[^\"'\n(]{0,64})[\"'(]|(?P<sign>\S))"
)
_HEAD_BEGUN = re.compile(
    r"[\[{]\s{0,40}(?:[\[{]\s{0,40}){0,3}(?:[\"']?[\w.-]{0,64}[\"']?\s{0,20}(?::\s{0,20}(?:[\"'][^\"'\n(]{0,64})?)?)?\Z"
)
_NAME_BEGUN = re.compile(
    rf"[\[{{]\s{{0,40}}(?:[\[{{]\s{{0,40}}){{0,3}}[\"']({'|'.join(NAME_KEYS)})[\"']\s{{0,20}}:\s{{0,20}}[\"']([\w.:-]{{1,64}})\Z"
)
_TOO_DEEP = re.compile(r"[\[{]+(?=[\[{]{4})")
_EMPTY = re.compile(r"\{\s{0,20}\}")
_DATA = re.compile(r"\{\s{0,20}[\"']|\[\s{0,20}(?:[\"'\d-]|true|false|null)")
_DATA_SIGN = re.compile(r"\\.|[\"{}\[\]<`]|\n[ \t]*\n", re.DOTALL)
_DATA_BEGUN = re.compile(r"(?<!\\)(?:\\\\)*\\\Z|\n[ \t]*\Z")
_INFO = re.compile(r"[\w+.-]{0,20}[ \t]{0,8}(?:\r?\n(?:\s{1,40}|#[^\n]{0,80}\n){0,4})?")
_TICKS = re.compile(r"`{1,10}\Z")
_LABEL = r"[*_\d]{0,3}\s{0,4}:[*_]{0,2}\s{0,10}"
_QUOTES = r"[\[\"'`]{0,3}"
_ACTION = re.compile(
    rf"[ \t*_>]{{0,8}}(?i:action)\s?{_LABEL}(?:```\w{{0,10}}\s{{0,4}})?"
    rf"(?=(?P<list>\[\s*\{{)|){_QUOTES}(?P<name>[A-Za-z_][\w.:-]{{0,128}})?[\]\"'`*]{{0,3}}"
)
_INPUT = re.compile(
    rf"[\s*_]{{0,12}}(?i:action[ _]input)\s?{_LABEL}(?:`{{1,3}}\w{{0,10}}\s{{0,4}})?"
)
_INPUT_ENDS = re.compile(r"\n|Observation:|\Z")
_LINE_ENDS = re.compile(r"[ \t;,\]]*(?=\n|```|<|\Z)|[;,]\s*(?=[A-Za-z_][\w.]*\()")
_BRACKETS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\]{}]", re.DOTALL)
_GEMMA = re.compile(r"\(|\{\s*(?:<\|\"\|>|<escape>|[A-Za-z_][\w.-]{0,127}\s*:)")
_LINE_GAP = r"\s?(?:\[ARGS\]|<\|[^<>\n]{1,40}>)?\s{0,6}(?:```\w{0,10}\s{0,4})?"
_WORD = re.compile(r"\w")
_PROSE = re.compile(r"[`'\"*)]{0,3}\s?[a-z]+[\s.][^{}()\[\]<]*\Z")
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
        if len(out) <= 1:
            return out
        given: list[Piece] = []
        for is_prose, pieces in itertools.groupby(out, key=lambda piece: isinstance(piece, str)):
            found = list(pieces)
            given += ["".join(map(str, found))] if is_prose else found
        return given

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
        if kind == "line" or (kind == "tag" and not _CLOSING.search(sign)) or sign in _OPENERS:
            return True
        if kind == "fence":
            return self._fence_verdict(mark)
        if kind == "json":
            return self._json_verdict(self._at)
        is_closer = kind == "tag" or sign in _CLOSERS
        if sign in STOPS or (self._called and is_closer):
            self._at = mark.end()
            self._blanks = [] if self._after_call else self._blanks
        elif is_closer:
            return True  # perhaps of a call whose opener is missing: known at the end
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
        if mark and (mark.lastgroup == "tag" or mark[0] in _OPENERS):
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
        name = (
            called[0]
            .rstrip("( ")
            .removeprefix("[")
            .removeprefix("print(")
            .removeprefix("await ")
            .split("=")[-1]
        )
        return name == "tool_call" or self._offered.name_of(name.strip()) is not None

    def _json_verdict(  # noqa: PLR0911 -- a table of beginnings
        self, at: int, *, take: bool = True
    ) -> bool | None:
        text = self._text
        if take and (run := _TOO_DEEP.match(text, at)):
            self._take(run.end())
            return False
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
        """Read the calls behind a mark, up to what is none; or take prose after all."""
        start, is_fence = self._at, mark.lastgroup == "fence"
        ticks, end = self._fence_at(mark) if is_fence else ("```", start)
        calls: list[Call] = []
        marked = False
        while True:
            at, marked, opened = self._skip(end, marked=marked)
            found, after = self._call(at, marked=marked)
            if calls and not found and not _WORD.search(self._text, at):
                end = len(self._text)
            elif not found and opened:
                found, after = self._unread(end, at)
            if not found or after <= end:
                break
            calls, end = calls + found, after
        if not calls:
            self._take(max(after, start + 1))
            return
        if self._text[start:end].count(ticks) % 2:
            self._call_fence = ticks
        self._give(calls)
        tail = _TAIL.match(self._text, end)
        self._at = tail.end() if tail else end

    def _skip(self, at: int, *, marked: bool) -> tuple[int, bool, bool]:
        """Past what stands between calls; whether one is open, and whether it was opened here."""
        opened = False
        while (skipped := _SKIPPED.match(self._text, at)) and skipped.end() > at:
            if mark := skipped["mark"]:
                if mark in RESULTS:
                    break
                if mark in ("<function=", "<invoke"):
                    return at, True, True
                is_end = mark in STOPS or mark in _CLOSERS or _CLOSING.search(mark)
                marked = opened = not is_end
            at = skipped.end()
        return at, marked, opened

    def _call(  # noqa: PLR0911 -- a table of forms
        self, at: int, *, marked: bool
    ) -> tuple[list[Call], int]:
        """The calls that begin exactly here, and where they end."""
        text, offered = self._text, self._offered
        if PYTHON.match(text, at) and (marked or self._names_at(at)):
            return self._python(at)
        if text[at : at + 1] in ("{", "["):
            return self._json_calls(at, marked=marked)
        if tagged := tagged_call(text, at, self._json):
            if self._cut_off and tagged.end == len(text):
                return [Call(None, text=text[at:], problems=(CUT_OFF,))], len(text)
            call = offered.call(tagged.name, tagged.arguments, text[at : tagged.end], self._json)
            return [call], tagged.end
        action = _ACTION.match(text, at)
        if action and (action["list"] or action["name"]):
            return self._action(action)
        named = _NAMED.match(text, at)
        if named and (marked or offered.name_of(named["name"])):
            return self._named(named["name"], named.end(), marked=marked)
        return [], at

    def _named(self, name: str, at: int, *, marked: bool) -> tuple[list[Call], int]:
        """A call whose name stands before its arguments."""
        text = self._text
        value, end, kind = self._json.value_at(text, at, _CLOSER if marked else None)
        if _GEMMA.match(text, at):
            end, kind = self._gemma_end(at, marked=marked)
            value = gemma_arguments(text[at + 1 : end].rstrip()[:-1], self._json)
        if kind == "in string" or (kind == "open" and self._cut_off):
            problem = Call(self._offered.name_of(name), text=text[at:end], problems=(CUT_OFF,))
            return [problem], end
        arguments = text[at:end] if value is None else value
        return [self._offered.call(name, arguments, text[at:end], self._json)], end

    def _gemma_end(self, at: int, *, marked: bool) -> tuple[int, End]:
        """Where arguments in Gemma's notation end."""
        if marked and (closer := _CLOSER.search(self._text, at)):
            return closer.start(), "closed"
        depth = 0
        for found in _BRACKETS.finditer(self._text, at):
            depth += (found[0] in "([{") - (found[0] in ")]}") if len(found[0]) == 1 else 0
            if not depth:
                return found.end(), "closed"
        return len(self._text), "open"

    def _json_calls(self, at: int, *, marked: bool) -> tuple[list[Call], int]:
        """JSON; without an opener it is a call only if it names a tool that was offered."""
        value, end, kind = self._json.value_at(self._text, at, _CLOSER if marked else None)
        text = self._text[at:end]
        calls = calls_in(value, text, self._offered, self._json, marked=marked)
        if kind == "closed" or (kind == "open" and not self._cut_off):
            return calls, end
        name = calls_in(value, text, self._offered, self._json, marked=True)[0].name
        known = self._offered.name_of(name or "")
        if marked or self._cut_off or known or not calls:
            return [Call(known, text=text, problems=(CUT_OFF,))], end
        return calls, end

    def _action(self, action: re.Match[str]) -> tuple[list[Call], int]:
        """ReAct's action with its input, or Command R's list of actions."""
        text, at = self._text, action.end()
        if action["list"]:
            return self._json_calls(action.start("list"), marked=True)
        if text.startswith("(", at):
            return self._python(action.start("name"))
        name, given = action["name"], _INPUT.match(text, at)
        if given is None:
            return [Call(self._offered.name_of(name))], at
        if text[given.end() : given.end() + 1] in ("{", "["):
            return self._named(name, given.end(), marked=False)
        ends = _INPUT_ENDS.search(text, given.end())
        end = ends.start() if ends else len(text)
        return [self._offered.call(name, text[given.end() : end].strip(), text, self._json)], end

    def _python(self, at: int) -> tuple[list[Call], int]:
        """Calls of offered tools as Python, which fill their lines."""
        depth, end, text = 0, 0, self._text
        limit = min(len(text), at + self._python_left)
        for found in _BRACKETS.finditer(text, at, limit):
            depth += (found[0] in "([{") - (found[0] in ")]}") if len(found[0]) == 1 else 0
            if depth <= 0:
                end = found.end()
                break
        self._python_left -= (end or limit) - at
        written = python_calls(text[at:end]) if end and _LINE_ENDS.match(text, end) else []
        if self._cut_off and not end and limit == len(text):
            return [Call(None, text=text[at:], problems=(CUT_OFF,))], limit
        if not written or not all(self._offered.name_of(name) for name, _ in written):
            line_ends = text.find("\n", at)
            return [], line_ends if line_ends >= 0 else len(text)
        body = text[at:end]
        return [self._offered.call(name, values, body, self._json) for name, values in written], end

    def _unread(self, opening: int, at: int) -> tuple[list[Call], int]:
        """What stands behind an opener and is none of the usual forms, up to a closer."""
        text, offered = self._text, self._offered
        closer = _CLOSER.search(text, at)
        end = closer.start() if closer else len(text)
        if tag := TAG.search(text, at, end):
            return self._call(tag.start(), marked=True)
        body = text[at:end]
        written = python_calls(body) if PYTHON.match(body) else []
        if not written and (lone := lone_call(body, self._json)):
            written = [lone]
        known = [each for each in written if offered.name_of(each[0])]
        if known:
            return [offered.call(name, each, body, self._json) for name, each in known], end
        if closer is None and _PROSE.match(body):
            return [], at  # prose that speaks of the mark
        name = offered.name_of(body.strip().partition("\n")[0][:128])
        problem = NO_CALL if closer or body.strip() else CUT_OFF
        return [Call(name, text=text[opening:end], problems=(problem,))], end

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
    spaces = "functions.", "default_api.", "default_api:", "tools.", "function"
    prefix = "|".join(map(re.escape, spaces))
    any_name = rf"(?:{prefix})?(?:{'|'.join(map(re.escape, names))})"
    line = (
        r"^[ \t]{0,40}(?:>>>)?(?:<code>)?(?:"
        rf"[*_]{{0,2}}[Aa]ction\s?{_LABEL}(?:(?:```\w{{0,10}}\s{{0,4}})?\[\s{{0,8}}\{{|{_QUOTES}{any_name}\b)"
        rf"|(?:Call: ?)?(?:await |print\()?{any_name}(?:\.call)?\(|call:{any_name}[{{(]"
        rf"|{any_name}(?::\d{{1,4}}|[A-Za-z0-9]{{9}})?{_LINE_GAP}\{{|{any_name}\s{{0,4}}<\w{{0,12}}arg_key>)"
        rf"|\s?to={any_name}\s?<\|"
    )
    marks = "|".join(map(re.escape, _MARKS))
    whole = (
        rf"(?P<line>{line})|(?P<tag>{_CALL_TAG}|{TAG.pattern})|(?P<mark>^{_ALL}|{marks})"
        r"|(?P<fence>`{1,10})|(?P<json>[\[{])"
    )
    words = [*names, _ALL, *(f"{space}{name}" for space in spaces for name in names), "Action:",
             "action:", "Call: ", "call:", "print(", "await ", ">>>", "**Action",
             "<code>"]  # fmt: skip
    others = [*_MARKS, *(f" to={name}<|" for name in names), *(f"to={name}<|" for name in names)]
    begun = (
        r"^[ \t]{0,40}(?:(?:>>>)?(?:<code>)?(?:Call: ?|call:|print\(|await )?"
        rf"(?:{beginnings(words)})"
        rf"|(?:>>>)?(?:<code>)?(?:Call: ?|print\(|await )?{any_name}[\s:.\w`\[\]<>|]{{0,64}}"
        rf"|[*_]{{0,2}}[Aa]ction[\s\d*_]{{0,8}}(?::[\s`\w\[\"'*]{{0,30}})?)?\Z"
        rf"|(?:\]<\]minimax\[>\[)?<[^<>\n]{{0,80}}\Z|(?:{beginnings(others)}|`{{1,10}})\Z"
    )
    return re.compile(whole, re.MULTILINE), re.compile(begun, re.MULTILINE)
