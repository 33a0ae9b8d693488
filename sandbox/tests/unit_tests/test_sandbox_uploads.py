"""Pictures and masks as a person sees them, whatever their files are like."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from visioncraft_sandbox import SandboxConfig
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.uploads import Uploads, decode_picture

from langchain_visioncraft.media.inputs import MediaSource, parse_source

SIZE = (64, 32)


@pytest.fixture
def uploads() -> Uploads:
    config = SandboxConfig(models=False)
    return Uploads(config, FileStore(1 << 20, 60), "sandbox:8765")


def half(mode: str = "L", size: tuple[int, int] = SIZE) -> Image.Image:
    """White in its upper half, black below."""
    image = Image.new("L", size, 0)
    image.paste(255, (0, 0, size[0], size[1] // 2))
    return image.convert(mode)


def source(image: Image.Image, form: str = "PNG", turn: int = 1) -> MediaSource:
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif)
    return parse_source(buffer.getvalue())


def marks_the_upper_half(mask: Image.Image) -> bool:
    width, height = mask.size
    above, below = (mask.getpixel((width // 2, y)) for y in (height // 4, height * 3 // 4))
    return (above, below) == (255, 0)


def on_its_side(image: Image.Image) -> Image.Image:
    """As a camera stores it that was held so that EXIF says 6."""
    return image.transpose(Image.Transpose.ROTATE_90)


@pytest.mark.parametrize(
    "mask",
    [
        source(half(size=(32, 64))),
        source(on_its_side(half(size=(32, 64)))),
        source(on_its_side(half(size=(32, 64))), "PNG", 6),
    ],
    ids=["drawn on what is seen", "drawn on what is stored", "turned by itself"],
)
def test_a_mask_and_its_picture_are_turned_together(uploads: Uploads, mask: MediaSource) -> None:
    picture, cover = uploads.picture_and_mask(source(Image.new("RGB", SIZE), "JPEG", 6), mask)
    assert picture.size == cover.size == (32, 64)
    assert marks_the_upper_half(cover)


def white_where_opaque() -> Image.Image:
    image = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, SIZE[0], SIZE[1] // 2))
    return image


def grey_where_opaque() -> Image.Image:
    return white_where_opaque().convert("LA")


def palette() -> Image.Image:
    image = half("P")
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    "mask", [half(), half("RGB"), half("1"), white_where_opaque(), grey_where_opaque(), palette()]
)
def test_where_a_mask_is_transparent_nothing_is_marked(uploads: Uploads, mask: Any) -> None:
    picture = source(Image.new("RGB", SIZE))
    assert marks_the_upper_half(uploads.picture_and_mask(picture, source(mask))[1])


def test_a_picture_of_sixteen_bits_is_not_white() -> None:
    ramp = Image.linear_gradient("L").convert("I").point(lambda value: value * 100).convert("I;16")
    buffer = io.BytesIO()
    ramp.save(buffer, "PNG")
    seen = decode_picture(buffer.getvalue(), "image", 10**6)
    assert (seen.mode, seen.getextrema()) == ("L", (0, 255))
