"""FastMCP's client, connected to a server of the tools in memory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest
from fastmcp import Client
from mcp import ClientSession
from tool_service import HOST, KEY, Service

from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft.client import serving
from langchain_visioncraft.mcp import create_server

Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[ClientSession]]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def toolkit(service: Service, store: MediaStore) -> Callable[..., VisionCraftToolkit]:
    """Makes a toolkit that talks to the service."""

    def make(**options: Any) -> VisionCraftToolkit:
        settings = {
            "api_key": KEY,
            "base_url": HOST,
            "store": store,
            "max_retries": 0,
            **service.clients(),
        }
        return VisionCraftToolkit(**{**settings, **options})

    return make


@pytest.fixture
def connect(toolkit: Callable[..., VisionCraftToolkit]) -> Connect:
    """Connects a client to a server: arguments of the toolkit, then of `create_server`."""

    @contextlib.asynccontextmanager
    async def connect(
        options: dict[str, Any] | None = None, **settings: Any
    ) -> AsyncIterator[ClientSession]:
        server = create_server(toolkit(**(options or {})), **settings)
        async with Client(server) as client:
            yield client.session

    return connect


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(serving, "_backoff", lambda _: 0.001)
