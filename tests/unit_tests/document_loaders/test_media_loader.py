"""Folders become documents, in order and a few at a time."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from loader_driving import ORDER, CountingBlobs, names
from media_host import Asked, MediaHost, httpx, picture

from langchain_visioncraft import _threads
from langchain_visioncraft.document_loaders import captions
from langchain_visioncraft.document_loaders.window import AHEAD
from langchain_visioncraft.media.scaling import scaled


@pytest.mark.parametrize("max_concurrency", [1, 3, 50])
def test_a_folder_is_loaded_in_order(
    make: Any, load: Any, host: MediaHost, folder: Path, max_concurrency: int
) -> None:
    second = (folder / ORDER[1]).read_bytes()
    earlier = min(max_concurrency, len(ORDER)) - 1

    def hold(asked: Asked) -> None:
        if asked.data == second:  # it is ready last of those that are under way
            host.until(lambda: len(host.asked) >= earlier)

    host.hold = hold
    loader = make(folder, max_concurrency=max_concurrency)
    documents = load(loader)
    assert names(documents, folder) == ORDER
    assert len({document.id for document in documents}) == len(ORDER)
    assert (loader.report.files, loader.report.documents) == (14, 14)
    assert not loader.report.skipped
    host.hold = None
    assert load(loader) == documents


def test_what_a_file_is_decides_what_becomes_of_it(make: Any, load: Any, folder: Path) -> None:
    documents = {Path(d.metadata["source"]).name: d for d in load(make(str(folder)))}
    assert documents["a.wav"].page_content == "tone 400"
    assert documents["a.wav"].metadata["model"] == "whisper"
    assert documents["z.mp4"].page_content == "tone 400"
    assert documents["p03.png"].page_content == "PNG 64x48 RGB (3, 0, 7)"


def test_no_more_than_allowed_are_under_way(
    make: Any, load: Any, host: MediaHost, folder: Path
) -> None:
    three = threading.Barrier(3)
    host.hold = lambda _: three.wait(60)
    load(make(folder, max_concurrency=3, suffixes=[".png"]))
    assert host.most_at_once == 3


def test_files_are_taken_only_when_there_is_room(make: Any, host: MediaHost) -> None:
    blobs = CountingBlobs(1000)
    documents = make(blobs, max_concurrency=4).lazy_load()
    for number in range(20):
        assert next(documents).metadata["source"] == f"blob-{number}"
        assert blobs.taken <= number + 4 * AHEAD
    documents.close()
    assert len(host.asked) <= 20 + 4 * AHEAD


async def test_tasks_take_files_only_when_there_is_room(make: Any, host: MediaHost) -> None:
    blobs = CountingBlobs(1000)
    documents = make(blobs, max_concurrency=4).alazy_load()
    for number in range(20):
        assert (await anext(documents)).metadata["source"] == f"blob-{number}"
        assert blobs.taken <= number + 4 * AHEAD
    await documents.aclose()
    assert len(host.asked) <= 20 + 4 * AHEAD
    assert len(asyncio.all_tasks()) == 1


def test_stopping_early_leaves_no_thread(make: Any, host: MediaHost, folder: Path) -> None:
    documents = make(folder, max_concurrency=3).lazy_load()
    next(documents)
    documents.close()
    assert not [each for each in threading.enumerate() if "visioncraft-loader" in each.name]
    assert host.is_idle()
    assert len(host.asked) < len(ORDER)


async def test_a_cancelled_load_cancels_its_calls(make: Any, folder: Path) -> None:
    asked, ended = asyncio.Semaphore(0), []

    async def endless(request: Any) -> Any:
        asked.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(request)

    client = httpx.AsyncClient(transport=httpx.MockTransport(endless))
    loader = make(folder, http_async_client=client, max_concurrency=3)
    task = asyncio.create_task(loader.aload())
    for _ in range(3):
        await asked.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(ended) == 3
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(("side", "at_once"), [(64, 9), (600, 0)])
def test_small_pictures_are_made_ready_without_a_thread_while_that_is_quick(
    side: int, at_once: int, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def seen(*given: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return scaled(*given, **options)

    monkeypatch.setattr(captions, "scaled", seen)
    monkeypatch.setattr(_threads, "_QUICK_SECONDS", 60)
    sizes = [(side, side + number) for number in range(10)]
    loaded = asyncio.run(make([Blob.from_data(picture(size=size)) for size in sizes]).aload())
    assert len(loaded) == 10
    assert threads.count(threading.main_thread()) == at_once
