"""Values that fit a JSON schema, for required arguments without a given value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from visioncraft_sandbox.planner.phrases import after, quoted

_FORMATS = {
    "date": "2025-01-01", "date-time": "2025-01-01T00:00:00Z", "time": "00:00:00Z",
    "email": "someone@example.org", "uri": "https://example.org/", "ipv4": "192.0.2.1",
    "uuid": "00000000-0000-0000-0000-000000000000", "duration": "PT1S",
}  # fmt: skip
_DEEPEST = 12
_MOST_ITEMS = 16
_MOST_VALUES = 1000


def plain(spec: Any, definitions: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A property's schema without references; its null becomes ``nullable``.

    ``example`` is a name that the description gives as one: ``e.g. 'sdxl-base'``.
    """
    if not isinstance(spec, Mapping) or depth > _DEEPEST:
        return {}
    found = dict(spec)
    if "$ref" in found:
        target = definitions.get(str(found.pop("$ref")).rpartition("/")[2]) or {}
        return plain({**target, **found}, definitions, depth + 1)
    name = next((each for each in ("anyOf", "oneOf", "allOf") if found.get(each)), None)
    if name is not None:
        # Only the first is read: following all of them would take exponential time.
        options = [each for each in found.pop(name) if isinstance(each, Mapping)]
        values = [each for each in options if each.get("type") != "null"]
        nullable = {"nullable": True} if len(values) < len(options) else {}
        first = plain(values[0], definitions, depth + 1) if values else {}
        found = {**first, **nullable, **found}
    kinds = found.get("type")
    if isinstance(kinds, list):
        found["type"] = next((each for each in kinds if each != "null"), "string")
        found["nullable"] = "null" in kinds
    described = str(found.get("description", ""))
    behind = after(described, r"e\.?g")
    example = quoted(described[behind:]) if behind else None
    if example and found.get("type", "string") == "string":
        found["example"] = example
    return found


def sample(spec: Any, definitions: Mapping[str, Any], text: str) -> Any:
    """A value that fits a schema, of at most a thousand parts."""
    return _value(spec, definitions, text, itertools.count())


def _value(
    spec: Any, definitions: Mapping[str, Any], text: str, parts: Iterator[int], depth: int = 0
) -> Any:
    spec = plain(spec, definitions)
    ends = next(parts) > _MOST_VALUES or depth > _DEEPEST
    given = [spec[name] for name in ("default", "const", "example") if name in spec]
    given += (spec.get("enum") or ())[:1]
    if given:
        return given[0]
    kind = spec.get("type", "object" if "properties" in spec else "string")
    if kind in ("integer", "number"):
        return _least(spec, whole=kind == "integer")
    if kind == "array":
        count = 0 if ends else min(int(spec.get("minItems") or 0), _MOST_ITEMS)
        inner = [(text, spec.get("items"))] * count
        return [_value(each, definitions, name, parts, depth + 1) for name, each in inner]
    if kind == "object":
        named = spec.get("properties") or {}
        inner = [] if ends else [(name, named.get(name)) for name in spec.get("required") or ()]
        return {name: _value(each, definitions, name, parts, depth + 1) for name, each in inner}
    if kind in ("boolean", "null"):
        return False if kind == "boolean" else None
    text = _FORMATS.get(spec.get("format", ""), text)
    return text.ljust(min(int(spec.get("minLength") or 0), 1000), ".")[: spec.get("maxLength")]


def _least(spec: Mapping[str, Any], *, whole: bool) -> int | float:
    """The number nearest to 0 within the bounds."""
    step = spec.get("multipleOf") or (1 if whole else 0.5)
    above, below = spec.get("exclusiveMinimum"), spec.get("exclusiveMaximum")
    least = spec.get("minimum") if above is None else above + step
    most = spec.get("maximum") if below is None else below - step
    value = max(least or 0, 0) if most is None or most >= 0 else most
    value = -(-value // step) * step
    return int(value) if whole else float(value)
