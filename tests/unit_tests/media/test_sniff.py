"""Bytes are what they are: type, size in pixels and seconds, and whether the end is there."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_visioncraft.media.inspection import MediaInfo, media_info, truncation_of
from langchain_visioncraft.media.sniff import (
    _SIGNATURES,
    EXTENSIONS,
    HEAD_BYTES,
    kind_of,
    sniff,
)

MEDIA = Path(__file__).parents[2] / "media"
FILES = {
    "cat.png": "image/png",
    "mask.png": "image/png",
    "cat.jpg": "image/jpeg",
    "cat.gif": "image/gif",
    "cat.webp": "image/webp",
    "cat.mp4": "video/mp4",
}


def riff(kind: bytes, size: int = 100) -> bytes:
    return b"RIFF" + struct.pack("<I", size) + kind


@pytest.mark.parametrize(("name", "mime"), FILES.items())
def test_a_real_file_is_recognised(name: str, mime: str) -> None:
    assert sniff((MEDIA / name).read_bytes()[:HEAD_BYTES]) == mime


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "image/bmp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypheic", "image/heic"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (riff(b"AVI LIST"), "video/x-msvideo"),
        (riff(b"WAVEfmt "), "audio/wav"),
        (riff(b"WEBPVP8L"), "image/webp"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"FORM\0\0\0\x10AIFF", "audio/aiff"),
        (b"FORM\0\0\0\x10AIFC", "audio/aiff"),
        (b"#!AMR\n", "audio/amr"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b'{"error": 1}', "application/json"),
        (b'  ["a"]', "application/json"),
        (b'"text"', "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
        (b"<!DOCTYPE html>", "text/html"),
        (b"\n\n<HTML>", "text/html"),
        (b"<svg xmlns='x'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?><rss>", "text/plain"),
        (b"hello", "text/plain"),
        ("é".encode() * 256 + b"\xc3", "text/plain"),
        (b"", None),
        (b"   ", None),
        (b"\x00\x01\x02", None),
        (b"\x80\x81\x82\x83\x84\x85", None),
        (b"a\x00b", None),
    ],
)
def test_a_head_is_recognised(head: bytes, mime: str | None) -> None:
    assert sniff(head) == mime


@pytest.mark.parametrize(
    "text",
    [
        b"The big WAVE came",
        b"Hello, aAIFF is",
        b"A good AVI LIST",
        b"12345678WEBPVP8 ",
        b"ID3 tags of all songs:\nartist, title",
    ],
)
def test_a_text_is_not_taken_for_a_recording_by_one_word(text: bytes) -> None:
    assert sniff(text) == "text/plain"


def test_a_text_with_a_byte_order_mark_may_be_cut_in_a_character() -> None:
    text = b"\xef\xbb\xbf" + "€é".encode() + b"\xe2"
    assert sniff(text) == "text/plain"


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [("cat.png", 256, 192), ("cat.jpg", 256, 192), ("cat.gif", None, None),
     ("cat.webp", None, None), ("cat.mp4", None, None), ("mask.png", 256, 192)],
)  # fmt: skip
def test_a_real_file_is_measured(name: str, width: int | None, height: int | None) -> None:
    with (MEDIA / name).open("rb") as file:
        shape = media_info(file, FILES[name])
    assert shape.width
    assert shape.height
    assert width is None or (shape.width, shape.height) == (width, height)


def test_a_video_has_a_duration() -> None:
    with (MEDIA / "cat.mp4").open("rb") as file:
        assert 0.1 < (media_info(file, "video/mp4").duration or 0) < 60


def test_a_recording_has_a_duration() -> None:
    wav = riff(b"WAVEfmt ") + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    wav += b"data" + struct.pack("<I", 32000) + bytes(32000)
    assert media_info(io.BytesIO(wav), "audio/wav") == MediaInfo(duration=2.0)


@pytest.mark.parametrize(("name", "mime"), FILES.items())
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_noticed(name: str, mime: str, share: float) -> None:
    whole = (MEDIA / name).read_bytes()
    cut = whole[: int(len(whole) * share)]
    assert truncation_of(io.BytesIO(cut), mime, len(cut))


@pytest.mark.parametrize(("name", "mime"), FILES.items())
def test_a_whole_file_is_whole(name: str, mime: str) -> None:
    whole = (MEDIA / name).read_bytes()
    assert truncation_of(io.BytesIO(whole), mime, len(whole)) is None


@pytest.mark.parametrize("name", ["cat.jpg", "cat.gif"])
def test_some_bytes_after_the_end_do_no_harm(name: str) -> None:
    data = (MEDIA / name).read_bytes() + bytes(20)
    assert truncation_of(io.BytesIO(data), FILES[name], len(data)) is None


def test_a_recording_of_unknown_length_is_not_cut_off() -> None:
    stream = b"RIFF\xff\xff\xff\xffWAVE" + bytes(100)
    assert truncation_of(io.BytesIO(stream), "audio/wav", len(stream)) is None


@pytest.mark.parametrize(("mime", "kind"), [("image/png", "image"), (None, None), ("", None)])
def test_the_kind_stands_before_the_slash(mime: str | None, kind: str | None) -> None:
    assert kind_of(mime) == kind


def test_every_signature_of_a_medium_has_an_extension() -> None:
    known = {kind for _, _, kind in _SIGNATURES if isinstance(kind, str)}
    known -= {"application/pdf", "application/zip"}
    assert known <= EXTENSIONS.keys()
    assert len(set(EXTENSIONS.values())) == len(EXTENSIONS)


HEADS = st.sampled_from([b"", b"\xef\xbb\xbf", *(bytes(o) + s for o, s, _ in _SIGNATURES)])


@settings(max_examples=150, deadline=None)
@given(head=HEADS, rest=st.binary(max_size=120) | st.text(max_size=60).map(str.encode))
def test_no_bytes_raise(head: bytes, rest: bytes) -> None:
    data = head + rest
    assert sniff(data[:HEAD_BYTES]) is None or isinstance(sniff(data), str)
    for mime in EXTENSIONS:
        assert isinstance(media_info(io.BytesIO(data), mime), MediaInfo)
        truncation_of(io.BytesIO(data), mime, len(data))


def box(kind: bytes, payload: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(payload) if size is None else size, kind) + payload


KINDS = st.sampled_from([b"moov", b"mvhd", b"trak", b"tkhd", b"ftyp", b"mdat", b"free"])
SIZED = st.none() | st.integers(0, 64) | st.just(2**32 - 1)
BOXES = st.recursive(
    st.builds(box, KINDS, st.binary(max_size=40), SIZED),
    lambda inner: st.builds(
        box, KINDS, st.lists(inner, max_size=3).map(b"".join), SIZED
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(boxes=st.lists(BOXES, max_size=4))
def test_no_video_raises_however_its_boxes_are_broken(boxes: list[bytes]) -> None:
    data = b"".join(boxes)
    assert isinstance(media_info(io.BytesIO(data), "video/mp4"), MediaInfo)
    truncation_of(io.BytesIO(data), "video/mp4", len(data))
