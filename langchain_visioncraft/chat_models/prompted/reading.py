"""Separates calls from prose in an answer that arrives in pieces; no I/O.

Prose is returned up to the first mark that may begin a call. The rest is held back, and parsed once
at the end. The result depends only on the text, never on how it was cut: an answer in pieces gives
the same result as the whole answer.
"""

from __future__ import annotations

import itertools
import re
from typing import TypeAlias

from langchain_visioncraft.chat_models.prompted import formats
from langchain_visioncraft.chat_models.prompted.calls import NAME_KEYS, Call, Offered
from langchain_visioncraft.chat_models.prompted.parsing import CallParser, names_tool

Piece: TypeAlias = str | Call
"""Prose, or a call."""

_LOOKAHEAD = 160
"""The number of characters that decide whether something begins a call."""
_HEAD = re.compile(
    r"[\[{]\s{0,40}(?:[\[{]\s{0,40}){0,3}(?:([\"'])(?P<quoted>[^\"'\n]{0,64})\1|(?P<bare>[A-Za-z_]\w{0,64}))"
    r"\s{0,20}:\s{0,20}(?:[\"'](?P<value>[^\"'\n(]{0,64})[\"'(]|(?P<sign>\S))"
)
_HEAD_BEGUN = re.compile(
    r"[\[{]\s{0,40}(?:[\[{]\s{0,40}){0,3}(?:[\"']?[\w./:-]{0,64}[\"']?\s{0,20}(?::\s{0,20}(?:[\"'][^\"'\n(]{0,64})?)?)?\Z"
)
_NAME_BEGUN = re.compile(
    rf"[\[{{]\s{{0,40}}(?:[\[{{]\s{{0,40}}){{0,3}}[\"']({'|'.join(NAME_KEYS)})[\"']\s{{0,20}}:\s{{0,20}}[\"']([\w.:-]{{1,64}})\Z"
)
_TOO_DEEP = re.compile(r"[\[{]+(?=[\[{]{4})")
_EMPTY = re.compile(r"\{\s{0,20}\}")
_DATA = re.compile(r"\{\s{0,20}[\"']|\[\s{0,20}(?:[\"'\d-]|true|false|null)")
_DATA_SIGN = re.compile(r"\\.|[\"{}\[\]<`]|\n[ \t]*\n", re.DOTALL)
_DATA_BEGUN = re.compile(r"(?<!\\)(?:\\\\)*\\\Z|\n[ \t]*(?P<blank>\n?)\Z")
_INFO = re.compile(r"[\w+.-]{0,20}[ \t]{0,8}(?:\r?\n(?:\s{1,40}|#[^\n]{0,80}\n){0,4})?")
_TICKS = re.compile(r"`{1,10}\Z")


