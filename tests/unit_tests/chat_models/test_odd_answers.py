"""Answers of sloppy hosts: what they mean is put right, what means nothing is an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service, ask, completion, httpx
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from prompted_service import says, sent

from langchain_visioncraft import errors

OSLO = {"city": "Oslo"}
TEXT = json.dumps(OSLO)
WHOLE = pytest.mark.parametrize("way", ["invoke", "ainvoke"])


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


def call(arguments: Any = TEXT, **parts: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": "call_1", "type": "function", "function": function, **parts}


async def answered(service: Service, way: str, answer: dict[str, Any], **options: Any) -> AIMessage:
    service.says(200, json=answer)
    return await ask(service.model(**options), way)


async def said(service: Service, way: str, **message: Any) -> AIMessage:
    return await answered(service, way, completion(**message))


@WHOLE
@pytest.mark.parametrize(
    "calls",
    [
        [call(OSLO)],
        [call(json.dumps(TEXT))],
        [call(json.dumps(json.dumps(TEXT)))],
        [call([OSLO])],
        [call("{}" + TEXT)],
        [call(TEXT + TEXT)],
        [call(f" {TEXT}\n")],
        [call(id=None)],
        [call(id="")],
        [call(id=7)],
        [call(type=None)],
        [call(function={"name": " get_weather\n", "arguments": TEXT})],
        [call(function={"name": "get_weather", "parameters": OSLO})],
        [{"name": "get_weather", "arguments": OSLO}],
        [{"function": "get_weather", "arguments": OSLO}],
        call(),
    ],
)
async def test_a_call_in_an_odd_form_is_a_call(service: Service, way: str, calls: Any) -> None:
    answer = await said(service, way, content=None, tool_calls=calls)
    [made] = answer.tool_calls
    assert (made["name"], made["args"]) == ("get_weather", OSLO)
    assert isinstance(made["id"], str)
    assert made["id"]
    assert not answer.invalid_tool_calls


@WHOLE
@pytest.mark.parametrize("arguments", [None, "", " ", {}, [], "{}", "[]", "null", '""', "{}{}"])
async def test_no_arguments_are_an_empty_object(service: Service, way: str, arguments: Any) -> None:
    answer = await said(service, way, content=None, tool_calls=[call(arguments)])
    assert [made["args"] for made in answer.tool_calls] == [{}]


@WHOLE
async def test_calls_of_one_turn_have_ids_of_their_own(service: Service, way: str) -> None:
    calls = [call(), call('{"city": "Rome"}'), call(id="call_2"), call(id=None)]
    answer = await said(service, way, content=None, tool_calls=calls)
    ids = [made["id"] for made in answer.tool_calls]
    assert len(set(ids)) == 4
    assert (ids[0], ids[2]) == ("call_1", "call_2")


@WHOLE
async def test_the_function_call_of_2023_is_a_call(service: Service, way: str) -> None:
    function = {"name": "get_weather", "arguments": TEXT}
    answer = await said(service, way, content=None, function_call=function)
    assert [made["args"] for made in answer.tool_calls] == [OSLO]


@WHOLE
async def test_arguments_that_are_no_json_make_an_invalid_call(service: Service, way: str) -> None:
    answer = await said(service, way, content=None, tool_calls=[call('{"city": "Os')])
    assert [made["args"] for made in answer.invalid_tool_calls] == ['{"city": "Os']


@WHOLE
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        (["Hel", "lo"], "Hello"),
        ([{"type": "text", "text": "Hel"}, None, {"text": "lo"}], "Hello"),
        ({"type": "text", "text": "Hello"}, "Hello"),
        ({"name": "Ann"}, '{"name": "Ann"}'),
        ("\ud83d\ude00 \ud83d", "😀 \ufffd"),
    ],
)
async def test_content_in_an_odd_form_is_text(
    service: Service, way: str, content: Any, text: str
) -> None:
    service.says(200, content=json.dumps(completion(content)).encode())
    assert (await ask(service.model(), way)).content == text


@WHOLE
@pytest.mark.parametrize(
    "parts",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning_content": None, "reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]},
        {"reasoning": {"content": "Hm."}},
        {"reasoning": {"summary": [{"type": "summary_text", "text": "Hm."}]}},
        {"reasoning_details": [{"type": "reasoning.text", "text": "H"}, {"summary": "m."}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "thinking": "Hm."},
        {"content": [{"type": "thinking", "thinking": [{"text": "Hm."}]}, {"text": "Hello!"}]},
    ],
)
@pytest.mark.parametrize("version", [None, "v1"])
async def test_reasoning_is_kept_beside_the_answer_and_never_sent_back(
    service: Service, way: str, parts: dict[str, Any], version: Any
) -> None:
    answer = await answered(service, way, completion(**parts), output_version=version)
    assert answer.text == "Hello!"
    assert answer.additional_kwargs["reasoning_content"] == "Hm."
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.content_blocks[0]["reasoning"] == "Hm."
    service.respond = service.answer
    await ask(service.model(output_version=version), way, [("user", "Hi"), answer, ("user", "?")])
    assert "Hm." not in service.request.content.decode()


@WHOLE
@pytest.mark.parametrize("role", [None, "", "model", "user", "tool", 7])
async def test_the_role_is_the_assistants(service: Service, way: str, role: Any) -> None:
    answer = await said(service, way, role=role)
    assert isinstance(answer, AIMessage)
    assert answer.text == "Hello!"


@WHOLE
async def test_an_id_that_a_host_repeats_is_not_the_messages(service: Service, way: str) -> None:
    ids = [(await said(service, way, id="msg_1")).id for _ in range(2)]
    assert len(set(ids)) == 2


@WHOLE
@pytest.mark.parametrize(
    "choice", [{"message": "Hello!"}, {"delta": {"content": "Hello!"}}, {"text": "Hello!"}]
)
async def test_what_is_said_elsewhere_in_a_choice_is_found(
    service: Service, way: str, choice: Any
) -> None:
    assert (await answered(service, way, {"choices": [choice]})).text == "Hello!"


@WHOLE
@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": "3", "completion_tokens": 2.0, "total_tokens": None}, (3, 2, 5)),
        ({"input_tokens": 3, "output_tokens": 2}, (3, 2, 5)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": 7}, (3, 2, 5)),
        ({"prompt_tokens": 3, "completion_tokens": -2, "cost": 0.1}, (3, 0, 3)),
        ({}, None),
        ([], None),
        ("many", None),
        ({"prompt_tokens": None}, None),
    ],
)
async def test_usage_counts_what_is_a_number(
    service: Service, way: str, usage: Any, counted: Any
) -> None:
    found = (await answered(service, way, {**completion(), "usage": usage})).usage_metadata
    names = ("input_tokens", "output_tokens", "total_tokens")
    assert (found and tuple(found[name] for name in names)) == counted


@WHOLE
async def test_usage_is_found_where_groq_and_moonshot_put_it(service: Service, way: str) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    choice = completion()["choices"][0]
    for answer in (
        {**completion(), "usage": None, "x_groq": {"usage": usage}},
        {**completion(), "usage": None, "choices": [{**choice, "usage": usage}]},
    ):
        found = (await answered(service, way, answer)).usage_metadata
        assert found
        assert found["total_tokens"] == 5


@WHOLE
@pytest.mark.parametrize(
    ("given", "kept"),
    [("max_tokens", "length"), ("eos_token", "stop"), ("TOOL_USE", "tool_calls"), ("stop", "stop")],
)
async def test_reasons_of_other_apis_are_openais(
    service: Service, way: str, given: str, kept: str
) -> None:
    answer = completion()
    answer["choices"][0]["finish_reason"] = given
    found = await answered(service, way, answer)
    assert found.response_metadata["finish_reason"] == kept


@WHOLE
@pytest.mark.parametrize(
    "part",
    [
        *({"model": value} for value in (None, 7, "")),
        *({"id": value} for value in (None, 7)),
        {"created": "today"},
        {"system_fingerprint": []},
        {"service_tier": {}},
        {"object": None},
    ],
)
async def test_odd_parts_of_the_head_do_no_harm(service: Service, way: str, part: Any) -> None:
    answer = await answered(service, way, {**completion(), **part})
    assert answer.text == "Hello!"
    assert answer.response_metadata["model_name"]


@WHOLE
@pytest.mark.parametrize(
    "message",
    [
        *({"content": value} for value in (7, 1.5, True, [7], [[]], [{}])),
        *({"tool_calls": value} for value in (7, "x", [7], ["draw"], [{}], [{"function": {}}])),
        {"tool_calls": [call(function={"name": "", "arguments": "{}"})]},
        {"tool_calls": [call(function={"name": 7, "arguments": "{}"})]},
    ],
)
async def test_what_means_nothing_is_an_error_of_this_package(
    service: Service, way: str, message: dict[str, Any]
) -> None:
    with pytest.raises(errors.UnexpectedAnswerError, match=r"not as documented: .* is "):
        await said(service, way, **message)


@WHOLE
@pytest.mark.parametrize("content", ["", "Half a"])
async def test_an_error_inside_a_choice_is_an_error(
    service: Service, way: str, content: str
) -> None:
    answer = completion(content)
    answer["choices"][0]["error"] = {"code": 502, "message": "The provider went away"}
    with pytest.raises(errors.ServerError, match="The provider went away"):
        await answered(service, way, answer)


@WHOLE
@pytest.mark.parametrize(
    "reason", ["error", "abort", "network_error", "insufficient_system_resource", "ERROR"]
)
async def test_an_answer_that_the_host_broke_off_is_truncated(
    service: Service, way: str, reason: str
) -> None:
    answer = completion("Half a")
    answer["choices"][0]["finish_reason"] = reason
    with pytest.raises(errors.TruncatedAnswerError, match=f"finish_reason is '{reason}'"):
        await answered(service, way, answer)


@WHOLE
async def test_fallbacks_catch_what_means_nothing(service: Service, way: str) -> None:
    other = Service()
    chain = service.model().with_fallbacks(
        [other.model()], exceptions_to_handle=(errors.VisionCraftError,)
    )
    service.says(200, json=completion(7))
    assert (await ask(chain, way)).text == "Hello!"


@WHOLE
async def test_a_byte_order_mark_does_not_count(service: Service, way: str) -> None:
    service.says(200, content=b"\xef\xbb\xbf" + json.dumps(completion()).encode())
    assert (await ask(service.model(), way)).text == "Hello!"


@WHOLE
async def test_structured_output_of_a_host_with_a_sloppy_answer(service: Service, way: str) -> None:
    schema = {"title": "Person", "type": "object", "properties": {"name": {"type": "string"}}}
    service.says(200, json=completion([{"text": '{"name": "Ann"}'}], role=None, reasoning="Hm."))
    model = service.model().with_structured_output(schema, method="json_schema")
    assert await ask(model, way) == {"name": "Ann"}


def test_an_agent_runs_on_a_host_that_gives_no_ids(service: Service) -> None:
    answers = [completion(None, tool_calls=[call(OSLO, id=None)] * 2, id="1"), completion(id="1")]

    service.respond = lambda _: httpx.Response(200, json=answers.pop(0))
    messages = create_agent(service.model(), [get_weather]).invoke({"messages": "?"})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "tool", "ai"]
    assert messages[-1].text == "Hello!"


CALL_AS_TEXT = f'<tool_call>{{"name": "get_weather", "arguments": {TEXT}}}</tool_call>'


async def test_a_call_as_text_though_tools_were_sent_is_a_call(service: Service, way: str) -> None:
    says(service, f"Let me look. {CALL_AS_TEXT}")
    answer = await ask(service.model().bind_tools([get_weather]), way)
    assert sent(service)["tools"]
    assert [(made["name"], made["args"]) for made in answer.tool_calls] == [("get_weather", OSLO)]
    assert answer.text.strip() == "Let me look."


@pytest.mark.parametrize("text", ["Hello!", "  Hello,\n\n- you ", "a {b} `c` <d>", '[1] "x": {'])
async def test_text_of_a_model_with_native_tools_stays_as_it_is(
    service: Service, way: str, text: str
) -> None:
    says(service, text)
    answer = await ask(service.model().bind_tools([get_weather]), way)
    assert answer.text == text
    assert not answer.tool_calls
    assert len(service.requests) == 1
