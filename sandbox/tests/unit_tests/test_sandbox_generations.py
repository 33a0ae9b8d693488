"""What the sandbox answers of the newest generation, and the forms that a request chooses."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from visioncraft_sandbox import SandboxConfig, create_app

FOX = {"model": "DreamShaper-8", "prompt": "a fox", "width": 96, "height": 64}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(SandboxConfig(models=False, midjourney_seconds=0))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8765") as opened:
        yield opened


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(path, json={"token": "key", **body})


async def picture_behind(client: httpx.AsyncClient, link: str) -> Image.Image:
    return Image.open(io.BytesIO((await client.get(link)).content))


def source(colour: str = "red") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_an_image_is_a_link_with_its_seed(client: httpx.AsyncClient, prefix: str) -> None:
    answer = (await post(client, f"{prefix}/image/generate", **FOX, seed=7)).json()
    assert answer["seed"] == 7
    picture = await picture_behind(client, answer["image_url"])
    assert picture.size == (96, 64)
    assert "Seed: 7" in picture.info["parameters"]


async def test_the_same_seed_makes_the_same_picture_and_none_a_new_one(
    client: httpx.AsyncClient,
) -> None:
    answers = [
        (await post(client, "/image/generate", **FOX, **seed)).json()
        for seed in ({"seed": 7}, {"seed": 7}, {}, {"seed": -1})
    ]
    pictures = [(await client.get(each["image_url"])).content for each in answers]
    assert pictures[0] == pictures[1]
    assert len({*pictures}) == 3
    assert len({each["seed"] for each in answers}) == 3


async def test_a_stream_is_one_json_object_a_line(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/image/generate", **FOX, stream=True)
    states = [json.loads(line) for line in answer.text.splitlines()]
    assert [state["status"] for state in states] == ["WAITING", "RUNNING", "SUCCESS"]
    assert states[0]["queue_position"] == 1
    assert (await picture_behind(client, states[-1]["image_url"])).size == (96, 64)


async def test_a_stream_that_fails_ends_with_an_error(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/image/generate", **FOX, stream=True, init_image="AAAA")
    assert answer.status_code == 200
    last = json.loads(answer.text.splitlines()[-1])
    assert (last["status"], last["code"]) == ("ERROR", 400)


async def test_a_picture_to_start_from_is_changed_as_much_as_is_asked(
    client: httpx.AsyncClient,
) -> None:
    shown = []
    for strength in (0.0, 1.0):
        body = {**FOX, "init_image": source(), "denoising_strength": strength}
        link = (await post(client, "/image/generate", **body)).json()["image_url"]
        shown.append((await picture_behind(client, link)).getpixel((48, 4)))
    assert shown[0] == (255, 0, 0)
    assert shown[1] != (255, 0, 0)


async def test_a_video_is_a_gif_of_these_frames_at_this_pace(client: httpx.AsyncClient) -> None:
    body = {**FOX, "is_video": True, "frames": 4, "fps": 10, "seed": 1}  # no two frames alike
    link = (await post(client, "/image/generate", **body)).json()["image_url"]
    moving = await picture_behind(client, link)
    assert (moving.format, moving.n_frames, moving.info["duration"]) == ("GIF", 4, 100)


async def test_too_many_frames_are_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/image/generate", **FOX, is_video=True, frames=1000)
    assert answer.status_code == 400
    assert answer.json() == {"error": "Bad Request", "message": "frames: at most 64 here."}


async def test_an_unknown_model_is_refused_in_the_words_of_the_newest_hosts(
    client: httpx.AsyncClient,
) -> None:
    answer = await post(client, "/image/generate", **{**FOX, "model": "DreamShaper-9"})
    assert answer.status_code == 400
    assert "doesn't have model 'DreamShaper-9'" in answer.json()["message"]


@pytest.mark.parametrize("size", ["1024x1024", "1024x1792", "1792x1024"])
async def test_dalle_draws_in_its_sizes(client: httpx.AsyncClient, size: str) -> None:
    answer = await post(client, "/dalle", prompt="a fox", size=size)
    picture = Image.open(io.BytesIO(answer.content))
    assert "x".join(map(str, picture.size)) == size


async def test_sdxl_answers_with_links_where_a_number_of_pictures_is_asked_for(
    client: httpx.AsyncClient,
) -> None:
    body = {"model": "sdxl-turbo", "prompt": "a fox", "sampler": "euler", "scheduler": "normal"}
    sides = {"width": 512, "height": 512}
    assert (await post(client, "/generate-xl", **body, **sides)).content.startswith(b"\x89PNG")
    links = (await post(client, "/generate-xl", **body, **sides, image_count=2)).json()["images"]
    assert len(links) == 2


async def test_a_video_in_its_first_form_is_a_job_that_gives_a_gif(
    client: httpx.AsyncClient,
) -> None:
    answer = (await post(client, "/img2video", image=source(), width=96, height=64)).json()
    state = (await client.post("/job-status", json={"job_id": answer["job_id"]})).json()
    assert state["status"] == "success"
    moving = await picture_behind(client, state["image"])
    assert (moving.format, moving.size) == ("GIF", (96, 64))


async def test_a_job_that_is_not_ready_has_no_picture_yet() -> None:
    app = create_app(SandboxConfig(models=False, midjourney_seconds=3600))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        job = (await post(client, "/img2video", image=source(), width=64, height=64)).json()
        state = (await client.post("/job-status", json=job)).json()
    assert state == {"status": "processing", "image": None}


async def test_an_unknown_job_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/job-status", json={"job_id": "1"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "There is no job with the id '1'."},
    )
