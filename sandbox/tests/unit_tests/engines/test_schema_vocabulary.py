"""Every keyword of JSON Schema is kept or refused, never dropped."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from jsonschema_specifications import REGISTRY
from schema_answers import written
from visioncraft_sandbox.engines.answer_schemas import UnservedSchemaError, served
from visioncraft_sandbox.engines.schema_checks import problem_of_schema

DRAFT = "https://json-schema.org/draft/2020-12/meta/"
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
SEVEN = {"const": 7}


def named(**more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": TEXT, "b": TEXT}, **more}


def listed(**more: Any) -> dict[str, Any]:
    return {"type": "array", "items": WHOLE, **more}


REFERENCE = {"$ref": "#/$defs/a"}


def kind(*values: str) -> dict[str, Any]:
    """An object that its `kind` tells from others."""
    return {"type": "object", "properties": {"kind": {"enum": [*values]}}, "required": ["kind"]}


KEPT: list[dict[str, Any]] = [
    {"type": ["string", "integer"], "minimum": 3, "maxLength": 2},
    {"enum": [-0.0, "a", None]},
    {"enum": [1, 5], "minimum": 3},
    {"enum": ["a", "b"], "pattern": "^b$"},
    {"enum": [{}, {"a": 1}], "minProperties": 1},
    {"const": -0.0},
    {"type": "number", "minimum": -0.0, "maximum": 0.0},
    {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 4},
    {"type": "integer", "multipleOf": 0.5, "minimum": 1, "maximum": 2},
    {"type": "string", "minLength": 2.0, "maxLength": 3.0},
    {"type": "string", "pattern": "^a*$", "minLength": 5},
    {"type": "string", "pattern": "b"},
    listed(minItems=2.0, maxItems=2.0),
    listed(prefixItems=[TEXT], minItems=2),
    listed(uniqueItems=True),
    named(required=["a"], maxProperties=1),
    named(required=["c"]),
    named(minProperties=2),
    named(maxProperties=1, patternProperties={"^c": WHOLE}),
    named(additionalProperties=WHOLE),
    named(patternProperties={"^a": {"maxLength": 1}}, required=["a"]),
    {"type": "object", "propertyNames": {"maxLength": 2}, "minProperties": 1},
    {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 2},
    {"minProperties": 1},
    {"type": "string", "anyOf": [WHOLE, {"maxLength": 3}]},
    {"oneOf": [{"type": "integer"}, TEXT]},
    {"oneOf": [{"enum": ["a", 1]}, {"const": 2}, {"type": "null"}]},
    {"oneOf": [{"$ref": "#/$defs/a"}, kind("b", "c")], "$defs": {"a": kind("a")}},
    {"oneOf": [{"const": 1}, TEXT], "anyOf": [WHOLE, {"maxLength": 3}]},
    {"allOf": [WHOLE, {"minimum": 7}, {"maximum": 8}]},
    {"$ref": "#/$defs/a", "minimum": 5, "$defs": {"a": {"type": "integer", "maximum": 6}}},
]
EITHER: list[dict[str, Any]] = [
    named(minProperties=5),
    named(minProperties=3, additionalProperties=WHOLE),
    named(minProperties=3, patternProperties={"^c": WHOLE}),
    named(required=["a", "b"], maxProperties=1),
    named(required=["z"], additionalProperties=False),
    named(dependentRequired={"a": ["b"]}),
    named(dependentSchemas={"a": {"required": ["b"]}}),
    named(unevaluatedProperties=False),
    {"type": "object", "minProperties": 4, "additionalProperties": WHOLE},
    {"patternProperties": {"^b$": WHOLE}, "additionalProperties": False, "minProperties": 3},
    {"type": "object", "propertyNames": {"pattern": "^a$"}, "minProperties": 3},
    {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 3},
    {"allOf": [named(), {"minProperties": 3}]},
    {"allOf": [listed(), {"minItems": 6}]},
    {"allOf": [listed(minItems=2), {"uniqueItems": True}]},
    {"enum": [float("inf")]},
    {"const": float("-inf")},
    {"enum": [{"a": [float("inf")]}]},
    {"enum": [1, 2], "not": {"const": 1}},
    {"enum": [1, 2], "const": 3},
    {"oneOf": [WHOLE, {"type": "number"}]},
    {"oneOf": [TEXT, {"minimum": 0}]},
    {"oneOf": [TEXT, {"minLength": 300}]},
    {"oneOf": [{"const": 1}, {"const": 1.0}]},
    {"oneOf": [named(), kind("a")]},
    {"oneOf": [{"const": number} for number in range(101)]},
    {"type": "string", "not": {"const": "a"}},
    {**WHOLE, "if": {"minimum": 0}, "then": {"maximum": 1}, "else": {"minimum": -1}},
    listed(contains=SEVEN),
    listed(contains=SEVEN, minContains=2),
    {"type": "array", "items": SEVEN, "minItems": 2, "contains": SEVEN, "maxContains": 1},
    listed(uniqueItems=True, minItems=2),
    {"type": "array", "prefixItems": [WHOLE], "unevaluatedItems": False},
    {"type": "string", "pattern": "^(?!a)"},
    {"$dynamicRef": "#x", "$defs": {"a": {"$dynamicAnchor": "x", **WHOLE}}},
]


def assert_kept(schema: dict[str, Any]) -> None:
    closed = served(schema)
    for seed in range(4):
        value = json.loads(written(closed, seed))  # of a name that is written twice, the last
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("schema", KEPT, ids=str)
def test_what_can_be_kept_is_kept(schema: dict[str, Any]) -> None:
    assert problem_of_schema(schema) is None
    assert_kept(schema)


@pytest.mark.parametrize("schema", EITHER, ids=str)
def test_what_cannot_be_kept_is_refused(schema: dict[str, Any]) -> None:
    if problem_of_schema(schema) is None:
        with pytest.raises(UnservedSchemaError):
            served(schema)


def nested(schema: dict[str, Any], times: int = 30) -> dict[str, Any]:
    for _ in range(times):
        schema = {**schema, "additionalProperties": schema}
    return schema


NAMES = [f"p{number}" for number in range(9)]
ITSELF = {"type": "object", "required": NAMES, "properties": dict.fromkeys(NAMES, REFERENCE)}


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [REFERENCE, REFERENCE], "$defs": {"a": ITSELF}},
        nested({"type": "object", "properties": {}, "required": ["a", "b"]}),
    ],
    ids=["choices", "required names"],
)
def test_no_part_is_looked_at_exponentially_often(schema: dict[str, Any]) -> None:
    assert problem_of_schema(schema) is None
    with pytest.raises(UnservedSchemaError, match="more than 20,000 steps"):
        served(schema)


def test_every_keyword_is_tried() -> None:
    tried = {name for schema in KEPT + EITHER for name in keywords(schema)}
    for vocabulary in ("applicator", "validation", "unevaluated"):
        assert set(REGISTRY.contents(DRAFT + vocabulary)["properties"]) <= tried


def keywords(schema: Any) -> set[str]:
    parts = list(schema.values()) if isinstance(schema, dict) else schema
    inner = parts if isinstance(parts, list) else []
    return {*(schema if isinstance(schema, dict) else ())}.union(*map(keywords, inner))
