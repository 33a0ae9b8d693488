"""Finds the service's own words in the answer to a failed call.

The shapes come from the documents' error table (2024-09) and from what hosts were seen to send.
"""

from __future__ import annotations

import contextlib
import html
import http
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_visioncraft._redact import shortened

MAX_MESSAGE = 500
"""Characters of a service's message that are passed on."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_MAX_HTML = 4096
"""Characters of a page that are searched for its title."""

_FOR_PEOPLE = (
    *("message", "detail", "details", "error", "errors", "msg", "reason", "description"),
    *("errordescription", "errormessage", "title"),
)
"""The keys of messages, in lower case and without "_", the most informative first."""
_FOR_MACHINES = ("code", "type", "status")
_FAILED = ("error", "fail", "failed", "failure")
_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception)")
_NO_WORD = re.compile(r"[\W_]+")
_DEEPEST = 6
_MOST_PROBLEMS = 20
"""The limit for one list."""
_MOST_TEXTS = 64
"""How many texts of one answer are read; each is compared with each."""
_LONGEST_TEXT = 1 << 12
"""Characters of each; messages are shorter."""
_MAX_SEARCHED = 1 << 14
"""Characters of an answer that are searched for the kind of its error."""


def _plain(text: str) -> str:
    """The words of a text, without numbers, punctuation and words that every error contains."""
    words = re.sub(r"[\W\d_]+", " ", text).casefold().split()
    return " ".join(word for word in words if word not in _IN_EVERY_ERROR)


_IN_EVERY_ERROR = frozenset({"http", "https", "error", "errors", "status", "code"})
_SAYS_NOTHING = frozenset(
    map(
        _plain,
        (
            *("", *(status.phrase for status in http.HTTPStatus), "internal error", "server error"),
            *("unknown error", "an error occurred", "something went wrong", "failed", "failure"),
            *("fail", "request failed", "invalid request", "access denied", "permission denied"),
        ),
    )
)
"""Phrases that say no more than the status."""


class Said(NamedTuple):
    """The words of an answer.

    They are the message for a person, if there is one; all words and codes, from which the kind of
    error is inferred; and the status that hosts repeat in the body of a failure.
    """

    message: str | None
    everything: str
    code: int | None = None


def service_message(body: bytes) -> str | None:
    """Find the service's own words in the body of an error.

    Understands JSON of many shapes (`said_in`), plain text, and the title of a proxy's HTML page.
    """
    return said_by(body).message


def said_by(body: bytes) -> Said:
    """The same as `said_in`, for a body that is not decoded."""
    text = body.decode("utf-8", "replace")
    try:
        return said_in(json.loads(text))
    except (ValueError, RecursionError):
        return said_in(text)


def said_in(answer: Any) -> Said:
    """The words of a decoded answer, under any key that hosts use.

    A bare phrase such as "Forbidden" counts only if there is nothing better; different sentences
    are joined.
    """
    said = itertools.islice(_texts(answer, 0), _MOST_TEXTS)
    texts = [" ".join(text[:_LONGEST_TEXT].split()) for text in said]
    telling = [text for text in texts if not _is_bare(text)]
    words = [text for text in telling if not text.startswith('{"')] or telling
    message = _joined(words) if words else max(texts, key=len, default="")
    everything = " ".join([*texts, *_codes(answer, 0)])[:_MAX_SEARCHED]
    return Said(shorten(message) or None, everything, _code_in(answer, 0))


def _texts(value: Any, depth: int) -> Iterator[str]:
    """All texts for a person in a part of an answer, the most informative first."""
    if isinstance(value, str):
        yield from _texts_in_text(value, depth)
    elif depth > _DEEPEST:
        return
    elif isinstance(value, list):
        for item in value[:_MOST_PROBLEMS]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, Mapping):
        parts = {str(name).lower().replace("_", ""): part for name, part in value.items()}
        named = [parts[name] for name in _FOR_PEOPLE if name in parts]
        found = [text for part in named for text in _texts(part, depth + 1)]
        if not found:  # {"status": "error", "data": {"message": "..."}}
            nested = [part for part in parts.values() if isinstance(part, Mapping)]
            found = [text for part in nested for text in _texts(part, depth + 1)]
        if not found and depth and value:
            found = dumped(value)
        where = _place(value.get("loc"))
        yield from (f"{where}: {text}" if where else text for text in found)


def _texts_in_text(text: str, depth: int) -> Iterator[str]:
    text = text.strip()
    if text.startswith(("{", "[")) and depth <= _DEEPEST:  # JSON within JSON
        with contextlib.suppress(ValueError, RecursionError):
            if found := list(_texts(json.loads(text), depth + 1)):
                yield from found
                return
    if text:
        yield _html_title(text) if text.startswith("<") else text


def _place(loc: Any) -> str:
    """The place of the problem that a 422 reports."""
    parts = loc if isinstance(loc, list) else [loc]
    return ".".join(str(part) for part in parts if part not in ("body", None))


def dumped(value: Any) -> list[str]:
    """The JSON of a value, if it has any."""
    try:
        return [json.dumps(value, ensure_ascii=False)]
    except (ValueError, RecursionError):
        return []


def _is_bare(text: str) -> bool:
    """Whether this is only the name of a status or of an exception."""
    return bool(_EXCEPTION.fullmatch(text)) or _plain(text) in _SAYS_NOTHING


def _joined(texts: Sequence[str]) -> str:
    """Join different texts; one that is contained in another is left out."""
    plain = [f" {_NO_WORD.sub(' ', text).casefold().strip()} " for text in texts]
    kept = [
        text
        for at, text in enumerate(texts)
        if not any(
            plain[at] in other and (plain[at] != other or before < at)
            for before, other in enumerate(plain)
            if before != at
        )
    ]
    return "; ".join([*(text.rstrip(".;") for text in kept[:-1]), kept[-1]])


def _codes(value: Any, depth: int) -> Iterator[str]:
    """A code for machines, such as ``rate_limit_exceeded``, as words."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:_MOST_PROBLEMS]:
            yield from _codes(item, depth + 1)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name in _FOR_MACHINES and isinstance(part, str):
                yield part.replace("_", " ")
            yield from _codes(part, depth + 1)


def _code_in(answer: Any, depth: int) -> int | None:
    """The status of a failure that hosts repeat in the body, beside the error or inside it."""
    if not isinstance(answer, Mapping) or depth > _DEEPEST:
        return None
    for name in ("statusCode", "code", "status"):
        code = answer.get(name)
        if isinstance(code, int) and code >= 400:
            return code
    return _code_in(answer.get("error"), depth + 1)


def is_error(answer: Any) -> bool:
    """Whether a JSON answer under status 200 is an error."""
    if isinstance(answer, list):
        return bool(answer) and all(
            isinstance(item, Mapping) and (is_error(item) or {"code", "message"} <= item.keys())
            for item in answer
        )
    if not isinstance(answer, Mapping):
        return False
    return (
        _code_in(answer, 0) is not None
        or any(answer.get(name) for name in ("error", "errors", "detail"))
        or any(answer.get(name) is False for name in ("success", "ok"))
        or (str(answer.get("status")).lower() in _FAILED and said_in(answer).message is not None)
    )


def _html_title(text: str) -> str:
    text = text[:_MAX_HTML]
    match = _TITLE.search(text)
    title = match and (match[1] or match[2])
    plain = html.unescape(_TAG.sub(" ", title or text))
    return f"HTML page: {' '.join(plain.split())}"


def shorten(text: str) -> str:
    """The part of a text that is passed on."""
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be printed
    return shortened(text, MAX_MESSAGE)
