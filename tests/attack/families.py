"""Families of hostile text, each of any length."""

from __future__ import annotations

import itertools
from collections.abc import Callable

FAMILIES: dict[str, Callable[[int], str]] = {}


def _repeated(name: str, unit: str, *, before: str = "", after: str = "") -> None:
    FAMILIES[name] = lambda size: before + unit * (size // len(unit)) + after


_repeated("one letter", "a", after="!")
_repeated("blanks", " ", before="Draw a cat", after="z")
_repeated("line breaks", "\n", before="a", after="a")
_repeated("dashes", "-", before="A house", after=" and then the sun sets over a quiet harbour")
_repeated("digits", "9", before="1", after="x")
_repeated("backslashes", "\\", before='"')
_repeated("quotes", "\"'")
_repeated("open braces", '{"a":', after="}")
_repeated("open brackets", "[", before='{"name": "draw", "arguments": ')
_repeated("open and shut", "{[", after="]}")
_repeated("angles", "<", before="<tool_call>")
_repeated("tags", "<tool_call>", after="</tool_call>")
_repeated("tags of arguments", "<parameter=prompt>", before="<function=draw>")
_repeated("calls in Python", "\ndraw(")
_repeated("thoughts", "<think></thought>")
_repeated("unclosed strings", '<tool_call>{"x</tool_call>')
_repeated("unclosed arguments", '<function=draw>{"x</function>')
_repeated("unclosed calls", '<tool_call>draw{"x')
_repeated("unclosed single quotes", "<tool_call>{'x</tool_call>")
_repeated("keys cut off", "\\sk-1234…")
_repeated("fences", "```\n")
_repeated("backticks", "`")
_repeated("equal words", "a ")
_repeated("damaged values", "*'", before="[TOOL_CALLS][")
_repeated("marks of sources", "[1, 2-", before="See ")
_repeated("addresses", "http://a@", before="http://")
_repeated("parameters", ", Steps: 1", before="a cat\nNegative prompt: dog")
_repeated("words and commas", "a red cat, and then ", before="Draw ")
_repeated("semicolons", ";a=b", before="data:image/png")
_repeated("accents", "e\u0301\u200b", before="a")
_repeated("marks", "\u0301", before="a")
_repeated("marks in disorder", "\u0301\u0316", before="a")
_repeated("marks in disorder in a host", "\u0301\u0316", before="http://a")
_repeated("marks of arguments", "[ARGS]", before="[TOOL_CALLS]")
_repeated("marks of arguments in a tag", "[ARGS]", before="<tool_call>")
_repeated("empty calls", "{}", before="<tool_call>")
_repeated("comments", " #", before="P5", after="\nx")
_repeated("lines of comments", "\n#", before="P5", after="\n3 2 x")
_repeated("digits of a side", "9", before="P5 ", after=" 9 255\n")
_repeated("leading blanks", " ", after='{"name": "reply"')
for _part in ("a.", "a:", "a__"):
    _repeated(
        f"parts of a name, {_part}",
        _part,
        before='<tool_call>{"name": "',
        after='", "arguments": {}}</tool_call>',
    )


def _grown(size: int) -> str:
    """Words that are never the same."""
    return " ".join(itertools.islice(map(str, itertools.count()), size // 2))[:size]


def _nested(size: int) -> str:
    """JSON that is whole, and as deep as long."""
    return "[" * (size // 2) + "]" * (size // 2)


FAMILIES["numbers"] = _grown
FAMILIES["nested"] = _nested
