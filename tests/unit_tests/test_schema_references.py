"""Schemas take no exponential time: references to the same parts, patterns that retry."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest

from langchain_visioncraft import _schemas
from langchain_visioncraft.errors import InvalidRequestError


def twice_as_many(keyword: str, levels: int) -> dict[str, Any]:
    """A schema that refers to each part of it twice, so that its size doubles with each level."""
    parts: dict[str, Any] = {f"p{levels}": {"type": "string"}}
    for level in range(levels):
        part = {"$ref": f"#/$defs/p{level + 1}"}
        both = {"x": part, "y": part} if keyword == "properties" else [part, part]
        parts[f"p{level}"] = {keyword: both}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/p0"}}, "$defs": parts}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_alternatives_to_which_many_references_lead_are_looked_at_once(
    keyword: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    real = _schemas._kinds
    monkeypatch.setattr(_schemas, "_kinds", lambda part: seen.append(part) or real(part))
    assert _schemas.coerced({"a": 1}, twice_as_many(keyword, 12)) == {"a": "1"}
    assert len(seen) < 50


def test_a_schema_that_grows_without_end_is_left_to_the_tool() -> None:
    assert _schemas.problems({"a": {}}, twice_as_many("anyOf", 3))
    assert not _schemas.problems({"a": {}}, twice_as_many("anyOf", 30))


@pytest.mark.parametrize("keyword", ["properties", "anyOf"])
def test_a_schema_that_grows_without_end_is_refused(keyword: str) -> None:
    with pytest.raises(InvalidRequestError, match="more than 10,000 parts"):
        _schemas.inlined(twice_as_many(keyword, 30))


@pytest.mark.parametrize("long", [{"enum": ["x" * 10_000]}, {"x" * 10_000: 1}, {"const": 9**999}])
def test_a_schema_that_repeats_long_texts_is_refused(long: dict[str, Any]) -> None:
    parts = {f"p{n}": {"$ref": "#/$defs/long"} for n in range(300)}
    assert _schemas.inlined({"properties": {f"p{n}": long for n in range(300)}})
    with pytest.raises(InvalidRequestError, match="more than 200,000 characters"):
        _schemas.inlined({"properties": parts, "$defs": {"long": long}})


def test_references_are_replaced_by_what_they_lead_to() -> None:
    node = {"properties": {"next": {"$ref": "#/$defs/node", "title": "Next"}}}
    broken = {"a": {"$ref": "#/$defs/none"}, "b": {"$ref": "http://h/x"}, "$ref": {"type": "null"}}
    schema = {"properties": {"n": {"$ref": "#/$defs/node"}, **broken}, "$defs": {"node": node}}
    found = _schemas.inlined(schema)["properties"]
    assert found == {
        "n": {"properties": {"next": {"title": "Next"}}},
        "a": {},
        "b": {},
        "$ref": {"type": "null"},
    }


@pytest.mark.parametrize(("part", "allowed"), [(True, {}), (False, {"not": {}})])
def test_a_reference_may_lead_to_true_or_false(part: bool, allowed: dict[str, Any]) -> None:
    refers = {"$ref": "#/$defs/any"}
    schema = {"properties": {"a": refers, "b": {**refers, "title": "B"}}, "$defs": {"any": part}}
    expected = {"a": allowed, "b": {**allowed, "title": "B"}}
    assert _schemas.inlined(schema) == {"properties": expected}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("^(a+)+$", "aaa"), ("(?=a).b", "ab"), ("b", "abc"), (r"^\d{2}$", "12")],
)
def test_patterns_are_searched_in_a_text(pattern: str, fits: str) -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    assert _schemas.problems({"a": fits}, schema) == []
    assert _schemas.problems({"a": "c"}, schema) == [f"a: 'c' does not match {pattern!r}"]


def test_a_pattern_that_retries_is_searched_without_pythons_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": "^(b+)+$"}}}
    monkeypatch.setattr(re, "search", None)
    assert _schemas.problems({"a": "b" * 1000}, schema) == []
    assert len(_schemas.problems({"a": "b" * 1000 + "!"}, schema)) == 1


ENTRIES = {"patternProperties": {"^(b+)+$": {"type": "integer"}}, "additionalProperties": False}
TEXTS = {"patternProperties": {"^(b+)+$": {}}, "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        (ENTRIES, {"b" * 1000: 1}, []),
        (ENTRIES, {"bb": "x"}, ["bb: 'x' is not of type 'integer'"]),
        (ENTRIES, {"a": 1}, ["Additional properties are not allowed ('a' was unexpected)"]),
        ({**ENTRIES, "properties": {"a": {}}}, {"a": 1}, []),
        (TEXTS, {"a": 1, "b": 1}, ["a: 1 is not of type 'string'"]),
        (TEXTS, {"b" * 1000 + "!": "x"}, []),
        ({**ENTRIES, "unevaluatedProperties": False}, {"bb": 1}, []),
        (ENTRIES, [], []),
    ],
)
def test_names_that_retry_are_searched_without_pythons_engine(
    schema: Any, value: Any, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(re, "search", None)
    assert _schemas.problems(value, schema) == found


TWICE = {"properties": {"n": {"$ref": "#/$defs/node"}}}


@pytest.mark.parametrize("node", [{"allOf": [TWICE, TWICE]}, {"if": TWICE, "then": TWICE}])
def test_a_value_at_which_a_schema_looks_too_often_is_left_to_the_tool(node: Any) -> None:
    value: Any = {"n": 1}
    for _ in range(60):
        value = {"n": value}
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/node"}}}
    assert _schemas.problems(value, {**schema, "$defs": {"node": node}}) == []


@pytest.mark.parametrize("schema", [{"multipleOf": 0.5}, {"pattern": r"(?<=a)\p{L}"}])
def test_what_cannot_be_checked_is_left_to_the_tool(schema: Any) -> None:
    for value in (10**400, "ab"):
        assert _schemas.problems(value, schema) == []


class Loud(str):
    """A text that counts how often it is quoted."""

    __slots__ = ()
    quoted: ClassVar[int] = 0

    def __repr__(self) -> str:
        Loud.quoted += 1
        return super().__repr__()


def tree(choice: str, kinds: int, **more: Any) -> dict[str, Any]:
    """A schema of nested parts of several kinds, all of which may hold parts of each kind."""
    parts = {f"k{kind}": {"$ref": f"#/$defs/k{kind}"} for kind in range(kinds)}
    any_ = {choice: [*parts.values()], **more}
    nodes = {
        name: {
            "type": "object",
            "properties": {
                "kind": {"const": name},
                "text": {"type": "string"},
                "parts": {"type": "array", "items": any_},
            },
        }
        for name in parts
    }
    return {"type": "object", "properties": {"root": any_}, "$defs": nodes}


def nested(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {"kind": "k0", "text": [Loud("x" * 5000)]}
    for _ in range(levels):
        node = {"kind": "k0", "parts": [node]}
    return {"root": node}


@pytest.mark.parametrize("choice", ["anyOf", "oneOf"])
def test_a_long_value_is_not_quoted_for_each_choice(choice: str) -> None:
    Loud.quoted = 0
    _schemas.problems(nested(8), tree(choice, 3))
    assert Loud.quoted < 30


def test_problems_that_quote_a_long_value_are_kept_short() -> None:
    schema = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    _schemas._left.set(100_000)
    [whole] = _schemas._validator(json.dumps(schema)).iter_errors(["x" * 5000])
    assert max(len(each.message) for each in (whole, *whole.context)) <= 200


def test_of_a_union_with_a_discriminator_only_the_named_part_is_checked() -> None:
    mapping = {f"k{kind}": f"#/$defs/k{kind}" for kind in range(12)}
    schema = tree("oneOf", 12, discriminator={"propertyName": "kind", "mapping": mapping})
    [problem] = _schemas.problems(nested(20), schema)
    assert problem.startswith(f"root{'.parts[0]' * 20}.text: ['xxx")
    assert problem.endswith("xxx'] is not of type 'string'")
    assert _schemas.problems({"root": {"kind": "none"}}, schema)


def test_what_a_schema_means_is_found_out_once_for_all_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    real = _schemas._kinds
    monkeypatch.setattr(_schemas, "_kinds", lambda part: seen.append(part) or real(part))
    items = {"kind": "k0", "parts": [{"kind": "k1", "text": 1}] * 500}
    found = _schemas.coerced({"root": items}, tree("anyOf", 12))
    assert found["root"]["parts"] == [{"kind": "k1", "text": "1"}] * 500
    assert len(seen) < 100
