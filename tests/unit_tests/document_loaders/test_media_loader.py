"""Files, folders, globs and URLs become documents, in order and a few at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import BlobLoader
from langchain_core.documents.base import Blob
from langchain_core.language_models import FakeListChatModel
from langchain_core.stores import InMemoryByteStore
from media_host import HOST, KEY, MediaHost, picture, recording, video

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftCaptionParser,
    VisionCraftClient,
    VisionCraftMediaLoader,
    VisionCraftTranscriptParser,
    media_of,
)
from langchain_visioncraft.errors import (
    AuthenticationError,
    EndpointNotFoundError,
    InvalidRequestError,
    LinkExpiredError,
    RateLimitError,
    SubscriptionError,
    UnsafeLinkError,
    VisionCraftError,
)

TONES = [(0.5, 1.0, 400)]


@pytest.fixture
def make(host: MediaHost) -> Any:
    clients = host.clients()
    return lambda source, **options: VisionCraftMediaLoader(
        source, **{**clients, "max_retries": 0, **options}
    )


def colour(number: int) -> tuple[int, int, int]:
    return number % 256, number // 256, 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, a recording and a video, in two folders."""
    root = tmp_path / "media"
    (root / "b").mkdir(parents=True)
    for number in range(12):
        place = root if number < 6 else root / "b"
        (place / f"p{number:02}.png").write_bytes(picture(colour(number)))
    (root / "a.wav").write_bytes(recording(TONES, 2))
    video(root / "b" / "z.mp4", TONES, 2)
    (root / ".DS_Store").write_bytes(b"\x00\x00")
    return root


ORDER = ["a.wav", *[f"b/p{n:02}.png" for n in range(6, 12)], "b/z.mp4"]
ORDER += [f"p{n:02}.png" for n in range(6)]


def names(documents: Any, root: Path) -> list[str]:
    return [Path(each.metadata["source"]).relative_to(root).as_posix() for each in documents]


@pytest.mark.parametrize("max_concurrency", [1, 3, 50])
def test_a_folder_is_loaded_in_order(
    make: Any, load: Any, host: MediaHost, folder: Path, max_concurrency: int
) -> None:
    host.delay = lambda asked: (asked.data[-20] % 7) / 300  # later ones are ready earlier
    loader = make(folder, max_concurrency=max_concurrency)
    documents = load(loader)
    assert names(documents, folder) == ORDER
    assert len({document.id for document in documents}) == len(ORDER)
    assert (loader.report.files, loader.report.documents) == (14, 14)
    assert not loader.report.skipped
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
    host.delay = 0.05
    load(make(folder, max_concurrency=3, suffixes=[".png"]))
    assert host.most_at_once == 3


