"""Very small models: told one step of a request at a time, and no optional objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import KEY, Service, ask
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from prompted_service import UNKNOWN, says, sent

from langchain_visioncraft import ChatVisionCraftLegacy
from langchain_visioncraft.chat_models.prompted.schemas import known_arguments, schema_prompt

TWO = "1. Draw a cat\n2. Upscale the picture"
DRAW = {"name": "draw", "args": {"prompt": "a cat"}}
UPSCALE = '{"name": "upscale", "arguments": {"image": "a.png"}}'


@tool
def draw(prompt: str, width: int = 1024, styles: dict[str, float] | None = None) -> str:
    """Draw a picture."""
    return prompt


@tool
def upscale(image: str) -> str:
    """Make a picture larger."""
    return image


def turn(*results: str, request: Any = "Draw a cat, then upscale it.") -> list[BaseMessage]:
    """A request, and calls with their results; those that begin with "!" failed."""
    messages: list[BaseMessage] = [SystemMessage("Be kind."), HumanMessage(request)]
    for number, result in enumerate(results):
        messages.append(AIMessage("", tool_calls=[{**DRAW, "id": str(number)}]))
        status = "error" if result.startswith("!") else "success"
        messages.append(ToolMessage(result.lstrip("!"), tool_call_id=str(number), status=status))
    return messages


def small(service: Service) -> Any:
    return service.model(model=UNKNOWN, tool_prompt="simple").bind_tools([draw, upscale])


async def test_objects_are_not_told_and_what_was_made_up_goes(service: Service, way: str) -> None:
    says(service, '{"name": "draw", "arguments": {"prompt": "a cat", "size": "9x9", "width": 64}}')
    answer = await ask(small(service), way, "Draw a cat.")
    told = sent(service)["messages"][0]["content"]
    assert '"width"' in told
    assert "styles" not in told
    assert [call["args"] for call in answer.tool_calls] == [{"prompt": "a cat", "width": 64}]
    assert len(service.requests) == 1


async def test_the_next_step_is_told_alone(service: Service, way: str) -> None:
    says(service, TWO, UPSCALE)
    answer = await ask(small(service), way, turn("a.png"))
    assert [call["args"] for call in answer.tool_calls] == [{"image": "a.png"}]
    split, step = (sent(service, number)["messages"] for number in (0, 1))
    assert split[-1] == {"role": "user", "content": "Draw a cat, then upscale it."}
    assert "<tools>" not in json.dumps(split)
    assert "Be kind." in step[0]["content"]
    assert "<tools>" in step[0]["content"]
    assert step[1:] == [
        {"role": "user", "content": "Draw a cat gave a.png.\n\nUpscale the picture."}
    ]
    assert answer.usage_metadata["total_tokens"] == 10  # of both questions


async def test_after_the_last_step_it_tells_what_was_done(service: Service, way: str) -> None:
    says(service, TWO, "Here it is.")
    answer = await ask(small(service), way, turn("a.png", "b.png"))
    assert answer.text == "Here it is."
    assert not answer.tool_calls
    said = json.dumps(sent(service))
    assert "<tools>" not in said
    assert "a.png" in said
    assert "b.png" in said
    assert answer.usage_metadata["total_tokens"] == 10


async def test_a_step_that_failed_is_told_again_with_the_reason(service: Service, way: str) -> None:
    says(service, TWO, '{"name": "draw", "arguments": {"prompt": "a cat"}}')
    answer = await ask(small(service), way, turn("!no such style"))
    assert [call["name"] for call in answer.tool_calls] == ["draw"]
    told = sent(service)["messages"][-1]["content"]
    assert told.startswith("Draw a cat.\n\ndraw was called for this, but failed: no such style")


async def test_without_steps_it_is_told_as_any_other_model(service: Service, way: str) -> None:
    says(service, "I cannot say.", "Done.")
    answer = await ask(small(service), way, turn("a.png"))
    assert answer.text == "Done."
    assert "Done so far:" in sent(service)["messages"][-1]["content"]


async def test_pictures_of_the_request_and_of_results_stay(service: Service, way: str) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    says(service, TWO, UPSCALE)
    messages = turn("a.png", request=[{"type": "text", "text": "Draw it twice."}, picture])
    messages[-1] = ToolMessage([{"type": "text", "text": "a.png"}, picture], tool_call_id="0")
    model = service.model(model=UNKNOWN, tool_prompt="simple", vision=True)
    await ask(model.bind_tools([draw, upscale]), way, messages)
    told = sent(service)["messages"][-1]["content"]
    assert [block["type"] for block in told] == ["text", "image_url", "image_url"]


async def test_a_request_of_texts_is_told_like_any_other(service: Service, way: str) -> None:
    says(service, TWO, UPSCALE)
    await ask(small(service), way, turn("a.png", request=["Draw a cat, ", "then upscale it."]))
    assert sent(service, 0)["messages"][-1]["content"] == "Draw a cat, then upscale it."
    assert sent(service)["messages"][-1]["content"].endswith("Upscale the picture.")


async def test_a_request_without_words_has_no_steps(service: Service, way: str) -> None:
    says(service, "Done.")
    assert (await ask(small(service), way, turn("a.png", request=" "))).text == "Done."
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "options", [{"tool_choice": "any"}, {"tool_choice": "draw"}], ids=["any", "named"]
)
async def test_a_choice_that_the_code_made_is_not_questioned(
    service: Service, way: str, options: Any
) -> None:
    says(service, '{"name": "draw", "arguments": {"prompt": "a dog"}}')
    model = service.model(model=UNKNOWN, tool_prompt="simple")
    answer = await ask(model.bind_tools([draw], **options), way, turn("a.png"))
    assert [call["name"] for call in answer.tool_calls] == ["draw"]
    assert len(service.requests) == 1


async def test_a_first_request_and_a_full_prompt_take_one_question(
    service: Service, way: str
) -> None:
    says(service, "Hello!")
    await ask(small(service), way, turn())
    await ask(service.model(model=UNKNOWN).bind_tools([draw, upscale]), way, turn("a.png"))
    assert len(service.requests) == 2


async def test_the_legacy_model_takes_steps_too(service: Service, way: str) -> None:
    says(service, TWO, UPSCALE)
    model = ChatVisionCraftLegacy(
        model=UNKNOWN,
        api_key=KEY,
        base_url="http://service.test",
        tool_prompt="simple",
        **service.clients(),
    )
    answer = await ask(model.bind_tools([draw, upscale]), way, turn("a.png"))
    assert [call["name"] for call in answer.tool_calls] == ["upscale"]
    assert len(service.requests) == 2


def test_required_objects_are_told_optional_ones_are_not() -> None:
    kinds = {
        "must": {"type": "object"},
        "may": {"type": "object"},
        "nullable": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        "elsewhere": {"$ref": "#/$defs/Thing"},
        "text": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "anything": {},
    }
    left = schema_prompt({"properties": kinds, "required": ["must"]}, simple=True)
    assert list(left["properties"]) == ["must", "text", "anything"]
    assert schema_prompt({}, simple=True) == {}


def test_arguments_of_any_name_stay_where_they_may_have_any() -> None:
    properties = {"a": {"type": "string"}}
    assert known_arguments({"a": "1", "b": 2}, {"properties": properties}) == {"a": "1"}
    open_ = {"properties": properties, "additionalProperties": {"type": "integer"}}
    assert known_arguments({"a": "1", "b": 2}, open_) == {"a": "1", "b": 2}
    assert known_arguments({"b": 2}, {}) == {"b": 2}
