"""JSON schemas of tools: the form that models see, and how their arguments are interpreted."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from pydantic_core import SchemaError, SchemaValidator, core_schema

from langchain_visioncraft._json import DEEPEST, decoded, is_deeper_than, literal
from langchain_visioncraft.errors import InvalidRequestError

_HIDDEN = ("title", "additionalProperties", "maxProperties", "minProperties")
_MOST_PROBLEMS = 5
_LONGEST_PROBLEM = 200
_DEEPEST = 32
_MOST_INLINED = {"parts": 10_000, "characters": 200_000}
"""Of a schema with resolved references; characters only in their place."""
_LEAST_WORK, _WORK_PER_CHARACTER, _WORK_PER_STEP = 4000, 16, 4
"""How long one value may be checked: in a recursive schema, the time doubles at each level."""
_LONGEST_LITERAL = 20_000
_NOTHING = object()

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}
_WORDS = {"true": True, "false": False, "yes": True, "no": False}
_NULLS = ("null", "none", "")


def schema_prompt(schema: Any) -> Any:
    """A schema without parts that cost tokens and say little: titles, ``null`` beside a type.

    Bounds on unknown keys are removed too: small models copy them into the arguments endlessly.
    Calls are checked against the whole schema.
    """
    if isinstance(schema, list):
        return [schema_prompt(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    shown: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            shown[key] = {name: schema_prompt(part) for name, part in value.items()}
        elif key == "anyOf" and isinstance(value, list):
            parts = [part for part in value if part != {"type": "null"}]
            one = len(parts) == 1 and isinstance(parts[0], Mapping)
            shown |= schema_prompt(parts[0]) if one else {key: schema_prompt(parts)}
        elif key not in _HIDDEN and (key != "default" or value is not None):
            shown[key] = schema_prompt(value)
    return shown


def repeats_schema(value: Any, schema: Any) -> bool:
    """Whether a value is copied from the schema: small models fill in everything."""
    if not isinstance(schema, Mapping):
        return False
    if isinstance(value, str):
        return bool(value) and value == schema.get("description")
    if not isinstance(value, Mapping) or "type" not in value:
        return False
    shown = schema_prompt(schema)
    return all(key in shown and shown[key] == each for key, each in value.items())


# ---- whether a value fits -----------------------------------------------------------------------


def problems(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Why a value does not fit a schema, as sentences for the model; empty if it fits.

    A schema that is broken or endless, or refers to another document, is left to the tool.
    """
    if is_deeper_than(value):
        return [f"it is nested deeper than {DEEPEST} levels"]
    # The import takes a tenth of a second, which applications without such models never pay.
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        _left.set(_LEAST_WORK + _WORK_PER_CHARACTER * len(json.dumps(value)))
        validator = _validator(json.dumps(schema))
        errors = validator.iter_errors(value) if validator else ()
        found = list(itertools.islice(errors, _MOST_PROBLEMS))
        return [_sentence(best_match([each])) for each in found]
    except (Unresolvable, InvalidRequestError, ValueError, TypeError, RecursionError):
        return []
    except OverflowError:  # of a long number and a float
        return []


