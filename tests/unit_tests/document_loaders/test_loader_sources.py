"""Files, folders, globs, URLs and stores: what a loader may be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from loader_driving import ORDER, names
from media_host import HOST, KEY, MediaHost, picture

from langchain_visioncraft import (
    Media,
    MediaStore,
)
from langchain_visioncraft.errors import (
    LinkExpiredError,
    UnsafeLinkError,
)


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
    assert len({document.id for document in documents}) == len(set(sources.values()))
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
    assert Media.from_document(documents[0], store).read() == picture()
    assert Media.from_document(documents[1], store).mime_type == "audio/wav"
    assert store.provenance(documents[0].metadata["handle"])["sources"] == [url]
