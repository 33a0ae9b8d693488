from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from loader_driving import fill_folder
from media_host import MediaHost, picture

from langchain_visioncraft import VisionCraftMediaLoader

Parse = Callable[[Any, Blob], list[Document]]
Load = Callable[[Any], list[Document]]


@pytest.fixture
def host() -> MediaHost:
    return MediaHost()


@pytest.fixture(params=["sync", "async"])
def parse(request: pytest.FixtureRequest) -> Parse:
    """Parses a blob, in both ways."""
    if request.param == "sync":
        return lambda parser, blob: list(parser.lazy_parse(blob))
    return lambda parser, blob: asyncio.run(parser.aparse(blob))


@pytest.fixture(params=["threads", "tasks"])
def load(request: pytest.FixtureRequest) -> Load:
    """Loads all documents, in both ways."""
    if request.param == "threads":
        return lambda loader: list(loader.lazy_load())
    return lambda loader: asyncio.run(loader.aload())


@pytest.fixture
def make(host: MediaHost) -> Any:
    clients = host.clients()
    return lambda source, **options: VisionCraftMediaLoader(
        source, **{**clients, "max_retries": 0, **options}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, a recording and a video, in two folders."""
    return fill_folder(tmp_path / "media")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(picture())
    return path