class CountingBlobs(BlobLoader):
    """Yields pictures, and counts how many were taken."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def yield_blobs(self) -> Iterator[Blob]:
        for number in range(self.count):
            self.taken += 1
            yield Blob.from_data(picture(colour(number)), metadata={"source": f"blob-{number}"})


def test_files_are_taken_only_when_there_is_room(make: Any, host: MediaHost) -> None:
    blobs = CountingBlobs(1000)
    documents = make(blobs, max_concurrency=4).lazy_load()
    for number in range(20):
        assert next(documents).metadata["source"] == f"blob-{number}"
        assert blobs.taken <= number + 4
    documents.close()
    assert len(host.asked) <= 24


async def test_tasks_take_files_only_when_there_is_room(make: Any, host: MediaHost) -> None:
    blobs = CountingBlobs(1000)
    documents = make(blobs, max_concurrency=4).alazy_load()
    for number in range(20):
        assert (await anext(documents)).metadata["source"] == f"blob-{number}"
        assert blobs.taken <= number + 4
    await documents.aclose()
    assert len(host.asked) <= 24
    assert len(asyncio.all_tasks()) == 1


def test_stopping_early_leaves_no_thread(make: Any, host: MediaHost, folder: Path) -> None:
    host.delay = 0.05
    documents = make(folder, max_concurrency=3).lazy_load()
    next(documents)
    documents.close()
    calls = len(host.asked)
    time.sleep(0.15)
    assert len(host.asked) == calls
    assert not [each for each in threading.enumerate() if "visioncraft-loader" in each.name]


async def test_a_cancelled_load_cancels_its_calls(make: Any, host: MediaHost, folder: Path) -> None:
    host.delay = 30
    task = asyncio.create_task(make(folder).aload())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
    assert not host.asked


# Sources


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(picture())
    return path


def test_a_file_may_be_named_in_many_ways(
    make: Any, load: Any, host: MediaHost, red: Path, store: MediaStore
) -> None:
    kept = store.add(red)
    host.files["red.png"] = red.read_bytes()
    sources = {
        str(red): str(red),
        red: str(red),
        str(red.parent / "*.png"): str(red),
        f"{HOST}/files/red.png": f"{HOST}/files/red.png",
        "media": kept.location,
        "bytes": Media.from_bytes(red.read_bytes()).handle,
        "blob": "x",
    }
    given = {
        "media": kept,
        "bytes": Media.from_bytes(red.read_bytes()),
        "blob": Blob.from_data(red.read_bytes(), metadata={"source": "x"}),
    }
    everything = [given.get(source, source) for source in sources]
    documents = load(make(everything))
    assert [document.metadata["source"] for document in documents] == list(sources.values())
    assert len({document.id for document in documents}) == 1
    assert load(make(everything[0])) == documents[:1]


def test_a_store_is_a_source(make: Any, load: Any, store: MediaStore) -> None:
    kept = [store.add(picture(name)) for name in ("red", "lime", "blue")]
    documents = load(make(store))
    assert load(make([store])) == documents
    assert {document.metadata["handle"] for document in documents} == {m.handle for m in kept}


def test_a_glob_goes_through_folders_and_is_sorted(make: Any, load: Any, folder: Path) -> None:
    documents = load(make(f"{folder}/**/*[02].png"))
    assert names(documents, folder) == ["b/p10.png", "p00.png", "p02.png"]
    assert load(make(f"{folder}/*.jpg")) == []


def test_a_name_with_brackets_is_a_file_if_there_is_one(
    make: Any, load: Any, tmp_path: Path
) -> None:
    (tmp_path / "holiday [1].png").write_bytes(picture())
    assert len(load(make(str(tmp_path / "holiday [1].png")))) == 1


def test_suffixes_choose_files_of_folders(make: Any, load: Any, folder: Path) -> None:
    documents = load(make(folder, suffixes=[".WAV", ".mp4"]))
    assert names(documents, folder) == ["a.wav", "b/z.mp4"]


def test_links_to_folders_are_not_followed(make: Any, load: Any, folder: Path) -> None:
    (folder / "again").symlink_to(folder)
    assert names(load(make(folder)), folder) == ORDER


def test_a_url_that_is_gone_is_told(make: Any, load: Any) -> None:
    with pytest.raises(LinkExpiredError, match=r"/files/gone\.png leads to nothing any more"):
        load(make(f"{HOST}/files/gone.png"))


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.png", "http://[::1]/", "http://10.1.2.3/a"])
def test_a_private_url_is_not_fetched(
    make: Any, load: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = url.split("/")[2].strip("[]")

    def resolve(_host: str, port: int, *_: Any, **__: Any) -> Any:
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    with pytest.raises(UnsafeLinkError, match="allow_private_urls=True"):
        load(make(url))


def test_a_private_url_is_fetched_if_that_is_allowed_without_the_key(
    make: Any, load: Any, host: MediaHost
) -> None:
    host.files["red.png"] = picture()
    seen = []
    read = host.read
    host.read = lambda *call: seen.append(call) or read(*call)
    [document] = load(make("http://10.1.2.3/files/red.png", allow_private_urls=True))
    assert document.page_content.startswith("PNG")
    assert KEY not in str(seen[0])


def test_a_store_keeps_copies_that_documents_lead_to(
    make: Any, load: Any, host: MediaHost, store: MediaStore, folder: Path
) -> None:
    host.files["red.png"] = picture()
    url = f"{HOST}/files/red.png"
    documents = load(make([url, folder / "a.wav"], store=store))
    (folder / "a.wav").unlink()
    assert media_of(documents[0], store).read() == picture()
    assert media_of(documents[1], store).mime_type == "audio/wav"
    assert store.provenance(documents[0].metadata["handle"])["sources"] == [url]


# What goes wrong


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A good picture at the beginning and at the end, and all that is bad between."""
    root = tmp_path / "bad"
    root.mkdir()
    contents = {
        "a-good.png": picture("red"),
        "b-text.txt": b"Buy milk.",
        "c-zero.png": b"",
        "d-corrupt.jpg": picture(form="JPEG", size=(300, 300))[:900],
        "e-huge.png": picture(1, (10_000, 10_000), mode="1"),
        "f-silent.wav": recording([], 2),
        "z-good.png": picture("blue"),
    }
    for name, data in contents.items():
        (root / name).write_bytes(data)
    return root


