"""The application without a socket: checks, statuses and shapes of every generation."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin
from visioncraft_sandbox import Fault, Limit, SandboxConfig, create_app, routes_chat
from visioncraft_sandbox.catalog import LISTS
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.faults import FaultBook


def png(width: int = 40, height: int = 30) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (220, 40, 40)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def config() -> SandboxConfig:
    return SandboxConfig(models=False, midjourney_seconds=0)


@pytest.fixture
async def client(config: SandboxConfig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(config))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8765") as opened:
        yield opened


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(path, json={"token": "key", **body})


@pytest.mark.parametrize("path", sorted(LISTS))
async def test_each_list_is_an_array_of_names_and_needs_no_key(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.json() == list(LISTS[path])
    assert answer.headers["x-visioncraft-engine"] == "catalog"


async def test_limits_are_json_under_text_plain(client: httpx.AsyncClient) -> None:
    answer = await client.get("/limits")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "Free Tier" in json.loads(answer.text)


async def test_sd_gives_a_png_of_the_size_with_its_generation_text(
    client: httpx.AsyncClient,
) -> None:
    answer = await post(
        client, "/sd", model="sdxl-base", prompt="a red cat", sampler="Euler", width=128, height=64
    )
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-visioncraft-engine"].startswith("drawing")
    image = Image.open(io.BytesIO(answer.content))
    assert isinstance(image, PngImagePlugin.PngImageFile)
    assert image.size == (128, 64)
    assert image.text["parameters"].startswith("a red cat")


async def test_generate_gives_links_that_lead_to_the_pictures(client: httpx.AsyncClient) -> None:
    answer = await post(
        client,
        "/generate",
        model="anything_V5",
        sampler="Euler",
        prompt="a hill",
        image_count=2,
        width=512,
        height=512,
    )
    links = answer.json()["images"]
    assert len(set(links)) == 2
    assert all(link.startswith("http://localhost:8765/files/") for link in links)
    assert (await client.get(links[0])).headers["content-type"] == "image/png"


async def test_img2img_answers_bytes_in_one_form_and_links_in_the_other(
    client: httpx.AsyncClient,
) -> None:
    new = await post(client, "/img2img", prompt="night", image=f"data:image/png;base64,{png()}")
    assert Image.open(io.BytesIO(new.content)).size == (40, 30)
    old = await post(client, "/img2img", prompt="night", init_images=[png()], width=96, height=64)
    [link] = old.json()["images"]
    assert Image.open(io.BytesIO((await client.get(link)).content)).size == (96, 64)


async def test_our_own_links_are_accepted_as_pictures(client: httpx.AsyncClient) -> None:
    made = await post(client, "/img2img", prompt="dusk", init_images=[png()], width=96, height=64)
    [link] = made.json()["images"]
    film = await post(client, "/img2video", image=link)
    assert film.headers["content-type"] == "video/mp4"


async def test_midjourney_gives_a_number_then_the_picture(client: httpx.AsyncClient) -> None:
    submitted = (await post(client, "/midjourney", prompt="a wave --ar 2:1 --v 5.2")).json()
    assert submitted == {"statusCode": 200, "message": "Success", "data": submitted["data"]}
    for task_id in (submitted["data"], str(submitted["data"])):
        result = (await post(client, "/midjourney/result", task_id=task_id)).json()
        assert result["Status"] == "success"
        assert set(result) == {
            "ImageID",
            "Status",
            "StartTime",
            "RequestTime",
            "FinishTime",
            "URL",
        }
    picture = await client.get(result["URL"])
    width, height = Image.open(io.BytesIO(picture.content)).size
    assert width == pytest.approx(2 * height, rel=0.02)


async def test_an_unknown_midjourney_task_is_a_bad_request(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/midjourney/result", task_id="1")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "There is no task with the id '1'."},
    )


async def test_errors_have_the_shape_of_their_generation(client: httpx.AsyncClient) -> None:
    newest = await post(client, "/sd", prompt="x", model="sdxl-base", steps=36)
    assert newest.status_code == newest.json()["code"] == 400
    assert "steps" in newest.json()["error"]["message"]
    old = await post(client, "/generate-xl", prompt="x")
    assert (old.status_code, type(old.json()["error"])) == (400, str)
    detailed = await post(client, "/llm", model="gpt-3.5-turbo")
    assert detailed.json() == {"detail": "messages is required."}


async def test_all_problems_are_reported_at_once(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/openjourney", width=100, steps=0)
    problems = answer.json()["error"]
    assert all(word in problems for word in ("prompt is required", "width", "steps"))


async def test_an_unknown_name_is_reported_in_the_services_words(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/generate-gif", prompt="x", sampler="Eular")
    assert answer.json()["error"].startswith("This host doesn't have sampler 'Eular'.")
    loras = await post(client, "/sd", prompt="x", model="sdxl-base", loras={"nope": 1})
    assert "doesn't have lora 'nope'" in loras.json()["error"]["message"]


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "  "}, {"token": 5}])
async def test_without_a_key_it_is_401(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await client.post("/text2gif", json={"prompt": "x", **body})
    assert answer.status_code == 401


async def test_only_configured_keys_are_accepted() -> None:
    app = create_app(SandboxConfig(models=False, keys=("right", "not UTF-8: \udcff")))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        wrong = await client.post("/midjourney", json={"prompt": "x", "token": "wrong"})
        right = await client.post("/midjourney", json={"prompt": "x", "token": "right"})
        bearer = await client.post("/v1/chat/completions", json={"model": "x", "messages": []})
    assert [wrong.status_code, right.status_code, bearer.status_code] == [401, 200, 401]
    assert "right" not in repr(list(app.state.requests))


async def test_a_body_is_json_with_any_content_type(client: httpx.AsyncClient) -> None:
    data = json.dumps({"token": "k", "prompt": "x"})
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post("/midjourney", content=data, headers=form)).status_code == 200
    for bad in (b"", b"{", b"[1]", b"\xff\xfe"):
        assert (await client.post("/midjourney", content=bad)).status_code == 400


async def test_a_limit_is_reported_in_the_services_words() -> None:
    limits = {"POST /midjourney": Limit(1, seconds=300, announce=True)}
    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False, limits=limits)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        statuses = [(await post(client, "/midjourney", prompt="x")).status_code for _ in range(2)]
        answer = await post(client, "/midjourney", prompt="x")
        other = await client.post("/midjourney", json={"prompt": "x", "token": "other"})
    assert statuses == [200, 429]
    assert "Free users can make 1 requests to /midjourney per 5 minutes" in answer.json()["error"]
    assert 0 < int(answer.headers["retry-after"]) <= 300
    assert other.status_code == 200


async def test_too_large_requests_and_pictures_are_refused() -> None:
    config = SandboxConfig(models=False, max_body_bytes=2000, max_pixels=1000)
    transport = httpx.ASGITransport(create_app(config))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        large = await post(client, "/img2video", image="A" * 3000)
        many = await post(client, "/img2video", image=png())
        none = await post(client, "/img2video", image=base64.b64encode(b"no picture").decode())
    assert large.status_code == 413
    assert many.json() == {"error": "image has more than 1,000 pixels."}
    assert none.json() == {"error": "image is not a picture that can be read."}


async def test_a_text_is_bounded(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/midjourney", prompt="x" * 100_001)
    assert answer.status_code == 400
    assert answer.json() == {"error": "prompt: at most 100,000 characters here."}
    assert (await post(client, "/midjourney", prompt="x" * 100_000)).status_code == 200


@pytest.mark.parametrize(
    "loras", [{str(number): 1.0 for number in range(10_001)}, {"x" * 1001: 1.0}, ["x"] * 10_001]
)
async def test_the_items_of_a_parameter_are_bounded(client: httpx.AsyncClient, loras: Any) -> None:
    answer = await post(client, "/generate", prompt="x", model="any", sampler="any", loras=loras)
    assert answer.status_code == 400
    message = "loras: at most 10,000 items, and texts of 1,000 characters in them."
    assert answer.json() == {"error": message}


async def test_a_picture_to_edit_at_its_own_size_has_a_longest_side(
    client: httpx.AsyncClient,
) -> None:
    for name in ("image", "mask"):
        sent = {"image": png(), "mask": png(), name: png(4097, 1)}
        answer = await post(client, "/img2img", prompt="night", **sent)
        assert answer.status_code == 400
        assert f"{name}: at most 4096 pixels a side here." in answer.text


async def test_a_medium_must_be_text_not_a_description_of_a_local_file(
    client: httpx.AsyncClient,
) -> None:
    media = {"handle": "x", "mime_type": "image/png", "size": 1, "sha256": "", "location": "/x"}
    answer = await post(client, "/img2video", image=media)
    assert answer.json() == {"error": "image must be a string: base64 or a URL."}


@pytest.mark.parametrize("path", ["/upscale", "/whisper", "/llm"])
async def test_without_models_it_says_how_to_switch_them_on(
    client: httpx.AsyncClient, path: str
) -> None:
    body = {"image": png(), "audio": png(), "model": "gpt-3.5-turbo"}
    answer = await post(client, path, messages=[{"role": "user", "content": "x"}], **body)
    assert answer.status_code == 501
    assert "visioncraft setup" in answer.json()["detail"]


class Waiting:
    """A transcriber that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Semaphore(0), threading.Event()

    def name(self, *_: Any) -> str:
        return "waiting"

    def transcribe(self, *_: Any, **__: Any) -> dict[str, Any]:
        self.begun.release()
        self.may_end.wait()
        return {}