@functools.lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    """Checking a schema takes longer than checking a value, and streams check one many times."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 -- as above
    from jsonschema import SchemaError as BrokenSchema  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    read = json.loads(schema)
    try:
        Draft202012Validator.check_schema(read)
    except (BrokenSchema, RecursionError):
        return None
    extend: Any = validators.extend
    known = Draft202012Validator.VALIDATORS
    own: dict[str, Any] = {"pattern": _unmatched, "uniqueItems": _repeated}
    own["oneOf"] = functools.partial(_one_of, known["oneOf"])
    if '"patternProperties"' in schema:  # in these, jsonschema itself uses Python's engine
        own["patternProperties"] = _named
        own["additionalProperties"] = functools.partial(_unnamed, known["additionalProperties"])
        own["unevaluatedProperties"] = lambda *_: ()
    counted = {name: functools.partial(_counted, each) for name, each in {**known, **own}.items()}
    return extend(Draft202012Validator, counted)(read, registry=Registry())


_left: ContextVar[int] = ContextVar("_left")


def _work(amount: int) -> None:
    _left.set(_left.get() - amount)
    if _left.get() < 0:
        raise InvalidRequestError("It takes too long to check this value.")


def _counted(
    keyword: Callable[..., Any], check: Any, part: Any, value: Any, schema: Any
) -> Iterator[Any]:
    _work(_WORK_PER_STEP + (len(value) if isinstance(value, str | list | dict) else 0))
    for error in keyword(check, part, value, schema) or ():
        # It quotes the whole value, and is kept for each choice and at each level.
        if len(error.message) > _LONGEST_PROBLEM:
            _work(len(error.message))
            error.message = f"{error.message[:60]}…{error.message[61 - _LONGEST_PROBLEM :]}"
        yield error


def _one_of(known: Any, check: Any, parts: Any, value: Any, schema: Mapping[str, Any]) -> Any:
    """Of a union that pydantic tells apart by a field, only the named part is looked at."""
    match (schema.get("discriminator"), value):
        case ({"propertyName": str(name), "mapping": dict(mapping)}, dict()):
            if isinstance(kind := value.get(name), str) and kind in mapping:
                return check.descend(value, {"$ref": mapping[kind]})
    return known(check, parts, value, schema)


def _repeated(_: Any, unique: Any, value: Any, __: Any) -> Iterator[Any]:
    from jsonschema import ValidationError  # noqa: PLC0415 -- as above

    # jsonschema itself compares items that cannot be sorted in pairs.
    items = value if unique and isinstance(value, list) else []
    texts = [json.dumps(each, sort_keys=True) for each in items]
    _work(sum(map(len, texts)))
    if len(set(texts)) < len(items):
        yield ValidationError(f"{value!r} has items that are the same")


def _unmatched(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Any]:
    from jsonschema import ValidationError  # noqa: PLC0415 -- as above

    if isinstance(value, str) and not _matcher(pattern)(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _named(check: Any, patterns: Mapping[str, Any], value: Any, _: Any) -> Iterator[Any]:
    for pattern, part in patterns.items() if isinstance(value, dict) else ():
        for name in filter(_matcher(pattern), value):
            yield from check.descend(value[name], part, path=name, schema_path=pattern)


def _unnamed(known: Any, check: Any, rest: Any, value: Any, schema: Mapping[str, Any]) -> Any:
    """The keys that are not described, of which jsonschema learns no pattern."""
    matchers = [_matcher(pattern) for pattern in schema.get("patternProperties") or ()]
    if isinstance(value, dict):
        value = {
            name: part
            for name, part in value.items()
            if not any(matches(name) for matches in matchers)
        }
    kept = {key: part for key, part in schema.items() if key != "patternProperties"}
    return known(check, rest, value, kept)


@functools.lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[str], Any]:
    """Whether a text matches, in linear time; in Python's way only where that engine cannot."""
    form = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
    try:
        return SchemaValidator(form).isinstance_python
    except SchemaError:
        return re.compile(pattern).search


def _sentence(error: Any) -> str:
    where = error.json_path.removeprefix("$").removeprefix(".")
    text = error.message
    if error.validator == "required":
        name = text.removesuffix(" is a required property").strip("'\"")
        return f"{where}.{name} is missing" if where else f"{name} is missing"
    return f"{where}: {text}" if where else text


def accepts(schema: Any, kind: str) -> bool:
    """Whether values of this type may fit; a schema without a type takes objects."""
    branches = _branches(schema, schema)
    kinds = [each for branch in branches for each in _kinds(branch)]
    return kind in kinds if kinds else kind == "object"


# ---- what a value means -------------------------------------------------------------------------


def coerced(value: Any, schema: Any) -> Any:
    """The value with obvious equivalents converted to the right type, at any depth.

    ``"3"`` and ``"3.0"`` for an integer, JSON text for an object or a list, ``"null"`` for null,
    and null left out where the argument has a default.
    """
    known: dict[int, _Meaning] = {}
    found = _coerced(value, schema, lambda part: _meaning(part, schema, known), 0)
    return value if found is _NOTHING else found


class _Meaning(NamedTuple):
    """What a schema says about a value: the parts that it may fit, their types and choices."""

    branches: list[Mapping[str, Any]]
    kinds: list[str]
    choices: list[Any]


def _meaning(schema: Any, root: Any, known: dict[int, _Meaning]) -> _Meaning:
    found = known.get(id(schema))
    if found is None:  # many values of a list have one schema
        branches = _branches(schema, root)
        kinds = [kind for branch in branches for kind in _kinds(branch)]
        choices = [each for branch in branches for each in _choices(branch)]
        found = known[id(schema)] = _Meaning(branches, kinds, choices)
    return found


def _coerced(value: Any, schema: Any, meaning: Callable[[Any], _Meaning], depth: int) -> Any:
    branches, kinds, choices = meaning(schema)
    if depth > _DEEPEST or not branches:
        return value
    if any(value == each and type(value) is type(each) for each in choices):
        return value
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        value = _as_one_of(value, kinds)
    elif not kinds and isinstance(value, str):
        return next((each for each in choices if str(each) == value), value)
    if isinstance(value, Mapping):
        return _coerced_object(value, branches, meaning, depth)
    if isinstance(value, list):
        items = next((b["items"] for b in branches if "items" in b), None)
        parts = (_coerced(item, items, meaning, depth + 1) for item in value)
        return [item if part is _NOTHING else part for item, part in zip(value, parts, strict=True)]
    return value


