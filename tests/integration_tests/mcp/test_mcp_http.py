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
from mcp import types
from mcp_clients import over_http
from pydantic import AnyUrl
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.mcp import create_http_app, create_server
from langchain_visioncraft.mcp.http import LOOPBACK, hosts_for

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
    async with over_http(serve(toolkit)) as client:
        drawn = await client.call_tool(DRAW, SMALL)
        [text, image, link] = drawn.content
        read = await client.read_resource(link.uri)
    handle = text.text.split()[0]
    assert base64.b64decode(image.data) == store.get(handle).read()
    assert base64.b64decode(read.contents[0].blob) == store.get(handle).read()


async def test_several_clients_work_at_once(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit)

    async def draw(prompt: str) -> str:
        async with over_http(url) as client:
            result = await client.call_tool(DRAW, {**SMALL, "prompt": prompt})
        return result.structuredContent["media"][0]["handle"]

    prompts = ["a cat", "a red house", "a boat on the sea"]
    handles = await asyncio.gather(*map(draw, prompts))
    told = [toolkit.store.provenance(handle)["arguments"]["prompt"] for handle in handles]
    assert told == prompts


async def test_progress_arrives_on_the_stream_of_the_request(store: MediaStore, serve: Any) -> None:
    told = []

    async def hear(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    with Sandbox(models=False, midjourney_seconds=0.3) as sandbox:
        toolkit = VisionCraftToolkit(
            api_key="any", base_url=sandbox.url, store=store, text_to_image="midjourney"
        )
        async with over_http(serve(toolkit)) as client:
            arguments = {"prompt": "a cat --ar 1:1"}
            name = "visioncraft_midjourney"
            result = await client.call_tool(name, arguments, progress_callback=hear)
    assert not result.isError
    assert told[0] == "submitted to Midjourney"
    assert "Midjourney is generating" in told


async def test_a_cancelled_request_leaves_the_session_usable(
    toolkit: VisionCraftToolkit, drawing_sandbox: Sandbox, serve: Any
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", delay=20))
    before = len(drawing_sandbox.requests)

    async def call(client: mcp.ClientSession) -> None:
        with pytest.raises(mcp.McpError, match="cancelled"):
            await client.call_tool(DRAW, SMALL)

    async with over_http(serve(toolkit)) as client:
        calling = asyncio.create_task(call(client))
        await asyncio.to_thread(wait_until, lambda: len(drawing_sandbox.requests) > before)
        params = types.CancelledNotificationParams(requestId=1)
        note = types.CancelledNotification(params=params)
        await client.send_notification(types.ClientNotification(note))
        await asyncio.wait_for(calling, 15)
        drawn = await client.call_tool(DRAW, SMALL)
    assert not drawn.isError


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
            assert result.isError
        with pytest.raises(mcp.McpError):
            await client.read_resource(AnyUrl(secret.as_uri()))
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
    assert not result.isError


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


def test_a_named_host_is_let_in(toolkit: VisionCraftToolkit, serve: Any) -> None:
    url = serve(toolkit, app={"allowed_hosts": ["studio.example"]})
    assert say_hello(url, Host="studio.example:8766") == 200
    assert say_hello(url, Host="studio.example") == 200
    assert say_hello(url) == 421


@pytest.mark.parametrize(
    ("address", "named", "token", "allowed"),
    [
        ("127.0.0.1", [], None, [*LOOPBACK]),
        ("localhost", ["me.local"], None, [*LOOPBACK, "me.local"]),
        ("::1", [], None, [*LOOPBACK]),
        ("10.0.0.5", [], None, [*LOOPBACK, "10.0.0.5"]),
        ("fd00::5", [], None, [*LOOPBACK, "[fd00::5]"]),
        ("0.0.0.0", ["studio.example"], None, [*LOOPBACK, "studio.example"]),
        ("0.0.0.0", [], "secret", []),
    ],
)
def test_the_names_that_fit_an_address(
    address: str, named: list[str], token: str | None, allowed: list[str]
) -> None:
    assert hosts_for(address, named, token) == allowed


def test_every_address_needs_a_name_or_a_token(toolkit: VisionCraftToolkit) -> None:
    with pytest.raises(InvalidRequestError, match="--allowed-host"):
        hosts_for("0.0.0.0", [], None)
    with pytest.raises(InvalidRequestError, match="token"):
        create_http_app(create_server(toolkit), allowed_hosts=[])
