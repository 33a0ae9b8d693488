"""Parses the calls after a mark, once the answer is complete; no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable

from langchain_visioncraft._json import End, JsonReader
from langchain_visioncraft.chat_models.prompted import bodies, formats
from langchain_visioncraft.chat_models.prompted.calls import (
    CUT_OFF,
    NO_CALL,
    Call,
    Offered,
    check_number,
)

_SKIPPED = re.compile(
    rf"(?P<mark>{formats.ANY_MARK})|\]<\]minimax\[>\[|Call: ?|</?code>|`(?!`)"
    rf"|to=[\w.]+<\|message\|>(?=<)|[\s,;}}\]]+|```\w{{0,10}}|>>>|print\(\w{{1,40}}\)|#[^\n]{{0,200}}\n"
    rf"|(?!{bodies.TAG.pattern})<[|｜][^<>\n\"'=]{{1,40}}[|｜]?>"
    r"(?!\s?[\w.:-]{1,64}<[|｜]tool_call:name)|<\|from\|>\w+|assistant\b"
)
_TAIL = re.compile(
    rf"(?:[ \t]+(?://|#)[^\n]{{0,200}})?(?:(?:\]<\]minimax\[>\[|</?code>|`(?!`)|[\s,;}}\]]|print\(\w{{1,40}}\)|{formats.CLOSER.pattern}"
    rf"|{'|'.join(map(re.escape, formats.STOPS))})*+(?:</?[\w|:]{{0,24}}\Z)?)"
)
_GAP = (
    r"(?:\s++|```\w{0,10}|<[^<>{}\[\]\n/=]{1,48}>|\[CALL_ID\]\w{0,40}|\[ARGS\]?|✿ARGS✿:|[>:=]|json"
    r"|code|commentary|analysis)"
)
_NAMED = re.compile(
    r"(?:[\w]{1,40}\s?<[^<>\n]{0,20}(?:sep|:name)[^<>\n]{0,2}>\s?)?(?P<call>call\b|:)?[:\s-]{0,3}"
    rf"[\"'`]?(?P<name>[\w./:-]{{1,128}}?)[\"'`]?{_GAP}{{0,12}}+(?:(?=\{{)|(?=tool_call\()|(?(call)(?=\()|(?!)))"
)
_ACTION = re.compile(
    rf"[ \t*_>]{{0,8}}(?i:action)\s?{formats.LABEL}(?:```\w{{0,10}}\s{{0,4}})?"
    rf"(?=(?P<list>\[\s*\{{)|){formats.QUOTES}(?P<name>\w[\w./:-]{{0,128}})?[\]\"'`*]{{0,3}}"
)
_INPUT = re.compile(
    rf"[\s*_]{{0,12}}(?i:action[ _]input)\s?{formats.LABEL}(?:`{{1,3}}\w{{0,10}}\s{{0,4}})?"
)
_INPUT_ENDS = re.compile(r"\n|Observation:|\Z")
_LINE_ENDS = re.compile(r"[ \t;,\]]*(?=\n|```|<|\Z)|[;,]\s*(?=\w[\w./:-]{0,127}\()")
_BRACKETS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\]{}]", re.DOTALL)
_GEMMA = re.compile(r"\(|\{\s*(?:<\|\"\|>|<escape>|[A-Za-z_][\w.-]{0,127}\s*:)")
_WORD = re.compile(r"\w")
_PROSE = re.compile(r"[`'\"*)]{0,3}\s?[a-z]+[\s.][^{}()\[\]<]*\Z")
_OWN_TAG = re.compile(r"<([\w.-]{1,128})>")
_LONGEST_TAG = 20_000
_MOST_PYTHON = 40_000
"""How many characters of one answer are searched for the ends of calls in Python."""


def names_tool(text: str, at: int, offered: Offered) -> bool:
    """Whether a call of an offered tool begins here, written as Python."""
    called = bodies.PYTHON.match(text, at)
    return called is not None and (
        called["name"] == "tool_call" or offered.name_of(called["name"]) is not None
    )


class CallParser:
    """Parses the calls of one complete answer; in one that was `cut_off`, it guesses none."""

    def __init__(self, text: str, offered: Offered, *, cut_off: bool = False) -> None:
        self._text, self._offered, self._cut_off = text, offered, cut_off
        self._json = JsonReader()
        self._python_left = _MOST_PYTHON
        self._found: list[Call] = []

    def calls_at(self, start: int, at: int, ticks: str) -> tuple[list[Call], int, str]:
        """The calls after a mark, where prose continues, and the open fence around them.

        They begin at the mark, or after a fence of these backticks.
        """
        calls: list[Call] = []
        marked, end = False, at
        while True:
            at, marked, opened = self._skip(end, marked=marked)
            found, after = self._call(at, marked=marked)
            if calls and not found and not _WORD.search(self._text, at):
                end = len(self._text)
            elif not found and opened:
                found, after = self._unread(end, at)
            if not found or after <= end:
                break
            calls += found
            self._found += found
            check_number(self._found)
            end = after
        if not calls:
            return [], max(after, start + 1), ""
        open_fence = ticks if self._text[start:end].count(ticks) % 2 else ""
        tail = _TAIL.match(self._text, end)
        return calls, tail.end() if tail else end, open_fence

    def _skip(self, at: int, *, marked: bool) -> tuple[int, bool, bool]:
        """The place after marks between calls; whether a call is open; whether it opened here."""
        opened = False
        while (skipped := _SKIPPED.match(self._text, at)) and skipped.end() > at:
            if mark := skipped["mark"]:
                if mark in formats.RESULTS:
                    break
                if mark in ("<function=", "<invoke"):
                    return at, True, True
                is_end = (
                    mark in formats.STOPS or mark in formats.CLOSERS or formats.CLOSING.search(mark)
                )
                marked = opened = not is_end
            at = skipped.end()
        return at, marked, opened

    def _call(  # noqa: PLR0911 -- a table of forms
        self, at: int, *, marked: bool
    ) -> tuple[list[Call], int]:
        """The calls that begin at this place, and where they end."""
        text, offered = self._text, self._offered
        if bodies.PYTHON.match(text, at) and (marked or names_tool(text, at, offered)):
            return self._python(at)
        if text[at : at + 1] in ("{", "["):
            return self._json_calls(at, marked=marked)
        if tagged := bodies.tagged_call(text, at, self._json):
            written, end = tagged
            if self._cut_off and end == len(text):
                return [self._broken("", text[at:])], end
            return self._calls([written], text[at:end]), end
        own = _OWN_TAG.match(text, at)
        if own and offered.name_of(own[1]):
            return self._own_tag(own[1], own.end())
        action = _ACTION.match(text, at)
        if action and (action["list"] or action["name"]):
            return self._action(action)
        named = _NAMED.match(text, at)
        if named and (marked or offered.name_of(named["name"])):
            return self._named(named["name"], named.end(), marked=marked)
        return [], at

    def _broken(self, name: str, text: str, problem: str = CUT_OFF) -> Call:
        return Call(self._offered.name_of(name), text=text, problems=(problem,))

    def _calls(self, written: Iterable[bodies.Written], text: str) -> list[Call]:
        return [self._offered.call(name, each, text, self._json) for name, each in written]

    def _named(self, name: str, at: int, *, marked: bool) -> tuple[list[Call], int]:
        """A call whose name precedes its arguments."""
        text = self._text
        if text.startswith("tool_call(", at):  # ChatGLM 3
            end = self._bracket_end(at)
            body = text[at:end]
            return self._calls([(name, each) for _, each in bodies.python_calls(body)], body), end
        kind: End
        if _GEMMA.match(text, at):
            closer = formats.CLOSER.search(text, at) if marked else None
            end = closer.start() if closer else _end_of_brackets(text, at, len(text))
            end, kind = (end, "closed") if end else (len(text), "open")
            value = bodies.gemma_arguments(text[at + 1 : end].rstrip()[:-1], self._json)
        else:
            value, end, kind = self._json.value_at(text, at, formats.CLOSER if marked else None)
        body = text[at:end]
        if kind == "in string" or (kind == "open" and self._cut_off):
            return [self._broken(name, body)], end
        return self._calls([(name, body if value is None else value)], body), end

    def _own_tag(self, name: str, at: int) -> tuple[list[Call], int]:
        """A call whose tag is the tool's name, with a tag for each argument."""
        closer = f"</{name}>"
        end = self._text.find(closer, at, at + _LONGEST_TAG)
        body = self._text[at : max(end, at)]
        arguments = dict(bodies.CHILD.findall(body))
        if end < 0 or (body.strip() and not arguments):
            return [], at
        return self._calls([(name, arguments)], body), end + len(closer)

    def _json_calls(self, at: int, *, marked: bool) -> tuple[list[Call], int]:
        """JSON; without an opener it is a call only if it names a tool that was offered."""
        value, end, kind = self._json.value_at(self._text, at, formats.CLOSER if marked else None)
        text = self._text[at:end]
        calls = self._offered.calls_in(value, text, self._json, marked=marked)
        if kind == "closed" or (kind == "open" and not self._cut_off):
            return calls, end
        name = self._offered.calls_in(value, text, self._json, marked=True)[0].name
        return [self._broken(name or "", text)], end

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
        body = text[given.end() : end].strip()
        return self._calls([(name, body)], body), end

    def _python(self, at: int) -> tuple[list[Call], int]:
        """Calls of offered tools as Python, which fill their lines."""
        text = self._text
        limit = min(len(text), at + self._python_left)
        end = self._bracket_end(at)
        written = bodies.python_calls(text[at:end]) if end and _LINE_ENDS.match(text, end) else []
        if self._cut_off and not end and limit == len(text):
            return [self._broken("", text[at:])], limit
        if not written or not all(self._offered.name_of(name) for name, _ in written):
            line_ends = text.find("\n", at)
            return [], line_ends if line_ends >= 0 else len(text)
        return self._calls(written, text[at:end]), end

    def _bracket_end(self, at: int) -> int:
        """Where the brackets that begin here end; 0 if they do not end within the limit."""
        limit = min(len(self._text), at + self._python_left)
        end = _end_of_brackets(self._text, at, limit)
        self._python_left -= (end or limit) - at
        return end

    def _unread(self, opening: int, at: int) -> tuple[list[Call], int]:
        """Text after an opener that has none of the usual forms, up to a closer."""
        text, offered = self._text, self._offered
        closer = formats.CLOSER.search(text, at)
        end = closer.start() if closer else len(text)
        if tag := bodies.TAG.search(text, at, end):
            return self._call(tag.start(), marked=True)
        body = text[at:end]
        written = bodies.python_calls(body) if bodies.PYTHON.match(body) else []
        if not written and (lone := bodies.lone_call(body, self._json)):
            written = [lone]
        if known := [each for each in written if offered.name_of(each[0])]:
            return self._calls(known, body), end
        if closer is None and _PROSE.match(body):
            return [], at  # prose that mentions the mark
        name, problem = body.strip().partition("\n")[0][:128], NO_CALL
        return [self._broken(name, text[opening:end], problem if closer or name else CUT_OFF)], end


def _end_of_brackets(text: str, at: int, limit: int) -> int:
    """Where the brackets that begin here end, ignoring strings; 0 if they do not end."""
    depth = 0
    for found in _BRACKETS.finditer(text, at, limit):
        depth += (found[0] in "([{") - (found[0] in ")]}") if len(found[0]) == 1 else 0
        if depth <= 0:
            return found.end()
    return 0
