"""Rewrites JSON schemas so that the language engine can enforce them.

llama.cpp drops a schema that its grammar engine, llguidance, does not support, and answers in
prose. So a schema is rewritten into a stricter one that it supports: whatever satisfies the result
satisfies the original. A schema that cannot be rewritten is refused, with llguidance's reason.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from itertools import combinations
from typing import Any

from visioncraft_sandbox.engines.schema_checks import excess_of, resolve

_LONGEST_STRING = 120
_LONGEST_PATTERN = 300
_LONGEST_KEY = 40
_MOST_ITEMS = 4
_LONGEST_STRING_OF_REAL_MODELS = 4000
_MOST_ITEMS_OF_REAL_MODELS = 100
_LARGEST = 10**15
"""Bounds for schemas without any, so that a small model stops."""

_LONGEST_STRING_ASKED = 10_000
_MOST_ITEMS_ASKED = 1000
"""Limits for a schema's own bounds; memory grows with them."""

_MOST_STEPS = 20_000
"""Parts that are rewritten or compared. In a short schema, one may be met exponentially often."""

_MOST_CHOICES = 100
_DEEPEST_CHOICE = 8
"""Of `oneOf`, whose choices are compared in pairs."""

_FILE = resources.files(__package__).joinpath("schema_formats.toml")


def _formats() -> dict[str, str]:
    """A regular expression for each format, a subset of it."""
    table = tomllib.loads(_FILE.read_text("utf-8"))

    def filled(pattern: str) -> str:
        return re.sub(r"<(\w+)>", lambda match: filled(table["parts"][match[1]]), pattern)

    pairs = ((names.split(", "), filled(text)) for names, text in table["formats"].items())
    return {name: pattern for names, pattern in pairs for name in names}