REASONS = {
    "b-text.txt": "is text/plain",
    "c-zero.png": "is empty",
    "d-corrupt.jpg": "is a damaged image/jpeg",
    "e-huge.png": "10000x10000 pixels",
    "f-silent.wav": "holds no speech",
    "gone.png": "leads to nothing any more",
    "missing.png": "No such file",
}


def sources(bad: Path) -> list[str]:
    good, *rest, last = sorted(map(str, bad.iterdir()))
    return [good, *rest, f"{HOST}/files/gone.png", str(bad / "missing.png"), last]


def test_skip_reports_each_bad_file_by_name(make: Any, load: Any, bad: Path) -> None:
    loader = make(sources(bad), on_error="skip")
    documents = load(loader)
    assert names(documents, bad) == ["a-good.png", "z-good.png"]
    skipped = {each.source.rpartition("/")[2]: each for each in loader.report.skipped}
    assert list(skipped) == list(REASONS)
    for name, reason in REASONS.items():
        assert name in skipped[name].reason
        assert reason in skipped[name].reason
    assert loader.report.files == 9
    assert all(name in str(loader.report) for name in REASONS)
    assert {each.error for each in loader.report.skipped} == {"MediaInputError", "LinkExpiredError"}


def test_document_gives_one_that_says_so_in_its_place(make: Any, load: Any, bad: Path) -> None:
    loader = make(sources(bad), on_error="document")
    documents = load(loader)
    found = [str(document.metadata["source"]).rpartition("/")[2] for document in documents]
    assert found == ["a-good.png", *REASONS, "z-good.png"]
    for document, reason in zip(documents[1:-1], REASONS.values(), strict=True):
        assert reason in document.metadata["error"]
        assert reason in document.page_content
    assert len({document.id for document in documents}) == 9
    assert load(loader) == documents
    assert len(loader.report.skipped) == 7


@pytest.mark.parametrize("name", REASONS)
def test_raise_tells_the_first_bad_file_after_the_good_ones(
    make: Any, host: MediaHost, bad: Path, name: str
) -> None:
    [path] = [each for each in sources(bad) if each.endswith(name)]
    documents = make([bad / "a-good.png", path, bad / "z-good.png"]).lazy_load()
    assert names([next(documents)], bad) == ["a-good.png"]
    with pytest.raises(VisionCraftError) as caught:
        next(documents)
    assert name in str(caught.value)
    assert REASONS[name] in str(caught.value)


def test_pages_before_a_failure_are_not_lost(make: Any, load: Any, host: MediaHost) -> None:
    from media_host import frames

    host.fault = lambda _: (400, {"error": "No."}) if len(host.answered) == 2 else None
    blob = Blob.from_data(frames(["red", "lime", "blue"], "TIFF"), metadata={"source": "s.tiff"})
    loader = make(blob, on_error="skip")
    assert [document.metadata["frame"] for document in load(loader)] == [0, 1]
    assert loader.report.skipped[0].source == "s.tiff"


@pytest.mark.parametrize("on_error", ["skip", "document"])
@pytest.mark.parametrize(
    "refused",
    [
        ((401, {"error": "The API key is invalid."}), AuthenticationError),
        ((402, {"error": "Subscribe to premium."}), SubscriptionError),
        ((404, {"error": "Not found."}), EndpointNotFoundError),
        ((429, {"error": "Free users can make 10 requests per 5 minutes."}), RateLimitError),
    ],
)
def test_what_concerns_all_files_is_raised_whatever_is_said(
    make: Any, host: MediaHost, folder: Path, on_error: Any, refused: Any
) -> None:
    answer, kind = refused
    host.fault = lambda _: answer
    with pytest.raises(kind):
        make(folder, on_error=on_error).load()
    assert len(host.asked) < 10


