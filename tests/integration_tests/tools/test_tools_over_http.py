"""Tools over real connections: threads, event loops, pickles, retries, files."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from tool_service import TOOLS, arguments_for, call, name_of
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftImageToImage,
    VisionCraftImageToVideo,
    VisionCraftMidjourney,
    VisionCraftTextToGif,
    VisionCraftTextToImage,
    VisionCraftToolkit,
    VisionCraftUpscale,
    errors,
)
from langchain_visioncraft.tools import VisionCraftTool

SMALL = {"prompt": "a cat", "width": 64, "height": 64}
QUICK = [
    kind
    for kind in TOOLS
    if name_of(kind).removeprefix("visioncraft_")
    not in (
        *("caption", "transcribe", "upscale"),  # need models
        *("midjourney", "text_to_gif", "image_to_video"),  # take seconds each
    )
]


@pytest.fixture
def connection(drawing_sandbox: Sandbox, store: MediaStore) -> dict[str, Any]:
    return {"api_key": "any", "base_url": drawing_sandbox.url, "store": store}


@pytest.fixture(params=["invoke", "ainvoke"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("kind", QUICK, ids=name_of)
def test_one_object_serves_every_way_of_running_it(
    kind: type[VisionCraftTool], connection: dict[str, Any], store: MediaStore
) -> None:
    tool, arguments = kind(**connection), arguments_for(kind, store)
    results = [tool.invoke(arguments)]
    results += [asyncio.run(tool.ainvoke(arguments)) for _ in range(3)]
    with ThreadPoolExecutor(2) as pool:
        results += pool.map(tool.invoke, [arguments] * 2)
    results.append(pickle.loads(pickle.dumps(tool)).invoke(arguments))
    assert len(results) == 7
    assert len({result.split()[-1] for result in results}) == 1


async def test_midjourney_is_polled_until_it_is_there(
    polled_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    before = len(polled_sandbox.requests)
    connection = {"api_key": "any", "base_url": polled_sandbox.url, "store": store}
    message = await call(VisionCraftMidjourney(**connection), way, {"prompt": "a cat --ar 1:1"})
    [media] = Media.from_artifact(message.artifact)
    assert (media.width, media.height) == (1024, 1024)
    asked = [each.path for each in list(polled_sandbox.requests)[before:]]
    assert asked.count("/midjourney/result") == 2


def test_another_process_can_use_a_tool(connection: dict[str, Any]) -> None:
    tool = VisionCraftTextToImage(**connection)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert "image/png, 64x64" in pool.submit(tool.invoke, SMALL).result(timeout=60)


async def test_many_async_calls_at_once_keep_their_own_results(
    connection: dict[str, Any], store: MediaStore
) -> None:
    tool = VisionCraftTextToImage(**connection)
    prompts = ["a cat", "a red house", "a boat on the sea", "a tree at night"] * 3
    calls = [tool.ainvoke({**SMALL, "prompt": prompt}) for prompt in prompts]
    lines = await asyncio.gather(*calls)
    for prompt, line in zip(prompts, lines, strict=True):
        assert store.provenance(line.split()[0])["arguments"]["prompt"] == prompt


async def test_a_chain_of_tools_by_handle(sandbox: Sandbox, store: MediaStore, way: str) -> None:
    toolkit = VisionCraftToolkit(api_key="any", base_url=sandbox.url, store=store)
    tools = {tool.name.removeprefix("visioncraft_"): tool for tool in toolkit.get_tools()}
    drawn = await call(tools["text_to_image"], way, {**SMALL, "width": 128, "height": 128})
    handle = drawn.content.split()[0]
    changed = await call(tools["image_to_image"], way, {"image": handle, "prompt": "at night"})
    large = await call(tools["upscale"], way, {"image": changed.content.split()[0], "resize": 2})
    film = await call(tools["image_to_video"], way, {"image": large.content.split()[0]})
    seen = await call(tools["caption"], way, {"image": large.content.split()[0]})
    [picture], [video] = Media.from_artifact(large.artifact), Media.from_artifact(film.artifact)
    assert (picture.width, picture.height) == (256, 256)
    assert video.mime_type == "video/mp4"
    assert seen.content
    assert store.provenance(picture.handle)["sources"] == [changed.artifact["handle"]]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        (VisionCraftTextToGif, "2024-09"),
        (VisionCraftTextToGif, "2024-03"),
        (VisionCraftImageToImage, "2024-03"),
        (VisionCraftImageToImage, "2023-11"),
    ],
)
async def test_each_generation_works(
    kind: type[VisionCraftTool], version: str, connection: dict[str, Any], store: MediaStore
) -> None:
    tool = kind(api_version=version, **connection)
    message = await call(tool, "ainvoke", arguments_for(kind, store))
    assert Media.from_artifact(message.artifact)[0].mime_type.startswith("image/")


async def test_a_busy_moment_is_survived(
    drawing_sandbox: Sandbox, connection: dict[str, Any], way: str
) -> None:
    drawing_sandbox.faults.inject(
        Fault(endpoint="POST /sd", status=503), Fault(endpoint="POST /sd", hang_up="before")
    )
    assert (await call(VisionCraftTextToImage(**connection), way, SMALL)).status == "success"


async def test_a_long_limit_is_told_at_once(
    drawing_sandbox: Sandbox, connection: dict[str, Any], way: str
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=429, retry_after=300))
    message = await call(VisionCraftTextToImage(**connection), way, SMALL)
    assert message.status == "error"
    assert "try again in 300 seconds" in message.content


async def test_an_unknown_sampler_comes_with_near_names(
    connection: dict[str, Any], way: str
) -> None:
    tool = VisionCraftTextToImage(**connection)
    message = await call(tool, way, {**SMALL, "sampler": "Eulr"})
    assert message.status == "error"
    assert "'Euler'" in message.content


async def test_a_host_without_the_endpoint_is_named(
    drawing_sandbox: Sandbox, connection: dict[str, Any], way: str
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /img2video", status=404))
    tool = VisionCraftImageToVideo(**connection)
    with pytest.raises(errors.EndpointNotFoundError, match="does not offer POST /img2video"):
        await call(tool, way, arguments_for(VisionCraftImageToVideo, tool.store))


async def test_a_host_that_is_not_there_is_raised(store: MediaStore, way: str) -> None:
    tool = VisionCraftUpscale(
        api_key="any", base_url="http://127.0.0.1:9", store=store, max_retries=0
    )
    with pytest.raises(errors.ConnectionFailedError):
        await call(tool, way, arguments_for(VisionCraftUpscale, store))


async def test_a_wrong_key_is_raised(store: MediaStore, way: str) -> None:
    with Sandbox(models=False, keys=["right"]) as sandbox:
        tool = VisionCraftTextToImage(api_key="wrong", base_url=sandbox.url, store=store)
        with pytest.raises(errors.AuthenticationError):
            await call(tool, way, SMALL)


async def test_a_cancelled_call_leaves_the_tool_usable(
    drawing_sandbox: Sandbox, connection: dict[str, Any]
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", delay=600))
    before = len(drawing_sandbox.requests)
    tool = VisionCraftTextToImage(**connection)
    drawing = asyncio.create_task(tool.ainvoke(SMALL))
    while len(drawing_sandbox.requests) == before:  # noqa: ASYNC110 -- another thread notes it
        await asyncio.sleep(0.01)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert "image/png" in await tool.ainvoke(SMALL)
