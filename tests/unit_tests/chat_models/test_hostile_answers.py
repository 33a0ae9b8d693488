"""Answers of any text take work that grows with their length, not with its square."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import json_repair
import pytest
from answers import OFFERED

from langchain_visioncraft._json import MOST_REPAIRED, JsonReader
from langchain_visioncraft._reasoning import ReasoningSplitter
from langchain_visioncraft.chat_models.constrained import ConstrainedTools
from langchain_visioncraft.chat_models.objects import object_in
from langchain_visioncraft.chat_models.prompted.reading import CallReader
from langchain_visioncraft.errors import UnexpectedAnswerError

TOOLS = ConstrainedTools(
    [{"name": name, "parameters": schema} for name, schema in OFFERED.schemas.items()]
)
READERS: dict[str, Callable[[], Any]] = {
    "calls": lambda: CallReader(OFFERED),
    "constrained": lambda: TOOLS.reading(correct=False),
    "thoughts": ReasoningSplitter,
    "whole thoughts": lambda: ReasoningSplitter(holds=True),
}
UNITS = [
    *('{"a":', "[", "{", "<", "`", '"', "-", " ", "\n", "\\", "*'", "a"),
    *("<tool_call>", "</tool_call>", "<think>", "</think>", "[TOOL_CALLS][*'*'", "```\n"),
    *('<tool_call>{"name": "draw", "arguments": {"prompt": "', "\ndraw(", "\ndraw {", "[draw("),
    *("<parameter=prompt>", "<arg_key>", "\nAction: draw\nAction Input: {", "<function=draw>{"),
    *("\ncall:draw{", "<|tool_call>call:draw{", "Let { open a set, and so on.\n", "</parameter>"),
]
SIZE = 1000


def calls_made(work: Callable[[], Any]) -> int:
    """The calls of functions that some work takes, of Python's and of C's."""
    made = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


@pytest.fixture(autouse=True)
def repaired(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of what is given to the repair of JSON, which is bounded, but not linear."""
    sizes = [0]
    monkeypatch.setattr(json_repair, "loads", lambda text, **_: sizes.append(len(text)))
    return sizes


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("char_by_char", [False, True])
def test_twice_the_text_is_about_twice_the_work(
    kind: str, unit: str, *, char_by_char: bool
) -> None:
    def read(text: str) -> None:
        reader = READERS[kind]()
        for piece in text if char_by_char else [text]:
            reader.feed(piece)
        reader.finish()

    once, twice = unit * (SIZE // len(unit)), unit * (2 * SIZE // len(unit))
    read(once)
    assert calls_made(lambda: read(twice)) <= 2.3 * calls_made(lambda: read(once)) + 3000


@pytest.mark.parametrize("unit", UNITS)
def test_an_object_is_searched_in_linear_work(unit: str) -> None:
    schema = {"properties": {"age": {"type": "integer"}}, "required": ["age"]}
    once, twice = unit * (SIZE // len(unit)), unit * (2 * SIZE // len(unit))
    object_in(once, schema)
    few = calls_made(lambda: object_in(once, schema))
    assert calls_made(lambda: object_in(twice, schema)) <= 2.3 * few + 3000


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("opener", ["", "[TOOL_CALLS]", "<tool_call>", '{"name": "draw", "a":'])
def test_little_of_an_answer_is_given_to_the_repair_of_json(
    repaired: list[int], opener: str, unit: str
) -> None:
    reader = CallReader(OFFERED)
    reader.feed(opener + unit * (20_000 // len(unit)))
    with contextlib.suppress(UnexpectedAnswerError):  # of too many calls
        reader.finish()
    assert max(repaired) <= MOST_REPAIRED
    assert sum(repaired) <= 2 * MOST_REPAIRED


def test_no_assertion_of_the_library_that_repairs_json_escapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr("json_repair.loads", fails)
    assert JsonReader().repaired('{"a": [}') is None
