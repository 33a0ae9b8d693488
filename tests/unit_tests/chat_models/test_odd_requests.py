"""What strict hosts would refuse does not go out, and what goes out is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service, ask, completion
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call
from langchain_core.rate_limiters import InMemoryRateLimiter
from prompted_service import UNKNOWN, says, sent

from langchain_visioncraft import ChatVisionCraftLegacy, errors
from langchain_visioncraft.chat_models.history import as_text

TOOL = {"title": "draw", "description": "Draw.", "type": "object", "properties": {}}
CALL = '<tool_call>{"name": "draw", "arguments": {}}</tool_call>'


# ---- tools ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more", [{}, {"tool_choice": "auto"}, {"tool_choice": "none"}, {"parallel_tool_calls": False}]
)
async def test_no_tools_are_not_sent_as_an_empty_list(
    service: Service, way: str, more: dict[str, Any]
) -> None:
    await ask(service.model().bind_tools([], **more), way)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & service.body.keys()


async def test_a_call_that_is_demanded_without_tools_is_refused(service: Service, way: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="there are no tools"):
        await ask(service.model().bind_tools([], tool_choice="any"), way)
    assert not service.requests


def broken(arguments: str, id_: str = "1") -> AIMessage:
    call = invalid_tool_call(name="draw", args=arguments, id=id_, error="no JSON")
    return AIMessage("", invalid_tool_calls=[call])


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"prompt": "a c', {}),
        ('{"prompt": "a cat"}', {"prompt": "a cat"}),
        ("[1]", {}),
        ("", {}),
    ],
)
async def test_an_invalid_call_with_a_result_goes_out_as_json(
    service: Service, way: str, written: str, arguments: Any
) -> None:
    messages = [HumanMessage("Draw."), broken(written), ToolMessage("No.", tool_call_id="1")]
    await ask(service.model(), way, messages)
    [call] = service.body["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == arguments
    assert messages[1].invalid_tool_calls


async def test_an_invalid_call_without_a_result_goes_out_as_text(
    service: Service, way: str
) -> None:
    messages = [HumanMessage("Draw."), broken('{"prompt'), HumanMessage("?")]
    await ask(service.model(), way, messages)
    assert service.body["messages"][1] == {"role": "assistant", "content": '{"prompt'}


def test_a_result_with_a_block_of_a_strange_type_is_written_as_text() -> None:
    parts: list[Any] = [{"type": ["image"]}, {"type": "text", "text": "Done."}]
    [result] = as_text([ToolMessage(parts, tool_call_id="1")])
    assert "Done." in result.text


# ---- the cache --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"base_url": "http://other.test"},
        {"tool_calling": "prompted"},
        {"stop": ["."]},
        {"vision": True},
        {"temperature": 0.5},
        {"output_version": "v1"},
        {"default_query": {"deployment": "b"}},
        {"default_headers": {"x-route": "b"}},
        {"profile": {"tool_calling": True}},
    ],
)
def test_the_cache_keeps_different_answers_apart(service: Service, other: dict[str, Any]) -> None:
    cache = InMemoryCache()
    for options in ({}, other, {}, other):
        service.model(cache=cache, **options).invoke("Hi")
    assert len(service.requests) == 2


def test_the_cache_does_not_hold_headers(service: Service) -> None:
    cache = InMemoryCache()
    service.model(cache=cache, default_headers={"x-token": "hidden"}).invoke("Hi")
    assert "hidden" not in str(cache._cache)


def old(service: Service, **options: Any) -> ChatVisionCraftLegacy:
    settings = {"model": "m", "api_key": "any", "base_url": "http://service.test"}
    return ChatVisionCraftLegacy(**{**settings, **service.clients(), **options})


def test_the_cache_keeps_the_old_endpoint_apart(service: Service) -> None:
    cache = InMemoryCache()
    service.says(200, json=completion("one. two"))
    models = [
        old(service, cache=cache),
        old(service, cache=cache, stop="."),
        service.model(cache=cache, model="m"),
    ]
    assert [model.invoke("Hi").text for model in models] == ["one. two", "one", "one. two"]


@pytest.mark.parametrize("stop", ["END", ["END"], ["no", "END"]])
async def test_a_stop_may_be_one_text(service: Service, way: str, stop: Any) -> None:
    service.says(200, json="Dear Ned, the END is near")
    assert (await ask(old(service), way, stop=stop)).text == "Dear Ned, the "
    assert (await ask(old(service).bind(stop=stop), way)).text == "Dear Ned, the "
    assert (await ask(old(service, stop=stop), way)).text == "Dear Ned, the "


# ---- the limiter ------------------------------------------------------------------------------


class Counting(InMemoryRateLimiter):
    """Lets everything through, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.count += 1
        return blocking

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


async def test_the_limiter_counts_every_request(service: Service, way: str) -> None:
    limiter = Counting()
    says(service, "I will not.", CALL)
    model = service.model(model=UNKNOWN, rate_limiter=limiter)
    await ask(model.bind_tools([TOOL], tool_choice="any"), way)
    assert limiter.count == len(service.requests) == 2


# ---- what the system says ---------------------------------------------------------------------


async def test_what_the_system_says_within_a_turn_is_not_lost(service: Service, way: str) -> None:
    says(service, "Done.")
    model = service.model(model=UNKNOWN)
    call = {"name": "draw", "args": {}, "id": "1"}
    messages = [
        HumanMessage("Draw."),
        AIMessage("", tool_calls=[call]),
        ToolMessage("a.png", tool_call_id="1"),
        SystemMessage("Answer in Norwegian."),
        AIMessage("", tool_calls=[{**call, "id": "2"}]),
        ToolMessage("b.png", tool_call_id="2"),
    ]
    await ask(model.bind_tools([TOOL]), way, messages)
    assert "Answer in Norwegian." in json.dumps(sent(service))


async def test_halves_of_characters_do_not_keep_a_request_from_going_out(
    service: Service, way: str
) -> None:
    call = {"name": "look", "args": {"\ud83d": "\ude00"}, "id": "1"}
    said = [
        HumanMessage("a \ud83d"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("b", tool_call_id="1"),
    ]
    assert (await ask(service.model(), way, said)).text == "Hello!"
    assert service.body["messages"][0]["content"] == "a \ufffd"


@pytest.mark.parametrize("arguments", ['{"a": "\\ud83d"}', '{"a": "\\uDE00 b"}', {"a": "\ud83d"}])
async def test_halves_of_characters_in_arguments_are_replaced(
    service: Service, arguments: Any
) -> None:
    function = {"name": "look", "arguments": arguments}
    calls = [{"id": "1", "type": "function", "function": function}]
    service.says(200, content=json.dumps(completion(None, tool_calls=calls)).encode())
    for way in ("invoke", "ainvoke"):
        [call] = (await ask(service.model(), way)).tool_calls
        assert call["args"]["a"][0] == "\ufffd"


@pytest.mark.parametrize("odd", [{1, 2}, object(), float("nan"), b"\xff"])
async def test_what_is_not_json_is_refused_by_an_error_of_this_package(
    service: Service, way: str, odd: Any
) -> None:
    with pytest.raises(errors.InvalidRequestError, match="Nothing was sent"):
        await ask(service.model(), way, extra_body={"a": odd})
    assert not service.requests


async def test_no_response_format_is_sent_for_none(service: Service, way: str) -> None:
    await ask(service.model(), way, response_format=None)
    assert "response_format" not in service.body
