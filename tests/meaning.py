"""Whether two requests mean the same, though other versions of the libraries wrote them.

What libraries, Python and chance decide does not count: defaults of the protocol, the indentation
of docstrings (Python 3.13 strips it), and the ids of calls. Everything else does: one parameter,
message, schema or word more, fewer or different makes another request.
"""

from __future__ import annotations

import json
import re
from typing import Any

from vcr.request import Request

_DEFAULTS: dict[str, Any] = {
    "stream": False,
    "strict": False,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}
"""Parameters with the value that they have when left out, from OpenAI's API reference."""
_OTHER = object()

_CALL_ID = re.compile(
    r"\b(?:call_|lc_|chatcmpl-tool-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\bcall_\w{8,}\b"
)

_BLANKS = re.compile(r"(?:\s|\\n)+")
"""A schema in words is JSON in a text: its line breaks are escaped."""


def same_meaning(first: Request, second: Request) -> None:
    """A matcher for vcr.

    Raises:
        AssertionError: If the bodies do not mean the same. It says at which place, and not what
            stands there.
    """
    place = _difference(meaning(first.body), meaning(second.body), "body")
    assert place is None, f"The requests differ at {place}."


def meaning(body: bytes | str | None) -> Any:
    """A body without what does not count."""
    try:
        found = json.loads(body or b"null")
    except ValueError:
        return body
    return _normal(found, {})


def _normal(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _normal(part, ids)
            for name, part in value.items()
            if part is not None and _DEFAULTS.get(name, _OTHER) != part
        }
    if isinstance(value, list):
        return [_normal(part, ids) for part in value]
    if isinstance(value, str):
        numbered = _CALL_ID.sub(lambda found: ids.setdefault(found[0], f"id-{len(ids)}"), value)
        return _BLANKS.sub(" ", numbered).strip()
    return value


def _difference(first: Any, second: Any, place: str) -> str | None:
    """Where two values differ first, such as ``body.messages[0].content``."""
    if isinstance(first, dict) and isinstance(second, dict):
        for name in sorted({*first, *second}):
            if name not in first or name not in second:
                return f"{place}.{name}"
            if found := _difference(first[name], second[name], f"{place}.{name}"):
                return found
        return None
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return next(filter(None, (_difference(a, b, f"{place}[{i}]") for i, (a, b) in pairs)), None)
    # In Python, not in JSON, true equals 1.
    same = first == second and isinstance(first, bool) is isinstance(second, bool)
    return None if same else place
