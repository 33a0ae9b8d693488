"""The first answer over stdio is what the server itself would say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from mcp.client import Client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION

from langchain_visioncraft import VisionCraftToolkit
from langchain_visioncraft._handshake import CONTENT_TYPES, answer_to
from langchain_visioncraft.mcp import create_server
from langchain_visioncraft.mcp.results import ContentTypes


def request(method: str, **parameters: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters}
    return json.dumps(message).encode()


def initialize(version: str) -> dict[str, Any]:
    answer = answer_to(request("initialize", protocolVersion=version, capabilities={}))
    assert answer is not None
    return answer


def discover(version: str) -> dict[str, Any] | None:
    meta = {"io.modelcontextprotocol/protocolVersion": version}
    return answer_to(request("server/discover", _meta=meta))


def dumped(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


async def test_initialize_is_answered_as_the_server_does(
    toolkit: Callable[..., VisionCraftToolkit],
) -> None:
    async with Client(create_server(toolkit())._mcp_server, mode="legacy") as client:
        theirs = {
            "protocolVersion": client.protocol_version,
            "capabilities": dumped(client.server_capabilities),
            "serverInfo": dumped(client.server_info),
            "instructions": client.instructions,
        }
    answer = initialize(theirs["protocolVersion"])
    assert answer == {"jsonrpc": "2.0", "id": 7, "result": theirs}


async def test_discovery_is_answered_as_the_server_does(
    toolkit: Callable[..., VisionCraftToolkit],
) -> None:
    async with Client(create_server(toolkit())._mcp_server, mode="auto") as client:
        theirs = dumped(client.session.discover_result)
    answer = discover(LATEST_MODERN_VERSION)
    assert answer is not None
    assert answer["result"] == theirs


@pytest.mark.parametrize("version", HANDSHAKE_PROTOCOL_VERSIONS)
def test_every_version_that_the_server_knows_is_agreed_to(version: str) -> None:
    assert initialize(version)["result"]["protocolVersion"] == version


@pytest.mark.parametrize("version", ["1999-01-01", LATEST_MODERN_VERSION])
def test_to_another_version_the_newest_is_offered(version: str) -> None:
    newest = HANDSHAKE_PROTOCOL_VERSIONS[-1]
    assert initialize(version)["result"]["protocolVersion"] == newest


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id":' * 100_000,
        request("ping"),
        request("initialize"),
        b'{"method": "initialize", "params": {"protocolVersion": "2025-06-18"}}',
        b'{"id": 1, "method": "initialize", "params": null}',
        request("server/discover", _meta={"io.modelcontextprotocol/protocolVersion": "2099-01-01"}),
    ],
)
def test_anything_else_is_left_to_the_server(line: bytes) -> None:
    assert answer_to(line) is None


def test_the_command_offers_what_results_can_show() -> None:
    assert get_args(ContentTypes) == CONTENT_TYPES
