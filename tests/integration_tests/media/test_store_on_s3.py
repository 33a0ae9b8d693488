"""A store on S3, as moto's server plays it over loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.errors import DamagedMediaError, UnknownHandleError

pytest.importorskip("s3fs")
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "tests" / "media"
PNG = (PICTURES / "cat.png").read_bytes()
JPEG = (PICTURES / "cat.jpg").read_bytes()

Open = Callable[..., MediaStore]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def open_store(s3: str, tmp_path: Path) -> Open:
    """Opens the same store for one of two, who have a connection and a memory of their own."""
    import s3fs

    options = {"key": "any", "secret": "any", "endpoint_url": s3}
    s3fs.S3FileSystem(**options, default_block_size=5 << 20).makedirs("bucket", exist_ok=True)

    def open_one(who: int = 0) -> MediaStore:
        own = {**options, "default_block_size": (5 + who) << 20}  # fsspec keeps one of each kind
        return MediaStore(f"s3://bucket/{tmp_path.name}", storage_options=own)

    return open_one


def test_a_signed_link_shows_a_medium_to_a_web_page(open_store: Open) -> None:
    store = open_store()
    kept = store.add(PNG)
    link = store.url(kept.handle[:12], expires=600)
    query = parse_qs(urlsplit(link).query)  # of either version of signatures
    ends = [int(query[name][0]) for name in ("X-Amz-Expires", "Expires") if name in query]
    assert [end if end < 10**6 else round(end - time.time(), -1) for end in ends] == [600]
    assert "Signature=" in link
    answer = httpx.get(link)
    assert (answer.status_code, answer.content) == (200, PNG)
    with pytest.raises(UnknownHandleError):
        store.url("000000000000.png")


def test_a_medium_is_kept_found_and_verified(open_store: Open) -> None:
    store = open_store()
    kept = store.add(PNG, tool="draw", arguments={"prompt": "x"})
    again = open_store(1)
    assert again.get(kept.handle).read() == PNG
    assert again.provenance(kept.handle)["arguments"] == {"prompt": "x"}
    assert [media.handle for media in again] == [kept.handle]
    assert (kept.location or "").startswith("s3://bucket/")
    assert list(again.verify(older_than=-1)) == []


def test_what_others_save_is_seen_after_a_listing(open_store: Open) -> None:
    mine, theirs = open_store(0), open_store(1)
    assert len(mine) == 0
    mine.add(JPEG)
    assert len(mine) == 1
    kept = theirs.add(PNG)
    assert mine.get(kept.handle).read() == PNG
    assert len(mine) == 2


def test_what_others_remove_is_gone_after_a_listing(open_store: Open) -> None:
    mine, theirs = open_store(0), open_store(1)
    kept = mine.add(PNG)
    assert len(mine) == 1
    theirs.remove(kept.handle)
    assert kept.handle not in mine
    assert len(mine) == 0
    with pytest.raises(UnknownHandleError):
        mine.remove(kept.handle)
    assert list(mine.verify(older_than=-1)) == []


def test_the_first_provenance_wins(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = open_store(0), open_store(1)
    size = mine._folder.size

    def looked_too_early(name: str) -> int | None:
        found = size(name)
        if found is None and name.endswith(".json"):
            theirs.add(PNG, tool="theirs")
        return found

    monkeypatch.setattr(mine._folder, "size", looked_too_early)
    kept = mine.add(PNG, tool="mine")
    assert mine.provenance(kept.handle)["tool"] == "theirs"


def test_many_save_the_same_and_different_media(open_store: Open) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            store = open_store(number % 2)
            assert store.add(PNG, tool=f"{number}").read() == PNG
            assert store.add(JPEG + bytes([number])).read() == JPEG + bytes([number])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = open_store()
    assert len(store) == 5
    assert list(store.verify(older_than=-1)) == []


def test_damage_is_told_and_mended(open_store: Open) -> None:
    store = open_store()
    kept, other = store.add(PNG), store.add(JPEG)
    files = store._folder._files
    path = (kept.location or "").removeprefix("s3://")
    files.pipe_file(path, PNG[:1000])
    files.pipe_file(f"{other.location}.json".removeprefix("s3://"), b"{")
    kinds = {problem.handle: problem.kind for problem in store.verify(repair=True)}
    assert kinds == {kept.handle: "truncated", other.handle: "damaged-sidecar"}
    with pytest.raises(DamagedMediaError):
        store.get(kept.handle)
    assert store.add(PNG).read() == PNG
    assert list(store.verify(older_than=-1)) == []


def test_an_upload_of_many_parts_that_fails_leaves_nothing(open_store: Open) -> None:
    class Failing:
        """Bytes that end with an error when a part is already uploaded."""

        def __init__(self) -> None:
            self.left = 7

        def open(self, _mode: str = "rb", /) -> Any:
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left == 0:
                raise ConnectionResetError
            return bytes(size)

        def take_file(self, _target: Path, /) -> bool:
            return False

    store = open_store()
    media = Media.from_bytes(PNG)
    assert media.sha256
    with pytest.raises(ConnectionResetError):
        store.add(media.at("failing", Failing()))
    assert len(store) == 0
    assert list(store.verify(older_than=-1)) == []


KILLED = """
import json, sys
from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft._compat import httpx

class Endless:
    count = 0
    def open(self, mode="rb"):
        return self
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def read(self, size):
        self.count += 1
        if self.count == 8:
            print("uploading", flush=True)
            sys.stdin.read()
        return bytes(size)
    def take_file(self, target):
        return False

media = Media.from_path("tests/media/cat.png")
MediaStore(sys.argv[1], storage_options=json.loads(sys.argv[2])).add(media.at("endless", Endless()))
"""


def test_a_process_that_is_killed_while_it_uploads_leaves_no_wrong_file(
    open_store: Open, s3: str
) -> None:
    store = open_store()
    options = f'{{"key": "any", "secret": "any", "endpoint_url": "{s3}"}}'
    command = [sys.executable, "-c", KILLED, store.root, options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline() == b"uploading\n"
        os.kill(process.pid, signal.SIGKILL)
    assert len(store) == 0
    assert store.add(PNG).read() == PNG
    assert list(store.verify(older_than=-1)) == []
