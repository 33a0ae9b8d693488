"""What a small file may ask of a decoder."""

from __future__ import annotations

import io
import re

import pytest
from media_host import picture
from PIL import Image
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.uploads import decode_picture

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.scaling import scaled

EMPTY_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"


def progressive(scans: int) -> bytes:
    """A JPEG of as many scans, in all."""
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 200).save(buffer, "JPEG", progressive=True)
    plain = buffer.getvalue()
    return plain[:-2] + EMPTY_SCAN * (scans - plain.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_of_more_scans_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match=r"cat has more than 500 scans.*not decoded"):
        scaled(progressive(501), 8, name="cat")
    with pytest.raises(Refusal, match=r"^image has more than 500 scans") as caught:
        decode_picture(progressive(501), "image", 10_000)
    assert caught.value.status == 400


def test_scans_hide_behind_no_padding_and_no_marker_in_the_pixels() -> None:
    hidden = re.sub(rb"(?=\xff\xda)", b"\xff\xff\xd0\xff\x00\xff\x01", progressive(501))
    with pytest.raises(MediaInputError, match="500 scans"):
        scaled(hidden, 8)


@pytest.mark.parametrize(
    "data",
    [
        progressive(500),
        picture(form="JPEG") + b"\xff\xda" * 501,
        b"\xff\xd8\xff\xe5\x04\x00" + b"\xff\xda" * 511 + picture(form="JPEG")[2:],
    ],
    ids=["500 scans", "something appended", "metadata"],
)
def test_what_is_no_scan_does_not_count(data: bytes) -> None:
    assert scaled(data, 8).damage is None
    assert decode_picture(data, "image", 10_000).size == (64, 48)
