"""What may stand for a picture or a recording in a request, and how it becomes base64."""

from __future__ import annotations

import base64
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, unquote_to_bytes

import pytest
from client_driving import PNG
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import inputs
from langchain_visioncraft.media.inputs import (
    CHUNK_BYTES,
    MediaSource,
    Upload,
    decode_base64,
    parse_source,
)


@pytest.mark.parametrize("link", ["https://h.example/a.png", "HTTP://h.example/a", " https://h/ "])
def test_a_link_stays_a_link(link: str) -> None:
    source = parse_source(link)
    assert source.url == link.strip()
    with pytest.raises(MediaInputError, match="bytes are not here"):
        source.open()


@pytest.mark.parametrize("link", ["http://[bad/a.png", "https://h:99999/a.png", "http://"])
def test_a_damaged_link_is_no_input(link: str) -> None:
    with pytest.raises(MediaInputError, match="URL"):
        parse_source(link)


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64,{}", "DATA:image/png;base64,{}", "data:;base64,{}",
        "data:image/png;name=a.png;base64,{}", "data:image/png;BASE64,{}",
    ],
)  # fmt: skip
def test_a_data_url_is_read(text: str) -> None:
    source = parse_source(text.format(base64.b64encode(PNG).decode()))
    with source.open() as file:
        assert file.read() == PNG


def test_a_data_url_may_be_percent_encoded() -> None:
    text = base64.b64encode(PNG).decode().replace("+", "%2B").replace("=", "%3D")
    assert parse_source(f"data:image/png;base64,{text}").open().read() == PNG
    assert parse_source("data:,a%20b").open().read() == b"a b"


def test_a_percent_encoded_data_url_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "%41%4\u00e9%zz%%42ab%e2%82%acc%"
    for size in range(3, 30):
        monkeypatch.setattr(inputs, "_PIECE", size)
        assert inputs.data_of_url(f"data:,{text}") == unquote_to_bytes(text)
        assert inputs.data_of_url(f"data:;base64,{text}") == unquote(text)
    assert inputs.data_of_url("data:;base64,%41\ud800") == "A?"
    monkeypatch.undo()
    long = "data:image/png;base64," + "%41" * (4 << 20)
    tracemalloc.start()
    try:
        assert len(inputs.data_of_url(long)) == 4 << 20
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_base64_may_have_line_breaks() -> None:
    assert parse_source(base64.encodebytes(PNG).decode()).open().read() == PNG


@pytest.mark.parametrize(
    "text", ["", "cat.png", "hello there!", "data:nonsense", "/etc/passwd.txt"]
)
def test_other_text_is_no_input(text: str) -> None:
    with pytest.raises(MediaInputError):
        parse_source(text)


@pytest.mark.parametrize("value", [None, 5, 1.5, object(), ["a"], {"handle": 1}])
def test_other_values_are_no_inputs(value: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot be sent|validation error"):
        parse_source(value)


@pytest.mark.parametrize("value", [bytearray(PNG), memoryview(PNG), PNG])
def test_bytes_come_in_several_forms(value: Any) -> None:
    assert parse_source(value).open().read() == PNG


def test_a_source_is_taken_as_it_is() -> None:
    source = MediaSource("x", data=PNG)
    assert parse_source(source) is source


def test_a_source_shows_no_bytes() -> None:
    text = base64.b64encode(PNG).decode()
    for value in (PNG, text, Media.from_bytes(PNG)):
        assert len(repr(parse_source(value))) < 200


def test_an_artifact_that_went_through_json_is_read_from_its_store(tmp_path: Path) -> None:
    artifact = Media.to_artifact([MediaStore(tmp_path).add(PNG)])
    with parse_source(artifact).open() as file:
        assert file.read() == PNG


def test_an_artifact_of_a_file_that_no_store_has_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    source = parse_source(Media.to_artifact([Media.from_path(path)]))
    with pytest.raises(MediaInputError, match="from data is not trusted"):
        source.open()


@given(text=st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        source = parse_source(text)
    except MediaInputError:
        return
    assert isinstance(source, MediaSource)


class Trickle(io.RawIOBase):
    """A file of a remote store: it gives as much as it has just got."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.data.read(min(size, 1000) if size > 0 else size)

    def seek(self, at: int, whence: int = 0) -> int:
        return self.data.seek(at, whence)


class TrickleHolder:
    def open(self, _mode: str = "rb", /) -> BinaryIO:
        return Trickle(PNG)  # type: ignore[return-value]

    def take_file(self, _target: Path, /) -> bool:
        return False


def test_a_file_that_comes_in_drops_is_encoded_as_one() -> None:
    media = Media.from_bytes(PNG).at("trickle", TrickleHolder())
    assert base64.b64decode(b"".join(parse_source(media).encoded()), validate=True) == PNG


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_pieces_of_base64_are_the_base64_of_the_whole(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert b"".join(parse_source(data).encoded()) == base64.b64encode(data)


def test_chunks_are_a_multiple_of_three() -> None:
    assert CHUNK_BYTES % 3 == 0


def test_unknown_bytes_get_the_benefit_of_the_doubt() -> None:
    assert Upload(parse_source(bytes(10)), "image", "image").check() == 10


def test_a_pil_image_that_cannot_be_decoded_is_refused() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 150), 80).save(buffer, "JPEG")
    cut_off = Image.open(io.BytesIO(buffer.getvalue()[:-3000]))
    closed = Image.new("RGB", (2, 2))
    closed.close()
    for picture in (cut_off, closed, Image.new("RGB", (0, 0))):
        with pytest.raises(MediaInputError, match="PIL image cannot be sent"):
            parse_source(picture)


@pytest.mark.parametrize("wrap", [str, lambda text: text.replace("A", "A\r\n"), str.rstrip])
def test_large_base64_is_decoded_in_pieces(wrap: Callable[[str], str]) -> None:
    data = bytes(range(256)) * 12_300
    assert decode_base64(wrap(base64.b64encode(data).decode())) == data


@pytest.mark.parametrize("place", [1000, 1 << 20])
def test_padding_within_base64_is_refused(place: int) -> None:
    text = "A" * (place - 2) + "==" + "A" * (1 << 20)
    with pytest.raises(MediaInputError, match="not valid base64"):
        decode_base64(text)
