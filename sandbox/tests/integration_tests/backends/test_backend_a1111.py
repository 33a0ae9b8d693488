"""Automatic1111 behind the sandbox."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from a1111_host import MODELS, A1111Host
from backend_serving import PATIENCE, asked_and_left, half_white, happens, opened, png, served, text
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.backends import a1111

from langchain_visioncraft import VisionCraftTextToImage


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[A1111Host, Sandbox]]:
    host = A1111Host(auth="user:word")
    with (
        served(host.app) as url,
        Sandbox(models=False, images=url, images_key="user:word", midjourney_seconds=0) as sandbox,
    ):
        yield host, sandbox


@pytest.fixture
def host(running: tuple[A1111Host, Sandbox]) -> A1111Host:
    host, _ = running
    host.failure, host.hold = None, False
    # A task that was interrupted at the end of a test must not be held again by the next one.
    while host.current_task:
        time.sleep(0.01)
    host.orders.clear()
    for event in (host.started, host.interrupted):
        event.clear()
    return host


@pytest.fixture
def client(running: tuple[A1111Host, Sandbox]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running[1].url, timeout=PATIENCE) as client:
        yield client


def post(client: httpx.Client, path: str, **body: object) -> httpx.Response:
    return client.post(path, json={"token": "caller", "prompt": "a hill", **body})


def test_pictures_of_the_host_are_decoded_in_threads(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def decode(text: str) -> bytes:
        threads.append(threading.current_thread().name)
        return base64.b64decode(text)

    monkeypatch.setattr(a1111, "decode_base64", decode)
    assert post(client, "/sd", model="sdxl-base").status_code == 200
    assert [name.startswith("AnyIO") for name in threads] == [True]


def test_sd_is_mapped_to_txt2img_with_the_names_of_the_host(
    host: A1111Host, client: httpx.Client
) -> None:
    answer = post(
        client, "/sd", model="sdxl-base", sampler="DPM++ 2M Karras", negative_prompt="people",
        width=100, height=70, steps=12, cfg_scale=5, loras={"add_detail": 0.5},
    )  # fmt: skip
    [order] = host.orders
    assert order["prompt"] == "a hill <lora:add_detail:0.5>"
    assert order["negative_prompt"] == "people"
    assert (order["width"], order["height"]) == (104, 72)
    assert (order["steps"], order["cfg_scale"]) == (12, 5)
    assert (order["sampler_name"], order["scheduler"]) == ("DPM++ 2M", "karras")
    assert order["override_settings"] == {"sd_model_checkpoint": "sd_xl_base_1.0"}
    picture = opened(answer.content)
    assert picture.size == (100, 70)
    assert picture.info["parameters"].startswith("a hill <lora:add_detail:0.5>")
    assert answer.headers["x-visioncraft-engine"].startswith("a1111 (127.0.0.1:")
    assert answer.headers["x-visioncraft-engine"].endswith(", sd_xl_base_1.0")


def test_the_tool_draws_on_the_host(host: A1111Host, running: tuple[A1111Host, Sandbox]) -> None:
    draw = VisionCraftTextToImage(api_key="caller", base_url=running[1].url, width=64, height=64)
    assert "image/png, 64x64" in draw.invoke({"prompt": "a boat", "sampler": "Euler a"})
    assert host.orders[0]["sampler_name"] == "Euler a"


def test_several_pictures_are_upscaled_on_the_host_and_returned_as_links(
    host: A1111Host, client: httpx.Client
) -> None:
    answer = post(
        client, "/generate", model="dreamshaper_v8", sampler="Heun", image_count=2,
        width=512, height=512, upscale=True,
    )  # fmt: skip
    assert host.orders[0]["n_iter"] == 2
    assert host.orders[0]["override_settings"]["sd_model_checkpoint"] == "dreamshaper_8"
    assert [order["upscaler_1"] for order in host.orders[1:]] == ["R-ESRGAN 4x+"] * 2
    links = answer.json()["images"]
    assert opened(client.get(links[0]).content).size == (1024, 1024)
    assert "R-ESRGAN 4x+" in answer.headers["x-visioncraft-engine"]


def test_the_loaded_checkpoint_is_not_loaded_again(host: A1111Host, client: httpx.Client) -> None:
    post(client, "/generate-xl", model="sdxl-turbo", sampler="heunpp2", scheduler="normal",
         width=512, height=512)  # fmt: skip
    post(client, "/openjourney", width=128, height=128)
    xl, openjourney = host.orders
    assert xl["override_settings"]["sd_model_checkpoint"] == "sd_xl_base_1.0"
    assert (xl["sampler_name"], xl["scheduler"]) == ("Heun", "normal")
    assert "override_settings" not in openjourney


def test_midjourney_is_drawn_on_the_host(host: A1111Host, client: httpx.Client) -> None:
    task = post(client, "/midjourney").json()["data"]
    done = client.post("/midjourney/result", json={"token": "caller", "task_id": task})
    assert done.json()["Status"] == "success"
    assert done.headers["x-visioncraft-engine"].startswith("a1111")
    assert len(host.orders) == 1


def test_a_masked_picture_is_inpainted_and_stays_as_it_is_elsewhere(
    host: A1111Host, client: httpx.Client
) -> None:
    answer = post(
        client, "/img2img", image=text(png(20, 12, (200, 10, 10, 255), "RGBA")),
        mask=text(half_white(20, 12)), strength=0.5, scheduler="K_EULER_ANCESTRAL",
    )  # fmt: skip
    [order] = host.orders
    assert order["denoising_strength"] == 0.5
    assert order["sampler_name"] == "Euler a"
    assert (order["inpainting_fill"], order["inpaint_full_res"]) == (1, False)
    sent = opened(base64.b64decode(order["init_images"][0]))
    assert sent.size == opened(base64.b64decode(order["mask"])).size == (24, 16)
    result = opened(answer.content).convert("RGB")
    assert result.size == (20, 12)
    assert result.getpixel((2, 6)) == (0, 128, 128)
    assert result.getpixel((17, 6)) == (200, 10, 10)


def test_the_form_of_2023_has_the_requested_size(host: A1111Host, client: httpx.Client) -> None:
    answer = post(client, "/img2img", init_images=[text(png(10, 10))], width=100, height=70)
    [link] = answer.json()["images"]
    assert opened(client.get(link).content).size == (100, 70)
    assert host.orders[0]["denoising_strength"] == 0.8


def test_upscaling_on_the_host_keeps_the_alpha_channel(
    host: A1111Host, client: httpx.Client
) -> None:
    answer = post(client, "/upscale", image=text(png(8, 6, (0, 0, 0, 90), "RGBA")), resize=4)
    result = opened(answer.content)
    assert (result.size, result.mode) == ((32, 24), "RGBA")
    assert result.getpixel((3, 3)) == (0, 128, 128, 90)
    assert host.orders[0]["upscaler_1"] == "R-ESRGAN 4x+"


def test_the_sandbox_does_what_the_host_cannot(client: httpx.Client) -> None:
    film = post(client, "/img2video", image=text(png(64, 64)))
    assert film.headers["x-visioncraft-engine"].startswith("motion")


def test_a_host_without_upscaler_leaves_upscaling_to_the_sandbox() -> None:
    with served(A1111Host(upscalers=False).app) as url, Sandbox(images=url) as sandbox:
        body = {"token": "k", "image": text(png(8, 8))}
        answer = httpx.post(f"{sandbox.url}/upscale", json=body, timeout=PATIENCE)
    assert opened(answer.content).size == (16, 16)
    assert answer.headers["x-visioncraft-engine"].startswith("realesr")


def test_the_lists_are_those_of_the_host(host: A1111Host, client: httpx.Client) -> None:
    assert client.get("/sd/models").json() == MODELS
    assert client.get("/samplers").json() == ["DPM++ 2M", "Euler a", "Euler", "Heun", "DDIM"]
    assert client.get("/schedulers-xl").json() == ["automatic", "karras", "normal"]
    assert client.get("/loras").json() == ["add_detail"]
    assert "no_refiner" in client.get("/img2img/refiners").json()


def test_unknown_names_and_missing_loras_are_refused(host: A1111Host, client: httpx.Client) -> None:
    unknown = post(client, "/sd", model="nobodys-model", sampler="Eulr")
    assert unknown.status_code == 400
    assert "model 'nobodys-model'" in unknown.json()["error"]["message"]
    assert "sampler 'Eulr'" in unknown.json()["error"]["message"]
    lora = post(client, "/sd", model="sdxl-base", loras={"film_grain_xl": 1})
    assert "doesn't have lora 'film_grain_xl'" in lora.json()["error"]["message"]
    assert not host.orders


def test_its_failure_is_reported_in_its_words_and_without_the_key(
    host: A1111Host, client: httpx.Client
) -> None:
    host.failure = "CUDA out of memory"
    answer = post(client, "/sd", model="sdxl-base", width=64, height=64)
    assert answer.status_code == 502
    said = answer.json()["error"]["message"]
    assert said.startswith("The server behind --images (http://127.0.0.1:")
    assert "answered 500: CUDA out of memory" in said
    assert "word" not in said


async def test_a_caller_who_hangs_up_ends_the_work(
    host: A1111Host, running: tuple[A1111Host, Sandbox]
) -> None:
    host.hold = True
    body = {"token": "k", "prompt": "x", "model": "sdxl-base", "width": 64, "height": 64}
    await asked_and_left(f"{running[1].url}/sd", body, host.started)
    await happens(host.interrupted)
