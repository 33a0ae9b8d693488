"""Files, folders, globs, URLs and stores: what a loader may be given."""

from __future__ import annotations

import contextlib
import inspect
import os
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from httpx import ConnectError
from langchain_core.documents.base import Blob
from loader_driving import ORDER, names
from media_host import HOST, KEY, MediaHost, picture

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftClient,
)
from langchain_visioncraft._flows import run
from langchain_visioncraft._redact import chain
from langchain_visioncraft.document_loaders.sources import Source, items_of, source_of
from langchain_visioncraft.errors import (
    InvalidRequestError,
    LinkExpiredError,
    MediaInputError,
    UnsafeLinkError,
)
from langchain_visioncraft.media.inputs import MediaSource, parse_source, source_in_code
from langchain_visioncraft.media.sidecar import Usage


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


def test_a_glob_that_finds_nothing_is_reported(make: Any, load: Any, folder: Path) -> None:
    loader = make(f"{folder}/*.jpg")
    assert load(loader) == []
    [skipped] = loader.report.skipped
    assert skipped.source == f"{folder}/*.jpg"
    assert "no file matches this pattern" in str(loader.report)
    [document] = load(make(f"{folder}/*.jpg", on_error="document"))
    assert document.metadata["error_type"] == "FileNotFoundError"


@pytest.mark.parametrize(
    "pattern",
    ["trip [2023]/*.png", "trip [2023]/**/b*.png", "*/[[]*/b.png", "*/[ab] 1/b.png", "t*/[ab] ?/*"],
)
def test_folders_with_brackets_may_stand_in_a_glob(
    make: Any, load: Any, tmp_path: Path, pattern: str
) -> None:
    path = tmp_path / "trip [2023]" / "[ab] 1" / "b.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture())
    path.parent.with_name("a.png").write_bytes(picture("red"))
    found = names(load(make(str(tmp_path / pattern))), tmp_path)
    assert found == [f"trip [2023]/{'a.png' if pattern.endswith(']/*.png') else '[ab] 1/b.png'}"]


