"""``visioncraft mcp`` as a process, with clients of both versions of the SDK."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp_clients import SDK_2, over_stdio
from pydantic import AnyUrl
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore
from langchain_visioncraft.mcp.resources import RESOURCE_NOT_FOUND
from langchain_visioncraft.mcp.stdio import stdout_for_the_protocol

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
    path = os.pathsep.join([str(tmp_path), str(SDK_2 or "")])  # the newest SDK, as pip installs it
    parameters = StdioServerParameters(
        command=str(Path(sys.executable).with_name(told["command"])),
        args=told["args"],
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": path},
        cwd="/",  # where desktop clients start it
    )
    log = tmp_path / "stderr"
    with log.open("w") as errlog:
        async with over_stdio(parameters, errlog) as client:
            arguments = {"prompt": "a cat", "width": 64, "height": 64}
            drawn = await client.call_tool("visioncraft_text_to_image", arguments)
            [_, image, link] = drawn.content
            read = await client.read_resource(AnyUrl(str(link.uri)))
    data = base64.b64decode(image.data)
    assert data == base64.b64decode(read.contents[0].blob)
    assert data == (tmp_path / "Pictures" / "visioncraft" / link.name).read_bytes()
    assert sorted(log.read_text().splitlines()) == ["C code prints", "a library prints"]


def test_what_is_printed_goes_to_stderr(capfd: Any) -> None:
    with stdout_for_the_protocol() as stdout:
        os.write(1, b"print\n")
        stdout.write("{}\n")
    os.write(1, b"after\n")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("{}\nafter\n", "print\n")


@pytest.mark.skipif(SDK_2 is None, reason="`make test` installs version 2 of the SDK")
def test_server_and_client_on_version_2_of_the_sdk(store: MediaStore) -> None:
    script = Path(__file__).with_name("sdk_2_session.py")
    path = os.pathsep.join([str(SDK_2), str(ROOT / "tests")])
    with Sandbox(models=False, midjourney_seconds=0.2) as sandbox:
        done = subprocess.run(
            [sys.executable, str(script), sandbox.url, str(store.root)],
            env={**os.environ, "PYTHONPATH": path},
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("progress")[0] == "submitted to Midjourney"
    assert told == {
        "version": "2026-07-28",
        "tools": 9,
        "kinds": ["text", "image", "resource_link"],
        "shown": "image/jpeg",
        "read": "image/png",
        "listed": True,
        "templates": 1,
        "error": True,
        "codes": [RESOURCE_NOT_FOUND] * 2,
    }
