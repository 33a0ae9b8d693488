"""Keeps keys out of what is shown: texts, errors with their facts, tracebacks with locals."""

from __future__ import annotations

import functools
import html
import re
import traceback
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import unquote

MASK = "***"
CUT = "…"
"""The mark at the end of what was cut off, where a `Redactor` looks for the beginning of a key."""
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
_CUT_ESCAPE = re.compile(r"[\\&%][\\&%#\w]{0,20}")
"""The part of an escape that `shortened` may leave."""
_ESCAPE_SIGN = re.compile(r"[\\&%]")
_WORD = re.compile(r"\w")
_ESCAPES = ("\\", "&", "%", CUT)
_HALF = re.compile("[\ud800-\udfff]")
_BLANKS = {"n": "\n", "r": "\r", "t": "\t"}
_MOST_LAYERS = 6
"""The most layers of escapes: escaped text may be escaped again, in another way."""
_FEWEST_LETTERS = 5
"""The shortest beginning of a key that is hidden, if the key is cut off."""
_DEEPEST = 64
_LONGEST = 1 << 20
BEGINNING_BYTES = 1 << 16
"""The part of a body that its error is made from."""


def shortened(text: str, most: int) -> str:
    """Cut a text to a length; the mark at its end shows a `Redactor` that a key may be cut off."""
    return text if len(text) <= most else text[: most - 1] + CUT


class Redactor:
    """Finds a key, however JSON, HTML or a URL writes it, even if `shortened` cut it off.

    It also finds it in other case, as host names are written, unless it consists of letters alone.

    A key of fewer than 8 characters is found only as a whole word. One that consists of letters
    alone is not redacted: it is a placeholder such as "any" or "sandbox", which protects nothing
    and is an ordinary word in messages.
    """

    def __init__(self, key: str) -> None:
        self._spellings: list[str] = []
        # A key of letters alone may be a word, such as "visioncraft".
        self._fold: Callable[[str], str] = str if key.isalpha() else _lower
        self._word = len(key) < 8
        if not key or (self._word and key.isalpha()):
            return
        # Parts of the key that look like escapes are undone with the escapes around it, and URLs
        # may write blanks as "+".
        spellings = [key, *(text for text, _ in _layers(key))]
        spellings = [self._fold(text) for text in spellings]
        self._spellings = [*dict.fromkeys([*spellings, *(s.replace(" ", "+") for s in spellings)])]

    def __call__(self, value: Any) -> Any:
        """The same texts, bytes, lists and dicts, with ``***`` for the key; others as they are.

        Values that are too long or too deeply nested for an error are left out.
        """
        return self._walk(value, lambda text: self._masked(shortened(text, _LONGEST)))

    def told(self, value: Any) -> Any:
        """A host's words to be passed on: complete, without the key and lone surrogates."""
        return self._walk(value, self._whole)

    def beginning(self, file: BinaryIO) -> bytes:
        """The beginning of a body, for its error, before anything else is cut off or collapsed."""
        data = file.read(BEGINNING_BYTES)
        cut = CUT.encode() if len(data) == BEGINNING_BYTES else b""
        return bytes(self(data + cut))

    def _walk(self, value: Any, masked: Callable[[str], str], depth: int = 0) -> Any:
        if isinstance(value, str):
            return masked(value)
        if isinstance(value, bytes):
            text = value[: _LONGEST - 1].decode("utf-8", "surrogateescape")
            return masked(text + CUT * (len(value) >= _LONGEST)).encode("utf-8", "surrogateescape")
        if isinstance(value, dict | list) and depth > _DEEPEST:
            return MASK
        if isinstance(value, Mapping):
            return {
                self._walk(name, masked): self._walk(held, masked, depth + 1)
                for name, held in value.items()
            }
        make = getattr(value, "_make", type(value))  # of named tuples, as aiohttp's `RequestInfo`
        if type(value) in (list, tuple) or make is not type(value):
            return make(self._walk(held, masked, depth + 1) for held in value)
        return value

    def _whole(self, text: str) -> str:
        if not text.isascii():
            text = _HALF.sub("\N{REPLACEMENT CHARACTER}", text)
        return self._masked(text, escaped=len(text) <= _LONGEST)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the key is, whole or cut off."""
        text = self._fold(text)
        for spelling in self._spellings:
            at = -1
            while (at := text.find(spelling, at + 1)) >= 0:
                yield from self._span(text, at, at + len(spelling))
                at += len(spelling) - 1
            cut, before = text.find(CUT), 0
            while cut >= 0:
                yield from self._cut_off(text, spelling, before, cut)
                cut, before = text.find(CUT, cut + 1), cut + 1

    def _cut_off(self, text: str, key: str, after: int, cut: int) -> Iterator[tuple[int, int]]:
        signs = _ESCAPE_SIGN.finditer(text, max(after, cut - 21), cut)
        begun = [sign.start() for sign in signs if _CUT_ESCAPE.fullmatch(text, sign.start(), cut)]
        for end in (cut, *begun):
            at = text.find(key[:_FEWEST_LETTERS], max(after, end - len(key) + 1), end)
            while at >= 0 and not key.startswith(text[at:end]):
                at = text.find(key[:_FEWEST_LETTERS], at + 1, end)
            if at >= 0:
                yield from self._span(text, at, cut + 1)

    def _span(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        around = f"{text[start - 1 : start]}{text[end : end + 1]}"
        if not self._word or not _WORD.search(around):
            yield start, end

    def _masked(self, text: str, *, escaped: bool = True) -> str:
        folded = self._fold(text)
        if not any(sign in folded for sign in (*_ESCAPES, *self._spellings)):
            return text  # long texts rarely hold either
        spans = [*self._spans(text)]
        above: list[_Unescaped] = []
        for layer, made in _layers(text) if escaped else ():
            above.insert(0, made)
            for found in self._spans(layer):
                span = found
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
        if "_request" in vars(error):  # of httpx: the key is in its headers, or in its body
            vars(error)["_request"] = None


@functools.lru_cache(maxsize=32)
def redactor_of(key: str) -> Redactor:
    """The `Redactor` of a key, which is created once."""
    return Redactor(key)


def _lower(text: str) -> str:
    """ASCII in lower case, as host names are; all letters stay where they are."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class _Unescaped:
    """A text with its escapes undone once, and the origin of each place in it."""

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
        """The range in the original of a part of the text."""
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
    """The text with its escapes undone once, twice, …, until none are left."""
    for _ in range(_MOST_LAYERS):
        layer = _Unescaped(text)
        if layer.text == text:
            return
        text = layer.text
        yield text, layer


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its cause, the cause of that, …"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def forget_locals(error: BaseException) -> None:
    """Clear the finished frames of an error and of its causes.

    The HTTP library's frames hold the request, and the frames that read an answer hold the host's
    words. Both may contain the key, and tools that show the locals of a traceback would show it.
    """
    for link in chain(error):
        traceback.clear_frames(link.__traceback__)