def test_what_is_no_file_is_never_waited_for(
    make: Any, load: Any, tmp_path: Path, store: MediaStore
) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").symlink_to("b.png")
    (tmp_path / "d.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(tmp_path):
        listener.bind("e.png")
    for source in (tmp_path, f"{tmp_path}/*.png", f"{tmp_path}/**"):
        assert names(load(make(source)), tmp_path) == ["a.png"]
    for name in "bcde":
        path = tmp_path / f"{name}.png"
        with pytest.raises(MediaInputError, match="cannot be read"):
            load(make(path))
        with pytest.raises(MediaInputError, match="cannot be read"):
            parse_source(path).open()
        with pytest.raises(OSError, match=r"regular|No such device"):
            store.add(path)


def test_files_of_the_system_and_of_a_store_are_left_out_of_folders(
    make: Any, load: Any, tmp_path: Path
) -> None:
    own = MediaStore(tmp_path)
    kept = own.add(picture())
    own.record(Usage(tool="visioncraft_text_to_image", endpoint="POST /sd"))
    own.remember("0" * 64, [kept])
    folders = ["$RECYCLE.BIN", "System Volume Information", "__MACOSX", "@eaDir", ".Trash-1000"]
    files = [
        *("Thumbs.db", "thumbs.DB", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".DS_Store"),
        *("Icon\r", "~$letter.png", "._a.png", "a.png:Zone.Identifier", "IMG_1.AAE", "a.xmp"),
        *(f"{folder}/a.png" for folder in folders),
    ]
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0")
    for source in (tmp_path, f"{tmp_path}/*"):
        assert names(load(make(source)), tmp_path) == [kept.handle]
    (tmp_path / "cat.json").write_text("{}")
    with pytest.raises(MediaInputError, match=r"cat\.json is application/json"):
        load(make(tmp_path))


@pytest.mark.parametrize(
    "name",
    ["~cat.png", "~root.png", "~", "10:30.png", "run::7.png", "concat:a|b.png",
     "subfile,,end,9:x.png", "file:a.png", "a%20b.png", "data.png", "-.png", "a\nb.png",
     "what?.png", "*.png", "[1].png"],
)  # fmt: skip
def test_a_file_may_have_any_name(make: Any, load: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(picture())
    with contextlib.chdir(tmp_path):
        assert names(load(make(name)), Path()) == [name]
        assert caption(name) == caption(f"{tmp_path}/{name}")


def caption(text: str) -> bytes:
    source = source_in_code(text)
    assert isinstance(source, MediaSource)
    with source.open() as file:
        return file.read()


@pytest.mark.parametrize("folder", ["file:", "memory:", "simplecache::memory:"])
def test_a_folder_may_have_the_name_of_a_protocol(
    make: Any, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "a.png").write_bytes(picture())
    blob = Blob(path=f"{folder}//a.png")
    documents = make([".", blob]).load()
    assert [document.metadata["source"] for document in documents] == [
        f"{folder}/a.png",
        f"{folder}//a.png",
    ]


def test_a_glob_may_begin_with_a_tilde(make: Any, load: Any, tmp_path: Path) -> None:
    (tmp_path / "~cat.png").write_bytes(picture())
    with contextlib.chdir(tmp_path):
        assert names(load(make("~c*.png")), Path()) == ["~cat.png"]


@pytest.mark.parametrize("before", ["file://", "file://localhost", "FILE:", "file:"])
def test_a_file_url_is_a_path(make: Any, load: Any, tmp_path: Path, before: str) -> None:
    path = tmp_path / "a b[1] #2 100% Käse.png"
    path.write_bytes(picture())
    assert names(load(make(before + quote(str(path)))), tmp_path) == [path.name]
    assert names(load(make(before + quote(str(tmp_path)))), tmp_path) == [path.name]
    assert caption(before + quote(str(path))) == path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "file://elsewhere/a.png",
        "a" * 300,
        "a*" * 3000,
        "a" * 9000,
        "a\x00b.png",
        "\ud83d.png",
        "~/\x00",
    ],
)
def test_what_is_no_name_at_all_is_skipped_like_any_other_file(
    make: Any, load: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    with contextlib.chdir(tmp_path):
        loader = make([name, "a.png"], on_error="skip")
        assert names(load(loader), Path()) == ["a.png"]
    assert len(loader.report.skipped) == 1


def test_a_signature_is_kept_out_of_the_sidecar(
    make: Any, load: Any, host: MediaHost, store: MediaStore
) -> None:
    host.files["a.png"] = picture()
    link = f"{HOST}/files/a.png?X-Amz-Signature=SECRET#SECRET"
    [document] = load(make(link, store=store))
    kept = store.provenance(document.metadata["handle"])
    assert kept["sources"] == [f"{HOST}/files/a.png"]


def test_a_name_with_brackets_is_a_file_if_there_is_one(
    make: Any, load: Any, tmp_path: Path
) -> None:
    (tmp_path / "holiday [1].png").write_bytes(picture())
    assert len(load(make(str(tmp_path / "holiday [1].png")))) == 1


def test_suffixes_choose_files_of_folders(make: Any, load: Any, folder: Path) -> None:
    documents = load(make(folder, suffixes=[".WAV", ".mp4"]))
    assert names(documents, folder) == ["a.wav", "b/z.mp4"]


@pytest.mark.parametrize("pattern", ["", "**", "**/*.*", "**/**/*"])
def test_links_to_folders_are_not_followed(
    make: Any, load: Any, folder: Path, pattern: str
) -> None:
    for name in ("again", "b/and again"):  # two lead in 2 ** 40 circles
        (folder / name).symlink_to(folder)
    assert names(load(make(str(folder / pattern))), folder) == ORDER


def test_links_to_files_elsewhere_are_read(make: Any, load: Any, red: Path, folder: Path) -> None:
    (folder / "link.png").symlink_to(red)
    assert "link.png" in names(load(make(folder)), folder)


def test_a_url_that_is_gone_is_told(make: Any, load: Any) -> None:
    with pytest.raises(LinkExpiredError, match=r"/files/gone\.png no longer works"):
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


@pytest.mark.parametrize(
    "url",
    [
        *("simplecache::http://127.0.0.1:1/a", "filecache::s3://bucket/a", "ftp://127.0.0.1/a"),
        *("zip://a.png::http://169.254.169.254/", "sftp://root@localhost/a", "smb://host/a"),
        *(
            "s3://a::http://127.0.0.1/b",
            "local:///etc/passwd",
            "github://a:b@main/c",
            "dir::s3://a",
        ),
    ],
)
def test_a_url_by_which_fsspec_would_call_any_host_is_not_opened(host: MediaHost, url: str) -> None:
    with pytest.raises(UnsafeLinkError, match="allow_private_urls"):
        run(source_of(url, VisionCraftClient(**host.clients())))


def test_a_url_of_storage_is_opened(host: MediaHost) -> None:
    kept = MediaStore("memory://opened").add(picture())
    source = run(source_of(str(kept.location), VisionCraftClient(**host.clients())))
    assert source.holder.open().read() == picture()


class StorageError(Exception):
    """Of a client of some storage: s3fs, gcsfs and Hugging Face's each have their own."""


@pytest.mark.parametrize("method", ["cat_file", "__init__"])
@pytest.mark.parametrize(
    "error", [StorageError("No such host"), ConnectError("No such host"), RuntimeError("No such")]
)
def test_whatever_error_a_storage_raises_is_one_of_its_file(
    host: MediaHost, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(MemoryFileSystem, "cachable", False)
    monkeypatch.setattr(MemoryFileSystem, method, fail)
    with pytest.raises(MediaInputError, match=r"memory://a cannot be read: .*No such") as caught:
        run(source_of("memory://a", VisionCraftClient(**host.clients())))
    assert error in chain(caught.value)


def test_the_missing_package_of_a_storage_is_named(
    host: MediaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"pip install 'langchain-visioncraft\[remote\]'"):
        run(source_of("s3://bucket/a", VisionCraftClient(**host.clients())))


def test_a_url_of_storage_whose_package_is_missing_concerns_that_url(
    host: MediaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of a dataset must not end the job."""
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(MediaInputError, match=r"az://bucket/a cannot be read: .*Install adlfs"):
        run(source_of("az://bucket/a", VisionCraftClient(**host.clients())))


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_empty_name_does_not_load_the_current_folder(
    make: Any, load: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, on_error: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidRequestError, match="name of a file or folder is empty"):
        load(make(["a.wav", ""], on_error=on_error))


@pytest.mark.parametrize("pattern", ["", "**", "**/a.*"])
def test_folders_may_be_nested_deeper_than_the_stack(tmp_path: Path, pattern: str) -> None:
    deepest = tmp_path.joinpath(*["d"] * 200)
    deepest.mkdir(parents=True)
    (deepest / "a.png").write_bytes(picture())
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(len(inspect.stack()) + 100)
        [item] = items_of([tmp_path / pattern], ("",))
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(item, Source)
    assert item.name == str(deepest / "a.png")


@pytest.mark.parametrize("name", ["", "*.png"])
def test_a_link_to_a_name_that_is_too_long_does_not_hide_other_files(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").symlink_to("x" * 300)
    found = [
        Path(str(getattr(item, "name", item))).name
        for item in items_of([str(tmp_path / name)], (".png",))
    ]
    assert "a.png" in found


def test_links_to_devices_are_left_out(make: Any, tmp_path: Path) -> None:
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    loader = make(tmp_path)
    assert loader.load() == []
    assert str(loader.report).startswith("0 documents of 0 files")
