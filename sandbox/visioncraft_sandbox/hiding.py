"""Hides keys in the parts of requests that are shown: on the page, and in `Sandbox.requests`.

Each key that is hidden is also recorded, so that the page can hide it everywhere else.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, unquote_plus

HIDDEN = "***"
_LONGEST_TEXT = 2000
LONGEST_KEY = 4096
_BEGINNING = 80
"""Characters that are shown of a long text."""

_SHOWN_HEADERS = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"),
        *("connection", "content-encoding", "content-length", "content-type", "date", "dnt"),
        *("expect", "host", "if-modified-since", "if-none-match", "keep-alive", "origin"),
        *("pragma", "priority", "range", "te", "traceparent", "transfer-encoding", "upgrade"),
        *("upgrade-insecure-requests", "user-agent", "via"),
    }
)
_SHOWN_FAMILIES = ("hx-", "sec-ch-", "sec-fetch-", "x-stainless-")
"""Headers without keys; all others may hold one under any name."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""The words of a name in any style of writing: ``hf_token``, ``secretAccessKey``, ``X-API-Key``."""
_SECRET_WORD = re.compile(
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|credential|signature|authorization|cookie|bearer"
    r"|(?:api|access|secret|private|auth|session|refresh|client|app|master|account|signing"
    r"|encryption|subscription|visioncraft)key)s?$"
    r"|^(?:o?auth|sig|jwt)$"
)
_COUNT = re.compile(
    r"(?:^|_)(?:(?:max|min|new|prompt|completion|total|input|output|cached|reasoning)_tokens"
    r"|tokens?_(?:count|limit|budget|details|ids?|per_second))$"
)
"""Fields with counts of tokens, or with token ids."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)([^\s/?#\"'<>\\]*)([^\s\"'<>\\]*)", re.IGNORECASE)
_PARAMETER = re.compile(r"([^?#&;=]+)(?:=([^?#&;]*))?")
_FIELD = re.compile(r'"([^"\\]{1,100})(\\*"\s*:\s*\\*")((?:[^"\\]|\\[^"])+)')
"""A field of JSON within other text, even if that was encoded as a JSON string."""

_SHORTEST_UNKNOWN = 16
_STEP = re.compile(r"[a-z]+(?:[_-][a-z]+){0,2}|[\w-]+\.[a-z0-9]{2,5}")
"""Words of paths, and names of files, which are not keys."""
_KINDS = re.compile(r"[A-Z]+|[a-z]+|[0-9]+")

Note: TypeAlias = Callable[[str], object]
"""Takes each key that is hidden."""


def _forget(_: str) -> None:
    pass


def is_secret_name(name: str) -> bool:
    """Whether a field, parameter or header of this name holds a key, in any style of writing."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if words[-1:] == ["key"] and words[:-1] in ([], ["x"]):
        return True
    if _COUNT.search("_".join(words)):
        return False
    neighbours = (joined for one, two in pairwise(words) for joined in (one + two, two + one))
    return any(map(_SECRET_WORD.search, (*words, *neighbours)))


def _is_secret(name: str, value: Any) -> bool:
    """Whether a field of JSON holds a key; ``tokens`` with numbers do not."""
    if not value or not is_secret_name(name):
        return False
    numbers = value if isinstance(value, list) else [value]
    are_numbers = all(isinstance(number, int | float) for number in numbers)
    return not (are_numbers and name.lower().endswith("tokens"))


def shown_headers(
    headers: Iterable[tuple[bytes, bytes]], *, unknown: bool = False, note: Note = _forget
) -> dict[str, str]:
    """Headers by name; values that may be secret are hidden.

    `unknown` also shows unknown headers, unless their names suggest a secret.
    """
    found = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        is_known = name in _SHOWN_HEADERS or name.startswith(_SHOWN_FAMILIES)
        if is_secret_name(name):
            _note_header(name, value, note)
            found[name] = HIDDEN
        else:
            text = shown_text(value, note)
            found[name] = text if is_known or unknown else HIDDEN
    return found


def _note_header(name: str, value: str, note: Note) -> None:
    if name == "cookie":
        for pair in value.split(";"):
            note(pair.partition("=")[2].strip())
        return
    scheme, _, rest = value.strip().partition(" ")
    note(rest.strip() or scheme)
    if scheme.lower() == "basic":
        try:
            note(base64.b64decode(rest).decode().partition(":")[2])
        except ValueError:
            return


