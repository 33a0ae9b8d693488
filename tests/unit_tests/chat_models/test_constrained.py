"""Calls of models whose answers the host holds to a schema of the tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service
from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from prompted_service import UNKNOWN, says, sent
from pydantic import BaseModel

from langchain_visioncraft import VisionCraftToolkit
from langchain_visioncraft.chat_models.constrained import ConstrainedTools, shape
from langchain_visioncraft.chat_models.prompted.calls import Call

REPLY = 'A "cat" \\ 🐈\n\tand\u2028 more'


@tool
def get_weather(city: str, days: int = 1) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city} for {days} days"


@tool
def limits() -> str:
    """Tell the limits."""
    return "none"


def model(service: Service, **options: Any) -> Any:
    bound = service.model(model=UNKNOWN, tool_calling="constrained")
    return bound.bind_tools([get_weather, limits], **options)


def called(name: str, **arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def schema_of(service: Service) -> Any:
    return sent(service)["response_format"]["json_schema"]["schema"]


def names_in(schema: dict[str, Any]) -> list[str]:
    branches = schema.get("anyOf") or [schema]
    return [branch["properties"]["name"]["const"] for branch in branches]


@pytest.mark.parametrize(
    "drawing", VisionCraftToolkit(api_key="any").get_tools(), ids=lambda each: each.name
)
def test_the_schema_of_every_tool_of_ours_is_sound(service: Service, drawing: Any) -> None:
    says(service, called("reply", text="Hi"))
    service.model(model=UNKNOWN, tool_calling="constrained").bind_tools([drawing]).invoke(
        "Hi, a1b2c3d4e5f6.png, a1b2c3d4e5f6.wav"
    )
    schema = schema_of(service)
    Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"name": "reply", "arguments": {"text": "Hi"}})
    assert not validator.is_valid({"name": "other", "arguments": {}})
    assert names_in(schema) == [drawing.name, "reply"]


async def test_a_call_is_read_whole_and_streamed(service: Service) -> None:
    says(service, called("get_weather", city="Oslo", days=2))
    pieces = [each async for each in model(service).astream("Weather?")]
    for message in (model(service).invoke("?"), sum(pieces, start=AIMessageChunk(""))):
        [call] = message.tool_calls
        assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo", "days": 2})
        assert message.text == ""


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_reply_streams_as_it_grows(ascii_only: bool, size: int) -> None:
    answer = json.dumps({"name": "reply", "arguments": {"text": REPLY}}, ensure_ascii=ascii_only)
    tools = ConstrainedTools([{"name": "limits", "parameters": {}}])
    reading = tools.reading(correct=False)
    given = [reading.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
    pieces = [piece for each in given for piece in each]
    assert "".join(map(str, [*pieces, *reading.finish()])) == REPLY
    if size < len(answer):
        assert len(pieces) > 2
    assert not any("\ud800" <= char <= "\udfff" for piece in pieces for char in str(piece))


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", ["get_weather", "limits", "reply"]),
        ("any", ["get_weather", "limits"]),
        ("limits", ["limits"]),
    ],
)
def test_the_choice_of_a_tool_decides_what_may_be_written(
    service: Service, choice: str, names: list[str]
) -> None:
    says(service, called("limits"))
    [call] = model(service, tool_choice=choice).invoke("?").tool_calls
    assert call["name"] == "limits"
    assert names_in(schema_of(service)) == names


def test_a_tool_may_be_called_reply() -> None:
    tools = ConstrainedTools([{"name": "reply", "parameters": {}}])
    assert names_in(tools.schema) == ["reply", "reply_2"]
    assert '"reply_2"' in tools.messages([HumanMessage("Hi")])[0].text
    words, call = tools.reading(correct=False), tools.reading(correct=False)
    assert words.feed('{"name": "reply_2", "arguments": {"text": "Hi') == ["Hi"]
    assert call.feed('{"name": "reply", "arguments": {"text": "Hi"}}') == []
    assert call.finish() == [Call("reply", {"text": "Hi"})]


@tool(parse_docstring=True)
def upscale(image: str, mask: str | None = None) -> str:
    """Enlarge a picture.

    Args:
        image: The picture: a handle or a URL.
        mask: What to leave out: a handle or a URL.
    """
    return f"{image} {mask}"


def arguments_of(service: Service, name: str) -> dict[str, Any]:
    schema = schema_of(service)
    [branch] = [
        each
        for each in schema.get("anyOf", [schema])
        if each["properties"]["name"]["const"] == name
    ]
    arguments: dict[str, Any] = branch["properties"]["arguments"]["properties"]
    return arguments


def test_a_file_is_one_that_the_conversation_names(service: Service) -> None:
    says(service, called("upscale", image="cat.png"))
    bound = service.model(model=UNKNOWN, tool_calling="constrained").bind_tools([upscale, limits])
    call = {"name": "upscale", "args": {"image": "cat.png"}, "id": "1"}
    bound.invoke(
        [
            HumanMessage(
                "请放大a1b2c3d4e5f6.png的图 and https://example.com/a.b/c.jpg?x=1,2 (or cat.png)."
            ),
            AIMessage("", tool_calls=[call]),
            ToolMessage(
                "0a1b2c3d4e5f.webp, 512 x 512 (image/webp), by v2.10 e.g.", tool_call_id="1"
            ),
        ]
    )
    named = [
        "https://example.com/a.b/c.jpg?x=1,2",
        "a1b2c3d4e5f6.png",
        "cat.png",
        "0a1b2c3d4e5f.webp",
    ]
    assert arguments_of(service, "upscale")["image"]["enum"] == named
    assert arguments_of(service, "upscale")["mask"]["enum"] == named


def test_a_picture_is_no_recording(service: Service) -> None:
    says(service, called("reply", text="Hi"))
    tools = VisionCraftToolkit(api_key="any").get_tools()
    bound = service.model(model=UNKNOWN, tool_calling="constrained").bind_tools(tools)
    bound.invoke("What is said in https://example.com/talk.mp3?day=1?")
    names = names_in(schema_of(service))
    assert "visioncraft_transcribe" in names
    assert "visioncraft_upscale" not in names


def test_a_tool_that_needs_a_file_is_offered_once_there_is_one(service: Service) -> None:
    says(service, called("limits"))
    bound = service.model(model=UNKNOWN, tool_calling="constrained")
    bound.bind_tools([upscale, limits]).invoke("Enlarge my picture.")
    assert names_in(schema_of(service)) == ["limits", "reply"]
    assert "upscale" not in sent(service)["messages"][0]["content"]
    says(service, called("upscale", image="my picture"))
    bound.bind_tools([upscale, limits], tool_choice="any").invoke("Enlarge my picture.")
    assert names_in(schema_of(service)) == ["upscale", "limits"]


def test_none_sends_no_schema(service: Service) -> None:
    says(service, "Hello!")
    assert model(service, tool_choice="none").invoke("?").text == "Hello!"
    assert "response_format" not in sent(service)


def test_several_calls_are_a_list(service: Service) -> None:
    says(service, f"[{called('limits')}, {called('get_weather', city='Oslo')}]")
    message = model(service, parallel_tool_calls=True).invoke("?")
    assert [call["name"] for call in message.tool_calls] == ["limits", "get_weather"]
    schema = schema_of(service)
    assert schema["type"] == "array"
    assert names_in(schema["items"]) == ["get_weather", "limits", "reply"]
    says(service, f"[{called('reply', text='Hello!')}]")
    assert model(service, parallel_tool_calls=True).invoke("?").text == "Hello!"


@pytest.mark.parametrize(
    "answer",
    [
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>',
        '```json\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n```',
        '<think>So.</think>{"name": "get_weather", "arguments": {"city": "Oslo"}}',
        '[get_weather(city="Oslo")]',
    ],
)
def test_a_host_that_ignores_the_schema_is_understood(service: Service, answer: str) -> None:
    says(service, answer)
    [call] = model(service).invoke("?").tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    says(service, "It is sunny.")
    assert model(service).invoke("?").text == "It is sunny."


class Person(BaseModel):
    """A person."""

    name: str
    friends: list[Person] = []


def test_structured_output_is_held_to_the_form(service: Service) -> None:
    says(service, '{"name": "Ann", "friends": []}')
    bound = service.model(model=UNKNOWN, tool_calling="constrained")
    assert bound.with_structured_output(Person).invoke("Who?") == Person(name="Ann")
    Draft202012Validator.check_schema(schema_of(service))


def test_a_schema_keeps_its_meaning() -> None:
    schema = {
        "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "b": True},
        "required": ["a"],
    }
    kept = shape(schema)
    assert kept["properties"] == {"a": {"type": "integer"}, "b": {}}
    assert kept["required"] == ["a"]
    assert kept["additionalProperties"] is False


def test_a_reply_that_is_cut_off_is_given(service: Service) -> None:
    says(service, '{"name": "reply", "arguments": {"text": "It is su', finish_reason="length")
    assert model(service).invoke("?").text == "It is su"


def test_a_call_that_is_cut_off_is_an_invalid_one(service: Service) -> None:
    says(service, called("get_weather", city="Oslo")[:-6], finish_reason="length")
    message = model(service).invoke("?")
    assert not message.tool_calls
    assert [call["name"] for call in message.invalid_tool_calls] == ["get_weather"]


@pytest.mark.parametrize("text", ["", '<tool_call>{"name": "limits", "arguments": {}}</tool_call>'])
def test_natively_a_call_left_in_the_text_is_made_once(service: Service, text: str) -> None:
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "limits", "arguments": "{}"},
    }
    from chat_service import completion, httpx

    def respond(request: Any) -> Any:
        answer = completion(text)
        if not text or in_fields.pop():
            answer["choices"][0]["message"]["tool_calls"] = [call]
        return httpx.Response(200, json=answer)

    service.respond = respond
    bound = service.model(model=UNKNOWN, tool_calling="native").bind_tools([limits])
    in_fields = [False, True]
    for _ in (1, 2):
        message = bound.invoke("?")
        assert [each["name"] for each in message.tool_calls] == ["limits"]
        assert message.text == ""


def test_a_call_and_a_reply_hold_nothing_besides(service: Service) -> None:
    says(service, called("reply", text="Hello!"))
    model(service).invoke("Hi")
    fits = Draft202012Validator(schema_of(service)).is_valid
    for whole in (
        {"name": "get_weather", "arguments": {"city": "Oslo"}},
        {"name": "reply", "arguments": {"text": "Hello!"}},
    ):
        assert fits(whole)
        assert not fits({**whole, "why": "x"})
        assert not fits({**whole, "arguments": {**whole["arguments"], "why": "x"}})


@pytest.mark.parametrize("several", [None, True])
@pytest.mark.parametrize(
    "given",
    [
        Person,
        {"type": "json_schema", "json_schema": {"name": "p", "schema": Person.model_json_schema()}},
    ],
)
async def test_tools_and_a_form_of_the_answer_are_one_schema(
    service: Service, several: Any, given: Any
) -> None:
    call = called("get_weather", city="Oslo")
    says(service, f"[{call}]" if several else call, '{"name": "Ann", "friends": []}')
    bound = model(service, parallel_tool_calls=several).bind(response_format=given)
    [made] = bound.invoke("?").tool_calls
    assert made["args"] == {"city": "Oslo"}
    schema = schema_of(service)
    calls, form = schema["anyOf"][:-1], schema["anyOf"][-1]
    assert set(form["properties"]) == {"name", "friends"}
    assert ("items" in calls[0]) == bool(several)
    assert "reply" not in json.dumps(calls)
    assert "JSON schema" in sent(service)["messages"][0]["content"]
    answer = bound.invoke("?")
    assert json.loads(answer.text) == {"name": "Ann", "friends": []}
    assert not answer.tool_calls
    for ended in (list(bound.stream("?")), [part async for part in bound.astream("?")]):
        assert json.loads("".join(part.text for part in ended)) == {"name": "Ann", "friends": []}


@pytest.mark.parametrize("way", ["prompted", "constrained"])
@pytest.mark.parametrize("place", ["call", "model_kwargs", "extra_body"])
@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": {"name": "p", "schema": Person.model_json_schema()}},
        {"type": "json_object", "schema": Person.model_json_schema()},
        {"type": "json_object"},
    ],
)
def test_a_host_that_obeys_a_form_of_the_answer_lets_calls_through(
    service: Service, way: str, place: str, given: Any
) -> None:
    said = {"name": "Ann", "friends": []}
    call = {"name": "get_weather", "arguments": {"city": "Oslo"}}
    of_model = {} if place == "call" else {place: {"response_format": given}}
    chat = service.model(model=UNKNOWN, tool_calling=way, **of_model)
    bound = chat.bind_tools([get_weather, limits])
    bound = bound.bind(response_format=given) if place == "call" else bound
    says(service, json.dumps(call), json.dumps(said))
    [made] = bound.invoke("?").tool_calls
    assert made["args"] == {"city": "Oslo"}
    fits = Draft202012Validator(schema_of(service)).is_valid
    assert fits(call)
    assert fits(said)
    assert not fits("Hello!")
    assert "get_weather" in json.dumps(schema_of(service))
    assert json.loads(bound.invoke("?").text) == said


def test_a_form_that_is_any_text_changes_nothing(service: Service) -> None:
    says(service, "Hello!")
    chat = service.model(model=UNKNOWN, tool_calling="prompted").bind_tools([get_weather])
    assert chat.bind(response_format={"type": "text"}).invoke("Hi").text == "Hello!"
    assert sent(service)["response_format"] == {"type": "text"}
