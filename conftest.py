"""What the tests of both packages share: no network but loopback, no keys, one sandbox."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from visioncraft_sandbox import Sandbox

# On a busy machine an example may take long.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


ROOT = Path(__file__).parent
# What `make test` runs of the integration tests: a module or two of each area, none of them slow.
ESSENTIAL = (
    "sandbox/tests/integration_tests/test_sandbox_chat.py",
    "sandbox/tests/integration_tests/test_sandbox_commands.py",
    "sandbox/tests/integration_tests/test_sandbox_server.py",
    "tests/integration_tests/agents/test_agent.py",
    "tests/integration_tests/chat_models/test_standard_prompted.py",
    "tests/integration_tests/cli/test_cli_commands.py",
    "tests/integration_tests/client/test_client_connections.py",
    "tests/integration_tests/client/test_client_faults.py",
    "tests/integration_tests/document_loaders/test_loading_from_sandbox.py",
    "tests/integration_tests/mcp/test_mcp_stdio.py",
    "tests/integration_tests/robustness/test_cancellation.py",
    "tests/integration_tests/tools/test_tools_over_http.py",
)
# One worker of pytest-xdist runs them all, because nobody steals the first of its tests: what they
# share takes long to start.
FIRST = ROOT / "tests/integration_tests/test_ray_data.py"
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest` alone runs everything."""
    parser.addoption(
        "--essential", action="store_true", help="of the integration tests run only the essential"
    )


def pytest_configure() -> None:
    """Processes that tests start hear Ctrl-C, also if the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ESSENTIAL:
        if not (ROOT / name).is_file():
            raise pytest.UsageError(f"ESSENTIAL in conftest.py names {name}, which is not there.")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported here stays: the garbage collector never looks at it."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    return collected


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Integration tests may open sockets, but only to this machine, or to a live host."""
    if config.getoption("--essential"):
        chosen = {ROOT / name for name in ESSENTIAL}
        kept = [
            item
            for item in items
            if "integration_tests" not in item.path.parts or item.path in chosen
        ]
        config.stash[LEFT_OUT] = len(items) - len(kept)
        if hasattr(config, "workeroutput"):  # a worker of pytest-xdist, which says nothing itself
            config.workeroutput["left_out"] = config.stash[LEFT_OUT]
        items[:] = kept
    items.sort(key=lambda item: item.path != FIRST)
    live = os.environ.get("VISIONCRAFT_LIVE_TESTS")
    for item in items:
        if "integration_tests" in item.path.parts:
            item.add_marker(pytest.mark.enable_socket)
            if not live:
                item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each worker leaves out the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The last line says what was left out."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} integration tests were left out; `make test-all` runs everything."
        )


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
    return ROOT / "tests" / "media"


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
    from visioncraft_sandbox import Sandbox  # noqa: PLC0415 -- `make test-lowest` has none

    with Sandbox(models=False, midjourney_seconds=1000) as running:
        midjourney = running._app.state.midjourney
        find, looks = midjourney.find, Counter[str]()

        def look(task_id: str, *more: Any) -> Any:
            task = find(task_id, *more)
            looks[task_id] += 1
            task.seconds = 0 if looks[task_id] > 1 else task.seconds
            return task

        midjourney.find = look
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that one test injected does not reach the next."""
    yield
    for name in ("sandbox", "drawing_sandbox", "polled_sandbox"):
        if name in request.fixturenames:
            request.getfixturevalue(name).faults.clear()
