"""Recorded requests are found again by what they mean; see tests/meaning.py."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meaning import same_meaning
from vcr.request import Request

TESTS = Path(__file__).parents[1]
TOOL = {"type": "function", "function": {"name": "draw", "description": "Draw.\n\nIn oil."}}
CALL = {"id": "call_8d6e1b2c9f00", "type": "function", "function": {"name": "draw"}}
BODY: dict[str, Any] = {
    "model": "m",
    "temperature": 0,
    "messages": [
        {"role": "user", "content": "Draw a cat."},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "Drawn."},
    ],
    "tools": [TOOL],
}
SAME = {
    "defaults": BODY | {"stream": False, "tool_choice": "auto", "n": None, "strict": False},
    "a number of another type": BODY | {"temperature": 0.0},
    "an indented docstring": json.loads(json.dumps(BODY).replace(r"Draw.\n\n", r"Draw.\n\n    ")),
    "the ids of calls": json.loads(
        json.dumps(BODY).replace(CALL["id"], "5b3c1e6a-0000-4000-8000-1234567890ab")
    ),
}
OTHER = {
    "a parameter more": BODY | {"top_p": 1},
    "a parameter fewer": {name: part for name, part in BODY.items() if name != "temperature"},
    "another value": BODY | {"temperature": 1},
    "a truth for a number": BODY | {"temperature": False},
    "another stream": BODY | {"stream": True},
    "a word more": json.loads(json.dumps(BODY).replace("a cat", "a black cat")),
    "a message fewer": BODY | {"messages": BODY["messages"][:-1]},
    "a message in another place": BODY | {"messages": BODY["messages"][::-1]},
    "a tool more": BODY | {"tools": [TOOL, TOOL]},
    "an answer to another call": json.loads(
        json.dumps(BODY).replace(
            f'"tool_call_id": "{CALL["id"]}"', '"tool_call_id": "call_00000000"'
        )
    ),
    "no body": None,
}


def request(body: Any) -> Request:
    return Request("POST", "http://visioncraft.test/x", json.dumps(body).encode(), {})


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_what_libraries_may_write_otherwise_is_the_same(body: Any) -> None:
    same_meaning(request(BODY), request(body))


@pytest.mark.parametrize("body", OTHER.values(), ids=OTHER)
def test_everything_else_is_another_request(body: Any) -> None:
    with pytest.raises(AssertionError, match="The requests differ at body"):
        same_meaning(request(BODY), request(body))


def test_the_difference_is_named_by_its_place_and_not_by_its_value() -> None:
    with pytest.raises(AssertionError, match=r"differ at body\.messages\[0\]\.content\.") as caught:
        same_meaning(request(BODY), request(OTHER["a word more"]))
    assert "cat" not in str(caught.value)


def loose_expectations(source: str) -> Iterator[int]:
    """The lines that expect a failure and accept that there is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("xfail"):
            strict = [word.value for word in node.keywords if word.arg == "strict"]
            marks = "mark" in ast.unparse(node.func)
            if not marks or any(getattr(value, "value", None) is not True for value in strict):
                yield node.lineno


def test_every_expected_failure_can_fail(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("xfail_strict")
    loose = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line in loose_expectations(path.read_text("utf-8"))
    ]
    assert loose == []


@pytest.mark.parametrize(
    "source",
    ["pytest.mark.xfail(strict=False)", "pytest.mark.xfail(strict=old)", "pytest.xfail('why')"],
)
def test_a_loose_expectation_is_found(source: str) -> None:
    assert list(loose_expectations(source)) == [1]
