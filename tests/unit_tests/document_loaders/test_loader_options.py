"""Cache, parsers, progress, and what is reported when a loader is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.stores import InMemoryByteStore
from loader_driving import ORDER, CountingBlobs, names
from media_host import HOST, MediaHost

from langchain_visioncraft import (
    VisionCraftCaptionParser,
    VisionCraftClient,
    VisionCraftMediaLoader,
    VisionCraftTranscriptParser,
)
from langchain_visioncraft.errors import (
    InvalidRequestError,
    VisionCraftError,
)


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
    kept = len(list(cache.yield_keys()))
    # A task may be cancelled between an answer's arrival and its keeping, a thread may not.
    assert 0 < kept <= len(host.answered)
    host.fault = lambda _: None
    host.asked.clear()
    assert names(load(make(folder, cache=cache)), folder) == ORDER
    assert len(host.asked) == 14 - kept


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
