"""JSON as models write it: decode it, repair it within bounds, find where it ends."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, Literal, TypeAlias

End: TypeAlias = Literal["closed", "open", "in string"]

MOST_REPAIRED = 3000
"""The longest damaged JSON that is repaired, in characters: the time grows with their square."""

DEEPEST = 100
"""The deepest nesting that is accepted in JSON from outside. Many libraries process and describe it
recursively: the deeper it is, the longer they need for each level."""

_MOST_WALKS = 16
"""How often the whole answer may be scanned for the ends of values, in total."""

_MOST_DAMAGED = 1000
"""How many damaged values of an answer are read: for each, Python counts the lines before it."""

_LONGEST_INTEGER = 19
"""Characters. Checkpoints hold integers of at most 64 bits."""

_TOKENS = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|(?<![\d.eE+-])(?=[-\d]{20})-?\d{19,}+(?![.eE])', re.DOTALL
)
"""Strings, and integers that are too long."""
_ESCAPE = re.compile(
    r"\\(?:ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|u[\da-f]{4}|.)", re.IGNORECASE | re.DOTALL
)
ODD = re.compile(r"\\u[dD][89a-fA-F]|\d{19}")
"""What may be half a character, or an integer that is too long."""
_LONE = re.compile(r"\\u[dD][89a-fA-F]..\Z")


def integer(digits: str) -> int | float:
    """An integer of JSON; one that is too long as a decimal, as in JavaScript."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_DECODER = json.JSONDecoder(strict=False, parse_int=integer)
_SIGNS = re.compile(r"\\.|[\"'{}\[\]<]", re.DOTALL)
_IN_STRING = {each: re.compile(rf"\\.|{each}", re.DOTALL) for each in ('"', "'")}
_BLANKS = re.compile(r"\s*+")
_AFTER_STRING = (",", ":", "}", "]", "")
_OPENING_OF = {"}": "{", "]": "["}
_BARE_TIME = re.compile(r"(\"\s{0,9}:\s{0,9})(\d[\d.T-]{0,12}:\d[\d:.+Z-]{0,20})(?=\s{0,9}[,}\]])")
_BAD_ESCAPE = re.compile(r"\\(?![\\'\"abfnrtv0-7xuUN\n])")


def checked(value: Any) -> Any:
    """The value, if JSON can hold it, without what checkpoints cannot hold.

    It holds no NaN and no infinity, which Python's decoder accepts, no sets and bytes, and no
    integers that are too long for Python to write.
    """
    if is_deeper_than(value):
        msg = f"it is nested more than {DEEPEST} levels deep"
        raise ValueError(msg)
    try:
        text = json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise ValueError(*error.args) from error
    if ODD.search(text):
        value = json.loads(storable(text))
        json.dumps(value, allow_nan=False)  # it may be infinite by now
    return value


def storable(text: str) -> str:
    """JSON that every checkpoint can hold: no half characters, no integers beyond 64 bits.

    All before what is replaced keeps its place.
    """
    return _TOKENS.sub(_storable_token, text) if ODD.search(text) else text


def _storable_token(token: re.Match[str]) -> str:
    if token[0][0] != '"':
        return f"{token[0]}.0"
    return _ESCAPE.sub(lambda each: r"\ufffd" if _LONE.fullmatch(each[0]) else each[0], token[0])