class CallReader:
    """Separates calls from prose in one answer."""

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._marks, self._begun = formats.call_patterns(frozenset(offered.schemas))
        self._text, self._at = "\n", 1  # the start of a line; the text after it is undecided
        self._held: list[str] = []
        self._fence = ""  # of the code block that we are in, which holds no call
        self._call_fence = ""  # around the last call, while it is open
        self._depth, self._in_string = 0, False  # of the JSON that we are in, which is not a call
        self._out: list[Piece] = []
        self._blanks: list[str] = []  # whitespace that is prose only if prose follows
        self._blanks_before_call = ""
        self._said = self._called = self._after_call = self._ended = False

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer, and return what is certain by now."""
        if self._held:
            self._held.append(text)
            return []
        self._text, self._at = self._text[self._at - 1 :] + text, 1
        if self._next_mark() is not None:
            self._held = [self._text]
        return self._given()

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Return what is left; in an answer that was cut off, no call is guessed."""
        self._ended = True
        self._text = "".join(self._held) or self._text
        parser = CallParser(self._text, self._offered, cut_off=cut_off)
        while (mark := self._next_mark()) is not None:
            self._read(mark, parser)
        if not self._after_call and (blanks := "".join(self._blanks)):
            self._out.append(blanks)
        return self._given()

    def _given(self) -> list[Piece]:
        runs = itertools.groupby(self._out, key=lambda piece: isinstance(piece, str))
        given = [["".join(map(str, run))] if is_prose else [*run] for is_prose, run in runs]
        self._out = []
        return [piece for run in given for piece in run]

    # ---- prose --------------------------------------------------------------------------------

    def _next_mark(self) -> re.Match[str] | None:
        """Take prose up to the next mark of a call; ``None`` if there is none, or none yet."""
        goes_on, size = True, len(self._text)
        begun = size  # where an incomplete mark may have begun
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
                # Of two marks that begin here, the longer one counts.
                if mark is None or begun <= mark.start():
                    self._take(max(begun, self._at))
                    return None
                self._take(mark.start())
                verdict = self._verdict(mark)
                if verdict:
                    return mark
                goes_on = verdict is not None
        return None

    def _verdict(self, mark: re.Match[str]) -> bool | None:
        """Whether this begins a call; ``None`` if undecided. If not, it is consumed as prose."""
        kind, sign = mark.lastgroup, mark[0]
        if (
            kind == "line"
            or (kind == "tag" and not formats.CLOSING.search(sign))
            or sign in formats.OPENERS
        ):
            return True
        if kind == "fence":
            return self._fence_verdict(mark)
        if kind == "json":
            return self._json_verdict(self._at)
        is_closer = kind == "tag" or sign in formats.CLOSERS
        if sign in formats.STOPS or (self._called and is_closer):
            self._at = mark.end()
            self._blanks = [] if self._after_call else self._blanks
        elif is_closer:
            return True  # perhaps from a call without an opener: decided at the end
        elif self._called and sign in formats.RESULTS:
            self._at = len(self._text)  # the model goes on to imagine the tool's result
        else:
            self._take(mark.end())
        return False

    def _fence_at(self, mark: re.Match[str]) -> tuple[str, int]:
        """The backticks, and where the code after them begins."""
        info = _INFO.match(self._text, mark.end()) if len(mark[0]) >= 3 else mark
        return mark[0], (info or mark).end()

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
        if self._text[at] == "`":
            return False  # a line of backticks, not a fence
        mark = self._marks.match(self._text, at)
        if mark and (mark.lastgroup == "tag" or mark[0] in formats.OPENERS):
            return not self._text.startswith("`", mark.end())
        if mark and mark.lastgroup == "json":
            return self._json_verdict(at, take=False)
        if python and names_tool(self._text, at, self._offered):
            return True
        undecided = not self._ended and len(self._text) - at < _LOOKAHEAD // 2
        line = self._text[at:].partition("\n")
        return None if undecided and not line[1] and len(line[0]) < 64 else False

    def _json_verdict(  # noqa: PLR0911 -- a table of beginnings
        self, at: int, *, take: bool = True
    ) -> bool | None:
        text = self._text
        if take and (run := _TOO_DEEP.match(text, at)):
            self._take(run.end())
            return False
        if text[at] == "[" and names_tool(self._text, at, self._offered):
            return True
        if not self._ended and _HEAD_BEGUN.match(text, at):
            return None
        head = _HEAD.match(text, at)
        if head is not None:
            key = head["quoted"] if head["bare"] is None else head["bare"]
            if self._offered.begins_call(key, head["value"], head["sign"]):
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

    def _take_code(self) -> bool:
        """Code without a call: prose up to the end of its fence. Returns whether it ends."""
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
        """JSON that is not a call: prose up to its end, or up to text that cannot be JSON."""
        limit = len(self._text)
        begun = _DATA_BEGUN.search(self._text, max(self._at, limit - 40))
        if begun and not self._ended and not begun["blank"]:
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

    def _read(self, mark: re.Match[str], parser: CallParser) -> None:
        """Parse the calls after a mark, or treat it as prose after all."""
        ticks, at = self._fence_at(mark) if mark.lastgroup == "fence" else ("```", self._at)
        calls, end, open_fence = parser.calls_at(self._at, at, ticks)
        if not calls:
            self._take(end)
            return
        self._at, self._call_fence = end, open_fence or self._call_fence
        self._out += calls
        self._blanks_before_call = self._blanks_before_call or "".join(self._blanks)
        self._blanks = []
        self._called = self._after_call = True

    # ---- results ------------------------------------------------------------------------------

    def _take(self, end: int) -> None:
        self._say(self._text[self._at : end])
        self._at = end

    def _say(self, text: str) -> None:
        if self._after_call:
            kept = text.lstrip(" \t\r\n,;}]")
            self._blanks.append("".join(filter(str.isspace, text[: len(text) - len(kept)])))
            text = kept
        said = text.rstrip()
        if not said:
            self._blanks.append(text)
            return
        after = text[len(said) :]
        if self._said or not self._called:
            said = ("".join(self._blanks) or self._blanks_before_call) + said
        self._out.append(said)
        self._blanks, self._blanks_before_call = [after], ""
        self._said, self._after_call = True, False