async def test_pictures_do_not_wait_for_recordings(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    monkeypatch.setattr(EnginePool, "transcriber", lambda _: waiting)
    audio = base64.b64encode(b"RIFF\x24\0\0\0WAVE").decode()
    number = max(2, os.cpu_count() or 1)
    listening = [asyncio.create_task(post(client, "/whisper", audio=audio)) for _ in range(number)]
    try:
        for _ in range(min(number, 2)):
            await asyncio.to_thread(waiting.begun.acquire)
        async with asyncio.timeout(60):
            drawn = await post(
                client, "/sd", prompt="a cat", model="sdxl-base", width=128, height=64
            )
        assert drawn.status_code == 200
    finally:
        waiting.may_end.set()
        answers = await asyncio.gather(*listening)
    assert {answer.status_code for answer in answers} == {200}


async def chat(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    headers = {"authorization": "Bearer key"}
    messages = [{"role": "user", "content": "Draw a cat"}]
    given = {"model": "Yi-34B-Chat", "messages": messages, **body}
    return await client.post("/v1/chat/completions", json=given, headers=headers)


def picture_message(url: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"role": "user", "content": parts}


async def test_only_llava_takes_pictures(client: httpx.AsyncClient) -> None:
    message = picture_message(f"data:image/png;base64,{png()}")
    refused = await chat(client, messages=[message])
    assert refused.status_code == 400
    assert "LLaVA" in refused.json()["error"]["message"]
    seen = await chat(client, model="llava-1.5-7b-hf", messages=[message])
    assert "40 x 30 pixels" in seen.json()["choices"][0]["message"]["content"]
    assert seen.headers["x-visioncraft-engine"] == "vision (measurements)"


async def test_the_words_of_a_question_are_not_counted_in_the_event_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    monkeypatch.setattr(routes_chat, "count", lambda _: threads.append(threading.get_ident()) or 1)
    message = picture_message(f"data:image/png;base64,{png()}")
    seen = await chat(client, model="llava-1.5-7b-hf", messages=[message])
    assert seen.json()["usage"]["total_tokens"] == 2
    assert threading.get_ident() not in threads


async def test_the_old_chat_endpoint_takes_a_picture_in_the_message(
    client: httpx.AsyncClient,
) -> None:
    message = {"role": "user", "content": "What is it?", "image": png()}
    answer = await post(client, "/llm", model="llava-1.5-7b-hf", messages=[message])
    assert "40 x 30 pixels" in answer.json()["choices"][0]["message"]["content"]


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


async def test_tool_calls_stream_as_deltas_that_add_up(client: httpx.AsyncClient) -> None:
    whole = (await chat(client, tools=[DRAW])).json()["choices"][0]
    assert whole["finish_reason"] == "tool_calls"
    streamed = await chat(client, tools=[DRAW], stream=True, stream_options={"include_usage": True})
    lines = [line[6:] for line in streamed.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    deltas = [
        call
        for event in events
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert deltas[0]["function"]["name"] == "draw_picture"
    arguments = "".join(delta["function"]["arguments"] for delta in deltas)
    assert json.loads(arguments) == {"prompt": "a cat"}
    assert events[-1]["usage"]["total_tokens"] > 0
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"max_tokens": 5}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "role"),
        ({"n": 2}, "n:"),
        ({"tools": [{"type": "function"}]}, "tools.0"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"model": "gpt-9"}, "gpt-9"),
    ],
)
async def test_a_wrong_chat_request_gets_the_reason(
    client: httpx.AsyncClient, wrong: dict[str, Any], word: str
) -> None:
    answer = await chat(client, **wrong)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


async def test_the_root_says_that_this_is_not_the_service(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert "not the VisionCraft service" in page
    assert "POST /generate-xl" in page


async def test_missing_pages_are_reported_plainly(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/responses")).status_code == 404
    assert (await client.get("/sd")).status_code == 405
    assert (await client.get("/files/none.png")).status_code == 404


async def test_a_request_that_a_fault_answers_is_within_the_bound_of_all() -> None:
    faults = FaultBook()
    faults.inject(Fault(endpoint="POST /sd", status=500))
    config = SandboxConfig(models=False, max_body_bytes=1 << 20)
    transport = httpx.ASGITransport(create_app(config, faults=faults))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/sd", content=bytes(2 << 20))
    assert answer.status_code == 503
    assert "too much memory" in answer.json()["detail"]
