"""Where answers are kept: a folder, or whatever fsspec opens. Both obey the same rules."""

from __future__ import annotations

import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from langchain_core.stores import BaseStore, InMemoryByteStore
from media_host import MediaHost, picture

from langchain_visioncraft import VisionCraftMediaLoader
from langchain_visioncraft._flows import Steps, paid, run, work
from langchain_visioncraft.client.decode import Caption
from langchain_visioncraft.document_loaders import FolderByteStore
from langchain_visioncraft.document_loaders.caching import cached, open_cache
from langchain_visioncraft.document_loaders.captions import _SEEN, SeenFrame
from langchain_visioncraft.document_loaders.transcripts import _HEARD, Heard, Passage
from langchain_visioncraft.errors import InvalidRequestError


@pytest.fixture(params=["folder", "memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What a user writes for ``cache=``."""
    return {
        "folder": str(tmp_path / "answers"),
        "memory": f"memory://{uuid.uuid4().hex}/answers",
        "file": (tmp_path / "answers").as_uri(),
    }[request.param]


@pytest.fixture
def cache(place: str) -> BaseStore[str, bytes]:
    opened = open_cache(place)
    assert opened is not None
    return opened


def test_a_path_or_a_url_is_opened_as_a_store(tmp_path: Path) -> None:
    assert isinstance(open_cache(tmp_path), FolderByteStore)
    assert isinstance(open_cache("answers"), FolderByteStore)
    assert isinstance(open_cache("memory://answers"), FolderByteStore)
    assert open_cache(None) is None


def test_a_folder_is_the_same_in_a_process_that_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    here, at_home = FolderByteStore("answers"), FolderByteStore("~/answers")
    here.mset([("one", b"1")])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for cache in (here, at_home):
        assert pickle.loads(pickle.dumps(cache)).mget(["one"]) == [b"1"]


def test_what_was_kept_is_given_back(cache: BaseStore[str, bytes]) -> None:
    assert cache.mget(["one"]) == [None]
    assert list(cache.yield_keys()) == []
    cache.mset([("one", b"1"), ("two", b"2"), ("one", b"first")])
    assert cache.mget(["two", "none", "one"]) == [b"2", None, b"first"]
    assert sorted(cache.yield_keys()) == ["one", "two"]
    assert list(cache.yield_keys(prefix="tw")) == ["two"]


async def test_it_is_the_same_without_blocking(cache: BaseStore[str, bytes]) -> None:
    await cache.amset([("one", b"1")])
    assert await cache.amget(["one", "none"]) == [b"1", None]


def test_what_is_forgotten_is_gone_and_may_be_forgotten_twice(
    cache: BaseStore[str, bytes],
) -> None:
    cache.mset([("one", b"1")])
    cache.mdelete(["one", "none"])
    cache.mdelete(["one"])
    assert cache.mget(["one"]) == [None]


@pytest.mark.parametrize("key", ["", ".hidden", "../up", "a/b", "a\x00b", "k" * 201])
def test_a_key_is_the_name_of_a_file_and_nothing_else(
    cache: BaseStore[str, bytes], key: str
) -> None:
    for use in (lambda: cache.mget([key]), lambda: cache.mset([(key, b"")])):
        with pytest.raises(InvalidRequestError, match="is not a key"):
            use()


def test_a_pickled_cache_finds_what_was_kept(cache: BaseStore[str, bytes]) -> None:
    cache.mset([("one", b"1")])
    assert pickle.loads(pickle.dumps(cache)).mget(["one"]) == [b"1"]


def test_sign_in_of_a_remote_cache_is_not_shown() -> None:
    cache = FolderByteStore("memory://answers", storage_options={"secret": "hush"})
    assert repr(cache) == "FolderByteStore('memory://answers')"


def test_a_loader_asks_once_whatever_the_kind_of_cache(place: str, tmp_path: Path) -> None:
    host = MediaHost()
    (tmp_path / "red.png").write_bytes(picture("red"))
    runs = [
        VisionCraftMediaLoader(tmp_path / "red.png", cache=place, **host.clients()).load()
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(host.asked) == 1


def test_answers_of_another_host_are_not_taken_for_its_own(place: str, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(picture("red"))
    hosts = [MediaHost(), MediaHost()]
    for number, host in enumerate(hosts):
        clients = {**host.clients(), "base_url": f"http://host{number}.test"}
        VisionCraftMediaLoader(tmp_path / "red.png", cache=place, **clients).load()
    assert [len(host.asked) for host in hosts] == [1, 1]


class NamedHost(MediaHost):
    """A host that names the engine that answers, as the sandbox does."""

    engine = "vision (SSD)"

    def __call__(self, request: Any) -> Any:
        answer = super().__call__(request)
        answer.headers["x-visioncraft-engine"] = self.engine
        return answer


def test_a_document_names_the_engine_that_answered_not_the_model_that_was_asked_for(
    place: str, tmp_path: Path
) -> None:
    host = NamedHost()
    (tmp_path / "red.png").write_bytes(picture("red"))
    for _ in range(2):  # the second time from the cache
        [document] = VisionCraftMediaLoader(
            tmp_path / "red.png", cache=place, **host.clients()
        ).load()
        assert document.metadata["engine"] == document.metadata["model"] == "vision (SSD)"
    assert len(host.asked) == 1


def test_answers_of_another_engine_are_asked_for_again_once_it_is_known(
    place: str, tmp_path: Path
) -> None:
    host = NamedHost()
    for name in ("red", "blue"):
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    VisionCraftMediaLoader(tmp_path / "red.png", cache=place, **host.clients()).load()
    host.engine = "llava (local)"
    loader = VisionCraftMediaLoader(
        [tmp_path / "blue.png", tmp_path / "red.png"],
        cache=place,
        max_concurrency=1,
        **host.clients(),
    )
    assert {each.metadata["engine"] for each in loader.load()} == {"llava (local)"}
    assert len(host.asked) == 3


def test_a_caption_is_a_text_that_keeps_its_engine() -> None:
    caption = pickle.loads(pickle.dumps(Caption("A cat.", "vision (SSD)")))
    assert caption == "A cat."
    assert caption.engine == "vision (SSD)"


DAMAGED = {
    "nested": b"[" * 100_000,
    "nested in its place": b'["a",' + b"[" * 100_000 + b"]" * 100_000 + b"]",
    "digits": b"9" * 5_000,
    "large number": b"[" + b"9" * 400 + b",null,[]]",
    "no number": b'[1,null,[[NaN,2,"a"]]]',
    "endless": b'[1e999,null,[[1,2,"a"]]]',
    "other shape": b'{"a":1}',
    "other texts": b'["x"]',
    "no text": b"\xff",
    "cut off": b'["A c',
    "empty": b"",
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize(
    ("answer", "restore"),
    [
        (SeenFrame("A cat.", None, None), _SEEN.validate_python),
        (Heard(1.0, "en", [Passage(0.0, 1.0, "Hello.")]), _HEARD.validate_python),
    ],
    ids=["caption", "transcript"],
)
def test_what_a_damaged_cache_holds_is_requested_again(
    damaged: bytes, answer: Any, restore: Any
) -> None:
    cache = InMemoryByteStore()

    def flow() -> Steps[Any]:
        yield from ()
        return answer

    run(cached(cache, "kind", {}, flow(), restore))
    [key] = cache.yield_keys()
    cache.mset([(key, damaged)])
    assert run(cached(cache, "kind", {}, flow(), restore)) == answer
    assert restore(json.loads(cache.mget([key])[0] or b"")) == answer


def test_an_answer_that_came_is_kept_although_the_run_was_stopped() -> None:
    cache, asked = InMemoryByteStore(), []

    def flow() -> Steps[str]:
        yield paid(work(asked.append, "a picture"))
        return "A cat."

    assert run(cached(cache, "caption", {}, flow(), str), lambda: bool(asked)) == "A cat."
    assert run(cached(cache, "caption", {}, flow(), str)) == "A cat."
    assert asked == ["a picture"]
