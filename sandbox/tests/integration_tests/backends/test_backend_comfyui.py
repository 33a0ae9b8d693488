"""ComfyUI behind the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from backend_serving import (
    PATIENCE,
    asked_and_left,
    half_white,
    happens,
    opened,
    png,
    served,
    text,
    turns,
)
from comfyui_host import MODELS, ComfyHost
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.backends import connection

SD = {"token": "k", "prompt": "a hill", "model": "sdxl-base", "width": 64, "height": 64}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ComfyHost, Sandbox]]:
    host = ComfyHost()
    with served(host.app) as url, Sandbox(models=False, images=url) as sandbox:
        yield host, sandbox


@pytest.fixture
def host(running: tuple[ComfyHost, Sandbox]) -> ComfyHost:
    host, _ = running
    host.failure, host.hold, host.forget = None, False, False
    # A workflow that was interrupted at the end of a test must not be held again by the next one.
    while host.running or host.pending:
        time.sleep(0.01)
    host.workflows.clear()
    for event in (host.started, host.interrupted, host.deleted):
        event.clear()
    return host


@pytest.fixture
def client(running: tuple[ComfyHost, Sandbox]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running[1].url, timeout=PATIENCE) as client:
        yield client


def nodes(workflow: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [node["inputs"] for node in workflow.values() if node["class_type"] == kind]


def test_sd_becomes_a_workflow_with_the_names_of_the_host(
    host: ComfyHost, client: httpx.Client
) -> None:
    answer = client.post(
        "/sd",
        json={**SD, "sampler": "DPM++ 2M Karras", "negative_prompt": "people", "width": 100,
              "height": 70, "steps": 12, "cfg_scale": 5,
              "loras": {"add_detail.safetensors": 0.5}},
    )  # fmt: skip
    assert opened(answer.content).size == (100, 70)
    [workflow] = host.workflows
    assert nodes(workflow, "CheckpointLoaderSimple") == [{"ckpt_name": MODELS[0]}]
    [sampled] = nodes(workflow, "KSampler")
    wanted = {
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "steps": 12,
        "cfg": 5,
        "denoise": 1,
    }
    assert wanted.items() <= sampled.items()
    texts = [node["text"] for node in nodes(workflow, "CLIPTextEncode")]
    assert texts == ["a hill", "people"]
    assert nodes(workflow, "EmptyLatentImage") == [{"width": 104, "height": 72, "batch_size": 1}]
    [lora] = nodes(workflow, "LoraLoader")
    assert (lora["strength_model"], lora["strength_clip"]) == (0.5, 0.5)
    assert sampled["model"] == [next(n for n in workflow if workflow[n]["inputs"] is lora), 0]
    assert answer.headers["x-visioncraft-engine"].endswith(f", {MODELS[0]}")


def test_several_pictures_are_one_batch(host: ComfyHost, client: httpx.Client) -> None:
    body = {**SD, "model": "sd_v1.5", "sampler": "Euler", "image_count": 3}
    body |= {"width": 512, "height": 512}
    assert len(client.post("/generate", json=body).json()["images"]) == 3
    assert nodes(host.workflows[0], "EmptyLatentImage")[0]["batch_size"] == 3


def test_only_the_requested_pictures_are_fetched(
    host: ComfyHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = host._outputs

    def more(*run: Any) -> dict[str, Any]:
        outputs = saved(*run)
        [node] = outputs.values()
        node["images"] += [{"filename": "missing.png"}] * 1000
        return outputs

    monkeypatch.setattr(host, "_outputs", more)
    assert client.post("/sd", json=SD).status_code == 200


def test_all_pictures_of_an_answer_are_bounded_together(
    host: ComfyHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**SD, "model": "sd_v1.5", "sampler": "Euler", "width": 512, "height": 512}
    assert client.post("/generate", json=body).status_code == 200
    monkeypatch.setattr(connection, "_MOST_BYTES", len(list(host.files.values())[-1]) * 5 // 2)
    assert client.post("/generate", json={**body, "image_count": 2}).status_code == 200
    assert client.post("/generate", json={**body, "image_count": 3}).status_code == 502


def test_a_masked_picture_is_uploaded_and_stays_as_it_is_elsewhere(
    host: ComfyHost, client: httpx.Client
) -> None:
    body = {"token": "k", "prompt": "x", "image": text(png(20, 12, (200, 10, 10)))}
    body |= {"mask": text(half_white(20, 12)), "scheduler": "PNDM", "strength": 0.4}
    result = opened(client.post("/img2img", json=body).content)
    assert result.getpixel((2, 6)) == (0, 128, 128)
    assert result.getpixel((17, 6)) == (200, 10, 10)
    [workflow] = host.workflows
    assert nodes(workflow, "KSampler")[0]["denoise"] == 0.4
    assert nodes(workflow, "KSampler")[0]["sampler_name"] == "euler"  # it has no PLMS
    assert nodes(workflow, "SetLatentNoiseMask")
    [loaded] = nodes(workflow, "LoadImage")
    assert loaded["image"].startswith("visioncraft/")
    assert loaded["image"].endswith(".png [temp]")


def test_without_a_mask_the_whole_picture_is_redrawn(host: ComfyHost, client: httpx.Client) -> None:
    body = {
        "token": "k",
        "prompt": "x",
        "init_images": [text(png(9, 9))],
        "width": 64,
        "height": 64,
    }
    [link] = client.post("/img2img", json=body).json()["images"]
    assert opened(client.get(link).content).getpixel((5, 5)) == (0, 128, 128)
    assert not nodes(host.workflows[0], "SetLatentNoiseMask")


def test_upscaling_on_the_host_has_the_requested_size(
    host: ComfyHost, client: httpx.Client
) -> None:
    answer = client.post("/upscale", json={"token": "k", "image": text(png(8, 6)), "resize": 2})
    assert opened(answer.content).size == (16, 12)
    assert answer.headers["x-visioncraft-engine"].endswith("RealESRGAN_x4plus.pth")


def test_the_lists_are_those_of_the_host(host: ComfyHost, client: httpx.Client) -> None:
    assert client.get("/models").json() == MODELS
    assert client.get("/samplers-xl").json()[:2] == ["euler", "euler_ancestral"]
    assert "karras" in client.get("/schedulers-xl").json()
    assert client.get("/sd/loras").json() == ["add_detail.safetensors"]


def test_a_failed_node_is_named(host: ComfyHost, client: httpx.Client) -> None:
    host.failure = "Allocation on device"
    answer = client.post("/sd", json=SD)
    assert answer.status_code == 502
    assert "KSampler: Allocation on device." in answer.json()["error"]["message"]


def test_a_refused_workflow_is_reported_in_the_words_of_its_nodes(
    host: ComfyHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/models")  # the names are known for half a minute
    monkeypatch.setitem(
        host.nodes["CheckpointLoaderSimple"].inputs, "ckpt_name", (["another.ckpt"], {})
    )
    answer = client.post("/sd", json=SD)
    assert answer.status_code == 502
    said = answer.json()["error"]["message"]
    assert "CheckpointLoaderSimple: Value not in list (ckpt_name: " in said


def test_a_restarted_host_has_lost_the_request(host: ComfyHost, client: httpx.Client) -> None:
    host.forget = True
    answer = client.post("/sd", json=SD)
    assert answer.status_code == 503
    assert "has lost the request" in answer.json()["error"]["message"]


async def test_a_caller_who_hangs_up_ends_the_work(
    host: ComfyHost, running: tuple[ComfyHost, Sandbox]
) -> None:
    host.hold = True
    await asked_and_left(f"{running[1].url}/sd", SD, host.started)
    await happens(host.interrupted)


async def test_a_caller_who_hangs_up_leaves_the_queue_and_another_is_served(
    host: ComfyHost, running: tuple[ComfyHost, Sandbox]
) -> None:
    host.hold = True
    url = f"{running[1].url}/sd"
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        first = asyncio.create_task(client.post(url, json=SD))
        await happens(host.started)
        second = asyncio.create_task(client.post(url, json=SD))
        await turns(lambda: host.pending)
        second.cancel()
        await happens(host.deleted)
        assert not host.interrupted.is_set()
        host.hold = False
        assert (await first).status_code == 200


@pytest.mark.parametrize("number", ["\0", "a" * 70_000])
def test_a_host_whose_id_no_url_can_hold_is_at_fault(
    host: ComfyHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setattr("comfyui_host.uuid.uuid4", lambda: number)
    answer = client.post("/sd", json=SD)
    assert answer.status_code == 502
    assert "an answer that its API does not have" in answer.json()["error"]["message"]
