"""The tools over streamable HTTP: the SDK's client, and who is let in."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcp
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.types import INVALID_PARAMS
from mcp_clients import over_http
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.mcp import create_http_app, create_server
from langchain_visioncraft.mcp.http import hosts_for

DRAW = "visioncraft_text_to_image"
SMALL = {"prompt": "a cat", "width": 64, "height": 64}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def say_hello(url: str, **headers: str) -> int:
    accept = {"Accept": "application/json, text/event-stream"}
    with httpx.Client() as client:
        status: int = client.post(url, json=HELLO, headers={**accept, **headers}).status_code
    return status


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


async def test_a_picture_is_drawn_and_its_resource_read(
    toolkit: VisionCraftToolkit, store: MediaStore, serve: Any
) -> None:
    async with over_http(serve(toolkit, content="full")) as client:
        drawn = await client.call_tool(DRAW, SMALL)
        [text, image, link] = drawn.content
        read = await client.read_resource(link.uri)
    handle = text.text.split()[0]
    assert base64.b64decode(image.data) == store.get(handle).read()
    assert base64.b64decode(read.contents[0].blob) == store.get(handle).read()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_both_generations_of_the_protocol_are_spoken(
    toolkit: VisionCraftToolkit, serve: Any, mode: Any
) -> None:
    url = serve(toolkit, content="full", app={"token": "secret"})
    transport = StreamableHttpTransport(url, auth="secret")
    async with Client(transport, mode=mode) as client:
        drawn = await client.call_tool(DRAW, SMALL)
        failed = await client.call_tool(DRAW, {**SMALL, "width": 5000}, raise_on_error=False)
        [medium] = drawn.structured_content["media"]
        [contents] = await client.read_resource(medium["uri"])
        [listed] = [each for each in await client.list_resources() if each.uri == medium["uri"]]
        with pytest.raises(mcp.MCPError) as refused:
            await client.read_resource("visioncraft://media/ffffffffffff.png")
        [template] = await client.list_resource_templates()
    assert [block.type for block in drawn.content] == ["text", "image", "resource_link"]
    assert base64.b64decode(contents.blob) == toolkit.store.get(medium["handle"]).read()
    assert (listed.name, listed.size) == (medium["handle"], medium["size"])
    assert (failed.is_error, refused.value.error.code) == (True, INVALID_PARAMS)
    assert template.uri_template == "visioncraft://media/{handle}"


async def test_several_clients_work_at_once(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit)

    async def draw(prompt: str) -> str:
        async with over_http(url) as client:
            result = await client.call_tool(DRAW, {**SMALL, "prompt": prompt})
        return result.structured_content["media"][0]["handle"]

    prompts = ["a cat", "a red house", "a boat on the sea"]
    handles = await asyncio.gather(*map(draw, prompts))
    told = [toolkit.store.provenance(handle)["arguments"]["prompt"] for handle in handles]
    assert told == prompts


async def test_progress_arrives_on_the_stream_of_the_request(
    store: MediaStore, polled_sandbox: Sandbox, serve: Any
) -> None:
    told = []

    async def hear(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    toolkit = VisionCraftToolkit(
        api_key="any", base_url=polled_sandbox.url, store=store, text_to_image="midjourney"
    )
    async with over_http(serve(toolkit)) as client:
        arguments = {"prompt": "a cat --ar 1:1"}
        name = "visioncraft_midjourney"
        result = await client.call_tool(name, arguments, progress_callback=hear)
    assert not result.is_error
    assert told[0] == "submitted to Midjourney"
    assert "Midjourney is generating" in told


async def test_a_cancelled_request_leaves_the_session_usable(
    toolkit: VisionCraftToolkit, drawing_sandbox: Sandbox, serve: Any
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", delay=600))
    before = len(drawing_sandbox.requests)

    async with over_http(serve(toolkit)) as client:
        calling = asyncio.create_task(client.call_tool(DRAW, SMALL))
        await asyncio.to_thread(wait_until, lambda: len(drawing_sandbox.requests) > before)
        calling.cancel()
        drawn = await client.call_tool(DRAW, SMALL)
    assert not drawn.is_error


async def test_a_client_cannot_read_the_servers_disk(
    toolkit: VisionCraftToolkit, drawing_sandbox: Sandbox, serve: Any, pictures: Path
) -> None:
    secret = pictures / "cat.png"
    before = len(drawing_sandbox.requests)
    names = (str(secret), f"../../../..{secret}", secret.as_uri(), f"file:{secret}")
    async with over_http(serve(toolkit)) as client:
        for named in names:
            arguments = {"image": named, "prompt": "at night"}
            result = await client.call_tool("visioncraft_image_to_image", arguments)
            assert result.is_error
        with pytest.raises(mcp.MCPError):
            await client.read_resource(secret.as_uri())
    assert len(drawing_sandbox.requests) == before


async def test_files_of_allowed_folders_can_be_named(
    drawing_sandbox: Sandbox, store: MediaStore, pictures: Path, serve: Any
) -> None:
    toolkit = VisionCraftToolkit(
        api_key="any", base_url=drawing_sandbox.url, store=store, allowed_dirs=[pictures]
    )
    async with over_http(serve(toolkit)) as client:
        arguments = {"image": "cat.jpg", "prompt": "at night"}
        result = await client.call_tool("visioncraft_image_to_image", arguments)
    assert not result.is_error


def test_only_who_has_the_token_is_let_in(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit, app={"token": "tökén"})
    assert say_hello(url) == 401
    assert say_hello(url, Authorization="Bearer wrong") == 401
    assert say_hello(url, Authorization="Basic dG9rZW4=") == 401


async def test_the_token_opens(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit, app={"token": "secret"})
    async with over_http(url, Authorization="Bearer secret") as client:
        assert len((await client.list_tools()).tools) == 9


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
    ids=lambda value: (
        " ".join(map(str, value.values())) or "none" if isinstance(value, dict) else ""
    ),
)
def test_web_pages_of_others_are_kept_out(
    toolkit: VisionCraftToolkit, serve: Any, headers: dict[str, str], status: int
) -> None:
    assert say_hello(serve(toolkit), **headers) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "studio.example"}, 200),
        ({"Host": "studio.example:8766"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "studio.example", "Origin": "http://studio.example"}, 200),
        ({"Host": "studio.example", "Origin": "https://studio.example"}, 200),  # a proxy with TLS
        ({"Host": "studio.example", "Origin": "http://evil.example"}, 403),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_named_host_is_let_in(
    toolkit: VisionCraftToolkit, serve: Any, headers: dict[str, str], status: int
) -> None:
    assert say_hello(serve(toolkit, app={"allowed_hosts": ["studio.example"]}), **headers) == status


def test_a_client_with_the_token_may_use_any_name(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit, app={"token": "secret", "allowed_hosts": ["*"]})
    named = {"Host": "any.example", "Authorization": "Bearer secret"}
    assert say_hello(url, **named) == 200
    assert say_hello(url, Host="any.example") == 401
    assert say_hello(url, **named, Origin="http://evil.example") == 403


@pytest.mark.parametrize(
    ("address", "named", "token", "allowed"),
    [
        ("127.0.0.1", [], None, ["127.0.0.1"]),
        ("me.local", ["studio.example"], None, ["me.local", "studio.example"]),
        ("fd00::5", [], None, ["fd00::5"]),
        ("0.0.0.0", ["studio.example"], None, ["studio.example"]),
        ("::", [], "secret", ["*"]),
    ],
)
def test_the_names_that_fit_an_address(
    address: str, named: list[str], token: str | None, allowed: list[str]
) -> None:
    assert hosts_for(address, named, token) == allowed


def test_every_address_needs_a_name_or_a_token() -> None:
    with pytest.raises(InvalidRequestError, match="--allowed-host"):
        hosts_for("0.0.0.0", [], None)


@pytest.mark.parametrize("name", ["*", "*:8766", "studio*"])
def test_names_for_all_need_a_token(toolkit: VisionCraftToolkit, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="token"):
        create_http_app(create_server(toolkit), allowed_hosts=[name])


@pytest.mark.parametrize("token", ["", " "])
def test_an_empty_token_is_not_no_token(toolkit: VisionCraftToolkit, token: str) -> None:
    with pytest.raises(InvalidRequestError, match="token is empty"):
        create_http_app(create_server(toolkit), token=token)
