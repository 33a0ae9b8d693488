"""Whatever a host answers, it can be merged, stored in a checkpoint, and sent again."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from chat_service import Service, ask
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_visioncraft._json import storable
from langchain_visioncraft.errors import UnexpectedAnswerError, VisionCraftError

WAYS = ("invoke", "stream")
NESTED = "[" * 300 + "]" * 300
BLOCKS: dict[str, list[dict[str, Any]]] = {
    "parts of other types": [{"type": "x", "index": 0, "a": 1}, {"type": "x", "index": 0, "a": ""}],
    "an index as text": [{"type": "x", "index": "lc_0", "a": 1}, {"type": "y", "index": "lc_0"}],
    "an id that is a list": [{"type": "x", "id": []}] * 2,
    "a source that is a list": [{"type": "file", "source_type": []}],
    "bytes without a type": [{"type": "image", "base64": "AAAA"}],
    "nothing": [{"type": "image", "base64": None}],
    "a URL that is missing": [{"type": "image", "source_type": "url"}],
    "bytes that are missing": [{"type": "image", "source_type": "base64"}],
    "an id that is missing": [{"type": "file", "source_type": "id"}],
    "a text that is none": [{"type": "image", "text": False}],
}


def says(service: Service, way: str, *messages: dict[str, Any]) -> None:
    """Answer with the last of these messages, or with all as a stream."""
    if way == "invoke":
        choice = {"message": messages[-1], "finish_reason": "stop"}
        service.says(200, text=json.dumps({"choices": [choice]}))
        return
    choices = [*({"delta": each} for each in messages), {"delta": {}, "finish_reason": "stop"}]
    events = "".join(f"data: {json.dumps({'choices': [each]})}\n\n" for each in choices)
    service.says(200, text=events, headers={"content-type": "text/event-stream"})


def calling(arguments: str, cut: int) -> list[dict[str, Any]]:
    """The pieces of a call, and the whole call."""
    first = {"index": 0, "id": "a", "function": {"name": "draw", "arguments": arguments[:cut]}}
    return [
        {"tool_calls": [first]},
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments[cut:]}}]},
    ]


def stored(message: AIMessage) -> AIMessage:
    """The message from a checkpoint."""
    message.model_dump_json()
    serializer = JsonPlusSerializer()
    kept: AIMessage = serializer.loads_typed(serializer.dumps_typed(message))
    return kept


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", BLOCKS)
async def test_blocks_are_merged_and_sent_again(
    service: Service, kind: str, way: str, version: str
) -> None:
    model = service.model(output_version=version, vision=True)
    apart = [{"content": [block]} for block in BLOCKS[kind]]
    messages = apart if way == "stream" else [{"content": BLOCKS[kind]}]
    says(service, way, *messages)
    answer = stored(await ask(model, way))
    assert len(answer.content_blocks) >= len(BLOCKS[kind])
    says(service, "invoke", {"content": "Yes."})
    with contextlib.suppress(VisionCraftError):  # for what cannot be sent
        await model.ainvoke([HumanMessage("Go on."), answer, HumanMessage("And?")])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
async def test_numbers_that_json_cannot_hold_keep_no_conversation_from_going_on(
    service: Service, number: str, way: str
) -> None:
    says(service, way, {"content": [{"type": "x", "a": json.loads(number)}]})
    answer = stored(await ask(service.model(), way))
    says(service, "invoke", {"content": "Yes."})
    talk = [HumanMessage("Go on."), answer, HumanMessage("And?")]
    assert (await service.model().ainvoke(talk)).text == "Yes."


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("tool_calling", ["native", "prompted"])
async def test_calls_are_not_merged_with_text_and_thoughts_before_them(
    service: Service, tool_calling: str, way: str
) -> None:
    calls = [
        {"index": number, "id": f"c{number}", "function": {"name": "draw", "arguments": "{}"}}
        for number in range(3)
    ]
    before = [{"reasoning_content": "Hm."}, {"content": "Well."}]
    says(service, "stream", *before, *({"tool_calls": [c]} for c in calls), {"content": "Done."})
    model = service.model(output_version="v1", tool_calling=tool_calling)
    content: Any = (await ask(model, way)).content
    assert [block["type"] for block in content] == [
        *("reasoning", "text"),
        *["tool_call"] * 3,
        "text",
    ]
    assert not any("args" in block for block in content if block["type"] != "tool_call")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [None, 5, "a", []])
async def test_a_block_without_the_value_that_its_type_promises_is_an_error(
    service: Service, value: Any, way: str
) -> None:
    says(service, way, {"content": [{"type": "non_standard", "value": value}]})
    with pytest.raises(UnexpectedAnswerError, match="the value of a block"):
        await ask(service.model(output_version="v1"), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("message", [{"content": {"a": "\ud800"}}, {"refusal": "\ud800"}])
async def test_half_a_character_is_replaced(
    service: Service, message: dict[str, Any], way: str
) -> None:
    says(service, way, message)
    answer = await ask(service.model(), way)
    assert "\ufffd" in str(stored(answer))


@pytest.mark.parametrize("cut", range(5, 19))
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"\ud800 x"', "\ufffd x"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800"', r"\ud800"),
        ("18446744073709551616", 18446744073709551616.0),
        ("-92233720368547758080", -92233720368547758080.0),
        ("9223372036854775807", 9223372036854775807),
    ],
)
async def test_arguments_can_be_stored(
    service: Service, written: str, meant: Any, way: str, cut: int
) -> None:
    pieces = calling(f'{{"a":{written}}}', cut)
    whole = {
        "tool_calls": [{"id": "a", "function": {"name": "draw", "arguments": f'{{"a":{written}}}'}}]
    }
    says(service, way, *(pieces if way == "stream" else [whole]))
    [call] = stored(await ask(service.model(tool_calling="native"), way)).tool_calls
    assert call["args"] == {"a": meant}
    assert type(call["args"]["a"]) is type(meant)


@pytest.mark.parametrize("way", WAYS)
async def test_arguments_that_are_too_deep_are_an_invalid_call(service: Service, way: str) -> None:
    arguments = f'{{"a":{NESTED}}}'
    whole = {"tool_calls": [{"id": "a", "function": {"name": "draw", "arguments": arguments}}]}
    says(service, way, *(calling(arguments, 5) if way == "stream" else [whole]))
    answer = stored(await ask(service.model(tool_calling="native"), way))
    assert not answer.tool_calls
    assert answer.invalid_tool_calls[0]["name"] == "draw"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [5, True, [1, 2], "5", "true", "[1, 2]", "null", '"7"'])
async def test_arguments_that_are_no_object_are_an_invalid_call(
    service: Service, value: Any, way: str
) -> None:
    call = {"id": "a", "index": 0, "function": {"name": "draw", "arguments": value}}
    says(service, way, {"content": "Well.", "tool_calls": [call]})
    answer = stored(await ask(service.model(tool_calling="native"), way))
    found = [call["args"] for call in answer.tool_calls]
    assert (found == [{}]) if value == "null" else (answer.invalid_tool_calls and not found)
    assert answer.text == "Well."


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_that_is_too_deep_is_an_error(service: Service, way: str) -> None:
    says(service, way, {"content": [{"type": "x", "a": json.loads(NESTED)}]})
    with pytest.raises(UnexpectedAnswerError, match="nested more than 100 levels"):
        await ask(service.model(), way)


@pytest.mark.parametrize("value", ["9" * 30, r'"\ud800"', NESTED])
async def test_written_calls_can_be_stored(service: Service, value: str) -> None:
    written = f'<tool_call>{{"name": "draw", "arguments": {{"a": {value}}}}}</tool_call>'
    tool = {"type": "function", "function": {"name": "draw", "parameters": {"type": "object"}}}
    says(service, "invoke", {"content": written})
    model = service.model(tool_calling="prompted", correct_tool_calls=False).bind_tools([tool])
    answer = stored(await model.ainvoke("Draw."))
    assert answer.tool_calls or answer.invalid_tool_calls


@pytest.mark.parametrize("number", ["1e-12345678901234567890", "0.12345678901234567890", "1" * 19])
def test_other_numbers_stay(number: str) -> None:
    text = f'{{"a": [{number}, "{number}{"1" * 20}"]}}'
    assert storable(text) == text
