"""`ChatVisionCraftLegacy`: ``POST /llm`` on the wire."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from chat_service import KEY, Service, ask, httpx
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from test_chat_images import DATA_URL, LINK, PNG, TEXT
from test_prompted_tools import draw

from langchain_visioncraft import ChatVisionCraftLegacy, Media, errors
from langchain_visioncraft.chat_models import completions

ANSWERS: dict[str, Any] = {
    "choices": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]},
    "message": {"role": "assistant", "content": "Hello!"},
    "text": {"text": "Hello!"},
    "response": {"response": "Hello!"},
    "result": {"result": "Hello!"},
    "string": "Hello!",
}


class OldService(Service):
    def clients(self) -> dict[str, Any]:
        transport = httpx.MockTransport(self)
        return {
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }

    def model(self, **options: Any) -> ChatVisionCraftLegacy:
        settings = {
            "model": "Mixtral-8x7B-Instruct-v0.1",
            "api_key": KEY,
            "base_url": "http://service.test",
            "max_retries": 0,
            **self.clients(),
        }
        return ChatVisionCraftLegacy(**{**settings, **options})

    def gives(self, answer: Any) -> None:
        self.respond = lambda _: httpx.Response(200, json=answer)


@pytest.fixture
def service() -> OldService:
    service = OldService()
    service.gives("Hello!")
    return service


@pytest.mark.parametrize("form", ANSWERS)
async def test_every_form_of_an_answer_is_read(service: OldService, way: str, form: str) -> None:
    service.gives(ANSWERS[form])
    answer = await ask(service.model(), way)
    assert answer.text == "Hello!"
    assert answer.usage_metadata is None
    assert answer.response_metadata["model_provider"] == "visioncraft"
    assert answer.response_metadata["model_name"] == "Mixtral-8x7B-Instruct-v0.1"


async def test_the_request_is_the_documented_one(service: OldService, way: str) -> None:
    messages = [SystemMessage("Be kind."), HumanMessage("Hi"), AIMessage("Yes?")]
    await ask(service.model(), way, [*messages, ChatMessage("More", role="user")])
    assert str(service.request.url) == "http://service.test/llm"
    assert service.body == {
        "model": "Mixtral-8x7B-Instruct-v0.1",
        "token": KEY,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "More"},
        ],
    }


@pytest.mark.parametrize(
    ("block", "image"),
    [
        ({"type": "image_url", "image_url": {"url": DATA_URL}}, TEXT),
        ({"type": "image", "base64": TEXT, "mime_type": "image/png"}, TEXT),
        ({"type": "image", "url": LINK}, LINK),
        (Media.from_bytes(PNG).block(), TEXT),
        ({"type": "image", "image": Media.from_bytes(PNG)}, TEXT),
    ],
)
async def test_an_image_rides_in_its_message(
    service: OldService, way: str, block: Any, image: str
) -> None:
    question = [HumanMessage([{"type": "text", "text": "What is it?"}, block])]
    await ask(service.model(model="llava-1.5-7b-hf"), way, question)
    assert service.body["messages"] == [{"role": "user", "content": "What is it?", "image": image}]


async def test_a_message_of_texts_alone_is_one_text(service: OldService, way: str) -> None:
    await ask(service.model(), way, [HumanMessage(["Hello.", {"type": "text", "text": "Who?"}])])
    assert service.body["messages"] == [{"role": "user", "content": "Hello.\nWho?"}]


async def test_what_the_endpoint_cannot_take_is_refused(service: OldService, way: str) -> None:
    image = {"type": "image", "url": LINK}
    for model, messages, words in (
        ("llava-1.5-7b-hf", [HumanMessage([image, image])], "carries one image"),
        ("Llama-3-8B-Instruct", [HumanMessage([image])], "takes no images"),
    ):
        with pytest.raises(errors.InvalidRequestError, match=words):
            await ask(service.model(model=model), way, messages)
    with pytest.raises(errors.InvalidRequestError, match="'temperature'"):
        await ask(service.model(), way, temperature=0)
    assert not service.requests


async def test_stop_sequences_are_cut_here(service: OldService, way: str) -> None:
    service.gives("One, two. Three")
    assert (await ask(service.model(), way, stop=[".", ","])).text == "One"
    assert (await ask(service.model(stop=["."]), way)).text == "One, two"
    assert (await ask(service.model(stop=["."]), way, stop=["T"])).text == "One, two. "
    assert "stop" not in service.body


async def test_tools_are_asked_for_in_words(service: OldService, way: str) -> None:
    service.gives({"response": 'Ok. {"name": "draw", "arguments": {"prompt": "a cat"}}'})
    answer = await ask(service.model().bind_tools([draw], tool_choice="any"), way, "Draw.")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("draw", {"prompt": "a cat"})
    ]
    assert answer.text == "Ok."
    assert "<tools>" in service.body["messages"][0]["content"]
    history = [HumanMessage("Draw."), answer, ToolMessage("a.png", tool_call_id="1")]
    await ask(service.model(), way, history)
    assert {message["role"] for message in service.body["messages"]} == {"user"}


def test_structured_output_is_asked_for_in_words(service: OldService) -> None:
    service.gives({"text": 'It is {"age": 7}.'})
    schema = {"title": "Person", "type": "object", "properties": {"age": {"type": "integer"}}}
    assert service.model().with_structured_output(schema).invoke("How old?") == {"age": 7}


async def test_a_stream_is_one_chunk(service: OldService) -> None:
    chunks = [chunk for chunk in service.model().stream("Hi") if chunk.content]
    assert [chunk.text for chunk in chunks] == ["Hello!"]


async def test_errors_are_this_packages(service: OldService, way: str) -> None:
    service.says(429, json={"detail": "Free users can ask 5 times per 5 minutes"})
    with pytest.raises(errors.RateLimitError) as caught:
        await ask(service.model(), way)
    assert caught.value.endpoint == "POST /llm"
    assert KEY not in repr(caught.value.__dict__)


def test_a_key_is_needed() -> None:
    with pytest.raises(errors.MissingKeyError, match="VISIONCRAFT_API_KEY"):
        ChatVisionCraftLegacy(model="m")


def test_nothing_shows_the_key(service: OldService) -> None:
    model = service.model()
    for shown in (repr(model), str(model), model.model_dump_json(), json.dumps(dumpd(model))):
        assert KEY not in shown
    assert model.lc_secrets == {"visioncraft_api_key": "VISIONCRAFT_API_KEY"}


def test_copies_and_pickles(service: OldService, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ChatVisionCraftLegacy(model="m", api_key=KEY, base_url="http://a.test/v1", store="x")
    again = pickle.loads(pickle.dumps(model))
    assert again.visioncraft_api_key.get_secret_value() == KEY
    assert again.visioncraft_api_base == "http://a.test"
    assert copy.deepcopy(model).model_name == "m"
    moved = model.model_copy(update={"visioncraft_api_base": "http://b.test"})
    assert moved._clients()[0].settings.base_url == "http://b.test"
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "from-environment")
    assert b"from-environment" not in pickle.dumps(ChatVisionCraftLegacy(model="m"))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(service.model())


def test_models_and_tokens(service: OldService) -> None:
    service.gives(["a", "b"])
    assert service.model().list_models() == ["a", "b"]
    assert service.model().get_num_tokens("The lighthouse stands in the storm.") == 9
    assert service.model().get_num_tokens_from_messages([HumanMessage("Hi")]) > 0
    assert service.model()._get_ls_params()["ls_provider"] == "visioncraft"
    assert service.model().profile["max_input_tokens"] == 32_768


def test_parameters_without_effect_are_named() -> None:
    with pytest.warns(UserWarning, match="temperature has no effect"):
        ChatVisionCraftLegacy(model="m", api_key=KEY, temperature=0)
    with pytest.raises(TypeError, match="temprature"):
        ChatVisionCraftLegacy(model="m", api_key=KEY, temprature=0)


async def test_a_long_answer_is_refused(
    service: OldService, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "MAX_ANSWER_BYTES", 1000)
    service.gives("Hello! " * 200)
    with pytest.raises(errors.AnswerTooLargeError):
        await ask(service.model(), way)
