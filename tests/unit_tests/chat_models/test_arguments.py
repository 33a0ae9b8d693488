"""What keeps arguments from fitting a schema, and what they evidently mean by it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_visioncraft._schemas import coerced, problems

PROBLEMS: list[tuple[Any, dict[str, Any], list[str]]] = [
    (3, {"minimum": 3}, []),
    (2, {"minimum": 3}, ["2 is less than the minimum of 3"]),
    ("abc", {"maxLength": 2}, ["'abc' is too long"]),
    ("ab", {"pattern": "^a+$"}, ["'ab' does not match '^a+$'"]),
    ("b", {"enum": ["a", 1, None]}, ["'b' is not one of ['a', 1, None]"]),
    (True, {"type": "integer"}, ["True is not of type 'integer'"]),
    (4, {"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]},
     ["4 is greater than the maximum of 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema", "found"), PROBLEMS)
def test_a_problem_is_a_sentence(value: Any, schema: dict[str, Any], found: list[str]) -> None:
    assert problems(value, schema) == found


TREE: dict[str, Any] = {
    "type": "object",
    "required": ["name", "parts"],
    "properties": {
        "name": {"type": "string", "maxLength": 3},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
    },
    "additionalProperties": False,
    "$defs": {
        "part": {
            "type": "object",
            "required": ["size"],
            "properties": {"size": {"type": "integer", "exclusiveMaximum": 9}},
        }
    },
}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"name": "a", "parts": [{"size": 8}, {"size": 1, "more": True}]}, []),
        ({"name": "a"}, ["parts is missing"]),
        ({"name": "a", "parts": [{"size": 9}]},
         ["parts[0].size: 9 is greater than or equal to the maximum of 9"]),
        ({"name": "a", "parts": [{"size": 1}, {}]}, ["parts[1].size is missing"]),
        ({"name": "a", "parts": [], "x": 1},
         ["Additional properties are not allowed ('x' was unexpected)"]),
        ("a", ["'a' is not of type 'object'"]),
    ],
)  # fmt: skip
def test_a_problem_says_where_it_is(value: Any, found: list[str]) -> None:
    assert problems(value, TREE) == found


@pytest.mark.parametrize(
    "schema",
    [
        {"minimum": True},
        {"pattern": 5},
        {"pattern": r"^\p{L}+$"},
        {"type": "unheard-of"},
        {"$ref": "#/$defs/none"},
        {"$ref": "http://elsewhere.test/schema"},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_is_broken_is_left_to_the_tool(schema: Any) -> None:
    for value in ("a", 5):
        assert problems(value, schema) == []


def test_a_schema_of_itself_has_an_end() -> None:
    lists = {"type": ["array", "string"], "items": {"$ref": "#"}}
    value: Any = 1
    for _ in range(2000):
        value = [value]
    assert problems(value, lists) == ["it is nested deeper than 100 levels"]
    assert coerced(value, lists) == value


def test_the_first_five_problems_are_enough_and_none_is_long() -> None:
    found = problems([1] * 6, {"items": {"type": "string"}})
    assert found == [f"[{number}]: 1 is not of type 'string'" for number in range(5)]
    [long] = problems("a" * 5000, {"maxLength": 2})
    assert len(long) <= 210
    assert long.endswith("is too long")


MAPPING = {"anyOf": [{"type": "object", "additionalProperties": {"type": "number"}},
                     {"type": "null"}]}  # fmt: skip
ADJUSTED: list[tuple[Any, Any, Any]] = [
    ("3", {"type": "integer"}, 3),
    ("-3", {"type": "integer"}, -3),
    (3.0, {"type": "integer"}, 3),
    (3.5, {"type": "integer"}, 3.5),
    ("3.0", {"type": "integer"}, 3),
    ("3.5", {"type": "integer"}, "3.5"),
    ("three", {"type": "integer"}, "three"),
    (True, {"type": "integer"}, True),
    ("3.5", {"type": "number"}, 3.5),
    ("nan", {"type": "number"}, "nan"),
    ("1e999", {"type": "number"}, "1e999"),
    ("4", {"type": "integer", "maximum": 3}, 4),
    (" TRUE ", {"type": "boolean"}, True),
    ("False", {"type": "boolean"}, False),
    ("perhaps", {"type": "boolean"}, "perhaps"),
    (1, {"type": "boolean"}, 1),
    (20, {"type": "string"}, "20"),
    (0.5, {"type": "string"}, "0.5"),
    (True, {"type": "string"}, True),
    ("None", {"type": "string"}, "None"),
    ("None", {"type": ["integer", "null"]}, None),
    ("null", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
    ("", {"type": ["integer", "null"]}, None),
    ("3", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 3),
    ("3", {"oneOf": [{"type": "integer"}]}, 3),
    ("3", {"allOf": [{"type": "integer"}]}, 3),
    ("3", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "3"),
    ("3", {}, "3"),
    ("3", None, "3"),
    ("2", {"enum": [1, 2]}, 2),
    (["1", 2], {"items": {"type": "integer"}}, [1, 2]),
    ('["a", "b"]', {"type": "array"}, ["a", "b"]),
    ("['a', True]", {"type": "array"}, ["a", True]),
    ('{"x": "0.5"}', MAPPING, {"x": 0.5}),
    ({"x": "0.5"}, MAPPING, {"x": 0.5}),
    ("{'x': 0.5}", MAPPING, {"x": 0.5}),
    ("{x", MAPPING, "{x"),
    ({"a": "1", "b": "1"}, {"properties": {"a": {"type": "integer"}}}, {"a": 1, "b": "1"}),
    ({"a": None, "b": None},
     {"properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "integer"}},
      "required": ["b"]}, {"b": None}),
    ({"a": {"b": "1"}}, {"properties": {"a": {"properties": {"b": {"type": "integer"}}}}},
     {"a": {"b": 1}}),
    (["1"], {"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}, [1]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema", "expected"), ADJUSTED)
def test_what_evidently_means_the_right_type_becomes_it(
    value: Any, schema: Any, expected: Any
) -> None:
    found = coerced(value, schema)
    assert repr(found) == repr(expected)  # True is not 1, and 3.0 not 3


KINDS = ["string", "boolean", "integer", "number", "array", "object", "null"]
SCALARS = st.none() | st.integers(-4, 4) | st.text("ab", max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
SMALL = st.integers(-3, 3)
LENGTH = st.integers(0, 3)


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas whose parts are those that `inner` gives."""
    some = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(KINDS)
            | st.lists(st.sampled_from(["integer", "string", "null"]), min_size=1, unique=True),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "minimum": SMALL,
            "maximum": SMALL,
            "exclusiveMinimum": SMALL,
            "exclusiveMaximum": SMALL,
            "minLength": LENGTH,
            "maxLength": LENGTH,
            "minItems": LENGTH,
            "maxItems": LENGTH,
            "pattern": st.sampled_from(["a", "^b", "a$"]),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "allOf": some,
            "anyOf": some,
        },
    )


