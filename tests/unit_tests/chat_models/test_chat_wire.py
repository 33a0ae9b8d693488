"""What goes over the wire, and what does not."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from chat_service import KEY, Service, ask, completion, events, httpx
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool

from langchain_visioncraft import ChatVisionCraft
from langchain_visioncraft.errors import InvalidRequestError, UnexpectedAnswerError

FOREIGN = {
    "OPENAI_API_KEY": "sk-foreign",
    "OPENAI_ADMIN_KEY": "sk-foreign-admin",
    "OPENAI_ORG_ID": "org-foreign",
    "OPENAI_ORGANIZATION": "org-foreign",
    "OPENAI_PROJECT_ID": "proj-foreign",
    "OPENAI_BASE_URL": "http://foreign.test/v1",
    "OPENAI_API_BASE": "http://foreign.test/v1",
    "OPENAI_PROXY": "http://foreign.test:3128",
    "OPENAI_WEBHOOK_SECRET": "whsec-foreign",
    "OPENAI_CUSTOM_HEADERS": "X-Foreign: foreign\nAuthorization: Bearer sk-foreign",
    "LANGSMITH_GATEWAY": "http://foreign.test",
    "LANGSMITH_GATEWAY_API_KEY": "lsv2-foreign",
}


async def test_nothing_of_another_service_leaves_whatever_is_in_the_environment(
    service: Service, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(service.model(), way)
    clean = service.request
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    model = service.model()
    await ask(model, way)
    request = service.request
    assert str(request.url) == "http://service.test/v1/chat/completions"
    assert sorted(request.headers.multi_items()) == sorted(clean.headers.multi_items())
    assert request.content == clean.content
    assert "foreign" not in repr(model)
    assert "foreign" not in str(model.model_dump())
    assert not any("foreign" in str(value) for value in model.__dict__.values())


async def test_headers_say_who_is_calling_and_nothing_more(service: Service, way: str) -> None:
    await ask(service.model(), way)
    headers = service.request.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("langchain-visioncraft/")
    assert not [name for name in headers if name.startswith("openai-")]
    described = ("os", "arch", "lang", "runtime", "runtime-version", "package-version", "async")
    assert not [name for name in described if f"x-stainless-{name}" in headers]


async def test_a_redirect_is_not_followed_with_ones_own_client(service: Service, way: str) -> None:
    own = service.clients()
    for client in own.values():
        client.follow_redirects = True
    service.says(307, headers={"location": "http://elsewhere.test/v1/chat/completions"})
    with pytest.raises(UnexpectedAnswerError, match="redirected"):
        await ask(service.model(**own), way)
    assert len(service.requests) == 1


async def test_default_headers_and_query_are_sent(service: Service, way: str) -> None:
    model = service.model(default_headers={"X-Team": "red"}, default_query={"trace": "1"})
    await ask(model, way)
    assert service.request.headers["x-team"] == "red"
    assert service.request.url.params["trace"] == "1"


@pytest.mark.parametrize("version", ["v0", "v1", "responses/v1"])
async def test_output_versions_do_not_lead_to_the_responses_api(
    service: Service, way: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_OUTPUT_VERSION", version)
    answer = await ask(service.model(), way)
    assert service.request.url.path == "/v1/chat/completions"
    assert answer.text == "Hello!"


@pytest.mark.parametrize(
    "options",
    [
        {"model": "codex-mini"},
        {"model": "gpt-5-pro"},
        {"model": "gpt-6"},
        {"reasoning": {"effort": "low"}},
        {"include": ["x"]},
        {"truncation": "auto"},
        {"use_previous_response_id": True},
    ],
    ids=str,
)
async def test_no_setting_leads_to_the_responses_api(
    service: Service, way: str, options: dict[str, Any]
) -> None:
    model = service.model(**options)
    assert model.use_responses_api is False
    await ask(model, way)
    assert service.request.url.path == "/v1/chat/completions"
    assert not {"reasoning", "include", "truncation", "context_management"} & set(service.body)


async def test_a_tool_that_is_no_function_does_not_lead_to_the_responses_api(
    service: Service, way: str
) -> None:
    bound = service.model(model="gpt-6", tool_calling="native").bind(tools=[{"type": "web_search"}])
    await ask(bound, way)
    assert service.request.url.path == "/v1/chat/completions"
    assert service.body["tools"] == [{"type": "web_search"}]


async def test_tools_pass_through_unchanged(service: Service) -> None:
    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'},
    }
    service.respond = lambda _: httpx.Response(200, json=completion(None, tool_calls=[call]))
    answer = await ask(service.model().bind_tools([add], tool_choice="any"), "invoke")
    assert service.body["tools"][0]["function"]["name"] == "add"
    assert service.body["tool_choice"] == "required"
    assert answer.tool_calls[0]["args"] == {"a": 1, "b": 2}


async def test_documented_parameters_go_out(service: Service, way: str) -> None:
    wanted = {
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 40,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "max_tokens": 200,
        "stop": ["END"],
        "seed": 7,
    }
    await ask(service.model(**wanted), way)
    assert wanted.items() <= service.body.items()


async def test_nothing_goes_out_that_was_not_given(service: Service) -> None:
    await ask(service.model(), "invoke")
    assert set(service.body) == {"model", "messages", "stream"}
    assert service.body["stream"] is False


async def test_a_call_overrides_the_instance_and_keeps_the_rest(service: Service, way: str) -> None:
    model = service.model(top_k=1, repetition_penalty=2, extra_body={"min_p": 0.1, "mirostat": 1})
    await ask(model, way, top_k=5, extra_body={"mirostat": 2})
    wanted = {"top_k": 5, "repetition_penalty": 2, "min_p": 0.1, "mirostat": 2}
    assert wanted.items() <= service.body.items()
    assert "extra_body" not in service.body


async def test_bound_parameters_override_the_instance(service: Service, way: str) -> None:
    await ask(service.model(top_k=1, temperature=1).bind(top_k=9, temperature=2), way)
    assert (service.body["top_k"], service.body["temperature"]) == (9, 2)


async def test_none_in_a_call_leaves_a_parameter_out(service: Service, way: str) -> None:
    model = service.model(top_k=1, temperature=1, stop=["END"])
    await ask(model, way, top_k=None, temperature=None, stop=None)
    assert not {"top_k", "temperature"} & set(service.body)


async def test_parameters_of_a_call_do_not_stay(service: Service) -> None:
    model = service.model(extra_body={"min_p": 0.1})
    await ask(model, "invoke", top_k=5)
    await ask(model, "invoke")
    assert service.body["min_p"] == 0.1
    assert "top_k" not in service.body


async def test_few_max_tokens_are_raised_with_one_warning(service: Service) -> None:
    model = service.model(max_tokens=10)
    with pytest.warns(UserWarning, match="max_tokens=10 is sent as 128"):
        await ask(model, "invoke")
    assert service.body["max_tokens"] == 128
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for way in ("ainvoke", "stream", "astream"):
            await ask(model, way, max_tokens=1)
            assert service.body["max_tokens"] == 128
    with pytest.warns(UserWarning, match="max_tokens=5"):
        await ask(service.model(max_tokens=5), "invoke")


@pytest.mark.parametrize("tokens", [1, 127])
async def test_the_fewest_and_the_most_of_few_max_tokens_are_raised(
    service: Service, tokens: int
) -> None:
    with pytest.warns(UserWarning, match=f"max_tokens={tokens} is sent as 128"):
        await ask(service.model(), "invoke", max_tokens=tokens)
    assert service.body["max_tokens"] == 128


@pytest.mark.parametrize("tokens", [128, 100_000])
async def test_max_tokens_that_the_service_takes_are_sent_as_they_are(
    service: Service, way: str, tokens: int
) -> None:
    await ask(service.model(max_tokens=tokens), way)
    assert service.body["max_tokens"] == tokens


@pytest.mark.parametrize("tokens", [0, -1, True, 0.5, 100_001])
async def test_max_tokens_that_cannot_be_meant_are_refused(
    service: Service, way: str, tokens: Any
) -> None:
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        await ask(service.model(), way, max_tokens=tokens)
    assert not service.requests


async def test_an_unknown_parameter_is_named_with_a_hint(service: Service, way: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"'temprature'.*mean temperature="):
        await ask(service.model(), way, temprature=1)
    assert not service.requests


async def test_streams_carry_usage(service: Service) -> None:
    for way in ("stream", "astream"):
        answer = await ask(service.model(), way)
        assert service.body["stream_options"] == {"include_usage": True}
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["total_tokens"] == 5
        assert answer.text == "Hello!"


async def test_stream_usage_can_be_switched_off(service: Service) -> None:
    await ask(service.model(stream_usage=False), "stream")
    assert "stream_options" not in service.body


async def test_streaming_true_streams_under_invoke(service: Service) -> None:
    for way in ("invoke", "ainvoke"):
        answer = await ask(service.model(streaming=True), way)
        assert service.body["stream"] is True
        assert (answer.text, answer.usage_metadata["total_tokens"]) == ("Hello!", 5)


async def test_metadata_names_this_provider(service: Service, way: str) -> None:
    answer = await ask(service.model(), way)
    assert answer.response_metadata["model_provider"] == "visioncraft"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"]
    assert answer.usage_metadata["input_tokens"] == 3


def test_tracing_and_identity(service: Service) -> None:
    model = service.model(temperature=0.5, max_tokens=200)
    params = model._get_ls_params(stop=["END"])
    assert params["ls_provider"] == "visioncraft"
    assert params["ls_model_name"] == "Llama-3.1-8B-Instruct"
    assert (params["ls_temperature"], params["ls_max_tokens"]) == (0.5, 200)
    assert model._llm_type == "visioncraft-chat"
    assert model._identifying_params["model_name"] == "Llama-3.1-8B-Instruct"
    assert model.lc_secrets == {"visioncraft_api_key": "VISIONCRAFT_API_KEY"}


async def test_a_whole_conversation_goes_out_in_openais_form(service: Service) -> None:
    call = {"name": "add", "args": {"a": 1}, "id": "c1"}
    await ask(
        service.model(),
        "invoke",
        [
            SystemMessage("Be brief."),
            HumanMessage("1+1?"),
            AIMessage("", tool_calls=[call]),
            ToolMessage("2", tool_call_id="c1"),
        ],
    )
    roles = [message["role"] for message in service.body["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert service.body["messages"][2]["tool_calls"][0]["function"]["name"] == "add"


async def test_messages_that_cannot_be_converted_are_an_invalid_request(service: Service) -> None:
    with pytest.raises(InvalidRequestError, match="Nothing was sent") as caught:
        await ask(service.model(), "invoke", [RemoveMessage(id="1")])
    assert isinstance(caught.value.__cause__, TypeError)
    assert isinstance(caught.value, TypeError)


async def test_structured_output_is_asked_for_and_parsed(service: Service) -> None:
    schema = {"title": "City", "description": "A city.", "type": "object"}
    schema["properties"] = {"name": {"type": "string"}}
    service.respond = lambda _: httpx.Response(200, json=completion('{"name": "Oslo"}'))
    structured = service.model().with_structured_output(schema, method="json_schema")
    assert await structured.ainvoke("Which?") == {"name": "Oslo"}
    assert service.body["response_format"]["type"] == "json_schema"


async def test_json_under_a_wrong_type_is_understood(service: Service) -> None:
    content = json.dumps(completion()).encode()
    service.says(200, content=content, headers={"content-type": "text/plain"})
    for way in ("invoke", "ainvoke"):
        assert (await ask(service.model(), way)).text == "Hello!"


async def test_a_stream_under_a_wrong_type_is_understood(service: Service) -> None:
    service.says(200, content=events("Hi"), headers={"content-type": "text/plain"})
    for way in ("stream", "astream"):
        assert (await ask(service.model(), way)).text == "Hi"


async def test_models_are_listed_without_the_key(service: Service) -> None:
    model = service.model(default_headers={"X-Team": "red"})
    names = ["llava-1.5-7b-hf", "Llama-3.1-8B-Instruct"]
    assert model.list_models() == names
    assert await model.alist_models() == names
    for request in service.requests:
        assert (request.method, str(request.url)) == ("GET", "http://service.test/models-llm")
        assert "authorization" not in request.headers
        assert KEY not in str(request.headers.raw)


async def test_of_a_host_without_that_list_openais_is_asked_for_with_the_key(
    service: Service,
) -> None:
    listed = {"object": "list", "data": [{"id": "gpt-oss-20b", "object": "model"}]}
    service.respond = lambda request: (
        httpx.Response(200, json=listed)
        if request.url.path == "/v1/models"
        else httpx.Response(404, json={"detail": "Not Found"})
    )
    model = service.model()
    assert model.list_models() == await model.alist_models() == ["gpt-oss-20b"]
    for _, asked in (service.requests[:2], service.requests[2:]):
        assert str(asked.url) == "http://service.test/v1/models"
        assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_model_can_be_overridden_in_a_call(service: Service) -> None:
    service.model().invoke("Hi", model="gemma-2-9b-it")
    assert service.body["model"] == "gemma-2-9b-it"


def test_the_class_can_be_imported_from_the_package() -> None:
    from langchain_visioncraft.chat_models import ChatVisionCraft as FromModule

    assert FromModule is ChatVisionCraft
