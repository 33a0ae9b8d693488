"""Hundreds of files, a host that fails, a process that is killed: each document once, in order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media_host import MediaHost, picture, recording, serving

from langchain_visioncraft import VisionCraftMediaLoader
from langchain_visioncraft.document_loaders import FolderByteStore

PICTURES, RECORDINGS = 200, 20
FILES = PICTURES + RECORDINGS

PROGRAM = """
import sys
from langchain_visioncraft import VisionCraftMediaLoader
folder, cache, url = sys.argv[1:]
loader = VisionCraftMediaLoader(
    folder, cache=cache, base_url=url, api_key="any", max_concurrency=8,
    transcript_options={"by": "whole"},
)
for document in loader.lazy_load():
    print(document.metadata["source"], flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and recordings, no two alike, their names in turn."""
    root = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        if number % 11 == 5:
            data = recording([(0.2, 0.6, 200 + 10 * number)], 1)
            (root / f"{number:03}.wav").write_bytes(data)
        else:
            (root / f"{number:03}.png").write_bytes(picture((number, 0, 99)))
    assert len(list(root.glob("*.wav"))) == RECORDINGS
    return root


@pytest.fixture
def host() -> MediaHost:
    return MediaHost()


@pytest.fixture
def url(host: MediaHost) -> Iterator[str]:
    with serving(host) as address:
        yield address


def loader(folder: Path, url: str, **options: Any) -> VisionCraftMediaLoader:
    return VisionCraftMediaLoader(
        folder,
        base_url=url,
        api_key="any",
        max_concurrency=8,
        transcript_options={"by": "whole"},
        **options,
    )


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_every_document_comes_once_and_in_order_though_one_call_in_five_fails(
    host: MediaHost, url: str, folder: Path, tmp_path: Path, way: str
) -> None:
    host.fail_every = 5
    loading = loader(folder, url, cache=tmp_path / "cache")
    documents = list(loading.lazy_load()) if way == "threads" else asyncio.run(loading.aload())
    sources = [Path(document.metadata["source"]).name for document in documents]
    assert sources == sorted(path.name for path in folder.iterdir())
    assert len({document.id for document in documents}) == FILES
    for number, document in enumerate(documents):
        expected = f"tone {200 + 10 * number}" if number % 11 == 5 else f"({number}, 0, 99)"
        assert document.page_content.endswith(expected)
    # Each was answered well once: no call was made again that need not be.
    assert set(Counter(asked.sha256 for asked in host.answered).values()) == {1}
    assert len(host.asked) - len(host.answered) >= FILES // 5
    assert not loading.report.skipped
    again = loader(folder, url, cache=tmp_path / "cache").load()
    assert again == documents
    assert len(host.answered) == FILES


def test_after_a_kill_only_the_missing_calls_are_made(
    host: MediaHost, url: str, folder: Path, tmp_path: Path
) -> None:
    host.fail_every = 5
    killed = threading.Event()

    def hold(_: Any) -> None:
        if len(host.answered) >= 100:  # not more before the kill
            assert killed.wait(60)

    host.hold = hold
    cache = tmp_path / "cache"
    arguments = [sys.executable, "-c", PROGRAM, str(folder), str(cache), url]
    try:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = [process.stdout.readline() for _ in range(70)]
            process.kill()
    finally:
        killed.set()
    host.until(host.is_idle)
    assert len(set(first)) == 70
    kept = set(FolderByteStore(cache).yield_keys())
    done = {asked.sha256 for asked in host.answered}
    assert 70 <= len(kept) < FILES
    assert len(kept) <= len(done) <= len(kept) + 8  # what was under way was not kept
    host.asked.clear()
    host.fail_every = None

    documents = loader(folder, url, cache=cache).load()
    sources = [Path(document.metadata["source"]).name for document in documents]
    assert sources == sorted(path.name for path in folder.iterdir())
    assert len({document.id for document in documents}) == FILES
    assert len(host.asked) == FILES - len(kept)
    assert set(Counter(asked.sha256 for asked in host.asked).values()) == {1}
    asked_again = done & {asked.sha256 for asked in host.asked}
    assert len(asked_again) == len(done) - len(kept)


def test_a_private_url_is_taken_if_that_is_allowed(host: MediaHost, url: str) -> None:
    host.files["red.png"] = picture()
    with serving(MediaHost()) as elsewhere:
        loading = VisionCraftMediaLoader(
            f"{url}/files/red.png", base_url=elsewhere, api_key="any", allow_private_urls=True
        )
        [document] = loading.load()
    assert document.metadata["source"] == f"{url}/files/red.png"
