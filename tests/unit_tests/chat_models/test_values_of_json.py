"""Whatever a model writes for a value, only what JSON can hold comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langchain_visioncraft._json import JsonReader
from langchain_visioncraft._schemas import coerced
from langchain_visioncraft.chat_models.answers import StreamedReading
from langchain_visioncraft.chat_models.bound_tools import BoundTools, PromptedTools
from langchain_visioncraft.chat_models.history import key_of
from langchain_visioncraft.chat_models.objects import object_in
from langchain_visioncraft.chat_models.prompted.calls import Call

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"prompt": {}, "name": {}}}
TOOL = {"name": "draw", "parameters": SCHEMA}
VALUES = (
    *("{1, 2}", "{[1]}", "set()", "b'a'", "1j", "1 + 2j", "...", "[b'a', ...]", "{'a': {1}}"),
    *("NaN", "nan", "Infinity", "-Infinity", "1e999", "-1e999", "[1e999]", "{b'a': 1}", "{[1]: 2}"),
    *("9" * 5000, "0x" + "f" * 2900, "0x" + "f" * 6000, "[" + "9" * 5000 + "]", "{**{'a': ...}}"),
)
FORMS = (
    *("draw(prompt={})", "draw({})", "draw(**{})", "draw(*{})", "[draw(prompt={}), draw()]"),
    *('<tool_call>{{"name": "draw", "arguments": {{"prompt": {}}}}}</tool_call>',),
    *("<tool_call>{{'name': 'draw', 'arguments': {}}}</tool_call>", "<tool_call>draw{}"),
    *('<tool_call>{{"name": "draw", "arguments": [{{"name": {}, "value": 2}}]}}</tool_call>',),
    *("<tool_call>call:draw{{prompt:{}}}", "<function=draw><parameter=prompt>{}</parameter>"),
    *("Action: draw\nAction Input: {{'prompt': {}}}", '{{"prompt": {}}}', "{{'prompt': {}}}"),
    *('{{"prompt": {}, "name": "', "{}"),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:20])
@pytest.mark.parametrize("form", FORMS)
def test_arguments_and_answers_hold_only_values_of_json(form: str, value: str) -> None:
    text = form.format(value)
    for tools in (PromptedTools([TOOL], choice="draw"), PromptedTools([TOOL]), BoundTools([TOOL])):
        reading = tools.reading(correct=False)
        for each in (*reading.feed(text), *reading.finish()):
            if isinstance(each, Call):
                key_of(each.name, each.arguments)
                json.dumps(each.arguments, allow_nan=False)
                assert all(isinstance(name, str) for name in each.arguments)
        streamed = StreamedReading(tools.reading(correct=False), as_blocks=False, holds=False)
        streamed.take(text, ends=True)
    read = [object_in(text, SCHEMA, partial=partial) for partial in (False, True)]
    read += [JsonReader().load(text), coerced({"prompt": text}, SCHEMA)]
    numbers = {"properties": {"prompt": {"type": ["number", "object", "array"]}}}
    json.dumps([*read, coerced({"prompt": value}, numbers)], allow_nan=False)


def test_a_set_and_a_tuple_are_lists() -> None:
    reading = PromptedTools([TOOL]).reading(correct=False)
    found = [*reading.feed("draw(prompt={1, 2}, name=('a', 'b'))"), *reading.finish()]
    assert found == [Call("draw", {"prompt": [1, 2], "name": ["a", "b"]})]


@pytest.mark.parametrize("bad", ["9" * 5000, "NaN", "1e999"])
def test_an_answer_after_one_that_json_cannot_hold_is_found(bad: str) -> None:
    text = f'{{"prompt": {bad}}} or rather {{"prompt": "a cat"}}'
    assert object_in(text, {**SCHEMA, "required": ["prompt"]})["prompt"] == "a cat"
