"""Tools over MCP: what is listed, what is given, how errors are reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, get_args

import pytest
from mcp import ClientSession, types
from tool_service import ARGUMENTS, KEY, PICTURE, RECORDING, Service, medium, silence

from langchain_visioncraft import MediaStore, VisionCraftToolkit, errors
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.drawing import Engine
from langchain_visioncraft.mcp import create_server
from langchain_visioncraft.mcp import server as server_module
from langchain_visioncraft.mcp.resources import uri_of

DRAW = "visioncraft_text_to_image"
SMALL = {"prompt": "a cat", "width": 64, "height": 64}
NINE = [tool.name for tool in VisionCraftToolkit(api_key="any").get_tools()]


def arguments(name: str, store: MediaStore) -> dict[str, Any]:
    placed = {PICTURE: medium("cat.jpg"), RECORDING: silence()}
    return {
        key: store.add(placed[value]).handle if value in placed else value
        for key, value in ARGUMENTS[name].items()
    }


def kinds(result: types.CallToolResult) -> list[str]:
    return [block.type for block in result.content]


def text(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


async def test_each_tool_is_listed_with_the_schema_of_the_tool(
    connect: Any, toolkit: Callable[..., VisionCraftToolkit]
) -> None:
    async with connect() as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    tools = toolkit().get_tools()
    assert list(listed) == [tool.name for tool in tools] == NINE
    for tool in tools:
        assert listed[tool.name].input_schema == tool.args_schema.model_json_schema()
        assert listed[tool.name].description == tool.description


async def test_clients_learn_what_a_tool_does_to_its_environment(connect: Any) -> None:
    async with connect() as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    only_read = {name for name, tool in listed.items() if tool.annotations.read_only_hint}
    assert only_read == {
        f"visioncraft_{name}" for name in ("caption", "transcribe", "catalog", "limits")
    }
    assert not any(tool.annotations.destructive_hint for tool in listed.values())
    assert all(tool.annotations.open_world_hint for tool in listed.values())
    assert listed["visioncraft_image_to_video"].title == "Image to video"


@pytest.mark.parametrize("name", NINE)
async def test_each_tool_gives_structured_content_by_its_schema(
    connect: Any, store: MediaStore, name: str
) -> None:
    async with connect() as client:
        await client.list_tools()  # the client checks results against what was listed
        result = await client.call_tool(name, arguments(name, store))
    assert not result.is_error, text(result)
    assert result.structured_content
    assert text(result)


@pytest.mark.parametrize("engine", get_args(Engine))
async def test_each_engine_draws(connect: Any, engine: str) -> None:
    async with connect({"text_to_image": engine}, content="full") as client:
        [tool, *_] = (await client.list_tools()).tools
        result = await client.call_tool(tool.name, ARGUMENTS[tool.name])
    assert kinds(result) == ["text", "image", "resource_link"]


async def test_a_picture_is_seen_described_and_linked(connect: Any, store: MediaStore) -> None:
    async with connect(content="full") as client:
        result = await client.call_tool(DRAW, SMALL)
    _, image, link = result.content
    [made] = result.structured_content["media"]
    assert text(result) == f"{store.get(made['handle']).describe()}\n{uri_of(made['handle'])}"
    assert image.mime_type == "image/png"
    assert (str(link.uri), link.name, link.size) == (
        uri_of(made["handle"]),
        made["handle"],
        made["size"],
    )
    assert str(store.root) not in result.model_dump_json()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text", ["text"]),
        ("pictures", ["text", "image"]),
        ("full", ["text", "image", "resource_link"]),
    ],
)
async def test_what_is_shown_can_be_chosen(connect: Any, content: str, expected: list[str]) -> None:
    async with connect(content=content) as client:
        result = await client.call_tool(DRAW, SMALL)
    assert kinds(result) == expected
    assert result.structured_content["media"]


async def test_what_every_model_takes_is_shown_unless_more_is_wanted(connect: Any) -> None:
    async with connect() as client:
        result = await client.call_tool(DRAW, SMALL)
    assert kinds(result) == ["text"]
    assert result.structured_content["media"][0]["uri"] == text(result).splitlines()[1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("pictures", ["text", "image"]),
        ("full", ["text", "image", "resource_link"]),
        ("text", ["text"]),
        ("everything", ["text", "image"]),
        (["pictures"], ["text", "image"]),
        (None, ["text", "image"]),
    ],
)
async def test_a_client_asks_for_more_or_less_with_a_call(
    connect: Any, asked: Any, expected: list[str]
) -> None:
    async with connect(content="pictures") as client:
        result = await client.call_tool(DRAW, SMALL, meta={"visioncraft/content": asked})
    assert kinds(result) == expected


@pytest.mark.parametrize("where", ["experimental", "extensions"])
@pytest.mark.parametrize(
    ("declared", "meta", "expected"),
    [
        ({"content": "pictures"}, None, ["text", "image"]),
        ({"content": "pictures"}, {"visioncraft/content": "text"}, ["text"]),
        ({"content": "everything"}, None, ["text"]),
        ({}, None, ["text"]),
    ],
)
async def test_a_client_declares_what_it_shows(
    connect: Any,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    declared: dict[str, Any],
    *,
    meta: Any,
    expected: list[str],
) -> None:
    capabilities = types.ClientCapabilities(**{where: {"visioncraft/content": declared}})
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_: capabilities)
    async with connect() as client:
        result = await client.call_tool(DRAW, SMALL, meta=meta)
    assert kinds(result) == expected


async def test_a_video_is_only_linked(connect: Any, store: MediaStore) -> None:
    name = "visioncraft_image_to_video"
    async with connect(content="full") as client:
        result = await client.call_tool(name, arguments(name, store))
    assert kinds(result) == ["text", "resource_link"]
    assert result.content[1].mime_type == "video/mp4"


async def test_a_transcript_has_its_segments(connect: Any, store: MediaStore) -> None:
    name = "visioncraft_transcribe"
    async with connect() as client:
        result = await client.call_tool(name, arguments(name, store))
    assert text(result).strip() == "Hello there."
    assert result.structured_content["segments"][0]["end"] == 1.5


async def test_a_medium_may_be_named_by_its_resource(
    connect: Any, store: MediaStore, service: Service
) -> None:
    handle = store.add(medium("cat.jpg")).handle
    async with connect() as client:
        result = await client.call_tool("visioncraft_upscale", {"image": uri_of(handle)})
    assert not result.is_error
    assert service.paths == ["/upscale"]


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        (DRAW, {"prompt": "x", "width": 5000}, "1024"),
        (DRAW, {}, "prompt"),
        ("visioncraft_upscale", {"image": "ffffffffffff.png"}, "media store"),
        ("visioncraft_upscale", {"image": "/etc/passwd"}, "may not be read"),
        ("visioncraft_upscale", {"image": "visioncraft://media/../../etc/passwd"}, "may not be"),
        ("visioncraft_upscale", {"image": "file:///etc/passwd"}, "may not be read"),
        ("visioncraft_upscale", {"image": "ftp://h.example/a.png"}, "only http"),
    ],
)
async def test_what_a_model_can_mend_is_a_tool_error(
    connect: Any, service: Service, name: str, asked: dict[str, Any], told: str
) -> None:
    async with connect() as client:
        result = await client.call_tool(name, asked)
    assert result.is_error
    assert told in text(result)
    assert service.paths == []


async def test_what_a_person_must_mend_is_a_tool_error_too(connect: Any, service: Service) -> None:
    service.says("/sd", 401, json={"detail": f"The key {KEY} is banned"})
    async with connect() as client:
        result = await client.call_tool(DRAW, SMALL)
    assert result.is_error
    assert "key" in text(result)
    assert KEY not in text(result)


async def test_an_unforeseen_failure_is_told_without_its_details(
    connect: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/srv/secret-folder")

    monkeypatch.setattr(MediaStore, "add", full_disk)
    monkeypatch.setattr(logging.getLogger("fastmcp"), "propagate", True)
    async with connect() as client:
        result = await client.call_tool(DRAW, SMALL)
    assert result.is_error
    assert text(result) == f"Error calling tool '{DRAW}'"
    assert "No space left" in caplog.text


async def test_an_unknown_tool_is_a_tool_error(connect: Any) -> None:
    async with connect() as client:
        result = await client.call_tool("visioncraft_paint", {})
    assert result.is_error
    assert "visioncraft_paint" in text(result)


async def test_progress_reaches_the_client_that_asks(connect: Any, service: Service) -> None:
    service.polls_until_done = 3
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, _total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with connect({"text_to_image": "midjourney"}) as client:
        name = "visioncraft_midjourney"
        await client.call_tool(name, {"prompt": "a cat"}, progress_callback=hear)
        silent = await client.call_tool(name, {"prompt": "a cat"})
    assert told[0][1] == "submitted to Midjourney"
    assert [number for number, _ in told] == sorted({number for number, _ in told})
    assert not silent.is_error


async def test_a_long_call_shows_that_it_is_at_work(
    connect: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HEARTBEAT_SECONDS", 0.001)
    heard, answered = asyncio.Event(), httpx.Response(200, content=medium("mask.png"))

    async def hear(_progress: float, _total: float | None, message: str | None) -> None:
        assert message == "working"
        heard.set()

    async def slow(_: Any) -> Any:
        await heard.wait()
        return answered

    transport = httpx.MockTransport(slow)
    async with connect({"http_async_client": httpx.AsyncClient(transport=transport)}) as client:
        result = await client.call_tool(DRAW, SMALL, progress_callback=hear)
    assert not result.is_error


async def test_a_cancelled_request_ends_the_call_of_the_service(connect: Any) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: Any) -> Any:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    transport = httpx.MockTransport(endless)
    async with connect({"http_async_client": httpx.AsyncClient(transport=transport)}) as client:
        calling = asyncio.create_task(client.call_tool(DRAW, SMALL))
        await asked.wait()
        calling.cancel()
        await asyncio.wait_for(ended.wait(), 30)
        assert (await client.call_tool("visioncraft_upscale", {"image": "x"})).is_error


async def test_some_of_the_tools_may_be_chosen(connect: Any) -> None:
    async with connect(tools=["upscale", " visioncraft_caption"]) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert (await client.call_tool(DRAW, SMALL)).is_error
    assert names == ["visioncraft_upscale", "visioncraft_caption"]


@pytest.mark.parametrize("tools", [["paint"], []])
def test_only_tools_of_the_toolkit_can_be_chosen(toolkit: Any, tools: list[str]) -> None:
    with pytest.raises(errors.InvalidRequestError, match="Choose among text_to_image"):
        create_server(toolkit(), tools=tools)


def test_a_server_without_a_key_is_refused(store: MediaStore) -> None:
    with pytest.raises(errors.MissingKeyError, match="VISIONCRAFT_API_KEY"):
        create_server(VisionCraftToolkit(store=store))
