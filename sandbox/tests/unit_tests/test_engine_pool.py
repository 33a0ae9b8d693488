"""The threads of the sandbox: how many hold Python's lock while the event loop waits for it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import weakref
from collections import deque
from functools import partial

import pytest
from starlette.requests import Request
from visioncraft_sandbox import SandboxConfig
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.records import Received
from visioncraft_sandbox.uploads import Uploads
from visioncraft_sandbox.validation import read_body


@pytest.mark.parametrize("kind", ["parse", "read", "work"])
async def test_few_tasks_that_keep_the_processor_run_at_once(kind: str) -> None:
    pool = EnginePool(SandboxConfig(models=False))
    running, seen = 0, deque[int]()
    lock = threading.Lock()

    def task() -> None:
        nonlocal running
        with lock:
            running += 1
            seen.append(running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    await asyncio.gather(*(getattr(pool, kind)(task) for _ in range(30)))
    assert len(seen) == 30
    most = {"parse": 1, "read": 2, "work": max(2, os.cpu_count() or 1)}
    assert max(seen) <= most[kind]


async def test_a_large_body_is_parsed_in_a_thread() -> None:
    pool = EnginePool(SandboxConfig(models=False))
    body = json.dumps({"image": "A" * 2_000_000}).encode()
    threads: list[str] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def parse(task: object) -> object:
        threads.append("parse")
        return task()  # type: ignore[operator]

    pool.parse = parse  # type: ignore[assignment]
    request = Request({"type": "http", "headers": [], "method": "POST"}, receive)
    assert len((await read_body(request, pool, 1 << 30))["image"]) == 2_000_000
    assert threads == ["parse"]


def test_a_body_of_very_many_values_is_not_kept_for_tests() -> None:
    received = Received("POST", "/sd")
    received.keep(b'{"a": [' + b"[]," * 13_000 + b"1]}")
    assert received.body is None
    received.keep(b'{"a": [' + b"[]," * 2_000 + b"1]}")
    assert len(received.body["a"]) == 2_001


async def test_an_engine_is_loaded_in_a_thread_and_only_once() -> None:
    pool = EnginePool(SandboxConfig(models=False))
    loaded: list[int] = []

    def engine() -> int:
        if not loaded:
            threading.Event().wait(0.01)  # importing it
            loaded.append(threading.get_ident())
        return len(loaded)

    assert set(await asyncio.gather(*(pool.load(engine) for _ in range(10)))) == {1}
    assert loaded != [threading.get_ident()]


async def test_work_that_nobody_waits_for_any_more_does_not_begin_and_holds_nothing() -> None:
    pool = EnginePool(SandboxConfig(models=False))
    begun, end, done = threading.Event(), threading.Event(), list[int]()

    def long() -> None:
        begun.set()
        end.wait()
        go_on()
        done.append(0)

    class Picture:
        pass

    running = asyncio.ensure_future(pool.parse(long))
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        picture = Picture()
        held = weakref.ref(picture)
        queued = asyncio.ensure_future(pool.parse(partial(done.append, picture)))  # type: ignore[arg-type]
        while not pool.parse.waiting:  # noqa: ASYNC110 -- it has no event
            await asyncio.sleep(0)
        del picture
        for task in (running, queued):
            task.cancel()
        await asyncio.gather(running, queued, return_exceptions=True)
        del queued, task
        for _ in range(10):
            await asyncio.sleep(0)
        gc.collect()
        assert held() is None
    finally:
        end.set()
    await pool.parse(lambda: None)
    assert done == []


async def test_a_request_keeps_its_place_until_its_work_has_ended() -> None:
    config = SandboxConfig(models=False)
    pool = EnginePool(config)
    begun, end = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        end.wait()

    async def request() -> None:
        async with Uploads(config, FileStore(1 << 20, 60), "sandbox:8765", pool) as uploads:
            await uploads._enter(pool.large)
            await pool.work(long)

    leaving = asyncio.ensure_future(request())
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert pool.large.borrowed_tokens == 1
    finally:
        end.set()
    while pool.large.borrowed_tokens:  # noqa: ASYNC110 -- it has no event
        await asyncio.sleep(0.001)
