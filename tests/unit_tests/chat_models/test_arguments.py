"""Arguments are checked against the tool's JSON schema, at each of its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from langchain_visioncraft.chat_models.prompted.schemas import coerced, known_arguments, problems

BOUNDS: list[tuple[dict[str, Any], list[Any], list[Any], str]] = [
    ({"minimum": 3}, [3, 3.0, 4], [2, 2.9], "must be at least 3"),
    ({"maximum": 3}, [3, 3.0, 2], [4, 3.1], "must be at most 3"),
    ({"exclusiveMinimum": 3}, [4, 3.1], [3, 3.0, 2], "must be more than 3"),
    ({"exclusiveMaximum": 3}, [2, 2.9], [3, 3.0, 4], "must be less than 3"),
    ({"minLength": 2}, ["ab", "abc"], ["a", ""], "must be at least 2 characters long"),
    ({"maxLength": 2}, ["ab", "a", ""], ["abc"], "must be at most 2 characters long"),
    ({"minItems": 2}, [[1, 2], [1, 2, 3]], [[1], []], "must be a list of at least 2"),
    ({"maxItems": 2}, [[1, 2], [1], []], [[1, 2, 3]], "must be a list of at most 2"),
    ({"pattern": "^a+$"}, ["a", "aa"], ["", "ab"], "must match ^a+$"),
    ({"enum": ["a", 1, None]}, ["a", 1, None], ["b", 2], "must be one of 'a', 1, None"),
    ({"const": "a"}, ["a"], ["b", None], "must be 'a'"),
]
OF_OTHER_KINDS = ["text", "", 0, 99, 0.5, True, None, [], [1, 2, 3, 4], {}, {"a": 1}]


@pytest.mark.parametrize(("schema", "fits", "does_not", "words"), BOUNDS)
def test_a_bound_holds_to_the_last_value(
    schema: dict[str, Any], fits: list[Any], does_not: list[Any], words: str
) -> None:
    assert [value for value in fits if problems(value, schema)] == []
    assert [problems(value, schema) for value in does_not] == [[f"the whole {words}"]] * len(
        does_not
    )


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (int, float)),
        (("minLength", "maxLength"), (str,)),
        (("minItems", "maxItems"), (list,)),
    ],
)
def test_a_bound_is_none_for_values_of_another_kind(
    names: tuple[str, ...], kinds: tuple[type, ...]
) -> None:
    for value in OF_OTHER_KINDS:
        if isinstance(value, bool) or not isinstance(value, kinds):
            assert all(problems(value, {name: bound}) == [] for name in names for bound in (1, 3))


@pytest.mark.parametrize("name", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
def test_a_bound_that_is_no_number_is_none(name: str) -> None:
    assert problems(5, {name: True}) == []  # as it was written before 2019
    assert problems(5, {name: "5"}) == []


def test_a_pattern_of_another_dialect_is_left_to_the_tool() -> None:
    assert problems("a", {"pattern": r"^\p{L}+$"}) == []
    assert problems("a", {"pattern": 5}) == []


KINDS: list[tuple[str, list[Any], str]] = [
    ("string", ["", "a"], "a string"),
    ("boolean", [True, False], "a boolean"),
    ("integer", [0, -3], "an integer"),
    ("number", [0, 0.5], "a number"),
    ("array", [[], [1]], "an array"),
    ("object", [{}, {"a": 1}], "an object"),
    ("null", [None], "null"),
]


@pytest.mark.parametrize(("kind", "fits", "words"), KINDS)
def test_a_type_takes_its_own_values_and_no_others(kind: str, fits: list[Any], words: str) -> None:
    assert [value for value in fits if problems(value, {"type": kind})] == []
    others = [v for other, values, _ in KINDS for v in values if other != kind]
    refused = [value for value in others if problems(value, {"type": kind})]
    also = {"number": [0, -3], "integer": [0]}.get(kind, [])
    assert [repr(v) for v in others if repr(v) not in map(repr, also)] == list(map(repr, refused))
    assert {problems(value, {"type": kind})[0] for value in refused} == {
        f"the whole must be {words}"
    }


def test_one_of_several_types_is_enough() -> None:
    schema = {"type": ["integer", "null", "string"]}
    assert [problems(value, schema) for value in (1, None, "a")] == [[], [], []]
    assert problems([], schema) == ["the whole must be an integer or a string or null"]
    assert problems([], {"type": "unheard-of"}) == []


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
        ({}, ["name is missing", "parts is missing"]),
        ({"name": "a", "parts": [{"size": 9}]}, ["parts[0].size must be less than 9"]),
        ({"name": "a", "parts": [{"size": 1}, {}]}, ["parts[1].size is missing"]),
        ({"name": "abcd", "parts": 1},
         ["name must be at most 3 characters long", "parts must be an array"]),
        ({"name": "a", "parts": [], "x": 1}, ["x is not known; known are name, parts"]),
        ("a", ["the whole must be an object"]),
    ],
)  # fmt: skip
def test_a_problem_says_where_it_is(value: Any, found: list[str]) -> None:
    assert problems(value, TREE) == found


def test_further_properties_may_be_forbidden_bounded_or_free() -> None:
    assert problems({"a": 1}, {"properties": {}, "additionalProperties": False}) == [
        "a is not known; known are none"
    ]
    more = {"additionalProperties": {"type": "string"}}
    assert problems({"a": 1}, more) == ["a must be a string"]
    assert problems({"a": {"b": 1}}, {"properties": {"a": more}}) == ["a.b must be a string"]
    assert problems({"a": 1}, {"additionalProperties": True}) == []


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
def test_one_alternative_is_enough(key: str) -> None:
    schema = {key: [{"type": "integer", "maximum": 3}, {"type": "null"}]}
    assert problems(3, schema) == []
    assert problems(None, schema) == []
    assert problems(4, schema) == ["the whole must be at most 3 or the whole must be null"]
    assert problems(4, {key: [{"maximum": 3}]}) == ["the whole must be at most 3"]
    assert problems(4, {key: [{"maximum": 3}, {"maximum": 3}]}) == ["the whole must be at most 3"]
    assert problems(4, {key: []}) == []


def test_all_parts_must_fit() -> None:
    schema = {"allOf": [{"minimum": 3}, {"maximum": 5}, {"multipleOf": 2}]}
    assert [problems(value, schema) for value in (3, 4, 5)] == [[], [], []]
    assert problems(2, schema) == ["the whole must be at least 3"]
    assert problems(6, schema) == ["the whole must be at most 5"]


def test_references_are_followed_and_those_that_lead_nowhere_are_none() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/a~1b~0c"},
            "b": {"$ref": "#/$defs/none"},
            "c": {"$ref": "#/$defs/round"},
            "d": {"$ref": "http://elsewhere.test/schema"},
            "e": {"$ref": "#/$defs/a~1b~0c/type/further"},
        },
        "$defs": {"a/b~c": {"type": "string"}, "round": {"$ref": "#/$defs/round"}},
    }
    assert problems(dict.fromkeys("abcde", 1), schema) == ["a must be a string"]
    assert problems(1, {"$ref": "#", "type": "string"}) == []


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_schema_of_itself_is_followed_to_a_depth() -> None:
    lists = {"type": ["array", "string"], "items": {"$ref": "#"}}
    assert problems(nested(32), lists) == [f"{'[0]' * 32} must be an array or a string"]
    assert problems(nested(33), lists) == []


def test_the_first_five_problems_are_enough() -> None:
    schema = {"items": {"type": "string"}}
    assert len(problems([1] * 5, schema)) == 5
    assert problems([1] * 6, schema) == [f"[{number}] must be a string" for number in range(5)]


ADJUSTED: list[tuple[Any, Any, Any]] = [
    ("3", {"type": "integer"}, 3),
    ("-3", {"type": "integer"}, -3),
    (3.0, {"type": "integer"}, 3),
    (3.5, {"type": "integer"}, 3.5),
    ("3.0", {"type": "integer"}, "3.0"),
    ("three", {"type": "integer"}, "three"),
    (True, {"type": "integer"}, True),
    ("3.5", {"type": "number"}, 3.5),
    ("nan", {"type": "number"}, "nan"),
    ("4", {"type": "integer", "maximum": 3}, "4"),
    (" TRUE ", {"type": "boolean"}, True),
    ("false", {"type": "boolean"}, False),
    ("yes", {"type": "boolean"}, "yes"),
    (1, {"type": "boolean"}, 1),
    (20, {"type": "string"}, "20"),
    (0.5, {"type": "string"}, "0.5"),
    (True, {"type": "string"}, True),
    ("3", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 3),
    ("3", {"oneOf": [{"type": "integer"}]}, 3),
    ("3", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "3"),
    ("3", {"type": ["integer", "null"]}, 3),
    ("3", {}, "3"),
    ("3", None, "3"),
    (["1", 2], {"items": {"type": "integer"}}, [1, 2]),
    ({"a": "1", "b": "1"}, {"properties": {"a": {"type": "integer"}}}, {"a": 1, "b": "1"}),
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


def test_arguments_that_a_schema_does_not_name_are_left_out_if_it_takes_no_others() -> None:
    named = {"properties": {"a": {}}}
    assert known_arguments({"a": 1, "b": 2}, named) == {"a": 1}
    assert known_arguments({"a": 1, "b": 2}, {**named, "additionalProperties": False}) == {"a": 1}
    open_ = {**named, "additionalProperties": True}
    assert known_arguments({"a": 1, "b": 2}, open_) == {
        "a": 1,
        "b": 2,
    }
    assert known_arguments({"a": 1, "b": 2}, {"properties": {}}) == {"a": 1, "b": 2}
    assert known_arguments({"a": 1}, {}) == {"a": 1}


# The same as a validator of the whole standard says, for what is checked here

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
            "type": st.sampled_from([kind for kind, *_ in KINDS])
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


@settings(max_examples=400, deadline=None)
@given(VALUES, st.recursive(st.just({}), schemas, max_leaves=5))
def test_a_value_fits_if_a_validator_of_the_standard_says_so(value: Any, schema: Any) -> None:
    assert (problems(value, schema) == []) is Draft202012Validator(schema).is_valid(value)
