"""``visioncraft mcp`` as a process, with the SDK's client."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp_clients import over_stdio
from visioncraft_sandbox import Sandbox

ROOT = Path(__file__).parents[3]
NOISE = """
import os
from langchain_visioncraft.tools import VisionCraftTool

finish = VisionCraftTool.finish

def noisy(self, result, job):
    print("a library prints")
    os.write(1, b"C code prints\\n")
    return finish(self, result, job)

VisionCraftTool.finish = noisy
"""


@pytest.fixture
def environment(drawing_sandbox: Sandbox) -> dict[str, str]:
    return {"VISIONCRAFT_API_KEY": "any", "VISIONCRAFT_BASE_URL": drawing_sandbox.url}


async def test_the_recipes_configuration_works_and_stdout_is_the_protocols(
    environment: dict[str, str], tmp_path: Path
) -> None:
    recipe = (ROOT / "docs/recipes/mcp.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```json\n(.*?)```", recipe, re.DOTALL)
    told = json.loads(block)["mcpServers"]["visioncraft"]
    assert set(told["env"]) < set(environment)
    (tmp_path / "sitecustomize.py").write_text(NOISE)
    parameters = StdioServerParameters(
        command=str(Path(sys.executable).with_name(told["command"])),
        args=told["args"],
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        cwd="/",  # where desktop clients start it
    )
    log = tmp_path / "stderr"
    with log.open("w") as errlog:
        async with over_stdio(parameters, errlog) as client:
            arguments = {"prompt": "a cat", "width": 64, "height": 64}
            drawn = await client.call_tool("visioncraft_text_to_image", arguments)
            [text] = drawn.content
            uri = text.text.splitlines()[1]
            read = await client.read_resource(uri)
    data = base64.b64decode(read.contents[0].blob)
    assert data == (tmp_path / "Pictures" / "visioncraft" / uri.rpartition("/")[2]).read_bytes()
    assert sorted(log.read_text().splitlines()) == ["C code prints", "a library prints"]


INITIALIZE = {
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
PING = {"method": "ping"}
INITIALIZED = {"method": "notifications/initialized"}


def spoken(*messages: tuple[int | str | None, dict[str, Any]]) -> bytes:
    """Messages with their ids, as lines."""
    numbered = (
        {"jsonrpc": "2.0", **({"id": n} if n is not None else {}), **m} for n, m in messages
    )
    return b"".join(json.dumps(message).encode() + b"\n" for message in numbered)


def answers(
    said: bytes, count: int, environment: dict[str, str], folder: Path, *more: str
) -> list[dict[str, Any]]:
    """So many answers of a process to all this at once, and what else it says until it ends."""
    command = [sys.executable, "-m", "langchain_visioncraft", "mcp", "--store", str(folder), *more]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        process.stdin.write(said)
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(count)]
        process.stdin.close()
        lines += process.stdout.readlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("first", [1, "one", 0])
def test_the_first_request_is_answered_once_and_nothing_said_with_it_is_lost(
    environment: dict[str, str], tmp_path: Path, first: int | str
) -> None:
    said = spoken(
        (first, INITIALIZE), (None, INITIALIZED), (2, PING), (3, {"method": "tools/list"})
    )
    [initialized, ping, listed] = answers(said, 3, environment, tmp_path)
    assert initialized["result"]["serverInfo"]["name"] == "visioncraft"
    assert [initialized["id"], ping["id"], listed["id"]] == [first, 2, 3]
    assert len(listed["result"]["tools"]) == 9


def test_a_client_that_begins_with_something_else_is_served_as_well(
    environment: dict[str, str], tmp_path: Path
) -> None:
    said = spoken((1, PING), (2, INITIALIZE))
    assert [answer["id"] for answer in answers(said, 2, environment, tmp_path)] == [1, 2]


@pytest.mark.parametrize("missing", ["key", "tool"])
def test_why_a_server_cannot_start_is_the_answer_to_the_next_request(
    environment: dict[str, str], tmp_path: Path, missing: str
) -> None:
    if missing == "key":
        del environment["VISIONCRAFT_API_KEY"]
    more = ["--tools", "paint"] if missing == "tool" else []
    said = spoken((1, INITIALIZE), (None, INITIALIZED), (2, {"method": "tools/list"}))
    [initialized, refused] = answers(said, 2, environment, tmp_path, *more)
    assert initialized["result"]["serverInfo"]["name"] == "visioncraft"
    assert refused["id"] == 2
    words = "VISIONCRAFT_API_KEY" if missing == "key" else "There is no tool visioncraft_paint"
    assert words in refused["error"]["message"]


def test_the_first_answer_needs_nothing_that_takes_long_to_import(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A client that waits for five seconds gets it on a busy machine, too."""
    for name in ("fastmcp", "mcp", "langchain_core", "pydantic", "visioncraft_sandbox", "uvicorn"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__name__} is imported')")
    broken = {**environment, "PYTHONPATH": str(tmp_path)}
    [answer] = answers(spoken((1, INITIALIZE)), 1, broken, tmp_path / "store")
    assert answer["result"]["protocolVersion"] == "2025-06-18"
