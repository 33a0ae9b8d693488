"""`Media`: plain data that knows where its bytes are, and shows itself."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from client_driving import GIF, JPEG, MP4, PNG, WAV, WEBP, given, play
from pydantic import ValidationError

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.client.decode import media_from
from langchain_visioncraft.errors import DamagedMediaError, InvalidRequestError
from langchain_visioncraft.media.media import readable_size
from langchain_visioncraft.media.places import HeldBytes

ALL = {"png": PNG, "jpg": JPEG, "gif": GIF, "webp": WEBP, "mp4": MP4, "wav": WAV}


@pytest.mark.parametrize(("extension", "data"), ALL.items())
def test_a_handle_is_the_digest_and_the_true_extension(extension: str, data: bytes) -> None:
    media = Media.from_bytes(data)
    assert media.handle == f"{media.sha256[:12]}.{extension}"
    assert media.size == len(data)


def test_the_digest_is_computed_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    holder = HeldBytes(PNG)
    monkeypatch.setattr(holder, "open", lambda mode: opened.append(mode) or io.BytesIO(PNG))
    media = Media.holding(holder, mime_type="image/png", size=len(PNG))
    assert opened == []
    assert media.sha256 == hashlib.sha256(PNG).hexdigest()
    assert media.handle == f"{media.sha256[:12]}.png"
    assert opened == ["rb"]
    assert media.at("/elsewhere.png").sha256 == media.sha256


@pytest.mark.parametrize("digest", [None, 1, "", "x" * 64, "a" * 63, "A" * 64])
def test_plain_data_without_a_digest_is_refused(digest: object) -> None:
    with pytest.raises(ValidationError, match="64 hex digits"):
        Media.model_validate({**Media.from_bytes(PNG).model_dump(), "sha256": digest})


def test_a_file_with_a_lying_name_has_its_true_type(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(JPEG)
    media = Media.from_path(path)
    assert (media.mime_type, media.path) == ("image/jpeg", path)


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", bytes(50), b"%PDF-1.7"])
def test_what_is_no_medium_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="not a picture, video or recording"):
        Media.from_bytes(data)


def test_an_artifact_survives_json(tmp_path: Path) -> None:
    kept = [MediaStore(tmp_path).add(data) for data in (PNG, GIF)]
    for media in (kept, kept[:1]):
        artifact = json.loads(json.dumps(Media.to_artifact(media)))
        again = Media.from_artifact(artifact)
        assert again == media
        assert [medium.read() for medium in again] == [medium.read() for medium in media]


FORGED = {"mime_type": "image/png", "size": 10, "sha256": "0" * 64, "handle": "000000000000.png"}


@pytest.mark.parametrize(
    "location",
    [
        *("/etc/passwd", "../../../../etc/passwd", "file:///etc/passwd", "memory://a/b.png"),
        *("http://127.0.0.1:1/a", "simplecache::http://127.0.0.1:1/a", "//host/share/a.png"),
    ],
)
def test_data_is_not_read_where_it_says_that_it_is(location: str) -> None:
    [forged] = Media.from_artifact({**FORGED, "location": location})
    # As a checkpointer does that cannot validate what it has.
    built = Media.model_construct(**{**FORGED, "location": location})
    for media in (forged, built):
        with pytest.raises(FileNotFoundError):
            media.read()
        assert "location" not in Media.to_artifact([forged])
    assert forged.location is None


def test_data_is_read_only_if_the_store_has_its_very_bytes(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    kept = store.add(PNG)
    facts = Media.to_artifact([kept])
    other = facts["sha256"][:12] + "0" * 52
    for named in (None, store):
        [media] = Media.from_artifact(facts, named)
        assert (media.path, media.read()) == (kept.path, PNG)
        [forged] = Media.from_artifact({**facts, "sha256": other}, named)
        with pytest.raises(DamagedMediaError, match="does not have the bytes"):
            forged.read()


def test_data_of_another_process_is_found_in_the_store_that_is_given(tmp_path: Path) -> None:
    facts = Media.to_artifact([MediaStore(tmp_path / "here").add(PNG)])
    there = {**facts, "location": f"/elsewhere/{facts['handle']}"}
    [media] = Media.from_artifact(there)
    with pytest.raises(FileNotFoundError, match="open its store"):
        media.read()
    [media] = Media.from_artifact(there, MediaStore(tmp_path / "here"))
    assert media.read() == PNG
    assert media.location == facts["location"]


def test_a_forged_type_brings_no_markup_into_a_notebook() -> None:
    facts = {**FORGED, "mime_type": 'image/"><script>', "handle": "000000000000.bin"}
    with pytest.raises(ValidationError, match="mime_type"):
        Media.model_validate(facts)


@pytest.mark.parametrize("artifact", [None, [], {"text": "Hello.", "segments": []}, "x", [None]])
def test_an_artifact_without_media_gives_none(artifact: object) -> None:
    assert Media.from_artifact(artifact) == []


def test_a_medium_that_was_dumped_without_a_store_says_what_to_do() -> None:
    again = Media.model_validate(Media.from_bytes(PNG).model_dump())
    with pytest.raises(FileNotFoundError, match=r"MediaStore\.add"):
        again.read()


@pytest.mark.parametrize("handle", ["../../etc/passwd", "a.png", "a1b2c3d4e5f6/x.png", "", "<img>"])
def test_a_forged_handle_is_refused(handle: str) -> None:
    facts = Media.from_bytes(PNG).model_dump()
    with pytest.raises(ValidationError, match="handle"):
        Media.model_validate({**facts, "handle": handle})


def test_a_medium_in_memory_pickles_with_its_bytes() -> None:
    assert pickle.loads(pickle.dumps(Media.from_bytes(PNG))).read() == PNG


def test_a_medium_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Media.from_bytes(PNG).open("wb")


def test_a_copy_has_the_name_that_it_was_given(tmp_path: Path) -> None:
    media = Media.from_bytes(PNG)
    assert media.save(tmp_path / "cat.png") == tmp_path / "cat.png"
    assert media.save(tmp_path) == tmp_path / media.handle
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["cat.png", media.handle])
    assert (tmp_path / "cat.png").read_bytes() == PNG


class Breaks:
    def open(self, _mode: str = "rb", /) -> Any:
        raise OSError

    def take_file(self, _target: Path, /) -> bool:
        return False


def test_a_copy_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "cat.png"
    target.write_bytes(b"before")
    with pytest.raises(OSError):  # noqa: PT011
        Media.from_bytes(PNG).at("breaks", Breaks()).save(target)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_threads_may_copy_to_one_file(tmp_path: Path) -> None:
    media = Media.from_bytes(PNG)
    failures: list[Exception] = []
    gate = threading.Barrier(8)

    def save() -> None:
        gate.wait()
        try:
            for _ in range(20):
                media.save(tmp_path / "cat.png")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [PNG]


def test_a_medium_describes_itself_in_one_line() -> None:
    assert Media.from_bytes(PNG).describe() == (
        f"{Media.from_bytes(PNG).handle} (image/png, 256x192, 75 kB)"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (14_400, "14 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (1_400_000, "1.4 MB"), (256_000_000, "256 MB"), (5e9, "5,000 MB")],
)  # fmt: skip
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert readable_size(int(size)) == text


@pytest.mark.parametrize(
    ("data", "mime"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "text/html"), (WEBP, "text/html"),
     (MP4, "text/html"), (WAV, "text/html")],
)  # fmt: skip
def test_a_notebook_shows_it(data: bytes, mime: str) -> None:
    bundle = Media.from_bytes(data)._repr_mimebundle_()
    text = base64.b64encode(data).decode()
    assert set(bundle) == {"text/plain", mime}
    assert text in bundle[mime]


@pytest.mark.parametrize(("data", "kind"), [(PNG, "image"), (MP4, "video"), (WAV, "audio")])
def test_a_block_is_a_standard_content_block(data: bytes, kind: str) -> None:
    block = Media.from_bytes(data).block()
    assert block["type"] == kind
    assert base64.b64decode(block["base64"]) == data
    assert Media.from_bytes(data).data_url().startswith(f"data:{block['mime_type']};base64,")


def test_what_a_flow_gives_is_a_medium_with_bytes_and_no_place() -> None:
    [media] = play(media_from(given(PNG))).result
    assert media.location is None
    assert media.path is None
    assert media.read() == PNG


def test_a_named_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert Media.from_bytes(PNG).save(pipe) == pipe
    assert pipe.is_fifo()
    reader.join(10)
    assert read == [PNG]
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, there: bool) -> None:
    (tmp_path / "kept").mkdir()
    target, link = tmp_path / "kept" / "fox.png", tmp_path / "newest.png"
    if there:
        target.write_bytes(b"older")
    link.symlink_to(target)
    assert Media.from_bytes(PNG).save(link) == link
    assert link.is_symlink()
    assert target.read_bytes() == PNG
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "lie",
    [{"size": -1}, {"width": -5}, {"height": -5}, {"duration": -1.0}, {"duration": float("inf")}],
)
def test_data_with_sizes_that_nothing_has_are_refused(lie: dict[str, Any]) -> None:
    data = Media.from_bytes(PNG).model_dump()
    with pytest.raises(ValidationError):
        Media.model_validate({**data, **lie})


def test_a_file_in_a_folder_that_does_not_exist_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder.*'.*/nowhere'"):
        Media.from_bytes(PNG).save(tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []
