"""What the tests of both packages share: no network but loopback, no keys, one sandbox."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from visioncraft_sandbox import Sandbox


def pytest_configure() -> None:
    """Processes that tests start hear Ctrl-C, also if the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Integration tests may open sockets, but only to this machine, or to a live host."""
    live = os.environ.get("VISIONCRAFT_LIVE_TESTS")
    for item in items:
        if "integration_tests" in item.path.parts:
            item.add_marker(pytest.mark.enable_socket)
            if not live:
                item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, host or proxy of the developer's own takes part in a test."""
    for name in list(os.environ):
        if name.startswith(("VISIONCRAFT_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "LC_")):
            monkeypatch.delenv(name)
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def pictures() -> Path:
    """The folder of small media that tests send."""
    return Path(__file__).parent / "tests" / "media"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with all its engines, for integration tests."""
    from visioncraft_sandbox import Sandbox  # noqa: PLC0415 -- `make test-lowest` has none

    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def drawing_sandbox() -> Iterator[Sandbox]:
    """A sandbox that only draws and moves; faults may be injected into it."""
    from visioncraft_sandbox import Sandbox  # noqa: PLC0415 -- `make test-lowest` has none

    with Sandbox(models=False) as running:
        yield running


@pytest.fixture(scope="session")
def polled_sandbox() -> Iterator[Sandbox]:
    """A sandbox that draws; Midjourney's pictures are there at the second look."""
    with Sandbox(models=False, midjourney_seconds=2) as running:
        running._app.state.services.midjourney._clock = itertools.count().__next__
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that one test injected does not reach the next."""
    yield
    for name in ("sandbox", "drawing_sandbox", "polled_sandbox"):
        if name in request.fixturenames:
            request.getfixturevalue(name).faults.clear()
