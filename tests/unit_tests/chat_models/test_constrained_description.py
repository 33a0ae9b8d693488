"""What the model reads of its tools when its answer is held to a schema."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_visioncraft.chat_models.constrained import ConstrainedTools

PROPERTIES = {
    "image": {"type": "string", "description": "A handle or a URL."},
    "factor": {"enum": [2, 4], "type": "integer"},
    "sharpen": {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
}
UPSCALE = {
    "name": "upscale",
    "description": "Enlarge a picture.",
    "parameters": {"type": "object", "properties": PROPERTIES, "required": ["image"]},
}
LORAS = {
    "anyOf": [{"type": "object", "additionalProperties": {"type": "number"}}, {"type": "null"}]
}
LIMITS = {"name": "limits", "parameters": {"type": "object", "properties": {}}}


def described(**options: Any) -> str:
    tools = [{"type": "function", "function": each} for each in (UPSCALE, LIMITS)]
    said = [HumanMessage("Enlarge cat.png.")]
    return ConstrainedTools.of({"tools": tools, **options}, said).messages(said)[0].text


def test_each_tool_is_described_by_its_call() -> None:
    assert (
        described()
        == """\
# Functions

Each function, and how it is called:
- Enlarge a picture.
  {"name": "upscale", "arguments": {"image": <A handle or a URL>, \
"factor": <{"enum": [2, 4], "type": "integer"} (optional)>, "sharpen": <boolean (optional)>}}
- limits
  {"name": "limits", "arguments": {}}
- None of these: a reply to the user in plain words, for small talk and general knowledge.
  {"name": "reply", "arguments": {"text": <what to tell the user>}}

Answer with one json object, and nothing else: the call of the function that can do what the user \
asks for."""
    )


@pytest.mark.parametrize(
    ("choice", "when"),
    [
        ("required", "the call of one of the functions, whatever is asked."),
        ("limits", "the call of limits, whatever is asked."),
    ],
)
def test_no_reply_is_described_when_a_call_is_required(choice: str, when: str) -> None:
    text = described(tool_choice=choice)
    assert "reply" not in text
    assert text.endswith(when)


def test_behind_results_a_reply_says_that_all_is_done() -> None:
    call = {"name": "upscale", "args": {"image": "cat.png"}, "id": "1"}
    said = [
        HumanMessage("Enlarge cat.png."),
        AIMessage("", tool_calls=[call]),
        ToolMessage("a1b2c3d4e5f6.png", tool_call_id="1"),
    ]
    tools = [{"type": "function", "function": UPSCALE}]
    text = ConstrainedTools.of({"tools": tools}, said).messages(said)[0].text
    assert "- All is done: a reply to the user in plain words" in text
    assert text.endswith(
        "a reply if all that the user asked for is done, else the call that is still missing."
    )


def test_several_calls_are_asked_for_as_a_list() -> None:
    assert "as a list" in described(parallel_tool_calls=True)
    assert "as a list" not in described()


@pytest.mark.parametrize(("required", "offered"), [([], False), (["loras"], True)])
def test_an_optional_object_with_any_keys_is_not_offered(
    required: list[str], offered: bool
) -> None:
    schema = {"type": "object", "properties": {"loras": LORAS}, "required": required}
    tool = {"type": "function", "function": {"name": "draw", "parameters": schema}}
    constrained = ConstrainedTools.of({"tools": [tool]})
    draw = constrained.schema["anyOf"][0]["properties"]["arguments"]
    assert ("loras" in draw["properties"]) is offered
    assert ("loras" in constrained.messages([HumanMessage("Hello.")])[0].text) is offered