def read_json(data: bytes, note: Note) -> Any:
    """Parse JSON and record its keys, including those of duplicate fields."""

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            for pair in pairs:
                shown(dict([pair]), sys.maxsize, note=note)
        return fields

    value = json.loads(data, object_pairs_hook=read)
    shown(value, sys.maxsize, note=note)
    return value


def shown(
    value: Any,
    longest: int = _LONGEST_TEXT,
    hide: Callable[[str], str] = lambda text: text,
    note: Note = _forget,
) -> Any:
    """JSON with its secret fields hidden and its long texts shortened.

    `hide` takes keys out of the beginning of a long text, before it is cut off within one.
    """
    if isinstance(value, dict):
        return {
            name: _hidden(part, note)
            if _is_secret(name, part)
            else shown(part, longest, hide, note)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [shown(part, longest, hide, note) for part in value]
    if not isinstance(value, str):
        return value
    if len(value) > longest:
        beginning = hide(shown_text(value[: _BEGINNING + LONGEST_KEY], note))[:_BEGINNING]
        return f"{beginning}… ({len(value):,} characters)"
    return shown_text(value, note)


def _hidden(value: Any, note: Note) -> str:
    """Record the texts and numbers of a secret field."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part
        elif part is not None and not isinstance(part, bool):
            note(str(part).strip())
    return HIDDEN


def shown_text(text: str, note: Note = _forget) -> str:
    """A text without the keys in its URLs and JSON fields."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text)
            fields = shown(value, sys.maxsize, note=note)
        except (ValueError, RecursionError):
            pass
        else:
            return text if fields == value else json.dumps(fields, ensure_ascii=False)
    if "://" in text:
        text = _URL.sub(partial(_shown_url, note=note), text)
    if '":' in text:
        text = _FIELD.sub(partial(_shown_field, note=note), text)
    return text


def _shown_field(match: re.Match[str], note: Note) -> str:
    name, between, value = match.groups()
    if not _is_secret(name, value):
        return match[0]
    note(value.rstrip("\\"))
    return f'"{name}{between}{HIDDEN}'


def _shown_url(match: re.Match[str], note: Note) -> str:
    scheme, authority, rest = match.groups()
    user, at, host = authority.rpartition("@")
    if user:
        note(unquote(user.partition(":")[2] or user))
        authority = f"{HIDDEN}{at}{host}"
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    shown = _shown_steps(path, _is_random, note)
    return f"{scheme}{authority}{shown}{shown_query(rest[len(path) :], note)}"


def shown_path(path: str, note: Note = _forget) -> str:
    """A path in which everything that looks like a key is hidden."""
    may_be_key = _is_random if path.startswith("/v1/models/") else _is_unknown
    return _shown_steps(path, may_be_key, note)


def _shown_steps(path: str, may_be_key: Callable[[str], bool], note: Note) -> str:
    steps = path.split("/")
    for number, step in enumerate(steps):
        if len(step) >= _SHORTEST_UNKNOWN and may_be_key(step):
            note(unquote(step))
            steps[number] = HIDDEN
    return "/".join(steps)


def _is_unknown(step: str) -> bool:
    return _STEP.fullmatch(step) is None


def _is_random(step: str) -> bool:
    """Whether letters and digits alternate so often that this is hardly a name.

    ``Meta-Llama-3-8B-Instruct`` and ``realisticVisionV51`` are names.
    """
    return _is_unknown(step) and any(
        len(part) >= _SHORTEST_UNKNOWN and 3 * len(_KINDS.findall(part)) > len(part)
        for part in re.findall("[A-Za-z0-9]+", step)
    )


def shown_query(query: str, note: Note = _forget) -> str:
    """A query or fragment with its secret parameters hidden."""

    def parameter(match: re.Match[str]) -> str:
        name, value = match[1], unquote_plus(match[2] or "")
        if value and is_secret_name(unquote_plus(name)):
            note(value)
            return f"{name}={HIDDEN}"
        # Within a longer one, URLs could be nested too deeply.
        inner = shown_text(value, note) if len(value) <= LONGEST_KEY else HIDDEN
        return match[0] if inner == value else f"{name}={quote(inner, safe='*')}"

    return _PARAMETER.sub(parameter, query)


def without(secrets: Iterable[str], text: str) -> str:
    """A text in which secrets are hidden, both literal and as encoded in URLs and JSON."""
    spelt = {
        spelling
        for secret in secrets
        for spelling in (
            *(secret, *(quote(secret, safe=safe, errors="replace") for safe in ("/", ""))),
            *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
        )
    }
    for spelling in sorted(spelt, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    return text
