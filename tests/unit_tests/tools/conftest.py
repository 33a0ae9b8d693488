from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tool_service import HOST, KEY, TOOLS, WAYS, Service, arguments_for, name_of

from langchain_visioncraft import MediaStore
from langchain_visioncraft.client import serving
from langchain_visioncraft.tools import VisionCraftTool


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=TOOLS, ids=name_of)
def kind(request: pytest.FixtureRequest) -> type[VisionCraftTool]:
    """Each tool."""
    return request.param


@pytest.fixture
def make(service: Service, store: MediaStore) -> Callable[..., Any]:
    """Makes a tool that talks to the service."""

    def make(kind: type[VisionCraftTool], **options: Any) -> Any:
        settings = {
            "api_key": KEY,
            "base_url": HOST,
            "store": store,
            "max_retries": 0,
            **service.clients(),
        }
        if "client" in options:
            settings = {"store": store}
        return kind(**{**settings, **options})

    return make


@pytest.fixture
def arguments(kind: type[VisionCraftTool], store: MediaStore) -> dict[str, Any]:
    """What the tool `kind` is asked."""
    return arguments_for(kind, store)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(serving, "_backoff", lambda _: 0.001)
