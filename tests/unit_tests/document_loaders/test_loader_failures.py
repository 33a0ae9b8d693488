"""Files that cannot be loaded: skipped, told in their place, or raised."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from langchain_core.language_models import FakeListChatModel
from loader_driving import CountingBlobs, names
from media_host import HOST, MediaHost, httpx, picture, recording

from langchain_visioncraft import (
    VisionCraftCaptionParser,
)
from langchain_visioncraft.document_loaders.reports import CONCERN_ALL
from langchain_visioncraft.errors import (
    AuthenticationError,
    CertificateError,
    EndpointNotFoundError,
    MissingKeyError,
    RateLimitError,
    SubscriptionError,
    VisionCraftError,
)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A good picture at the beginning and at the end, and all that is bad between."""
    root = tmp_path / "bad"
    root.mkdir()
    contents = {
        "a-good.png": picture("red"),
        "b-text.txt": b"Buy milk.",
        "c-zero.png": b"",
        "d-corrupt.jpg": picture(form="JPEG", size=(300, 300))[:600],
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
    "gone.png": "no longer works",
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


def refuse_certificate(_: Any) -> Any:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "certificate has expired"
    raise httpx.ConnectError("TLS") from cause


LIMITED = "Free users can make 10 requests per 5 minutes."
CONCERNING: dict[type[VisionCraftError], Any] = {
    MissingKeyError: None,  # nothing is asked
    AuthenticationError: lambda _: (401, {"error": "The API key is invalid."}),
    SubscriptionError: lambda _: (402, {"error": "Subscribe to premium."}),
    EndpointNotFoundError: lambda _: (404, {"error": "Not found."}),
    CertificateError: refuse_certificate,
    RateLimitError: lambda _: (429, {"error": LIMITED}),
}


def test_what_concerns_all_files_is_tried_whole() -> None:
    assert set(CONCERNING) == set(CONCERN_ALL)


@pytest.mark.parametrize("on_error", ["skip", "document"])
@pytest.mark.parametrize("kind", CONCERNING)
def test_what_concerns_all_files_is_raised_whatever_is_said(
    make: Any, load: Any, host: MediaHost, on_error: Any, kind: Any
) -> None:
    host.fault = CONCERNING[kind]
    options = {"api_key": None} if kind is MissingKeyError else {}
    blobs = CountingBlobs(50)
    with pytest.raises(kind):
        load(make(blobs, on_error=on_error, max_concurrency=3, **options))
    assert blobs.taken < 10


@pytest.mark.parametrize("kind", [SubscriptionError, CertificateError, RateLimitError])
def test_what_is_wrong_with_the_host_of_a_link_concerns_that_link(
    make: Any, load: Any, host: MediaHost, red: Path, kind: Any
) -> None:
    refuse = CONCERNING[kind]
    host.fault = lambda asked: refuse(asked) if asked.path.startswith("/files/") else None
    link = f"{HOST}/files/a.png"
    loader = make([link, red], on_error="skip")
    assert len(load(loader)) == 1
    [skipped] = loader.report.skipped
    assert (skipped.source, skipped.error) == (link, "MediaInputError")
    assert "cannot be fetched" in skipped.reason


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
