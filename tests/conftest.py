"""What all tests share: no network but loopback, no keys from the environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from langchain_visioncraft import MediaStore

# Read when Ray is imported. Its machines talk over loopback, it reports to nobody, and it writes
# down all that it could tell: no key may be in it.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_export_api_write": "1",
}

INTEGRATION = Path(__file__).parent / "integration_tests"


def pytest_configure() -> None:
    """Processes that tests start hear Ctrl-C, also if the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Integration tests may open sockets, but only to this machine, or to a live host."""
    live = os.environ.get("VISIONCRAFT_LIVE_TESTS")
    for item in items:
        if INTEGRATION in item.path.parents:
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
def store(tmp_path: Path) -> MediaStore:
    """An empty store in a folder of its own."""
    return MediaStore(tmp_path / "media")


@pytest.fixture
def pictures() -> Path:
    """The folder of small media that tests send."""
    return Path(__file__).parent / "media"
