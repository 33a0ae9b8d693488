"""A host that draws each picture once, and a tool that asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from client_driving import KEY
from fault_hosts import remembering_sandbox
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore, VisionCraftTextToImage


@pytest.fixture(scope="module")
def host() -> Iterator[Sandbox]:
    with remembering_sandbox(models=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "host" in request.fixturenames:
        request.getfixturevalue("host").faults.clear()


@pytest.fixture
def tool(host: Sandbox, store: MediaStore) -> Iterator[VisionCraftTextToImage]:
    made = VisionCraftTextToImage(api_key=KEY, base_url=host.url, store=store)
    yield made
    made._sync_client.close()  # otherwise its connection goes with it, at some collection
