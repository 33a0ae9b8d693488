"""Frames of animations and pages of TIFFs become documents."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from media_host import MediaHost, frames

from langchain_visioncraft import VisionCraftCaptionParser
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.apart import Apart


@pytest.fixture
def make(host: MediaHost) -> Any:
    clients = host.clients()
    return lambda **options: VisionCraftCaptionParser(**{**clients, "max_retries": 0, **options})


COLOURS = ["red", "lime", "blue", "white", "black"]


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ("auto", [2]),
        ("first", [0]),
        ("middle", [2]),
        ("all", [0, 1, 2, 3, 4]),
        (1, [2]),
        (2, [1, 3]),
        (9, [0, 1, 2, 3, 4]),
        ([0, -1], [0, 4]),
        ([1, 7], [1]),
    ],
)
def test_frames_of_an_animation_are_chosen(
    make: Any, parse: Any, chosen: Any, numbers: list[int]
) -> None:
    blob = Blob.from_data(frames(COLOURS, duration=200))
    documents = parse(make(frames=chosen), blob)
    assert [document.metadata["frame"] for document in documents] == numbers
    assert {document.metadata["frames"] for document in documents} == {5}
    assert {document.metadata["duration"] for document in documents} == {1.0}
    assert len({document.id for document in documents}) == len(numbers)


def test_the_chosen_frame_is_the_one_that_is_sent(make: Any, parse: Any) -> None:
    documents = parse(make(frames=[0, 1, 2]), Blob.from_data(frames(COLOURS)))
    red, lime, blue = (document.page_content for document in documents)
    # JPEG and the palette of a GIF may be a step off.
    assert red.startswith("JPEG 64x48 RGB (25")
    assert ", 25" in lime
    assert blue.endswith(("255)", "254)"))


@pytest.fixture
def sought(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that are decoded, in this order."""
    found: list[int] = []
    seek = Apart.seek
    monkeypatch.setattr(Apart, "seek", lambda image, at: (found.append(at), seek(image, at))[1])
    return found


def test_an_animation_is_not_decoded_without_an_end(
    make: Any, parse: Any, sought: list[int]
) -> None:
    blob = Blob.from_data(frames(COLOURS * 20, duration=50), metadata={"source": "long.gif"})
    parser = make(max_pixels=64 * 48)
    with pytest.raises(
        MediaInputError, match=r"long.gif has 100 frames of 64x48 .* frames='first'"
    ):
        parse(parser, blob)
    [document] = parse(make(max_pixels=64 * 48, frames="first"), blob)
    assert document.metadata["frames"] == 100
    assert document.metadata["duration"] == 5.0
    assert not any(sought)
    assert len(parse(make(max_pixels=64 * 48, frames=[3, 9]), blob)) == 2
    assert len(parse(make(max_pixels=64 * 48, frames=[15, 16]), blob)) == 2
    with pytest.raises(MediaInputError, match="Choose earlier"):
        parse(make(max_pixels=64 * 48, frames=[3, 17]), blob)


def test_each_frame_of_an_animation_is_composed_once(
    make: Any, parse: Any, sought: list[int]
) -> None:
    blob = Blob.from_data(frames(COLOURS * 6))
    assert len(parse(make(frames="all", max_pixels=2 * 64 * 48), blob)) == 30
    assert sought == list(range(1, 30))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_how_long_an_animation_lasts_is_read_without_composing_a_frame(
    make: Any, parse: Any, sought: list[int], form: str
) -> None:
    [document] = parse(make(frames="first"), Blob.from_data(frames(COLOURS, form, duration=70)))
    assert (document.metadata["frames"], document.metadata["duration"]) == (5, 0.35)
    assert not any(sought)


def test_a_frame_outside_the_screen_of_a_gif_counts_as_large_as_it_makes_it(
    make: Any, parse: Any
) -> None:
    frame = b",%s\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    near, far = frame % bytes(4), frame % struct.pack("<2H", 999, 999)
    begun = b"GIF89a\x01\x00\x01\x00\xf0\x00\x00\x00\x00\x00\xff\xff\xff" + near
    two = Blob.from_data(begun + far + b";")
    assert parse(make(frames="first", max_pixels=999_999), two)
    with pytest.raises(MediaInputError, match=r"2 frames of 1000x1000 pixels: .* at once"):
        parse(make(frames=[1], max_pixels=999_999), two)
    data = begun + far * 40 + b";"
    with pytest.raises(MediaInputError, match="41 frames of 1000x1000 pixels"):
        parse(make(max_pixels=1_000_000), Blob.from_data(data))


def test_frames_that_only_pillow_sees_are_bounded(make: Any, parse: Any) -> None:
    frame = b",%s\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    begun = b"GIF89a\x01\x00\x01\x00\xf0\x00\x00\x00\x00\x00\xff\xff\xff" + frame % bytes(4)
    # Behind an empty block Pillow skips this end of the file.
    hidden = begun + b"!\xf9\x00;" + bytes(59) + b"\x00"
    large = hidden + frame % struct.pack("<2H", 999, 999) + frame % bytes(4) + b";"
    with pytest.raises(MediaInputError, match="1000x1000 pixels, more than"):
        parse(make(frames=[2], max_pixels=999_999), Blob.from_data(large))


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_the_canvas_is_at_least_the_one_that_pillow_composes_on(
    make: Any, parse: Any, form: str
) -> None:
    data = frames(COLOURS * 20, form)
    if form == "WEBP":
        data += b"VP8X" + struct.pack("<I", 10) + bytes(10)
    else:
        small = b"teSt" + struct.pack(">2I", 1, 1)
        data = (
            data[:8]
            + struct.pack(">I", 8)
            + small
            + struct.pack(">I", zlib.crc32(small))
            + data[8:]
        )
    with pytest.raises(MediaInputError):
        parse(make(max_pixels=4 * 64 * 48, frames=[99]), Blob.from_data(data))


def test_a_frame_that_is_not_there_is_told(make: Any, parse: Any) -> None:
    blob = Blob.from_data(frames(COLOURS), metadata={"source": "five.gif"})
    with pytest.raises(MediaInputError, match=r"five\.gif has 5 frames, and none of \[5, 6\]"):
        parse(make(frames=[5, 6]), blob)


def test_every_page_of_a_tiff_becomes_a_document(make: Any, parse: Any) -> None:
    documents = parse(make(), Blob.from_data(frames(["red", "lime", "blue"], "TIFF")))
    assert [document.metadata["frame"] for document in documents] == [0, 1, 2]
    assert all("duration" not in document.metadata for document in documents)
    assert all(document.page_content.startswith("JPEG") for document in documents)


def test_a_picture_with_many_frames_is_refused_before_it_is_paid_for(
    make: Any, parse: Any, host: MediaHost
) -> None:
    blob = Blob.from_data(frames(COLOURS), metadata={"source": "five.gif"})
    with pytest.raises(MediaInputError, match=r"gif has 5 frames.*max_calls=4\b.*Nothing was"):
        parse(make(frames="all", max_calls=4), blob)
    assert host.asked == []


def test_frames_that_a_file_only_declares_take_no_memory(make: Any, parse: Any) -> None:
    data = frames(COLOURS, form="PNG")
    at = data.index(b"acTL")
    content = b"acTL" + struct.pack(">2I", 1 << 30, 0)
    data = data[:at] + content + struct.pack(">I", zlib.crc32(content)) + data[at + 16 :]
    tracemalloc.start()
    with pytest.raises(MediaInputError, match="1,073,741,824 frames, which take up to"):
        parse(make(frames="all"), Blob.from_data(data))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 << 20