_FORMATS = _formats()
_KEYS = rf"^[A-Za-z_][A-Za-z0-9_ -]{{0,{_LONGEST_KEY - 1}}}$"
_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
)
_LENGTHS = ("minLength", "maxLength")
_NAMED_BY: tuple[set[str], ...] = (
    {"enum"}, {"const"}, {"pattern"}, {"format"}, set(), {"minLength"}, {"maxLength"},
    {*_LENGTHS},
)  # fmt: skip
_SIGNS = {
    "object": {"properties", "required", "additionalProperties", "patternProperties"}
    | {"propertyNames", "minProperties", "maxProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"},
    "string": {"pattern", "format", "minLength", "maxLength"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
}
"""The keywords that imply a type if none is given."""


class UnservedSchemaError(ValueError):
    """A schema cannot be enforced."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no answer can be held to its schema here: {reason}")
        self.reason = reason


def served(schema: Mapping[str, Any], *, is_small: bool = True) -> dict[str, Any]:
    """A stricter schema that the engine takes, with closer bounds for a small model.

    Raises:
        UnservedSchemaError: If there is none, or if it costs too much to compile.
    """
    closed = {
        **_Rewriter(schema, is_small=is_small).rewritten(schema),
        "x-guidance": {"whitespace_flexible": False},
    }
    if excess := excess_of(closed):
        raise UnservedSchemaError(excess)
    Reader(closed)
    return closed


class Reader:
    """Checks a model's output against a schema while it is written.

    Beyond some limits of llguidance, llama.cpp lets a model write anything, and reports it only in
    its log.
    """

    def __init__(self, closed: Mapping[str, Any]) -> None:
        from llguidance import LLMatcher  # noqa: PLC0415  # only chats with a model need it

        try:
            grammar = LLMatcher.grammar_from_json_schema(dict(closed))
        except ValueError as error:  # numbers that are not JSON, or have more than 64 bits
            raise UnservedSchemaError(str(error)) from error
        self._matcher = LLMatcher(_bytes(), grammar, log_level=0)
        self._raise_error()

    def read(self, text: str) -> None:
        """Check the next piece of an answer.

        Raises:
            UnservedSchemaError: If the schema does not allow it.
        """
        if not self._matcher.consume_tokens(list(text.encode())):
            self._raise_error()

    @property
    def is_complete(self) -> bool:
        """Whether an answer may end here."""
        return bool(self._matcher.is_accepting())

    def _raise_error(self) -> None:
        if self._matcher.is_error():
            problem = self._matcher.get_error().partition("<state>")[0]
            raise UnservedSchemaError(problem.strip())


@cache
def _bytes() -> Any:
    from llguidance import LLTokenizer  # noqa: PLC0415  # as in Reader

    return LLTokenizer("byte")


class _Rewriter:
    """Rewrites one schema; `root` resolves its references."""

    def __init__(self, root: Mapping[str, Any], *, is_small: bool) -> None:
        self._root = root
        self._longest = _LONGEST_STRING if is_small else _LONGEST_STRING_OF_REAL_MODELS
        self._most_items = _MOST_ITEMS if is_small else _MOST_ITEMS_OF_REAL_MODELS
        self._steps = 0

    def _count_steps(self, number: int = 1) -> None:
        self._steps += number
        if self._steps > _MOST_STEPS:
            raise UnservedSchemaError(f"it takes more than {_MOST_STEPS:,} steps to rewrite")

    def rewritten(self, schema: Any) -> Any:
        self._count_steps()
        if schema is True or (isinstance(schema, Mapping) and set(schema) <= _ANNOTATIONS):
            return _ANYTHING
        if not isinstance(schema, Mapping):
            return schema
        result = _without_nulls({**schema, "$schema": None, "default": None})
        for name in ("$defs", "definitions", "properties", "patternProperties"):
            if name in result:
                result[name] = {key: self.rewritten(part) for key, part in result[name].items()}
        if "oneOf" in result:
            self._make_any(result)
        for name in ("anyOf", "allOf", "prefixItems"):
            if name in result:
                result[name] = [self.rewritten(part) for part in result[name]]
        if {"enum", "const"} & set(result):
            result.pop("format", None)  # an annotation, unless a value has to be made up
            return result
        for kind in _kinds(result):
            _BOUND[kind](self, result)
        return result

    def _make_any(self, schema: dict[str, Any]) -> None:
        """Turn `oneOf`, which the engine rarely takes, into `anyOf`, if no choices overlap."""
        choices = schema.pop("oneOf")
        if len(choices) > _MOST_CHOICES:
            raise UnservedSchemaError(f"oneOf has more than {_MOST_CHOICES} choices")
        if not all(self._are_apart(*pair) for pair in combinations(choices, 2)):
            reason = "oneOf has choices that may hold at once; use anyOf, or types that differ"
            raise UnservedSchemaError(reason)
        if "anyOf" in schema:
            schema["allOf"] = [*schema.get("allOf", ()), {"anyOf": choices}]
        else:
            schema["anyOf"] = choices

    def _are_apart(self, one: Any, other: Any, depth: int = 0) -> bool:
        """Whether it is evident that no value satisfies both schemas."""
        if one is False or other is False:
            return True
        one, other = ({} if each is True else self._resolved(each) for each in (one, other))
        lists = (each.get(name) or () for each in (one, other) for name in ("enum", "required"))
        self._count_steps(1 + sum(map(len, lists)))
        values = [_values(each) for each in (one, other)]
        if None not in values and not values[0] & values[1]:
            return True
        kinds = [_kinds_of(each) for each in (one, other)]
        if not kinds[0] & kinds[1]:
            return True
        if {"object"} not in kinds or depth > _DEEPEST_CHOICE:
            return False
        properties = [each.get("properties") or {} for each in (one, other)]
        required = {*one.get("required", ()), *other.get("required", ())}
        return any(
            self._are_apart(properties[0][name], properties[1][name], depth + 1)
            for name in required & properties[0].keys() & properties[1].keys()
        )

    def _bound_string(self, schema: dict[str, Any]) -> None:
        least = _capped(schema, *_LENGTHS, _LONGEST_STRING_ASKED)
        form = _FORMATS.get(schema.pop("format", ""))
        if form is not None:
            form = f"^{form}$"
            if "pattern" in schema:
                schema["allOf"] = [*schema.get("allOf", ()), {"pattern": form}]
            schema.setdefault("pattern", form)
        else:
            longest = _LONGEST_PATTERN if "pattern" in schema else self._longest
            schema.setdefault("maxLength", max(longest, least))

    def _bound_number(self, schema: dict[str, Any]) -> None:
        for inner, outer in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(schema.get(outer), bool):  # up to draft 4
                exclusive, bound = schema.pop(outer), schema.get(inner)
                if exclusive and bound is not None:
                    schema[outer] = schema.pop(inner)
        if not _SIGNS["number"] & set(schema):  # with bounds, it is written without an exponent
            schema.update(minimum=-_LARGEST, maximum=_LARGEST)

    def _bound_array(self, schema: dict[str, Any]) -> None:
        if isinstance(schema.get("items"), list):  # up to draft 2019-09
            schema["prefixItems"] = [self.rewritten(part) for part in schema.pop("items")]
            if "additionalItems" in schema:
                schema["items"] = schema.pop("additionalItems")
        least = _capped(schema, "minItems", "maxItems", _MOST_ITEMS_ASKED)
        first = schema.get("prefixItems") or []
        if first and "items" not in schema and least <= len(first):
            schema["items"] = False
        schema["items"] = self.rewritten(schema.get("items", True))
        schema.setdefault("maxItems", max(self._most_items, least, len(first)))
        if schema.pop("uniqueItems", False):
            # The engine cannot compare items: one is always unique.
            if least > 1:
                reason = f"at least {least} unique items, which cannot be checked here"
                raise UnservedSchemaError(f"it requires {reason}")
            schema["maxItems"] = min(1, schema["maxItems"])

    def _bound_object(self, schema: dict[str, Any]) -> None:
        least = _capped(schema, "minProperties", "maxProperties", _MOST_ITEMS_ASKED)
        names, values = schema.pop("propertyNames", None), schema.get("additionalProperties")
        properties = schema.get("properties")
        if names is not None and names is not True:
            self._name_properties(schema, names, values)
        elif properties is None and "patternProperties" not in schema and values is not False:
            schema["patternProperties"] = {
                _KEYS: self.rewritten(True if values is None else values)
            }
        if properties is not None and values is not False:
            for name in set(schema.get("required") or ()) - set(properties):
                properties[name] = self.rewritten(True if values is None else values)
        schema["additionalProperties"] = False
        if schema.get("properties"):
            _choose_properties(schema, least)
        else:
            # The engine counts a name that is written twice as two.
            _check_least(least, max(1, len(schema.get("required") or ())))
            schema.setdefault("maxProperties", max(_MOST_ITEMS, least))

    def _name_properties(self, schema: dict[str, Any], names: Any, values: Any) -> None:
        """Turn `propertyNames` into properties or a pattern for them."""
        names = self._resolved(names)
        said = {name: names[name] for name in names if name not in _ANNOTATIONS}
        if said.pop("type", "string") != "string" or set(said) not in _NAMED_BY:
            reason = "propertyNames is supported with one of enum, pattern, format, or with lengths"
            raise UnservedSchemaError(reason)
        value = self.rewritten(True if values is None else values)
        if "enum" in said or "const" in said:
            allowed = said.get("enum", [said.get("const")])
            schema["properties"] = {
                name: (schema.get("properties") or {}).get(name, value)
                for name in allowed
                if isinstance(name, str)
            }
            return
        keys = said.get("pattern")
        if keys is None and said.get("format") in _FORMATS:
            keys = f"^{_FORMATS[said['format']]}$"
        if keys is None:
            least = _capped(said, *_LENGTHS, _MOST_ITEMS_ASKED) or 1
            most = min(said.get("maxLength", _LONGEST_KEY), max(_LONGEST_KEY, least))
            keys = f"^[a-z]{{{least},{most}}}$"
        if "properties" in schema or "patternProperties" in schema:
            raise UnservedSchemaError("propertyNames is not supported with named properties")
        schema["patternProperties"] = {keys: value}

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        while isinstance(schema, Mapping):
            given = _without_nulls(schema)
            if set(given) - _ANNOTATIONS != {"$ref"}:
                return given
            schema = resolve(self._root, given["$ref"])
        return {"not": {}}


_BOUND: dict[str, Callable[[_Rewriter, dict[str, Any]], None]] = {
    "string": _Rewriter._bound_string,
    "number": _Rewriter._bound_number,
    "integer": _Rewriter._bound_number,
    "array": _Rewriter._bound_array,
    "object": _Rewriter._bound_object,
}
_SCALARS: list[dict[str, Any]] = [
    {"type": "string", "maxLength": _LONGEST_STRING},
    {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
    {"type": "boolean"},
    {"type": "null"},
]
_ANYTHING: dict[str, Any] = {
    "anyOf": [
        *_SCALARS,
        {"type": "array", "items": {"anyOf": _SCALARS}, "maxItems": _MOST_ITEMS},
        {
            "type": "object",
            "patternProperties": {_KEYS: {"anyOf": _SCALARS}},
            "additionalProperties": False,
            "maxProperties": _MOST_ITEMS,
        },
    ]
}


def _without_nulls(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that are given: some clients write the others as null."""
    return {name: value for name, value in schema.items() if value is not None or name == "const"}


def _values(schema: Mapping[str, Any]) -> Any:
    """The only values that a schema allows, as JSON; ``None`` if it names none."""
    if "const" not in schema and "enum" not in schema:
        return None
    named = [schema["const"]] if "const" in schema else schema["enum"]
    whole = (int(v) if isinstance(v, float) and v.is_integer() else v for v in named)
    return {json.dumps(value, sort_keys=True) for value in whole}


_KIND_OF_JSON = {'"': "string", "{": "object", "[": "array", "n": "null"}
_KIND_OF_JSON |= dict.fromkeys("tf", "boolean")


def _kinds_of(schema: Mapping[str, Any]) -> set[str]:
    """The types that a schema allows; integers are numbers."""
    if (values := _values(schema)) is not None:
        return {_KIND_OF_JSON.get(value[0], "number") for value in values}
    kinds = schema.get("type", (*_BOUND, "boolean", "null"))
    return {
        "number" if kind == "integer" else kind
        for kind in ([kinds] if isinstance(kinds, str) else kinds)
    }


def _kinds(schema: dict[str, Any]) -> list[str]:
    """The types that a schema allows and that have bounds; implied types are made explicit."""
    if "type" not in schema:
        meant = [kind for kind, words in _SIGNS.items() if words & set(schema)]
        if len(meant) == 1:
            schema["type"] = meant[0]
    kinds = schema.get("type", [])
    return [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind in _BOUND]


def _capped(schema: dict[str, Any], least: str, most: str, cap: int) -> int:
    """Limit a schema's own bounds; return the lower one."""
    for name in {least, most} & set(schema):
        schema[name] = int(schema[name])
    low: int = schema.get(least, 0)
    if low > cap:
        raise UnservedSchemaError(f"{least} is {low:,}, and at most {cap:,} is supported")
    if most in schema:
        schema[most] = min(schema[most], cap)
    return low


def _choose_properties(schema: dict[str, Any], least: int) -> None:
    """Meet the bounds on the number of properties by naming the required ones."""
    properties, most = schema["properties"], schema.pop("maxProperties", None)
    schema.pop("minProperties", None)
    required = list(schema.get("required") or ())
    names = list(dict.fromkeys([*required, *properties]))
    _check_least(least, len(names))
    if most is not None:
        schema.pop("patternProperties", None)
    if most is not None and len(names) > most:
        schema["properties"] = {name: properties.get(name, True) for name in names[:most]}
    schema["required"] = names[: max(len(required), least)]


def _check_least(least: int, most: int) -> None:
    if least > most:
        reason = f"at least {least:,} properties, of which only named ones can be counted here"
        raise UnservedSchemaError(f"it requires {reason}")
