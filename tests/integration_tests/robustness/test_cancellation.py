"""Calls that are cancelled, or broken off by Ctrl-C, at every step: nothing is left of them."""

from __future__ import annotations

import asyncio
import io
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from client_driving import KEY
from interruptions import Steps, Surroundings, lines_of
from PIL import Image
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import VisionCraftImageToImage

SIZE = (720, 480)


@pytest.fixture
def around(host: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Surroundings(host, tmp_path)


@pytest.fixture(params=["2024-03", "2023-11"])
def tool(request: pytest.FixtureRequest, around: Surroundings) -> VisionCraftImageToImage:
    """Uploads; the answer is a long file, or a link to one."""
    return VisionCraftImageToImage(
        api_key=KEY, base_url=around.sandbox.url, store=around.store, api_version=request.param
    )


@pytest.fixture
def arguments(around: Surroundings) -> dict[str, Any]:
    """A picture of noise, which no compression makes small: it goes and comes in many pieces."""
    noise = Image.frombytes("RGB", SIZE, random.Random(1).randbytes(SIZE[0] * SIZE[1] * 3))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    picture = around.store.add(buffer.getvalue())
    around.keep()
    return {"image": picture.handle, "prompt": "x"}


async def test_a_task_may_be_cancelled_wherever_it_waits(
    tool: VisionCraftImageToImage, arguments: dict[str, Any], around: Surroundings
) -> None:
    steps, left, ended = Steps(), {}, 0
    asyncio.get_running_loop().set_task_factory(steps.factory)
    await asyncio.create_task(tool.ainvoke(arguments))
    for chosen in range(1, 500):
        around.forget()
        if chosen % 3 == 0:  # with a connection that is there, and with one to be made
            await tool._async_client.aclose()
        steps.choose(chosen)
        try:
            await asyncio.create_task(tool.ainvoke(arguments))
        except asyncio.CancelledError:
            left[chosen] = await asyncio.to_thread(around.left)  # closing takes the loop's time
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            left[chosen] += [str(task) for task in tasks]
        else:
            ended += 1
        if ended == 3:  # beyond the last await, with and without a connection
            break
    assert len(left) > 5  # over aiohttp a call waits less often than over httpx
    assert {chosen: found for chosen, found in left.items() if found} == {}
    assert "image/png" in await tool.ainvoke(arguments)
    await tool._async_client.aclose()
    assert await asyncio.to_thread(around.left, connections=0) == []


# A socket or file that the line before made is closed by Python itself, which says so.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_ctrl_c_may_come_at_any_line(
    tool: VisionCraftImageToImage, arguments: dict[str, Any], around: Surroundings
) -> None:
    tool.invoke(arguments)  # imports, and the first drawing
    around.forget()
    lines = lines_of(lambda: tool.invoke(arguments))
    assert lines > 1000
    left = {}
    for chosen in range(1, lines, lines // 30):
        around.forget()
        with pytest.raises(KeyboardInterrupt):
            lines_of(lambda: tool.invoke(arguments), chosen)
        left[chosen] = around.left()
    assert {chosen: found for chosen, found in left.items() if found} == {}
    assert "image/png" in tool.invoke(arguments)
    tool._sync_client.close()
    assert around.left(connections=0) == []
