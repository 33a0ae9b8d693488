"""One sandbox for all integration tests; it answers on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_visioncraft.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with all its engines."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def drawing_sandbox() -> Iterator[Sandbox]:
    """A sandbox that only draws and moves; faults may be ordered in it."""
    with Sandbox(models=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test ordered does not reach the next."""
    yield
    for name in ("sandbox", "drawing_sandbox"):
        if name in request.fixturenames:
            request.getfixturevalue(name).faults.clear()
