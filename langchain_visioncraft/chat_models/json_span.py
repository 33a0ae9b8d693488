"""Where a JSON value ends in a text that arrives in pieces, and what its first keys say.

A small model's JSON is often damaged, so this is no parser: it follows strings and brackets only,
and forgives quotes inside of strings, missing quotes and brackets that do not match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_CLOSES = {"}": "{", "]": "["}
_AFTER_STRING = frozenset(",:}]")
_QUOTES = frozenset("\"'")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Field:
    """A key of the outermost object (or of an object in the outermost list) and its value.

    Attributes:
        key: As far as it was read.
        key_is_whole: Whether the key has ended.
        value: As far as it was read if it is a string, else ``None``.
        value_is_whole: Whether the string has ended.
        opens: The value's first character; empty before it.
        is_first: Whether no key stands before it.
    """

    key: str
    key_is_whole: bool = False
    value: str | None = None
    value_is_whole: bool = False
    opens: str = ""
    is_first: bool = True


class JsonSpan:
    """Is fed a JSON object or list, one character after another.

    ```python
    from langchain_visioncraft.chat_models.json_span import JsonSpan

    span = JsonSpan()
    text = '{"say": "a brace } and a "quote"."} and prose'
    assert text[: next(n for n, sign in enumerate(text, 1) if span.push(sign))][-2:] == '"}'
    ```

    Attributes:
        field: The key that was read last, with its value; ``None`` before the first.
        in_string: Whether it is inside a string, by JSON's own rule: every quote counts.
        stray: Something stands where a key must, which is none.
    """

    def __init__(self) -> None:
        self.field: Field | None = None
        self.in_string = False
        self.stray = False
        self._open: list[str] = []
        self._level = 1
        self._string = ""
        """The kind of quote that opened the string we are in."""
        self._escaped = self._maybe_closed = False
        self._at_key = False
        self._first = True
        self._bare = ""
        self._text: list[str] = []

    def push(self, char: str) -> bool:
        """Take the next character; true if the value ends with it."""
        if self._string:
            if not self._maybe_closed:
                self._inside_string(char)
                return False
            if not char.isspace() and char not in _AFTER_STRING:
                # That quote was a part of the string, which should have escaped it.
                self._maybe_closed = False
                self._text.append(self._string)
                self._inside_string(char)
                return False
            if char.isspace():
                return False
            self._end_string()
        if char.isspace():
            return False
        return self._structural(char)

    def _inside_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
            self._text.append(char)
        elif char == "\\":
            self._escaped = True
        elif char == self._string:
            self._maybe_closed = True
            self.in_string = not self.in_string
            if self._at_key or self._is_value():
                self._note(whole=True)
            return
        else:
            self._text.append(char)
        if self._at_key or self._is_value():
            self._note(whole=False)

    def _is_value(self) -> bool:
        return len(self._open) == self._level and self.field is not None

    def _note(self, *, whole: bool) -> None:
        if not whole and len(self._text) > _LONGEST_NAME:
            return
        text = "".join(self._text)
        if self._at_key:
            self.field = Field(text, key_is_whole=whole, is_first=self._first)
        elif self.field is not None:
            self.field = replace(self.field, value=text, value_is_whole=whole, opens=self._string)

    def _end_string(self) -> None:
        self._string, self._maybe_closed, self.in_string = "", False, False
        self._at_key = False

    def _structural(self, char: str) -> bool:
        if char in "{[":
            return self._opening(char)
        if char in _CLOSES:
            return self._closing(char)
        at_level = len(self._open) == self._level
        if char in _QUOTES:
            self._open_string(char)
        elif char == ",":
            self._at_key = at_level and self._open[-1] == "{"
            if self._at_key:
                self._bare, self._first = "", False
        elif char == ":":
            if at_level and self._at_key and self._bare:
                self.field = Field(self._bare, key_is_whole=True, is_first=self._first)
            self._at_key, self._bare = False, ""
        elif at_level:
            self._unquoted(char)
        else:
            self.stray = self.stray or len(self._open) < self._level
        return False

    def _open_string(self, quote: str) -> None:
        self._string, self._text, self._escaped = quote, [], False
        self.in_string = True
        if len(self._open) == self._level:
            self._note(whole=False)
        elif len(self._open) < self._level:
            self.stray = True

    def _unquoted(self, char: str) -> None:
        if self._at_key:
            self._unquoted_key(char)
        elif self.field is not None and not self.field.opens:
            self.field = replace(self.field, opens=char)

    def _unquoted_key(self, char: str) -> None:
        if char.isidentifier() or (self._bare and char in "-0123456789"):
            self._bare += char
            self.field = Field(self._bare, is_first=self._first)
        else:
            self.stray = True

    def _opening(self, char: str) -> bool:
        if not self._open and char == "[":
            self._level = 2
        if len(self._open) == self._level:
            if self._at_key or self.field is None:
                self.stray = True
            elif not self.field.opens:
                self.field = replace(self.field, opens=char)
        elif len(self._open) == 1 and char == "[":
            self.stray = True  # a list in a list
        self._open.append(char)
        if len(self._open) == self._level and char == "{":
            self._at_key, self._bare, self._first, self.field = True, "", True, None
        return False

    def _closing(self, char: str) -> bool:
        if _CLOSES[char] not in self._open:
            return False
        while self._open.pop() != _CLOSES[char]:
            pass
        self._at_key = False
        return not self._open
