"""Keys in what is shown of requests: on the page, and in `Sandbox.requests`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

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
"""All other headers may hold a key, under whatever name."""

_SECRET_NAME = re.compile(
    r"(?:api|auth|access|secret|private|session|refresh|client)?(?:token|key|secret)"
    r"|passw(?:or)?d|passphrase|bearer|auth(?:orization)?|credentials?|cookie"
)
_SHORTEST_UNKNOWN = 16
_WORDS = re.compile(r"[a-z]+(?:[_-][a-z]+){0,2}|[\w-]+\.[\w.-]+")
"""Words of paths, and names of files and models, which are no keys."""


def is_secret_name(name: str) -> bool:
    """Whether a field, parameter or header of this name holds a key, in any style of writing."""
    plain = re.sub(r"[^a-z]", "", name.lower()).removeprefix("x").removeprefix("visioncraft")
    return _SECRET_NAME.fullmatch(plain) is not None


def shown_headers(
    headers: Iterable[tuple[bytes, bytes]], *, unknown: bool = False
) -> dict[str, str]:
    """Headers by name; values that may be secret are hidden.

    `unknown` shows headers that nobody knows, too, unless their names say that they are secret.
    """
    named = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return {
        name: value
        if _is_shown(name) or (unknown and not is_secret_name(name.removeprefix("proxy-")))
        else HIDDEN
        for name, value in named
    }


def _is_shown(header: str) -> bool:
    return header in _SHOWN_HEADERS or header.startswith(_SHOWN_FAMILIES)


def shown(
    value: Any, longest: int = _LONGEST_TEXT, hide: Callable[[str], str] = lambda text: text
) -> Any:
    """JSON with its secret fields hidden and its long texts shortened.

    `hide` takes keys out of the beginning of a long text, before it is cut off within one.
    """
    if isinstance(value, dict):
        return {
            name: HIDDEN if is_secret_name(name) and part else shown(part, longest, hide)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [shown(part, longest, hide) for part in value]
    if isinstance(value, str) and len(value) > longest:
        return (
            f"{hide(value[: _BEGINNING + LONGEST_KEY])[:_BEGINNING]}… ({len(value):,} characters)"
        )
    return value


def shown_path(path: str) -> str:
    """A path in which whatever looks like a key is hidden."""
    if path.startswith("/v1/models/"):
        return path
    return "/".join(HIDDEN if _may_be_key(step) else step for step in path.split("/"))


def shown_query(query: str) -> str:
    """A query with its secret parameters hidden."""
    pairs = parse_qsl(query, keep_blank_values=True)
    hidden = [(name, HIDDEN if is_secret_name(name) else value) for name, value in pairs]
    return urlencode(hidden, safe="*")


def _may_be_key(step: str) -> bool:
    return len(step) >= _SHORTEST_UNKNOWN and _WORDS.fullmatch(step) is None


def secrets_in_headers(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The secrets in headers; of ``Basic`` the password, of a referrer those in its URL."""
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "referer":
            parts = urlsplit(value)
            yield from secrets_in_url(parts.path, parts.query)
        elif name == "cookie":
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
        elif not _is_shown(name) and is_secret_name(name.removeprefix("proxy-")):
            scheme, _, rest = value.strip().partition(" ")
            yield rest.strip() or scheme
            if scheme.lower() == "basic":
                yield from _password_of(rest)


def _password_of(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return


def secrets_in_url(path: str, query: str) -> Iterator[str]:
    """The secrets in the path and the query of a URL."""
    if shown_path(path) != path:
        yield from (unquote(step) for step in path.split("/") if _may_be_key(step))
    for name, value in parse_qsl(query):
        if is_secret_name(name):
            yield value


def secrets_in(value: Any) -> Iterator[str]:
    """The secrets in the fields of JSON, at any depth."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            for name, inner in part.items():
                if is_secret_name(name) and isinstance(inner, str):
                    yield inner.strip()
                parts.append(inner)
        elif isinstance(part, list):
            parts += part


def without(secrets: Iterable[str], text: str) -> str:
    """A text in which secrets are hidden, as they are and as URLs and JSON write them."""
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
