"""One tool for many threads, tasks and event loops; and interpreters that end during a call."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_hosts import open_connections
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import VisionCraftTextToImage

ASK = {"prompt": "a cat", "width": 64, "height": 64}


def closed(host: Sandbox) -> bool:
    """Whether all connections end; the host learns of it a moment later."""
    for _ in range(6000):
        if not open_connections(host):
            return True
        time.sleep(0.01)
    return False


def test_32_threads_on_one_tool(tool: VisionCraftTextToImage, host: Sandbox) -> None:
    with ThreadPoolExecutor(32) as pool:
        lines = set(pool.map(tool.invoke, [ASK] * 64))
    assert len(lines) == 1
    assert open_connections(host) <= 32
    tool._sync_client.close()
    assert closed(host)


async def test_200_tasks_on_one_tool(tool: VisionCraftTextToImage, host: Sandbox) -> None:
    lines = await asyncio.gather(*(tool.ainvoke(ASK) for _ in range(200)))
    assert len(set(lines)) == 1
    await tool._async_client.aclose()
    assert await asyncio.to_thread(closed, host)


def test_20_event_loops_in_a_row_leave_no_connection(
    tool: VisionCraftTextToImage, host: Sandbox
) -> None:
    async def main() -> str:
        first, second = await asyncio.gather(tool.ainvoke(ASK), tool.ainvoke(ASK))
        assert first == second
        return str(first)

    for _ in range(20):
        assert "image/png" in asyncio.run(main())
        assert closed(host)  # nobody closed the client: its connections end with the loop


BEGINNING = """
import asyncio, multiprocessing, os, sys, tempfile, threading
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient, endpoints

client = VisionCraftClient(base_url={url!r}, api_key="any")

def draw():
    return client.run(endpoints.text_to_image(prompt="a cat", model="m", width=64, height=64))

async def adraw():
    async with client.as_kind(AsyncVisionCraftClient) as other:
        flow = endpoints.text_to_image(prompt="a cat", model="m", width=64, height=64)
        return await other.run(flow)

def arrived():
    sys.stdin.readline()
"""
ENDINGS = {
    "a daemon thread is in a call": """
threading.Thread(target=draw, daemon=True).start()
arrived()
""",
    "a task is in a call": """
async def main():
    task = asyncio.create_task(adraw())
    await asyncio.to_thread(arrived)

asyncio.run(main())
""",
    "a forked child is in a call": """
client.run(endpoints.limits())
child = multiprocessing.get_context("fork").Process(target=draw, daemon=True)
child.start()
arrived()
""",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interpreter_may_end_while(ending: str, host: Sandbox, tmp_path: Path) -> None:
    with begun(ENDINGS[ending], host, tmp_path) as process:
        _, said = process.communicate("go on\n", timeout=60)
    assert (process.returncode, said) == (0, "")
    assert list(tmp_path.iterdir()) == []
    assert closed(host)


@pytest.mark.parametrize("call", ["draw()", "asyncio.run(adraw())"])
def test_ctrl_c_ends_a_call_that_waits(call: str, host: Sandbox, tmp_path: Path) -> None:
    with begun(call, host, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in said
    assert "Warning" not in said
    assert list(tmp_path.iterdir()) == []
    assert closed(host)


def begun(code: str, host: Sandbox, folder: Path) -> subprocess.Popen[str]:
    """A process whose call has reached the host, which does not answer."""
    host.faults.inject("POST /sd delay=100 times=always")
    asked = len(host.requests)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", BEGINNING.format(url=host.url) + code],
        env={"PATH": "", "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(one.path == "/sd" for one in list(host.requests)[asked:]):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    return process
