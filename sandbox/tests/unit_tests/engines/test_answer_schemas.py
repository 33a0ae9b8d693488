"""Schemas that an answer is held to: what the grammar allows satisfies the schema of the caller.

The answers are written at random by the grammar engine itself, byte by byte, without a model.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import re
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import jsonschema
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from schema_answers import written
from visioncraft_sandbox.engines.answer_schemas import Reader, UnservedSchemaError, served
from visioncraft_sandbox.engines.schema_checks import problem_of_schema

TEXT = {"type": "string"}


def assert_served(schema: dict[str, Any]) -> Iterator[Any]:
    assert problem_of_schema(schema) is None
    before = json.dumps(schema)
    closed = served(schema)
    assert json.dumps(schema) == before
    for seed in range(8):
        value = json.loads(written(closed, seed))
        jsonschema.validate(value, schema)
        yield value


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: str


class Tree(pydantic.BaseModel):
    name: str
    branches: list[Tree] = []


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    bark: str


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


KINDS: dict[str, Any] = {
    **{kind.__name__: kind for kind in (str, int, float, bool, list, dict, bytes, Colour, Point)},
    **{kind.__name__: kind for kind in (Tree, Open, pathlib.Path, uuid.UUID, decimal.Decimal)},
    **{f"date {kind.__name__}": kind for kind in (dt.date, dt.datetime, dt.time)},
    **{kind.__name__: kind for kind in (dt.timedelta, re.Pattern, fractions.Fraction)},
    **{
        name: getattr(ipaddress, name)
        for version in (4, 6)
        for name in (f"IPv{version}Address", f"IPv{version}Interface", f"IPv{version}Network")
    },
    **{
        name: getattr(pydantic, name)
        for name in (
            *("HttpUrl", "AnyUrl", "AnyHttpUrl", "IPvAnyAddress", "SecretStr", "UUID1", "UUID3"),
            *("UUID4", "UUID5", "EmailStr", "Base64Bytes", "AwareDatetime", "StrictInt"),
            *("SecretBytes", "PositiveInt", "NegativeFloat", "FiniteFloat", "JsonValue"),
        )
    },
    "null": type(None),
    "anything": Any,
    "set": set[str],
    "frozen set": frozenset[int],
    "set with a bound": Annotated[set[str], Field(min_length=1, max_length=9)],
    "list with bounds": Annotated[list[str], Field(min_length=7, max_length=9)],
    "tuple": tuple[int, str],
    "tuple of any length": tuple[int, ...],
    "dict by words": dict[str, int],
    "dict by an enumeration": dict[Colour, int],
    "dict by dates": dict[dt.date, str],
    "dict by addresses": dict[uuid.UUID, list[int]],
    "dict by a pattern": dict[Annotated[str, Field(pattern=r"^k\d$")], int],
    "dict by short words": dict[Annotated[str, Field(min_length=3, max_length=5)], int],
    "dict with bounds": Annotated[dict[str, int], Field(min_length=1, max_length=2)],
    "dict of dicts": dict[str, dict[str, list[float]]],
    "union": int | str | list[str] | None,
    "discriminated": Annotated[Cat | Dog, Field(discriminator="kind")],
    "literal": Literal["a", 3],
    "number in bounds": Annotated[float, Field(ge=0.5, lt=1.5)],
    "whole number in bounds": Annotated[int, Field(gt=3, lt=9, multiple_of=2)],
    "words in bounds": Annotated[str, Field(min_length=3, max_length=5)],
    "pattern": Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$")],
    "loose pattern": Annotated[str, Field(pattern="foo")],
    "format and pattern": Annotated[
        str, Field(pattern="^20", json_schema_extra={"format": "date"})
    ],
}


@pytest.mark.parametrize("name", KINDS)
def test_answers_are_held_to_every_kind_of_field(name: str) -> None:
    model = pydantic.create_model("Answer", value=(KINDS[name], ...))
    for value in assert_served(model.model_json_schema()):
        if name != "Decimal":  # its schema allows more than it does itself
            model.model_validate(value)


HAND_WRITTEN: dict[str, dict[str, Any]] = {
    "a list that may not end": {"type": "array", "items": TEXT, "maxItems": 10**9},
    "a text that may not end": {**TEXT, "maxLength": 10**12},
    "an object that may not end": {"type": "object", "maxProperties": 10**9},
    "bounds as floats": {"type": "array", "items": TEXT, "minItems": 2.0},
    "no type": {"properties": {"a": {"minLength": 3}}, "required": ["a"]},
    "nulls": {"type": "string", "pattern": None, "minLength": None},
    "several types": {"type": ["string", "null", "integer"], "format": "path"},
    "a format of numbers": {"type": "integer", "format": "int64"},
    "a format beside an enumeration": {"type": "string", "enum": ["a"], "format": "slug"},
    "an older draft": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "array",
        "items": [{"type": "integer"}, TEXT],
        "minItems": 2,
    },
    "required but not described": {"type": "object", "properties": {}, "required": ["a"]},
    "some of many": {
        "type": "object",
        "properties": dict.fromkeys("abcd", TEXT),
        "minProperties": 2,
        "maxProperties": 3,
        "required": ["d"],
    },
    "itself": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, TEXT]}}},
    "by a pointer": {
        "type": "object",
        "properties": {"a/b": {"type": "integer"}, "c": {"$ref": "#/properties/a~1b"}},
        "required": ["c"],
    },
    "names by reference": {
        "$defs": {"K": {"enum": ["x", "y"]}},
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/K"},
        "additionalProperties": {"type": "integer"},
    },
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_answers_are_held_to_odd_but_sound_schemas(name: str) -> None:
    schema = HAND_WRITTEN[name]
    without_nulls = {name: value for name, value in schema.items() if value is not None}
    before = served(schema)
    assert before == served(without_nulls)
    for value in assert_served(without_nulls):
        assert len(json.dumps(value)) < 3000


def test_nulls_in_choices_are_not_compared() -> None:
    nulls = dict.fromkeys(("$ref", "enum", "required", "properties"))
    choices = [TEXT, {"type": "integer"}]
    with_nulls = [{**nulls, **each} for each in choices]
    assert served({"oneOf": with_nulls}) == served({"oneOf": choices})


REFUSED: dict[str, dict[str, Any]] = {
    "not": {"not": TEXT},
    "if": {"if": {}, "then": TEXT},
    "contains": {"type": "array", "contains": TEXT},
    "a look-ahead": {**TEXT, "pattern": "^(?=a).*$"},
    "a damaged pattern": {**TEXT, "pattern": "["},
    "an unknown type": {"type": "text"},
    "an empty enumeration": {"enum": []},
    "bounds that exclude each other": {"type": "integer", "minimum": 5, "maximum": 3},
    "types that exclude each other": {"allOf": [TEXT, {"type": "integer"}]},
    "a list that is too long": {"type": "array", "minItems": 10**6},
    "a text that is too long": {**TEXT, "minLength": 10**9},
    "two unique items": {"type": "array", "items": TEXT, "uniqueItems": True, "minItems": 2},
    "a number of 70 bits": {"const": 2**70},
    "multiples of true": {"type": "integer", "multipleOf": True},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_answer_can_be_held_to_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UnservedSchemaError, match=r"^no answer can be held to .* here: .{9}"):
        served(REFUSED[name])


def named(**names: Any) -> dict[str, Any]:
    return {"type": "object", "properties": names}


COSTLY: dict[str, tuple[dict[str, Any], str]] = {
    "patterns of names": (
        {"type": "object", "patternProperties": {f"^a{n}$": TEXT for n in range(65)}},
        "64 patternProperties",
    ),
    "a large multiple": ({"type": "integer", "multipleOf": 999_983}, "multipleOf .* 100,000"),
    "multiples": (
        named(**{f"x{n}": {"type": "integer", "multipleOf": 9973 + n} for n in range(11)}),
        "multipleOf .* 100,000",
    ),
    "optional properties": (named(**{f"x{n}": TEXT for n in range(401)}), "400 optional"),
    "a long value": ({"const": "x" * 4001}, "4,000 characters"),
    "a long name": (named(**{"x" * 4001: TEXT}), "4,000 characters"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_costs_too_much_to_compile_is_refused_before(name: str) -> None:
    schema, reason = COSTLY[name]
    assert problem_of_schema(schema) is None
    with pytest.raises(UnservedSchemaError, match=reason):
        served(schema)


def test_alternatives_and_fields_may_have_patterns_each() -> None:
    event = named(**{f"x{n}": {**TEXT, "format": "date"} for n in range(20)})
    schema = {
        "$defs": {"a": {**event, "required": ["x1"]}},
        "anyOf": [{"$ref": "#/$defs/a"}, *[{**TEXT, "pattern": f"^{n}$"} for n in range(9)]],
    }
    assert list(assert_served(schema))


def test_what_a_model_writes_in_spite_of_its_schema_is_refused() -> None:
    reader = Reader(served(named(x={"type": "integer"})))
    reader.read('{"x"')
    assert not reader.is_complete
    with pytest.raises(UnservedSchemaError):
        reader.read("Sorry, I")
    reader = Reader(served(named(x={"type": "integer"})))
    reader.read('{"x":5}')
    assert reader.is_complete


def nested(levels: int) -> dict[str, Any]:
    return {"items": nested(levels - 1)} if levels else TEXT


LOOP: dict[str, Any] = {"$ref": "#/$defs/a"}
PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "itself": ({"$ref": "#"}, "back to itself"),
    "a definition that is itself": ({"$defs": {"a": LOOP}, **LOOP}, "back to itself"),
    "itself among others": ({"$defs": {"a": {"anyOf": [TEXT, LOOP]}}, **LOOP}, "back to itself"),
    "each other": (
        {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": LOOP}, "type": "object"},
        "back to itself",
    ),
    "nothing": ({"properties": {"x": {"$ref": "#/$defs/no"}}}, "properties.x.$ref '#/$defs/no'"),
    "another host": ({"$ref": "https://evil.example/s.json"}, "leads to no part"),
    "a file": ({"$ref": "file:///etc/passwd"}, "leads to no part"),
    "a text": ({"title": "x", "items": {"$ref": "#/title"}}, "leads to no part"),
    "a long chain": (
        {
            "$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(99)} | {"a99": TEXT},
            "$ref": "#/$defs/a0",
        },
        "for more than 32 steps",
    ),
    "many levels": (nested(33), "deeper than 32 levels"),
    "many parts": ({"properties": {f"p{n}": TEXT for n in range(2001)}}, "more than 2,000 parts"),
    "many values": ({"enum": list(range(2001))}, "more than 2,000 values"),
    "many values in a const": (
        {"items": {"const": {str(n): 1 for n in range(2000)}}},
        "2,000 values",
    ),
    "many values in values": ({"enum": [[n] * 20 for n in range(100)]}, "more than 2,000 values"),
    "many keywords": (
        {"items": {f"x{n}": n for n in range(101)}},
        "items has more than 100 keywords",
    ),
    "a negative count": ({"type": "array", "minItems": -1}, "minItems must be a whole number"),
    "a broken count": ({**TEXT, "maxLength": 2.5}, "maxLength must be a whole number"),
    "a reference to what is no schema": (
        {"$ref": "#/other", "other": {"const": 1}},
        "$ref '#/other' leads to no part of the schema",
    ),
    "a long reference": (
        {"$defs": {"x" * 1000: TEXT}, "items": {"$ref": f"#/$defs/{'x' * 1000}"}},
        "items.$ref must be a string of at most 1,000 characters",
    ),
    "a type twice": ({"type": ["array", "array"]}, "type must be a string or a list of different"),
    "names that are a list": ({"propertyNames": 5}, "propertyNames must be an object"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_schema_that_says_nothing_is_refused_with_the_place(name: str) -> None:
    schema, words = PROBLEMS[name]
    problem = problem_of_schema(schema)
    assert problem is not None
    assert words in problem


def test_long_names_are_cut_in_the_paths_of_all_parts() -> None:
    parts: list[tuple[str, dict[str, Any]]] = []
    assert problem_of_schema(named(**{"x" * 10**6: named(a=TEXT, b=TEXT)}), parts) is None
    assert [len(where) < 200 for where, _ in parts] == [True] * 4


WORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"]),
    "enum": st.lists(st.sampled_from(["a", 1, None, True, 2.5]), max_size=3),
    "const": st.sampled_from(["a", 1, None, [1], {"a": 1}]),
    "minimum": st.integers(-9, 9),
    "exclusiveMaximum": st.integers(-9, 99),
    "multipleOf": st.sampled_from([0, 1, 2, 0.5, -1]),
    "minLength": st.sampled_from([0, 3, 10**9]),
    "maxLength": st.sampled_from([0, 5, 10**9]),
    "pattern": st.sampled_from(["a", "^[a-c]+$", "(?!a)", "(", "^$", r"\d{3}", r"^\w{2,}"]),
    "format": st.sampled_from(["date", "uri", "nonsense", "uuid", "password"]),
    "minItems": st.sampled_from([0, 2, 10**9]),
    "maxItems": st.sampled_from([0, 3, 10**9]),
    "uniqueItems": st.booleans(),
    "required": st.lists(st.sampled_from("abcd"), max_size=2, unique=True),
    "minProperties": st.sampled_from([0, 1, 3]),
    "maxProperties": st.sampled_from([0, 2, 10**9]),
    "$ref": st.sampled_from(["#", "#/properties/a", "#/$defs/no", "http://x.invalid/"]),
    "description": st.text(max_size=3),
}


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    further = {
        **dict.fromkeys(("items", "additionalProperties", "propertyNames", "not"), inner),
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), some),
        **dict.fromkeys(("properties", "$defs"), named),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=2),
    }
    return st.fixed_dictionaries({}, optional={**WORDS, **further})


SCHEMAS = st.recursive(
    st.one_of(st.fixed_dictionaries({}, optional=WORDS), st.booleans()), _larger, max_leaves=6
).filter(lambda schema: isinstance(schema, dict))


@settings(max_examples=200)
@given(SCHEMAS)
def test_any_schema_is_served_or_refused(schema: dict[str, Any]) -> None:
    if problem_of_schema(schema) is not None:
        return
    try:
        closed = served(schema)
    except UnservedSchemaError:
        return
    for seed in range(2):
        text = written(closed, seed)
        if len(text) < 3000:  # an answer to a schema of itself need not end
            jsonschema.Draft202012Validator(schema).validate(json.loads(text))