@settings(max_examples=300, deadline=None)
@given(VALUES, st.recursive(st.just({}), schemas, max_leaves=5))
def test_what_fits_still_fits_afterwards(value: Any, schema: Any) -> None:
    if not problems(value, schema):
        assert problems(coerced(value, schema), schema) == []


CHOICES = {"anyOf": [{"$ref": "#/$defs/And"}, {"$ref": "#/$defs/Or"}]}
GROUP = {"type": "object", "required": ["of"], "properties": {"of": {"items": CHOICES}}}


def test_choices_within_choices_take_bounded_time() -> None:
    schema = {"properties": {"query": CHOICES}, "$defs": {"And": GROUP, "Or": GROUP}}
    value: Any = {}
    for depth in range(40):
        assert depth > 5 or problems({"query": value}, schema)
        value = {"of": [value]}
    assert problems({"query": value}, schema) == []  # left to the tool


def test_items_that_cannot_be_sorted_are_compared_in_linear_time() -> None:
    schema = {"properties": {"tags": {"type": "array", "uniqueItems": True}}}
    tags = [{"a": number} if number % 2 else str(number) for number in range(20_000)]
    assert problems({"tags": tags}, schema) == []
    [problem] = problems({"tags": ["a", {"b": 1, "c": 2}, {"c": 2, "b": 1}]}, schema)
    assert problem.startswith("tags: ")
    assert problem.endswith("has items that are the same")
