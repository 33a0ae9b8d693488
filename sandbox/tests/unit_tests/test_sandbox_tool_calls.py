"""Tool calls of a real model behind ``--llm``: held to a schema of the offered tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from visioncraft_sandbox import tool_calls
from visioncraft_sandbox.chat import Reply
from visioncraft_sandbox.chat_reading import read_chat
from visioncraft_sandbox.engines.answer_schemas import served
from visioncraft_sandbox.engines.language import Completion, LanguageModel

from langchain_visioncraft._schemas import problems

DRAW: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "draw",
        "description": "Draw a picture.",
        "parameters": {
            "type": "object",
            "properties": {"prompt": {"type": "string"}, "steps": {"type": "integer"}},
            "required": ["prompt"],
        },
    },
}
CALL = {"name": "draw", "arguments": {"prompt": "a cat"}}
REPLY = {"name": "reply", "arguments": {"text": "Hello."}}


class Model:
    """Answers with a text, and keeps what it was asked."""

    name = "a model"

    def __init__(self, text: str, finish_reason: str = "stop") -> None:
        self._done = Completion(text, finish_reason, 7, 3)
        self.asked: list[Mapping[str, Any]] = []
        self.schema: dict[str, Any] = {}

    def generate(
        self, messages: Sequence[Mapping[str, Any]], _: Any, *, schema: dict[str, Any]
    ) -> Completion:
        self.asked, self.schema = list(messages), schema
        return self._done


def ask(model: Model, *messages: dict[str, Any], **options: Any) -> Reply:
    asked = messages or ({"role": "user", "content": "Draw a cat"},)
    body = {"model": "m", "messages": list(asked), "tools": [DRAW], **options}
    return tool_calls.answer(read_chat(body), cast(LanguageModel, model))


def test_the_schema_allows_calls_of_the_tools_and_a_reply_and_nothing_else() -> None:
    model = Model(json.dumps(CALL))
    ask(model)
    fits = [not problems(each, model.schema) for each in (CALL, REPLY, {**CALL, "name": "other"})]
    assert fits == [True, True, False]
    assert "Draw a picture." in model.asked[0]["content"]


def test_a_call_and_a_reply_are_read() -> None:
    called = ask(Model(json.dumps(CALL)))
    function = called.tool_calls[0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("draw", {"prompt": "a cat"})
    assert (called.text, called.finish_reason) == (None, "tool_calls")
    replied = ask(Model(json.dumps(REPLY)))
    assert (replied.text, replied.tool_calls, replied.finish_reason) == ("Hello.", [], "stop")
    assert replied.usage()["total_tokens"] == 10


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "draw"}}])
def test_a_required_tool_leaves_no_reply(choice: Any) -> None:
    model = Model(json.dumps(CALL))
    ask(model, tool_choice=choice)
    assert problems(REPLY, model.schema)


def test_earlier_calls_and_results_are_told() -> None:
    model = Model(json.dumps(REPLY))
    call = {"id": "1", "type": "function", "function": {"name": "draw", "arguments": "{}"}}
    ask(
        model,
        {"role": "user", "content": "Draw a cat"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "0123456789ab.png"},
    )
    assert "0123456789ab.png" in json.dumps(model.asked)


UNREADABLE = {"id": "1", "type": "function", "function": {"name": "draw", "arguments": "{nonsense"}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "tool_calls": [UNREADABLE]},
        {"role": "tool", "content": "0123456789ab.png"},
        {"role": "developer", "content": "Be brief."},
    ],
)
def test_odd_conversations_are_answered(message: dict[str, Any]) -> None:
    assert (
        ask(Model(json.dumps(REPLY)), {"role": "user", "content": "Hi"}, message).text == "Hello."
    )


def test_a_role_that_no_model_knows_is_the_callers_to_correct() -> None:
    with pytest.raises(ValueError, match="nobody"):
        ask(Model(json.dumps(REPLY)), {"role": "nobody", "content": "Hello"})


def test_a_part_without_a_type_is_the_callers_to_correct() -> None:
    with pytest.raises(ValueError, match="cannot be written for a model"):
        ask(Model(json.dumps(REPLY)), {"role": "user", "content": [{}]})


def test_texts_of_a_real_model_are_not_cut_and_those_of_the_small_one_are() -> None:
    schema = DRAW["function"]["parameters"]
    limits = [
        served(schema, is_small=small)["properties"]["prompt"].get("maxLength")
        for small in (True, False)
    ]
    assert limits == [120, 4000]


@pytest.mark.parametrize("kind", ["function_call", "text"])
def test_what_langchain_cannot_convert_is_the_callers_to_correct(kind: str) -> None:
    with pytest.raises(ValueError, match="cannot be written for a model"):
        ask(Model(json.dumps(REPLY)), {"role": "user", "content": [{"type": kind}]})