def _coerced_object(
    value: Mapping[str, Any],
    branches: list[Mapping[str, Any]],
    meaning: Callable[[Any], _Meaning],
    depth: int,
) -> dict[str, Any]:
    def fit(branch: Mapping[str, Any]) -> tuple[int, bool]:
        named = sum(name in value for name in branch.get("properties") or ())
        return named, isinstance(branch.get("additionalProperties"), Mapping)

    best = max(branches, key=fit)
    properties, more = best.get("properties") or {}, best.get("additionalProperties")
    required = best.get("required") or ()
    found: dict[str, Any] = {}
    for name, item in value.items():
        part = _coerced(item, properties.get(name, more), meaning, depth + 1)
        if part is not _NOTHING:
            found[name] = part
        elif name in required or name not in properties:
            found[name] = item
    return found


def _branches(schema: Any, root: Any) -> list[Mapping[str, Any]]:
    """The schemas that a value may fit: this one and its alternatives, with references resolved."""
    found: dict[int, Mapping[str, Any]] = {}  # each once: references may lead to it in many ways

    def follow(part: Any, depth: int) -> None:
        part = _resolved(part, root)
        if isinstance(part, Mapping) and id(part) not in found and depth <= _DEEPEST:
            found[id(part)] = part
            for key in ("anyOf", "oneOf", "allOf"):
                for each in part[key] if isinstance(part.get(key), list) else ():
                    follow(each, depth + 1)

    follow(schema, 0)
    return [*found.values()]


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    return [each for each in (kind if isinstance(kind, list) else [kind]) if each in _TYPES]


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    choices = schema.get("enum")
    return choices if isinstance(choices, list) else [schema["const"]] if "const" in schema else []


def _resolved(schema: Any, root: Any) -> Any:
    """The schema that this one refers to, within the root."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        schema = root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            schema = schema.get(name, {}) if isinstance(schema, Mapping) else {}
    return {}


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its parts in place of the references to them; it may grow exponentially.

    Raises:
        InvalidRequestError: If it has more than 10,000 parts then, or more than 200,000 characters
            in place of references.
    """
    parts = {name: part for name, part in schema.items() if name != "$defs"}
    whole: dict[str, Any] = _inlined(parts, schema, frozenset(), Counter())
    return whole


def _inlined(part: Any, root: Any, within: frozenset[str], size: Counter[str]) -> Any:
    if not isinstance(part, Mapping | list):
        _grow(size, "characters", len(str(part)) if within else 0)
        return part
    _grow(size, "parts", 1)
    if isinstance(part, list):
        return [_inlined(each, root, within, size) for each in part]
    _grow(size, "characters", sum(len(str(name)) for name in part) if within else 0)
    found, own, reference = {}, dict(part), part.get("$ref")
    if isinstance(reference, str):
        del own["$ref"]
        if reference not in within and len(within) <= _DEEPEST:  # a part may contain itself
            found = _inlined(_resolved(part, root), root, within | {reference}, size)
    if not isinstance(found, dict):  # `false` allows nothing, and `true` anything
        found = {} if found else {"not": {}}
    return {**found, **{name: _inlined(each, root, within, size) for name, each in own.items()}}


def _grow(size: Counter[str], what: str, by: int) -> None:
    size[what] += by
    if size[what] > (most := _MOST_INLINED[what]):
        msg = f"The schema has more than {most:,} {what} if its references are resolved."
        raise InvalidRequestError(f"{msg} Nothing was sent; give one with fewer.")


def _as_one_of(value: Any, kinds: list[str]) -> Any:
    """The value as one of these types; if none fits, the value itself, or `_NOTHING` for null."""
    for kind in sorted(kinds, key=list(_TYPES).index, reverse=True):  # containers, numbers, words
        found = _as_kind(value, kind)
        if found is not _NOTHING:
            return found
    empty = value is None or (isinstance(value, str) and value.strip().lower() in _NULLS)
    return _NOTHING if empty else value


def _as_kind(value: Any, kind: str) -> Any:
    """The value as this type, if it evidently means one."""
    if kind == "null":
        return None if isinstance(value, str) and value.strip().lower() in _NULLS else _NOTHING
    if kind in ("integer", "number"):
        number: Any = _number(value) if isinstance(value, str) else value
        if kind == "integer" and isinstance(number, float) and number.is_integer():
            number = int(number)
        return number if _TYPES[kind](number) and abs(number) < math.inf else _NOTHING
    if kind == "boolean" and isinstance(value, str):
        return _WORDS.get(value.strip().lower(), _NOTHING)
    if kind == "string" and _TYPES["number"](value):
        return str(value)
    if kind in ("object", "array") and isinstance(value, str):
        found = _container(value.strip())  # for a list, better an object than its text
        return found if isinstance(found, Mapping | list) else _NOTHING
    return _NOTHING


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return None


def _container(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return None
    try:
        return decoded(text)
    except (ValueError, RecursionError):
        return literal(text) if len(text) <= _LONGEST_LITERAL else None