def test_what_a_chat_model_of_your_own_raises_is_reported(make: Any, load: Any, red: Path) -> None:
    class Failing(FakeListChatModel):
        def _call(self, *args: Any, **kwargs: Any) -> str:
            raise RuntimeError("out of memory")

    parser = VisionCraftCaptionParser(chat_model=Failing(responses=["-"]))
    loader = make(red, caption_parser=parser, on_error="skip")
    assert load(loader) == []
    assert loader.report.skipped[0].reason == f"{red}: out of memory"
    with pytest.raises(RuntimeError, match="out of memory"):
        load(make(red, caption_parser=parser))


# Cache, parsers, progress


def test_a_second_run_makes_no_call(
    make: Any, load: Any, host: MediaHost, folder: Path, tmp_path: Path
) -> None:
    first = load(make(folder, cache=tmp_path / "cache"))
    calls = len(host.asked)
    assert calls == 14
    assert load(make(folder, cache=tmp_path / "cache")) == first
    assert len(host.asked) == calls


def test_a_run_that_failed_goes_on_where_it_stopped(
    make: Any, load: Any, host: MediaHost, folder: Path
) -> None:
    cache = InMemoryByteStore()
    host.fault = lambda _: (500, {"error": "Oops."}) if len(host.answered) >= 7 else None
    with pytest.raises(VisionCraftError):
        load(make(folder, cache=cache))
    done = {asked.sha256 for asked in host.answered}
    host.fault = lambda _: None
    host.asked.clear()
    assert names(load(make(folder, cache=cache)), folder) == ORDER
    assert done.isdisjoint({asked.sha256 for asked in host.asked})
    assert len(host.asked) == 14 - len(done)


def test_options_and_ready_parsers(make: Any, load: Any, host: MediaHost, folder: Path) -> None:
    loader = make(
        [folder / "a.wav", folder / "p00.png"],
        caption_options={"prompt": "{braces}"},
        transcript_options={"by": "whole"},
    )
    assert loader.transcript_parser.by == "whole"
    assert load(loader)[1].metadata["prompt"] == "{braces}"
    ready = VisionCraftTranscriptParser(by="window", **host.clients())
    assert make(folder, transcript_parser=ready).transcript_parser is ready


def test_progress_is_shown(make: Any, load: Any, folder: Path, capsys: Any) -> None:
    load(make(folder, show_progress=True))
    assert "14/14" in capsys.readouterr().err
    load(make(CountingBlobs(3), show_progress=True))
    assert "3file" in capsys.readouterr().err
    load(make(folder))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (b"\x89PNG", {}),
        (5, {}),
        (iter(["a.png"]), {}),
        ("x", {"on_error": "ignore"}),
        ("x", {"max_concurrency": 0}),
        ("x", {"max_concurrency": 2.5}),
        ("x", {"client": VisionCraftClient(), "base_url": HOST}),
        ("x", {"caption_parser": object(), "caption_options": {"prompt": "?"}}),
    ],
)
def test_what_cannot_be_used_is_told_when_it_is_built(source: Any, options: Any) -> None:
    with pytest.raises(InvalidRequestError):
        VisionCraftMediaLoader(source, **options)


def test_a_wrong_source_in_a_list_is_told(make: Any, load: Any) -> None:
    with pytest.raises(InvalidRequestError, match="int cannot be loaded: 5"):
        load(make(["x.png", 5], on_error="skip"))


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, build in (
        ("PIL", VisionCraftCaptionParser),
        ("av", VisionCraftTranscriptParser),
        ("tqdm", lambda: next(VisionCraftMediaLoader("x", show_progress=True).lazy_load())),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(__import__("sys").modules, package, None)
            with pytest.raises(ImportError, match=r"pip install 'langchain-visioncraft\[media\]'"):
                build()


def test_one_client_serves_all(host: MediaHost) -> None:
    client = VisionCraftClient(**host.clients())
    loader = VisionCraftMediaLoader("x", client=client)
    assert loader.caption_parser.client is client
    assert loader.transcript_parser.client is client


def test_a_folder_that_cannot_be_read_is_told_like_a_file(
    make: Any, load: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    scan = os.scandir

    def guarded(path: Any) -> Any:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", guarded)
    loader = make(folder, on_error="skip", suffixes=[".png"])
    assert len(load(loader)) == 6
    [skipped] = loader.report.skipped
    assert skipped.source == str(folder / "b")
    assert "cannot be read" in skipped.reason
