"""Hides keys in the parts of requests that are shown: on the page, and in `Sandbox.requests`.

Each key that is hidden is also recorded, so that the page can hide it everywhere else.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, unquote_plus

from langchain_visioncraft._redact import redactor_of

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
_HINT = re.compile("key|token|secret|pass|pwd|credential|sig|auth|cookie|bearer|jwt")
_LETTERS = re.compile("[a-z]+")
_SECRET_WORD = re.compile(
    r"(?:token|secret|passw(?:or)?d|passcode|passphrase|pwd|credential|signature|authorization"
    r"|cookie|bearer|(?:api|access|secret|private|auth|session|refresh|client|app|master|account"
    r"|signing|encryption|subscription|service|licen[cs]e|functions?|visioncraft)key)s?$"
    r"|^(?:o?auth|sig|jwt)$"
)
_PLAIN_KEYS = frozenset(
    {
        *("cache", "foreign", "group", "idempotency", "object", "partition", "primary", "public"),
        *("routing", "sort", "websocket"),
    }
)
"""What stands before the last word ``key`` of names without a secret."""
_COUNT = re.compile(
    r"(?:^|_)(?:(?:max|min|new|prompt|completion|total|input|output|cached|reasoning)_tokens"
    r"|tokens?_(?:count|limit|budget|details|ids?|per_second))$"
)
"""Fields with counts of tokens, or with token ids."""

_URL = re.compile(r"(:?)//([^\s/?#\"'<>\\]*)([^\s?#\"'<>\\]*)")
_FIELD = re.compile(
    r"""(?:"([^"\\]{1,200})"|'([^'\\]{1,200})')[\s+]*[:=][\s+]*"""
    r"""|(?<![\w.%[\]-])([\w.%[\]-]++)(?:=|[\s+]*[:=][\s+]*(?=["']))"""
)
"""The name of a parameter (``token=…``, ``token: "…"``) or of a field of JSON within a text."""
_VALUE = re.compile(
    r"""(")((?:[^"\\]|\\.)*+)"?|(')((?:[^'\\]|\\.)*+)'?|[^\s&;#"'<>\\]*(?<![,}\])])""", re.DOTALL
)
_PART = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)
_ESCAPE = re.compile(r"(?<!\\)\\++(?:u00([0-7][0-9a-fA-F])|([\"'/]))")
"""Escapes of JSON, even if it was encoded as a JSON string."""
_ENDS = ('"', "'", "]", "}")
_NUMBERS = re.compile(r"[\d\s.,\[\]]*")
_MOST_ENCODINGS = 5

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
    name = unquote(name)
    if not name.isascii():  # letter by letter: sorting many marks takes quadratic time
        name = "".join(unicodedata.normalize("NFKC", letter) for letter in name)
    letters = _LETTERS.findall(name.lower())
    if not _HINT.search("".join(letters)):
        return False
    spelt = [word.lower() for word in _WORDS.findall(name)], letters
    if any(_COUNT.search("_".join(words)) for words in spelt):
        return False
    return any(map(_suggest_a_key, spelt))


def _suggest_a_key(words: list[str]) -> bool:
    if words[-1:] == ["key"] and _PLAIN_KEYS.isdisjoint(words[-2:-1]):
        return True
    neighbours = (joined for one, two in pairwise(words) for joined in (one + two, two + one))
    return any(map(_SECRET_WORD.search, (*words, *neighbours, "".join(words))))


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


def values_in(data: bytes) -> int:
    """How many values a JSON text holds at most. Each takes some hundred bytes, however short."""
    return sum(map(data.count, (b",", b"[", b"{")))


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
            shown_text(name, note): _hidden(part, note)
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
    """A text without the keys in its URLs, parameters and JSON fields.

    If a key is only in what the text encodes, the text is shown decoded.
    """
    found = text
    for _ in range(_MOST_ENCODINGS):
        hidden = _URL.sub(partial(_shown_url, note=note), _without_fields(text, note))
        if hidden != text:
            found = hidden
        text = _decoded(hidden)
        if text == hidden:
            return found
    return HIDDEN


def _decoded(text: str) -> str:
    """A text without the escapes of URLs, however often encoded, and without those of JSON."""
    if "%" in text:
        text = unquote(re.sub("%(?:25)+", "%", text))
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: match[2] or chr(int(match[1], 16)), text)
    return text


def _without_fields(text: str, note: Note) -> str:
    if not any(mark in text.rstrip("=") for mark in "='\""):  # perhaps base64, of any length
        return text
    pieces: list[str] = []
    at = 0
    for field in _FIELD.finditer(text):
        start, name = field.end(), field[1] or field[2] or field[3]
        if field.start() < at or not is_secret_name(name):
            continue
        end = _end_of_value(text, start)
        value = text[start:end]
        mark = {"'": "'", '"': '"', "[": '"', "{": '"'}.get(value[:1], "")
        inner = value.strip("\"'")
        is_count = name.lower().endswith("tokens") and _NUMBERS.fullmatch(inner)
        if is_count or inner in ("", HIDDEN, "null", "None", "false"):
            continue
        _note_value(value, inner, note)
        pieces += text[at:start], f"{mark}{HIDDEN}{mark if value[1:].endswith(_ENDS) else ''}"
        at = end
    return "".join([*pieces, text[at:]])


def _end_of_value(text: str, start: int) -> int:
    if not text.startswith(("[", "{"), start):
        value = _VALUE.match(text, start)
        return value.end() if value else start
    depth = 0
    for part in _PART.finditer(text, start):
        depth += (part[0] in "[{") - (part[0] in "]}")
        if not depth:
            return part.end()
    return len(text)


def _note_value(value: str, inner: str, note: Note) -> None:
    try:
        _hidden(json.loads(value), note)
    except (ValueError, RecursionError):
        note(inner)
        note(unquote_plus(inner))


def _shown_url(match: re.Match[str], note: Note) -> str:
    colon, authority, path = match.groups()
    user, at, host = authority.rpartition("@")
    if user:
        note(unquote(user.partition(":")[2] or user))
        authority = f"{HIDDEN}{at}{host}"
    # Without a scheme, it may be base64.
    path = _shown_steps(path, _is_random, note) if colon else path
    return f"{colon}//{authority}{path}"


def shown_path(path: str, note: Note = _forget) -> str:
    """A path in which everything that looks like a key is hidden."""
    may_be_key = _is_random if path.startswith("/v1/models/") else _is_unknown
    return shown_text(_shown_steps(path, may_be_key, note), note)


def _shown_steps(path: str, may_be_key: Callable[[str], bool], note: Note) -> str:
    steps = path.split("/")
    for number, step in enumerate(steps):
        if len(step) >= _SHORTEST_UNKNOWN and may_be_key(step):
            for spelling in {step, unquote(step)}:
                note(spelling)
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


def redacted(keys: Iterable[str], value: Any) -> Any:
    """The same texts and JSON without the sandbox's own keys, in whatever escapes."""
    for key in keys:
        value = redactor_of(key).told(value)
    return value


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
