"""Keeping what a call made: cancelled callers wait, and nothing else of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from cancelling import cancel_thrice
from client_driving import DRIVERS, PNG, Host, drive

from langchain_visioncraft import MediaStore, VisionCraftTextToImage, VisionCraftUpscale
from langchain_visioncraft._threads import AtOnceIfQuick, in_thread
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.spool import discard_spools

LONG = PNG + bytes(2 << 20) + PNG[-12:]


@pytest.fixture
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_waits_for_the_thread(fails: bool) -> None:
    started, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        started.set()
        go_on.wait(30)
        done.append(True)
        if fails:
            raise OSError("the disk is full")

    task = asyncio.create_task(in_thread(work))
    assert await asyncio.to_thread(started.wait, 30)
    await cancel_thrice(task, go_on)
    assert done == [True]


async def test_who_is_cancelled_does_not_wait_until_a_store_is_read(tmp_path: Path) -> None:
    started, go_on, ended = threading.Event(), threading.Event(), []

    class Slow(MediaStore):
        def __contains__(self, handle: object) -> bool:
            started.set()
            ended.append(go_on.wait(30))
            return False

    tool = VisionCraftUpscale(api_key="key", store=Slow(tmp_path))
    task = asyncio.create_task(tool.ainvoke({"image": "a1b2c3d4e5f6.png"}))
    assert await asyncio.to_thread(started.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == []
    go_on.set()


async def test_scopes_of_anyio_wait_without_being_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, wait = [], asyncio.wait
    started, go_on = threading.Event(), threading.Event()

    async def counted(futures: Any) -> Any:
        waits.append(futures)
        return await wait(futures)

    def work() -> None:
        started.set()
        assert go_on.wait(30)

    async def cancel_and_wait_a_hundred_rounds() -> None:
        assert await asyncio.to_thread(started.wait, 30)
        scope.cancel()
        for _ in range(100):
            await asyncio.sleep(0)
        go_on.set()

    monkeypatch.setattr(asyncio, "wait", counted)
    task = asyncio.create_task(cancel_and_wait_a_hundred_rounds())
    with anyio.CancelScope() as scope:
        await in_thread(work)
    await task
    assert scope.cancelled_caught
    assert go_on.is_set()
    assert len(waits) <= 3


async def test_what_became_of_a_thread_is_told_to_nobody_who_was_cancelled() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    started, go_on = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go_on.wait(30)
        raise OSError("the disk is full")

    task = asyncio.create_task(in_thread(work, on_cancel=go_on.set))
    assert await asyncio.to_thread(started.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await asyncio.get_running_loop().shutdown_default_executor()  # threads let go of it, too
    gc.collect()
    assert told == []


async def test_the_result_and_the_error_of_a_thread_are_given() -> None:
    assert await in_thread(int, "7") == 7
    with pytest.raises(ValueError, match="seven"):
        await in_thread(int, "seven")


def drawn(driver: Any, folder: Path) -> Any:
    flow = endpoints.text_to_image(prompt="x", model="m")
    return drive(Host(LONG).client(driver), flow, spool_dir=folder)


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_temporary_file_goes_with_its_medium(driver: Any, tmp_path: Path) -> None:
    media = drawn(driver, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    del media
    assert list(tmp_path.iterdir()) == []


def test_media_that_are_let_go_leave_no_file(tmp_path: Path) -> None:
    media = drawn(DRIVERS["sync"], tmp_path)
    discard_spools(media)
    assert list(tmp_path.iterdir()) == []
    discard_spools("a text has none")


async def test_quick_work_is_done_on_the_loop_and_slow_work_in_ever_more_visits_to_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, here = [0.0], threading.get_ident()
    monkeypatch.setattr("langchain_visioncraft._threads.time.perf_counter", lambda: clock[0])
    at_once = AtOnceIfQuick()

    def work(seconds: float) -> bool:
        clock[0] += seconds
        return threading.get_ident() == here

    assert [await at_once(work, 0.001) for _ in range(4)] == [False, True, True, True]
    assert [await at_once(work, 0.1) for _ in range(4)][-1] is False
    slow = [await at_once(work, 0.1) for _ in range(200)]
    assert sum(slow) <= 6
    while not await at_once(work, 0.001):
        continue
    assert all([await at_once(work, 0.001) for _ in range(20)])


async def test_work_that_fails_on_the_loop_raises(tmp_path: Path) -> None:
    at_once = AtOnceIfQuick()
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            await at_once((tmp_path / "none").read_bytes)


async def test_small_pictures_are_kept_on_the_loop_and_large_or_remote_ones_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, kept = threading.get_ident(), []

    class Watched(MediaStore):
        def add(self, *given: Any, **facts: Any) -> Any:
            kept.append(threading.get_ident() == here)
            return super().add(*given, **facts)

    monkeypatch.setattr("langchain_visioncraft._threads.time.perf_counter", lambda: 0.0)
    for root, answer, expected in (
        (str(tmp_path / "small"), PNG, [False, True, True]),
        (str(tmp_path / "large"), LONG, [False, False, False]),
        ("memory://kept", PNG, [False, False, False]),
    ):
        kept.clear()
        client = Host(answer).client(DRIVERS["async"])
        tool = VisionCraftTextToImage(client=client, store=Watched(root))
        for _ in range(3):
            await tool.ainvoke({"prompt": "x", "model": "m"})
        assert kept == expected
