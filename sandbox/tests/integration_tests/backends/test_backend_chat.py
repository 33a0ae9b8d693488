"""OpenAI-compatible chat servers behind the sandbox."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from backend_serving import (
    PATIENCE,
    asked_and_left,
    encoded,
    happens,
    opened,
    png,
    served,
    text,
    turns,
)
from chat_host import NO_PICTURES, NO_TOOLS, ChatHost
from PIL import Image
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.backends import connection
from visioncraft_sandbox.uploads import Uploads

from langchain_visioncraft import ChatVisionCraft

CHAT = "/v1/chat/completions"
ASKED = [{"role": "user", "content": "What does a boat do?"}]
DRAW = {
    "type": "function",
    "function": {
        "name": "draw_picture",
        "description": "Draw a picture.",
        "parameters": {
            "type": "object",
            "properties": {"prompt": {"type": "string"}},
            "required": ["prompt"],
        },
    },
}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ChatHost, ChatHost, Sandbox]]:
    words = ChatHost("qwen2:7b", "llama3.1:8b", key="theirs")
    vision = ChatHost("llava:7b")
    with (
        served(words.app) as words_url,
        served(vision.app) as vision_url,
        Sandbox(
            models=False, llm=words_url, llm_key="theirs", vision_llm=f"{vision_url}/v1"
        ) as sandbox,
    ):
        yield words, vision, sandbox


@pytest.fixture
def host(running: tuple[ChatHost, ChatHost, Sandbox]) -> ChatHost:
    return fresh(running[0])


@pytest.fixture
def vision(running: tuple[ChatHost, ChatHost, Sandbox]) -> ChatHost:
    return fresh(running[1])


def fresh(host: ChatHost) -> ChatHost:
    host.bodies.clear()
    host.headers.clear()
    host.error, host.refuses_tools, host.hold, host.breaks = None, None, False, False
    host.started.clear()
    host.left.clear()
    return host


@pytest.fixture
def client(running: tuple[ChatHost, ChatHost, Sandbox]) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer callers-key"}
    with httpx.Client(base_url=running[2].url, headers=headers, timeout=PATIENCE) as client:
        yield client


def ask(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post(CHAT, json={"model": "Qwen2-72B-Instruct", "messages": ASKED, **body})


def test_the_nearest_model_answers_with_the_documented_defaults(
    host: ChatHost, client: httpx.Client
) -> None:
    answer = ask(client, model="Llama-3.1-8B-Instruct", stop=["\n"], repetition_penalty=1.2)
    assert answer.json()["choices"][0]["message"]["content"] == "It floats."
    assert answer.json()["usage"]["total_tokens"] == 14
    assert answer.headers["x-visioncraft-engine"].startswith("llm (127.0.0.1:")
    assert answer.headers["x-visioncraft-engine"].endswith(", llama3.1:8b")
    [body] = host.bodies
    wanted = {"model": "llama3.1:8b", "max_tokens": 512, "temperature": 0.7, "top_p": 0.9}
    wanted |= {"stop": ["\n"], "repetition_penalty": 1.2, "repeat_penalty": 1.2}
    assert body == {**wanted, "messages": ASKED}


def test_an_unknown_model_is_the_servers_first_and_the_key_is_the_servers(
    host: ChatHost, client: httpx.Client
) -> None:
    ask(client, model="gpt-3.5-turbo")
    assert host.bodies[0]["model"] == "qwen2:7b"
    assert host.headers[0]["authorization"] == "Bearer theirs"
    assert "callers-key" not in repr(host.headers) + repr(host.bodies)


def test_a_stream_arrives_with_its_usage(
    host: ChatHost, running: tuple[ChatHost, ChatHost, Sandbox]
) -> None:
    chat = ChatVisionCraft(
        model="Qwen2-72B-Instruct", api_key="callers-key", base_url=running[2].url
    )
    whole = None
    for chunk in chat.stream("What does a boat do?"):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.text == "It floats."
    assert whole.usage_metadata["total_tokens"] == 14
    assert host.bodies[0]["stream_options"] == {"include_usage": True}


def test_tools_go_to_the_server(host: ChatHost, client: httpx.Client) -> None:
    answer = ask(client, tools=[DRAW], tool_choice="any")
    assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"
    assert host.bodies[0]["tools"] == [DRAW]
    assert host.bodies[0]["tool_choice"] == "required"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("server", sorted(NO_TOOLS))
def test_the_planner_calls_tools_that_the_server_refuses(
    host: ChatHost, client: httpx.Client, server: str, stream: bool
) -> None:
    host.refuses_tools = server
    messages = [{"role": "user", "content": "Draw a cat"}]
    answer = ask(client, tools=[DRAW], messages=messages, stream=stream)
    assert answer.status_code == 200
    assert answer.headers["x-visioncraft-engine"] == "planner (rules)"
    assert "draw_picture" in answer.text


def test_pictures_go_to_the_vision_server_as_data_urls(
    host: ChatHost, vision: ChatHost, client: httpx.Client
) -> None:
    made = client.post(
        "/generate",
        json={"token": "k", "prompt": "x", "model": "anything_V5", "sampler": "Euler",
              "width": 512, "height": 512},
    )  # fmt: skip
    [link] = made.json()["images"]
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": link}},
        {"type": "image_url", "image_url": {"url": text(encoded(Image.new("RGB", (5, 4)), "GIF"))}},
    ]
    answer = ask(client, model="llava-1.5-7b-hf", messages=[{"role": "user", "content": parts}])
    assert answer.headers["x-visioncraft-engine"].endswith(", llava:7b")
    content = vision.bodies[0]["messages"][0]["content"]
    assert content[0] == parts[0]
    pictures = [
        opened(base64.b64decode(part["image_url"]["url"].split(",")[1])) for part in content[1:]
    ]
    assert [(picture.format, picture.size) for picture in pictures] == [
        ("PNG", (512, 512)), ("PNG", (5, 4)),
    ]  # fmt: skip
    assert not host.bodies


def test_the_old_endpoint_carries_its_picture_over(vision: ChatHost, client: httpx.Client) -> None:
    message = {
        "role": "user",
        "content": "What is it?",
        "image": text(png(3, 3)),
    }
    answer = client.post(
        "/llm", json={"token": "k", "model": "llava-1.5-7b-hf", "messages": [message]}
    )
    assert answer.json()["choices"][0]["message"]["content"] == "It floats."
    [sent] = vision.bodies[0]["messages"]
    assert sent["content"][0] == {"type": "text", "text": "What is it?"}
    assert sent["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "image" not in sent


@pytest.mark.parametrize("server", sorted(NO_PICTURES))
def test_pictures_that_the_server_refuses_are_measured(
    vision: ChatHost, client: httpx.Client, server: str
) -> None:
    vision.error = (*NO_PICTURES[server], {})
    message = {"role": "user", "content": "What is it?", "image": text(png(40, 30))}
    body = {"token": "k", "model": "llava-1.5-7b-hf", "messages": [message]}
    answer = client.post("/llm", json=body)
    assert answer.headers["x-visioncraft-engine"] == "vision (measurements)"
    assert "40 x 30 pixels" in answer.json()["choices"][0]["message"]["content"]


async def test_a_request_keeps_its_place_while_a_server_looks_at_its_pictures(
    vision: ChatHost,
    running: tuple[ChatHost, ChatHost, Sandbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places: list[Any] = []
    enter = Uploads._enter

    async def noted(self: Uploads, place: Any) -> None:
        places.append(place)
        await enter(self, place)

    def held() -> list[int]:
        return [place.borrowed_tokens for place in places]

    monkeypatch.setattr(Uploads, "_enter", noted)
    vision.hold = True
    message = {"role": "user", "content": "What is it?", "image": text(png(1500, 1500))}
    body = {"token": "k", "model": "llava-1.5-7b-hf", "messages": [message]}
    url = f"{running[2].url}/llm"
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        asking = asyncio.create_task(client.post(url, json=body))
        await happens(vision.started)
        assert held() == [1, 1]
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await turns(lambda: held() == [0, 0])


def test_something_other_than_a_picture_is_the_callers_to_correct(
    vision: ChatHost, client: httpx.Client
) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    answer = ask(client, model="llava-1.5-7b-hf", messages=[{"role": "user", "content": parts}])
    assert answer.status_code == 400
    assert "image 1 is not a picture" in answer.json()["error"]["message"]
    assert not vision.bodies


def test_the_lists_are_those_of_the_servers(client: httpx.Client) -> None:
    names = ["qwen2:7b", "llama3.1:8b", "llava:7b"]
    assert client.get("/models-llm").json() == names
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == names


@pytest.mark.parametrize(
    ("theirs", "status", "words"),
    [
        ((400, {"error": {"message": "context is full"}}, {}), 400, "context is full"),
        ((422, {"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, {}), 400, "n: too many"),
        ((401, {"error": "bad key"}, {}), 502, "VISIONCRAFT_SANDBOX_LLM_KEY"),
        ((404, {"error": {"message": "model 'x' not found"}}, {}), 502, "model 'x' not found"),
        ((429, {"error": "slow down"}, {"retry-after": "7"}), 429, "slow down"),
        ((503, {"error": {"message": "Loading model"}}, {}), 503, "Loading model"),
        ((500, "<html><title>Oops</title></html>", {}), 502, "Oops"),
        ((200, "fine", {}), 502, "something other than JSON"),
        ((200, {"object": "list"}, {}), 502, "no completion"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else str(value),
)
def test_a_failure_is_reported_in_the_services_shape(
    host: ChatHost, client: httpx.Client, theirs: Any, status: int, words: str
) -> None:
    host.error = theirs
    answer = ask(client)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    said = answer.json()["error"]["message"]
    assert words in said
    assert said.startswith("The server behind --llm (http://127.0.0.1:")
    assert "theirs" not in said
    assert answer.headers.get("retry-after") == theirs[2].get("retry-after")


def test_a_stream_that_breaks_off_ends_with_an_error(
    host: ChatHost, running: tuple[ChatHost, ChatHost, Sandbox]
) -> None:
    host.breaks = True
    with openai.OpenAI(api_key="k", base_url=f"{running[2].url}/v1") as client:
        stream = client.chat.completions.create(
            model="Yi-34B-Chat", messages=ASKED, max_tokens=128, stream=True
        )
        with pytest.raises(openai.APIError, match="does not answer"):
            list(stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_caller_who_hangs_up_stops_the_server(
    host: ChatHost, running: tuple[ChatHost, ChatHost, Sandbox], stream: bool
) -> None:
    host.hold = True
    body = {"model": "Yi-34B-Chat", "messages": ASKED, "stream": stream}
    await asked_and_left(f"{running[2].url}{CHAT}", body, host.started)
    await happens(host.left)


def test_a_stream_without_end_is_cut_off_with_an_error(
    host: ChatHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MOST_BYTES", 4000)
    host.hold = True
    answer = ask(client, stream=True)
    assert 1000 < len(answer.content) < 5000
    *_, error, done = answer.text.strip().split("\n\n")
    assert (
        "returned more than 0 MiB." in json.loads(error.removeprefix("data: "))["error"]["message"]
    )
    assert done == "data: [DONE]"
    assert host.left.wait(PATIENCE)


def test_a_silent_server_is_reported_as_a_timeout() -> None:
    host = ChatHost("m")
    host.hold = True
    with (
        served(host.app) as url,
        Sandbox(models=False, llm=url, backend_seconds=0.3) as sandbox,
    ):
        headers = {"authorization": "Bearer k"}
        body = {"model": "Yi-34B-Chat", "messages": ASKED}
        answer = httpx.post(sandbox.url + CHAT, json=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 504
    assert json.loads(answer.content)["error"]["message"].endswith("silent for 0.3 seconds.")


LINK = "http://169.254.169.254/latest"


@pytest.mark.parametrize(
    "part",
    [
        {"image_url": {"url": LINK}},
        {"type": "IMAGE_URL", "image_url": {"url": LINK}},
        {"type": "video_url", "video_url": {"url": LINK}},
        {"type": "audio_url", "audio_url": {"url": LINK}},
        {"type": "file", "file": {"file_data": "file:///etc/passwd"}},
        {"type": ["text"], "text": "x"},
        {"type": "text"},
    ],
    ids=str,
)
def test_a_server_gets_no_links_to_fetch(
    host: ChatHost, client: httpx.Client, part: dict[str, Any]
) -> None:
    answer = ask(client, messages=[{"role": "user", "content": [part]}])
    assert answer.status_code == 400
    assert "Parts of messages are" in answer.json()["error"]["message"]
    assert not host.bodies


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": LINK, "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "url": {"url": LINK}}},
        {"type": "input_audio", "input_audio": LINK},
        {"type": "text", "text": {"url": LINK}},
    ],
    ids=str,
)
def test_a_server_gets_no_links_instead_of_recordings(
    host: ChatHost, client: httpx.Client, part: dict[str, Any]
) -> None:
    answer = ask(client, messages=[{"role": "user", "content": [part]}])
    assert answer.status_code == 400
    assert "in base64" in answer.json()["error"]["message"]
    assert not host.bodies


def test_a_server_gets_texts_and_recordings_alone(host: ChatHost, client: httpx.Client) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    words = {"type": "text", "text": "x"}
    refusal = {"type": "refusal", "refusal": "no"}
    parts = ["x", {"text": "x"}, {**words, "image_url": {"url": LINK}}, sound, refusal]
    assert ask(client, messages=[{"role": "user", "content": parts}]).status_code == 200
    assert host.bodies[0]["messages"][0]["content"] == [words, words, words, sound, refusal]
