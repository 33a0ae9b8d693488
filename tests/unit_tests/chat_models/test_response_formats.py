"""Hosts take the schema of an answer in different forms; which one is found out once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from chat_service import WAYS, Service, ask, completion, events, httpx
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_visioncraft import errors

LLAMA_CPP_PYTHON = (
    "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should "
    "be 'text' or 'json_object'\", 'input': 'json_schema'}]"
)
TGI = (
    "Failed to deserialize the JSON body into the target type: response_format: unknown variant "
    "`json_schema`, expected one of `json`, `json_object`, `regex`"
)
CALL = {"name": "get_weather", "arguments": {"city": "Oslo"}}


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city."""

    name: str


def host(service: Service, takes: Callable[[dict[str, Any]], bool], status: int, says: str) -> None:
    """Let the host take only such a `response_format`, and answer with the call or the city."""

    def respond(request: Any) -> Any:
        body = json.loads(request.content)
        form = body["response_format"]
        if not takes(form):
            return httpx.Response(status, json={"error": {"message": says}})
        schema = form.get("schema") or form.get("value") or form["json_schema"]["schema"]
        text = json.dumps(CALL if "anyOf" in schema else {"name": "Oslo"})
        if body.get("stream"):
            kind = {"content-type": "text/event-stream"}
            return httpx.Response(200, content=events(text[:20], text[20:]), headers=kind)
        return httpx.Response(200, json=completion(text))

    service.respond = respond


HOSTS: dict[str, Any] = {
    "OpenAI's": (lambda form: form["type"] == "json_schema", 400, "", 1),
    "llama-cpp-python": (lambda form: "schema" in form, 500, LLAMA_CPP_PYTHON, 2),
    "Text Generation Inference": (lambda form: "value" in form, 422, TGI, 3),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HOSTS)
async def test_the_form_that_a_host_takes_is_found_once(
    service: Service, way: str, name: str
) -> None:
    *refusing, asked = HOSTS[name]
    host(service, *refusing)
    model = service.model(model="m", tool_calling="constrained")
    [call] = (await ask(model.bind_tools([get_weather]), way)).tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    assert len(service.requests) == asked
    await ask(model.bind_tools([get_weather]), way)
    assert len(service.requests) == asked + 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("name", HOSTS)
async def test_so_it_is_for_structured_output_of_the_host(
    service: Service, way: str, name: str
) -> None:
    *refusing, asked = HOSTS[name]
    host(service, *refusing)
    model = service.model().with_structured_output(City, method="json_schema")
    for _ in range(2):
        answer: Any = await ask(model, way)
        assert answer == City(name="Oslo")
    assert len(service.requests) == asked + 1


@pytest.mark.parametrize("way", WAYS)
async def test_if_a_host_takes_none_the_first_refusal_counts(service: Service, way: str) -> None:
    host(service, lambda _: False, 400, "response_format is not supported")
    model = service.model(tool_calling="constrained").bind_tools([get_weather])
    for _ in range(2):
        service.requests.clear()
        with pytest.raises(errors.BadRequestError, match="response_format is not supported"):
            await ask(model, way)
        assert [type_of(request) for request in service.requests] == [
            "json_schema", "json_object", "json_object",
        ]  # fmt: skip


def type_of(request: Any) -> str:
    return json.loads(request.content)["response_format"]["type"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "says"),
    [(400, "too many tokens"), (500, "out of memory"), (401, "response_format"), (429, "slow")],
)
async def test_another_refusal_is_final(service: Service, way: str, status: int, says: str) -> None:
    host(service, lambda _: False, status, says)
    with pytest.raises(errors.APIStatusError):
        await ask(service.model(tool_calling="constrained").bind_tools([get_weather]), way)
    assert len(service.requests) == 1


@pytest.mark.parametrize("given", [City, {"type": "json_object"}, {"type": "text"}])
async def test_a_form_of_ones_own_is_sent_as_it_is(service: Service, given: Any) -> None:
    for way in WAYS:
        await ask(service.model(), way, response_format=given)
        form = service.body["response_format"]
        if given is City:
            assert form["json_schema"]["name"] == "City"
            assert form["json_schema"]["schema"]["required"] == ["name"]
        else:
            assert form == given
