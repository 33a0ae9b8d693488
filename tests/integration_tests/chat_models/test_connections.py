"""Real connections: several event loops, threads, processes, and nothing left open."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from langchain_visioncraft import ChatVisionCraft

pytestmark = pytest.mark.enable_socket


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    callers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        self.callers.append(self.client_address[1])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        head: dict[str, Any] = {"id": "1", "created": 1, "model": body["model"]}
        if body.get("stream"):
            choice = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}}
            chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            content = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
            kind = "text/event-stream"
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}}
            content = json.dumps(
                {**head, "object": "chat.completion", "choices": [choice]}
            ).encode()
            kind = "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def build(url: str) -> ChatVisionCraft:
    return ChatVisionCraft(model="m", api_key="secret-key", base_url=url, max_retries=0)


async def both_ways(model: ChatVisionCraft) -> list[str]:
    whole = await model.ainvoke("Hi")
    return [whole.text, "".join([chunk.text async for chunk in model.astream("Hi")])]


def test_one_model_works_in_one_event_loop_after_another(url: str) -> None:
    model = build(url)
    for _ in range(3):
        assert asyncio.run(both_ways(model)) == ["Hi", "Hi"]


def test_one_model_works_in_many_threads_at_once(url: str) -> None:
    model = build(url)

    def work(_: int) -> list[str]:
        return [model.invoke("Hi").text, *asyncio.run(both_ways(model))]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [["Hi"] * 3] * 24


def _in_another_process(model: ChatVisionCraft) -> list[str]:
    return [model.invoke("Hi").text, *asyncio.run(both_ways(model))]


def test_a_model_works_in_another_process(url: str) -> None:
    model = build(url)
    assert model.invoke("Hi").text == "Hi"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_in_another_process, (model,)) == ["Hi"] * 3


def test_a_forked_process_does_not_speak_over_its_parents_connection(url: str) -> None:
    model = build(url)
    model.invoke("Hi")
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if model.invoke("Hi").text == "Hi" else 1)
    assert os.waitpid(child, 0)[1] == 0
    model.invoke("Hi")
    before, forked, after = _Handler.callers[-3:]
    assert before == after != forked


def test_nothing_is_left_open(url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        model = build(url)
        asyncio.run(both_ways(model))
        model.invoke("Hi")
        del model
        gc.collect()
