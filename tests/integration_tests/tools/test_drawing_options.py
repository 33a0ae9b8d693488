"""Drawings: styles, proportions, several at a time, seeds, the cache, and making again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tool_service import HOST, KEY, Service
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import Media, MediaStore, VisionCraftToolkit, errors, tools
from langchain_visioncraft.client.drawing import STYLES, Style, with_drawing_options
from langchain_visioncraft.tools.engines import TEXT_TO_IMAGE

ENGINES = sorted(TEXT_TO_IMAGE)


@pytest.fixture(params=["invoke", "ainvoke"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def host(drawing_sandbox: Sandbox) -> Sandbox:
    return drawing_sandbox


@pytest.fixture
def make(host: Sandbox, store: MediaStore) -> Callable[..., Any]:
    def make(engine: str = "image", **options: Any) -> Any:
        settings = {"api_key": "any", "base_url": host.url, "store": store, "max_retries": 0}
        kind = TEXT_TO_IMAGE[engine]
        chosen = {kind.version_field: engine} if kind.api_versions else {}
        return kind(**{**settings, **chosen, **options})

    return make


async def run(tool: Any, way: str, **arguments: Any) -> Any:
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}
    return tool.invoke(call) if way == "invoke" else await tool.ainvoke(call)


def sides(ratio: str, engine: str = "image", **given: Any) -> tuple[int, int]:
    request = TEXT_TO_IMAGE[engine](api_key=KEY).request()
    asked = with_drawing_options({"prompt": "x", "aspect_ratio": ratio, **given}, request)
    return asked["width"], asked["height"]


@pytest.mark.parametrize(
    ("ratio", "given", "expected"),
    [
        ("16:9", {}, (1024, 576)),
        ("9:16", {}, (576, 1024)),
        ("1:1", {"width": 512, "height": 384}, (512, 512)),
        (" 3 : 2 ", {"width": 768, "height": 512}, (768, 512)),
        ("21:9", {}, (1024, 440)),
        ("4x3", {"width": 64, "height": 64}, (64, 64)),
    ],
)
def test_proportions_keep_the_longer_side(ratio: str, given: Any, expected: Any) -> None:
    if ratio == "4x3":  # 64 is the least: 64x48 cannot be had
        with pytest.raises(errors.InvalidRequestError, match="64 to 1024"):
            sides(ratio, **given)
        return
    assert sides(ratio, **given) == expected


def test_each_engine_gets_sides_that_it_takes() -> None:
    assert sides("16:9", "openjourney") == (1024, 576)
    assert sides("3:2", "sd1") == (1024, 680)
    with pytest.raises(errors.InvalidRequestError, match="512 to 1024"):
        sides("3:1", "sdxl")


@pytest.mark.parametrize("wrong", ["wide", "0:9", "16:0", "16:9:1", "-1:2", "00:1", "99999:1"])
def test_proportions_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="such as '16:9'"):
        sides(wrong)


def test_midjourney_reads_proportions_in_its_prompt() -> None:
    request = tools.VisionCraftMidjourney(api_key=KEY).request()
    asked = with_drawing_options({"prompt": "a cat", "aspect_ratio": "9:16"}, request)
    assert asked == {"prompt": "a cat --ar 9:16"}


@pytest.mark.parametrize("engine", ENGINES)
async def test_every_engine_draws_in_a_style(
    make: Any, store: MediaStore, engine: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STYLES, "house", Style("flat teal shapes", "photograph"))
    tool = make(engine, style="house")
    assert "house" in json.dumps(tool.args["style"])
    more = {"negative_prompt": "rain"} if "negative_prompt" in tool.args else {}
    result = await run(tool, way, prompt="a cat", **more)
    [media] = Media.from_artifact(result.artifact)
    arguments = store.provenance(media.handle)["arguments"]
    assert arguments["prompt"] == "a cat, flat teal shapes"
    assert arguments.get("negative_prompt", "rain, photograph") == "rain, photograph"
    assert "style" not in arguments


async def test_a_style_that_there_is_not_is_named_with_those_that_there_are(
    make: Any, way: str
) -> None:
    result = await run(make(), way, prompt="x", style="cubist")
    assert result.status == "error"
    assert "watercolor" in result.text


async def test_several_pictures_count_their_seeds_up(
    make: Any, store: MediaStore, way: str
) -> None:
    result = await run(make(width=64, height=64), way, prompt="x", seed=7, image_count=3)
    media = Media.from_artifact(result.artifact)
    assert [each.seed for each in media] == [7, 8, 9]
    assert [store.provenance(m.handle)["arguments"]["seed"] for m in media] == [7, 8, 9]


async def test_an_engine_that_draws_several_is_called_once(
    make: Any, host: Sandbox, way: str
) -> None:
    tool, before = make("sd1"), len(list(host.requests))
    result = await run(tool, way, prompt="x", image_count=3)
    assert len(Media.from_artifact(result.artifact)) == 3
    assert [each.path for each in list(host.requests)[before:] if "generate" in each.path] == [
        "/generate"
    ]


@pytest.mark.parametrize("content", ["text", "blocks"])
async def test_what_was_drawn_before_a_failure_is_kept(
    make: Any, host: Sandbox, way: str, content: str
) -> None:
    tool = make("sd", width=64, height=64, content=content)
    await run(tool, way, prompt="warm")
    host.faults.inject(Fault(endpoint="POST /sd", status=400, skip=1, times=1))
    result = await run(tool, way, prompt="x", image_count=3)
    assert result.status == "success"
    assert len(Media.from_artifact(result.artifact)) == 1
    assert "Only 1 of 3 pictures were drawn: " in result.text


async def test_the_cache_answers_the_same_request_and_seed(
    make: Any, store: MediaStore, host: Sandbox, way: str
) -> None:
    tool = make(width=64, height=64, cache=True)
    first = await run(tool, way, prompt="x", seed=7)
    again = await run(tool, way, prompt="x", seed=7)
    assert again.text == first.text
    assert again.artifact == {**first.artifact, "cached": True}
    for other in ({"seed": 8}, {"seed": 7, "steps": 20}, {"seed": 7, "image_count": 2}, {}, {}):
        await run(tool, way, prompt="x", **other)
    assert [call.cached for call in store.usage()] == [False, True, *[False] * 5]


async def test_there_is_no_cache_unless_it_is_asked_for(
    make: Any, store: MediaStore, way: str
) -> None:
    tool = make(width=64, height=64)
    for _ in range(2):
        await run(tool, way, prompt="x", seed=7)
    assert [call.cached for call in store.usage()] == [False, False]


async def test_a_cached_picture_that_was_removed_is_made_again(
    make: Any, store: MediaStore, way: str
) -> None:
    tool = make(width=64, height=64, cache=True)
    first = await run(tool, way, prompt="x", seed=7)
    store.remove(first.artifact["handle"])
    again = await run(tool, way, prompt="x", seed=7)
    assert again.artifact == first.artifact


def test_a_link_that_holds_a_handle_is_not_cached(store: MediaStore) -> None:
    """What it leads to may change, and its query is not recorded."""
    handle = store.add(b"GIF89a" + bytes(7) + b";").handle
    tool = tools.VisionCraftUpscale(api_key=KEY, store=store, cache=True)
    links = (f"https://h.example/{handle}", f"https://h.example/{handle}?page=2")
    assert [tool._key(tool.prepare({"image": link})) for link in links] == [None, None]
    assert tool._key(tool.prepare({"image": handle}))


async def test_another_host_has_a_cache_of_its_own(store: MediaStore, way: str) -> None:
    """What one service drew is no answer of another."""
    for host in (HOST, "http://other.test"):
        service = Service()
        tool = tools.VisionCraftTextToImage(
            api_key=KEY, base_url=host, store=store, cache=True, **service.clients()
        )
        await run(tool, way, prompt="x")
    assert [call.cached for call in store.usage()] == [False, False]


@pytest.fixture
def toolkit(host: Sandbox, store: MediaStore) -> VisionCraftToolkit:
    return VisionCraftToolkit(
        api_key="any", base_url=host.url, store=store, text_to_image="image",
        tool_options={"visioncraft_image": {"width": 64, "height": 64}},
    )  # fmt: skip


async def test_again_is_the_same_and_vary_is_another(
    toolkit: VisionCraftToolkit, store: MediaStore, way: str
) -> None:
    drawn = await run(toolkit.get_tools()[0], way, prompt="a fox", style="ink")
    handle = drawn.artifact["handle"]
    if way == "invoke":
        [same], [other] = toolkit.again(handle), toolkit.vary(handle)
    else:
        [same], [other] = await toolkit.aagain(handle), await toolkit.avary(handle)
    assert same.handle == handle
    assert other.handle != handle
    prompts = {store.provenance(each)["arguments"]["prompt"] for each in (handle, other.handle)}
    assert prompts == {f"a fox, {STYLES['ink'].prompt}"}


def test_again_takes_changes(toolkit: VisionCraftToolkit, store: MediaStore) -> None:
    [drawn] = Media.from_artifact(
        toolkit.get_tools()[0]
        .invoke(
            {"type": "tool_call", "id": "1", "name": "x", "args": {"prompt": "a", "image_count": 1}}
        )
        .artifact
    )
    [large] = toolkit.again(drawn.handle, width=128, height=128)
    assert (large.width, large.seed) == (128, drawn.seed)


def test_what_no_tool_made_cannot_be_made_again(
    toolkit: VisionCraftToolkit, store: MediaStore
) -> None:
    kept = store.add(b"GIF89a" + bytes(7) + b";")
    with pytest.raises(errors.InvalidRequestError, match="names no tool"):
        toolkit.again(kept.handle)
