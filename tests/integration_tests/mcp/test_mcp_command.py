"""``visioncraft mcp``: what it says when it starts, and when it cannot."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from visioncraft_sandbox import Sandbox

from langchain_visioncraft.cli import main

HTTP = ("--transport", "http", "--port", "0")


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    before = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = before


@pytest.fixture
def start(
    drawing_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> Any:
    """Runs the command up to where it would serve; gives the exit code and what it said."""
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "any")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", drawing_sandbox.url)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)

    def start(*arguments: str) -> tuple[Any, str]:
        with pytest.raises(SystemExit) as ended:
            main(["mcp", *arguments])
        captured = capfd.readouterr()
        assert captured.out == ""
        return ended.value.code, " ".join(captured.err.split())

    return start


def test_it_says_where_it_listens(start: Any, tmp_path: Path) -> None:
    code, told = start(*HTTP)
    assert code == 0
    assert "on http://127.0.0.1:" in told
    assert "Warning" not in told
    assert (tmp_path / "visioncraft-media").is_dir()


def test_an_open_address_is_warned_of(start: Any) -> None:
    code, told = start(*HTTP, "--host", "0.0.0.0", "--allowed-host", "studio.example")
    assert code == 0
    assert "Warning: anyone who can reach 0.0.0.0 can spend your subscription" in told


def test_a_token_of_the_environment_is_enough(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_MCP_TOKEN", "canary-token")
    code, told = start(*HTTP, "--host", "0.0.0.0")
    assert code == 0
    assert "Warning" not in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--host", "0.0.0.0"), 2, "--allowed-host"),
        (("--tools", "paint"), 2, "Choose among text_to_image"),
        (("--base-url", "nonsense"), 2, "base_url is not valid"),
        (("--sandbox",), 2, "cannot be combined"),
        (("--store", "taken/store"), 1, "taken"),
    ],
    ids=["no name", "no tool", "no host", "two hosts", "no folder"],
)
def test_what_is_wrong_is_said_at_the_start(
    start: Any, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    more = ("--base-url", "http://127.0.0.1:9") if arguments == ("--sandbox",) else ()
    ended, said = start(*HTTP, *arguments, *more)
    assert ended == code
    assert told in said


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_without_a_key_nothing_is_served(
    start: Any, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.delenv("VISIONCRAFT_API_KEY")
    code, told = start("--transport", transport, "--port", "0")
    assert code == 3
    assert "VISIONCRAFT_API_KEY" in told


def test_a_port_that_is_taken_is_named(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, told = start("--transport", "http", "--port", port)
    assert code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in told


def test_a_missing_extra_is_named(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    of_mcp = ("langchain_visioncraft.mcp", "langchain_visioncraft.cli.serving")
    for name in [name for name in sys.modules if name.startswith(of_mcp)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastmcp", None)
    code, told = start()
    assert code == 1
    assert "pip install 'langchain-visioncraft[mcp]'" in told
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'langchain-visioncraft\[mcp\]'"):
        import langchain_visioncraft.mcp  # noqa: F401
