"""``visioncraft mcp`` as a process, with the SDK's client."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path

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
            [_, image, link] = drawn.content
            read = await client.read_resource(link.uri)
    data = base64.b64decode(image.data)
    assert data == base64.b64decode(read.contents[0].blob)
    assert data == (tmp_path / "Pictures" / "visioncraft" / link.name).read_bytes()
    assert sorted(log.read_text().splitlines()) == ["C code prints", "a library prints"]
