"""Keeping keys out of what is shown: texts, errors with their facts, tracebacks with locals."""

from __future__ import annotations

import html
import re
import traceback
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

MASK = "***"
_CUT = "…"
_UNIT = re.compile(
    r"\\(?:uHHHH|xHH|[^ux])"
    r"|&(?:#[0-9]{1,18}|#[xX]H{1,18}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|&#(?:[xX]0{0,9}HH|0{0,9}(?:1[0-2][0-9]|[3-9][0-9]))"
    r"|%(?:[0-7]H|[CDcd]H%[89ABab]H|[Ee]H(?:%[89ABab]H){2}|[Ff][0-7](?:%[89ABab]H){3})".replace(
        "H", "[0-9A-Fa-f]"
    ),
    re.DOTALL,
)
"""A letter as JSON, Python, HTML and URLs may write it."""
_BLANKS = {"n": "\n", "r": "\r", "t": "\t"}
_MOST_LAYERS = 6
"""Of escapes: what was escaped may be escaped once more, in another way."""
_FEWEST_LETTERS = 5
"""Of a key that is cut off, which are hidden."""
_DEEPEST = 64
_LONGEST = 1 << 20


def shortened(text: str, most: int) -> str:
    """At most so many characters; the mark at the end shows a `Redactor` where a key is cut off."""
    return text if len(text) <= most else text[: most - 1] + _CUT


class Redactor:
    """Finds a key, however JSON, HTML or a URL write it, and cut off by `shortened`.

    A key of fewer than 8 characters is found only as a whole word. One that consists of letters
    alone is not redacted: it is a placeholder such as "any" or "sandbox", which guards nothing and
    is an ordinary word of messages.
    """

    def __init__(self, key: str) -> None:
        self._pattern = re.compile("(?!)")
        if not key or (len(key) < 8 and key.isalpha()):
            return
        # What looks like an escape within the key is undone with the escapes around it.
        spellings = dict.fromkeys([key, *(text for text, _ in _layers(key))])
        starts = dict.fromkeys(
            spelling[:length]
            for spelling in spellings
            for length in range(len(spelling) - 1, _FEWEST_LETTERS - 1, -1)
        )
        whole, begun = ("|".join(map(_spaced, texts)) for texts in (spellings, starts or ["\0"]))
        cut = rf"(?:{begun})(?:[\\&%][\\&%#\w]{{0,20}})?{_CUT}"
        self._pattern = re.compile(
            rf"(?<!\w)(?:{whole}|{cut})(?!\w)" if len(key) < 8 else rf"{whole}|{cut}"
        )

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """The same texts, bytes, lists and dicts, with ``***`` for the key; others as they are.

        What is longer, or nested deeper, than any error means is left out.
        """
        if isinstance(value, str):
            return self._masked(shortened(value, _LONGEST))
        if isinstance(value, bytes):
            text = value[:_LONGEST].decode("utf-8", "surrogateescape")
            return self(text).encode("utf-8", "surrogateescape")
        if isinstance(value, dict | list) and depth > _DEEPEST:
            return MASK
        if isinstance(value, dict):
            return {self(name): self(held, depth + 1) for name, held in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self(held, depth + 1) for held in value)
        return value

    def _masked(self, text: str) -> str:
        spans = [match.span() for match in self._pattern.finditer(text)]
        above: list[_Unescaped] = []
        for layer, made in _layers(text):
            above.insert(0, made)
            for match in self._pattern.finditer(layer):
                span = match.span()
                for each in above:
                    span = each.origin(*span)
                spans.append(span)
        masked, done = [], 0
        for start, end in sorted(spans):
            if end > done:
                masked += [text[done:start], MASK] if start >= done else []
                done = end
        return "".join([*masked, text[done:]])

    def clean(self, error: BaseException) -> None:
        """Take the key out of the arguments and the facts of an error."""
        error.args = self(error.args)
        vars(error).update(self(vars(error)))


def _spaced(text: str) -> str:
    return re.escape(text).replace("\\ ", "[ +]")  # as forms in URLs write it


class _Unescaped:
    """A text whose escapes are undone once, and where each place in it comes from."""

    def __init__(self, text: str) -> None:
        self._places: list[tuple[int, int, int, int]] = []  # from, to; from, to in the original
        self._froms: list[int] = []
        pieces: list[str] = []
        at = done = 0
        for unit in _UNIT.finditer(text):
            letters = _letters_of(unit[0])
            pieces += (text[done : unit.start()], letters)
            at += unit.start() - done
            self._places.append((at, at + len(letters), *unit.span()))
            self._froms.append(at)
            at, done = at + len(letters), unit.end()
        self.text = "".join([*pieces, text[done:]])

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """What a part of the text was made of."""
        return self._origin(start)[0], self._origin(end - 1)[1]

    def _origin(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._froms, at) - 1
        _, to, start, end = self._places[number] if number >= 0 else (0, 0, 0, 0)
        return (start, end) if at < to else (end + at - to, end + at - to + 1)


def _letters_of(unit: str) -> str:
    if unit[0] == "&":
        return html.unescape(unit)
    if unit[0] == "%":
        return unquote(unit)
    digits = unit[2:]
    return chr(int(digits, 16)) if digits else _BLANKS.get(unit[1], unit[1])


def _layers(text: str) -> Iterator[tuple[str, _Unescaped]]:
    """The text with its escapes undone once, twice, …, as long as there are some."""
    for _ in range(_MOST_LAYERS):
        layer = _Unescaped(text)
        if layer.text == text:
            return
        text = layer.text
        yield text, layer


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, …"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def forget_locals(error: BaseException) -> None:
    """Empty the finished frames of an error and of what caused it.

    Frames of the HTTP library hold the request, and those that read an answer what the host said:
    the key may be in both, and tools that show the locals of a traceback would show it.
    """
    for link in chain(error):
        traceback.clear_frames(link.__traceback__)
