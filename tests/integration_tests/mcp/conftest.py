from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from mcp_clients import running
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft.mcp import create_http_app, create_server

Serve: TypeAlias = Callable[..., str]


@pytest.fixture
def toolkit(drawing_sandbox: Sandbox, store: MediaStore) -> VisionCraftToolkit:
    return VisionCraftToolkit(api_key="any", base_url=drawing_sandbox.url, store=store)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a toolkit over HTTP and gives the URL; `app` are arguments of `create_http_app`."""
    with contextlib.ExitStack() as stack:

        def serve(
            toolkit: VisionCraftToolkit, *, app: dict[str, Any] | None = None, **settings: Any
        ) -> str:
            served = create_http_app(create_server(toolkit, **settings), **(app or {}))
            return stack.enter_context(running(served))

        yield serve


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.15)