def decoded_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON that begins here, and where it ends; raises `ValueError` or `RecursionError`."""
    value, end = _DECODER.raw_decode(text, at)
    return checked(value), end


def decoded(text: str) -> Any:
    """The JSON of a whole text; raises `ValueError` or `RecursionError`."""
    return checked(_DECODER.decode(text))


class JsonReader:
    """Decodes JSON of one answer, damaged or not, in time that grows with its length."""

    def __init__(self) -> None:
        self._left = 2 * MOST_REPAIRED
        self._longest = self._walked = self._damaged = 0

    def load(self, text: str) -> Any:
        """Decode JSON, repaired if it is damaged; ``None`` if it cannot be repaired."""
        try:
            return decoded(text)
        except RecursionError:
            return None
        except ValueError:
            return self.repaired(text)

    def repaired(self, text: str) -> Any:
        """What damaged JSON means; ``None`` if it cannot be repaired."""
        if len(text) > min(MOST_REPAIRED, self._left):
            return None
        self._left -= len(text)
        if isinstance(value := literal(text), dict | list):
            return value  # with Python's quotes and constants
        import json_repair  # noqa: PLC0415 -- only where something is to be repaired

        try:
            return checked(json_repair.loads(_BARE_TIME.sub(r'\1"\2"', text), skip_json_loads=True))
        except Exception:  # noqa: BLE001 -- of a library, whose assertions some texts break
            return None

    def value_at(
        self, text: str, at: int, closer: re.Pattern[str] | None = None
    ) -> tuple[Any, int, End]:
        """The value that begins here, where it ends, and how.

        A closer ends it as well, where brackets are missing.
        """
        if self._damaged > _MOST_DAMAGED:
            return None, len(text), "open"
        try:
            value, end = decoded_at(text, at)
        except (ValueError, RecursionError):
            self._damaged += 1
            end, kind = self._end(text, at, closer)
            return self.repaired(text[at:end]), end, kind
        return value, end, "closed"

    def _end(self, text: str, at: int, closer: re.Pattern[str] | None) -> tuple[int, End]:
        """Where damaged JSON ends, and whether the text ends within it, or within a string of it.

        Only strings and brackets are tracked; quotes inside strings and brackets that do not match
        are tolerated. An unterminated string may run past closers, but only a few times in one
        answer.
        """
        self._longest = max(self._longest, len(text))
        limit = min(len(text), at + max(0, _MOST_WALKS * self._longest - self._walked))
        begun = at
        open_: list[str] = []
        count = {"{": 0, "[": 0}
        ended: End = "open"
        while found := _SIGNS.search(text, at, limit):
            sign, at = found[0], found.end()
            if sign in ('"', "'"):
                at = _end_of_string(text, at, limit, sign, closer)
                if at < 0:
                    ended = "in string"
                    break
            elif sign in count:
                open_.append(sign)
                count[sign] += 1
            elif sign in _OPENING_OF and count[_OPENING_OF[sign]]:
                while (last := open_.pop()) != _OPENING_OF[sign]:
                    count[last] -= 1
                count[last] -= 1
                if not open_:
                    self._walked += at - begun
                    return at, "closed"
            elif sign == "<" and closer and closer.match(text, found.start()):
                self._walked += at - begun
                return found.start(), "closed"
        self._walked += limit - begun
        found_closer = closer.search(text, begun) if closer else None
        return (found_closer.start(), "closed") if found_closer else (len(text), ended)


def _end_of_string(
    text: str, at: int, limit: int, quote: str, closer: re.Pattern[str] | None
) -> int:
    """The place after the quote that ends a string, judged by what follows it; -1 if none does."""
    for found in _IN_STRING[quote].finditer(text, at, limit):
        blanks = _BLANKS.match(text, found.end())
        after = blanks.end() if blanks else found.end()
        if found[0] == quote and (
            text[after : after + 1] in _AFTER_STRING or (closer and closer.match(text, after))
        ):
            return found.end()
    return -1


def literal(text: str) -> Any:
    """A Python or JSON literal; ``None`` for anything else."""
    try:
        return literal_of(ast.parse(escaped(text.strip()), mode="eval").body)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def escaped(text: str) -> str:
    """Python source in which a backslash that begins no escape is doubled: Python would warn."""
    return _BAD_ESCAPE.sub(r"\\\\", text)


def literal_of(node: ast.expr) -> Any:
    """The value of a literal, with JSON's names for constants as well; raises `ValueError`."""
    names = {"true": True, "false": False, "null": None}
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [literal_of(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(literal_of(key)): literal_of(value) for key, value in pairs if key}
    return checked(ast.literal_eval(node))


def is_deeper_than(value: Any, levels: int = DEEPEST) -> bool:
    """Whether JSON is nested deeper, found without recursion."""
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        layer = [
            part
            for each in layer
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, dict | list)
        ]
        if not layer:
            return False
    return True
