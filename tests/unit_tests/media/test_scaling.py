"""Pictures made ready to be looked at, for loaders, chat models and clients of other protocols."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from media_host import frames, picture
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from langchain_visioncraft import Media
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import scaling
from langchain_visioncraft.media.decoding import Frames
from langchain_visioncraft.media.inspection import is_whole_png
from langchain_visioncraft.media.scaling import scaled


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("take", [bytes, io.BytesIO, Media.from_bytes])
@pytest.mark.parametrize("max_side", [None, 64])
def test_a_picture_that_needs_nothing_stays_as_it_is(form: str, take: Any, max_side: Any) -> None:
    data = picture(form=form)
    assert scaled(take(data), max_side) == (data, f"image/{form.lower()}", None)


def test_a_whole_png_stays_as_it_is_without_being_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = picture(form="PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it is decoded"))
    assert scaled(data) == (data, "image/png", None)


def test_a_png_with_any_wrong_byte_is_decoded_to_see_what_is_left_of_it() -> None:
    data = picture(form="PNG")
    for at in range(8, len(data)):
        wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert not is_whole_png(io.BytesIO(wrong))
    assert not is_whole_png(io.BytesIO(data[:-1]))
    assert is_whole_png(io.BytesIO(data + b"something else"))


@pytest.mark.parametrize("take", [bytes, io.BytesIO, Media.from_bytes])
def test_no_side_is_longer_than_asked_for(take: Any) -> None:
    data, mime, _ = scaled(take(picture(size=(300, 90), form="JPEG")), 100)
    assert mime == "image/jpeg"
    assert opened(data).size == (100, 30)


@pytest.mark.parametrize(
    ("given", "sent", "kept"),
    [
        (("RGB", "red", "PNG"), "image/jpeg", "image/png"),
        (("RGBA", (255, 0, 0, 9), "PNG"), "image/png", "image/png"),
        (("RGB", "red", "WEBP"), "image/jpeg", "image/webp"),
        (("RGB", "red", "BMP"), "image/jpeg", "image/png"),
        (("CMYK", (0, 255, 255, 0), "JPEG"), "image/jpeg", "image/jpeg"),
    ],
)
def test_what_is_encoded_is_a_jpeg_unless_it_is_transparent_or_its_format_is_kept(
    given: tuple[str, Any, str], sent: str, kept: str
) -> None:
    mode, colour, form = given
    data = picture(colour, form=form, mode=mode)
    for keep_format, expected in ((False, sent), (True, kept)):
        smaller, mime, _ = scaled(data, 20, keep_format=keep_format)
        assert mime == expected
        assert Media.from_bytes(smaller).mime_type == expected


def test_a_picture_is_encoded_if_it_is_asked_for() -> None:
    data = picture()
    assert scaled(data, always_encode=True) != (data, "image/png", None)
    assert opened(scaled(data, always_encode=True)[0]).size == opened(data).size


@pytest.mark.parametrize("max_side", [None, 20])
def test_a_picture_is_turned_upright(max_side: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data, *_ = scaled(picture(size=(80, 40), form="JPEG", exif=exif), max_side)
    assert opened(data).size == ((10, 20) if max_side else (40, 80))
    assert opened(data).getexif().get(0x0112, 1) == 1


def test_a_frame_is_chosen() -> None:
    media = Media.from_bytes(frames(["red", "lime", "blue"]))
    opening = Frames(media, name="three", max_pixels=10_000).at(1)
    data, mime, _ = scaled(media, opening=opening)
    assert mime == "image/jpeg"
    red, green, _ = opened(data).convert("RGB").getpixel((0, 0))
    assert (red < 50, green > 200) == (True, True)


def test_a_small_file_of_very_many_pixels_is_not_decoded_without_a_limit_of_its_own() -> None:
    sides = (12_999).to_bytes(3, "little") * 2
    data = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I4x", 10) + sides
    with pytest.raises(MediaInputError, match=r"13000x13000 pixels, which count 4 times .*180,000"):
        scaled(data, 768)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(MediaInputError, match=r"a\.png has 300x200 pixels, more than max_pixels="):
        scaled(picture(size=(300, 200)), max_pixels=59_999, name="a.png")
    scaled(picture(size=(300, 200)), max_pixels=60_000)
    with pytest.raises(MediaInputError, match="1x1000 pixels"):  # each row takes memory
        scaled(picture(size=(1, 1000)), max_pixels=7999)
    scaled(picture(size=(1, 1000)), max_pixels=8000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Buy milk.", "cannot be opened as a picture: .* text/plain"),
        (picture(form="JPEG", size=(300, 300))[:600], "is a damaged image/jpeg"),
        (picture()[:40], "is image/png, but cannot be opened as a picture"),
    ],
)
def test_what_cannot_be_decoded_is_an_error_that_names_it(data: bytes, reason: str) -> None:
    with pytest.raises(MediaInputError, match=f"holiday {reason}"):
        scaled(data, 10, name="holiday")


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"langchain-visioncraft\[images\]"):
        scaled(data, 10)


def deep(values: Any, form: str = "TIFF") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, form)
    return buffer.getvalue()


def ramp(dtype: Any, low: float, high: float) -> Any:
    return np.tile(np.linspace(low, high, 64), (48, 1)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.uint16, 0, 3000), (np.int32, -500, 900), (np.float32, 0, 1), (np.float32, 270, 310)],
)
@pytest.mark.parametrize("spoiled", [None, 65_535.0, -9999.0, np.nan, np.inf, -3.4e38])
def test_a_few_wrong_numbers_do_not_flatten_a_scan(
    dtype: Any, low: float, high: float, spoiled: float | None
) -> None:
    values = ramp(dtype, low, high)
    if spoiled is not None and (dtype is np.float32 or abs(spoiled) < 1e5):
        values[:3, :5] = np.array(spoiled).astype(dtype)
    with opened(scaled(deep(values))[0]) as image:
        left, middle, right = (image.getpixel((x, 40)) for x in (1, 32, 62))
    assert (left < 30, 100 < middle < 160, right > 225) == (True, True, True)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (65_535, 255), (30_000, 117)])
def test_a_scan_of_one_brightness_keeps_it(value: int, grey: int) -> None:
    with opened(scaled(deep(np.full((9, 9), value, np.uint16), "PNG"))[0]) as image:
        low, high = image.getextrema()
    assert abs(low - grey) <= 1
    assert abs(high - grey) <= 1


def test_a_profile_that_is_none_does_no_harm() -> None:
    data = picture("red", (300, 200), icc_profile=b"no profile")
    with opened(scaled(data, 100)[0]) as image:
        assert "icc_profile" not in image.info
        red, green, blue = image.getpixel((5, 5))
    assert (red > 240, green < 20, blue < 20) == (True, True, True)


@pytest.mark.parametrize("cut", [1, 2, 400])
def test_a_picture_that_was_cut_off_is_taken_as_far_as_it_goes(cut: int) -> None:
    whole = picture(size=(300, 300), form="JPEG")
    ready = scaled(Media.from_bytes(whole[:-cut]), None)
    assert "cut off" in str(ready.damage)
    assert ready.data != whole[:-cut]
    with opened(ready.data) as image:
        assert image.size == (300, 300)
        image.load()
    assert scaled(Media.from_bytes(whole), None).damage is None
    assert not ImageFile.LOAD_TRUNCATED_IMAGES  # which would count for the whole process


def test_wrong_numbers_of_several_kinds_do_not_flatten_a_scan() -> None:
    values = ramp(np.uint16, 0, 3000)
    values[3, 3], values[9, 9] = 60_000, 40_000
    with opened(scaled(deep(values))[0]) as image:
        assert image.getpixel((62, 40)) > 225


def test_a_picture_of_which_no_pixel_came_is_damaged() -> None:
    whole = picture(size=(300, 300), form="JPEG")
    with pytest.raises(MediaInputError, match="is a damaged image/jpeg"):
        scaled(whole[: whole.index(b"\xff\xda") + 14])


def photograph(mode: str, **options: Any) -> bytes:
    """A JPEG of 2000x1500: shades across, stripes down, no two corners alike."""
    across = np.linspace(0, 255, 2000)[None, :].repeat(1500, 0)
    down = (np.sin(np.arange(1500) / 40) * 100 + 128)[:, None].repeat(2000, 1)
    bands = {"L": [across], "RGB": [across, down, 255 - across], "CMYK": [across, down, down, down]}
    image = Image.merge(mode, [Image.fromarray(each.astype(np.uint8)) for each in bands[mode]])
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, **options)
    return file.getvalue()


def turned_by(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = number
    return exif


_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"icc_profile": _PROFILE}, {"exif": turned_by(6)}],
    ids=["plain", "progressive", "profile", "turned"],
)
def test_a_photograph_that_is_decoded_smaller_looks_like_one_that_is_not(
    mode: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode != "RGB" and "icc_profile" in options:
        options = {**options, "icc_profile": b"not for this mode"}
    data = photograph(mode, **options)
    sizes, load = [], ImageFile.ImageFile.load

    def watched(image: Any) -> Any:
        sizes.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    quick = opened(scaled(data, 500)[0])
    assert (1000, 750) in sizes
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda *_: None)
    whole = opened(scaled(data, 500)[0])
    assert quick.size == whole.size == ((375, 500) if "exif" in options else (500, 375))
    assert quick.mode == whole.mode
    difference = np.asarray(quick).astype(int) - np.asarray(whole)
    assert np.abs(difference).mean() < 1.5


def test_of_a_photograph_that_was_cut_off_what_is_there_is_decoded_smaller() -> None:
    data = photograph("RGB")
    ready = scaled(Media.from_bytes(data[: len(data) // 2]), 500)
    assert ready.damage
    pixels = np.asarray(opened(ready.data)).astype(int)
    whole = np.asarray(opened(scaled(data, 500)[0]))
    assert pixels.shape == whole.shape
    assert np.abs(pixels[:150] - whole[:150]).mean() < 2


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("place", ["before the pixels", "behind them"])
@pytest.mark.parametrize(
    "texts",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5 << 20))),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"x" * (5 << 20))),
        chunk(b"tEXt", b"Comment\0" + b"x" * 900_000) * 80,
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(5 << 20))),
    ],
    ids=["zTXt", "iTXt", "tEXt", "iCCP"],
)
def test_a_png_with_more_text_than_pillow_takes_is_seen_and_sent_without_it(
    place: str, texts: bytes
) -> None:
    plain = picture((9, 99, 199), (40, 30))
    at = 33 if place == "before the pixels" else len(plain) - 12
    ready = scaled(Media.from_bytes(plain[:at] + texts + plain[at:]), None)
    assert ready.damage is None
    assert len(ready.data) < 10_000
    red, green, blue = opened(ready.data).convert("RGB").getpixel((5, 5))
    assert max(abs(red - 9), abs(green - 99), abs(blue - 199)) < 6


def test_a_png_whose_pixels_are_damaged_is_not_excused_by_its_text() -> None:
    plain = picture((9, 99, 199), (40, 30))
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5 << 20)))
    with pytest.raises(MediaInputError, match="damaged"):
        scaled(Media.from_bytes(plain[:33] + text + plain[33:45]), None)


def test_a_profile_of_any_number_of_steps_is_not_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", read.append)
    data = picture("red", icc_profile=_PROFILE + b"D2B0mpet")
    with opened(scaled(data, 8, always_encode=True)[0]) as image:
        assert "icc_profile" not in image.info
    assert read == []


def test_a_long_comment_does_not_make_a_picture_unusable() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "secret " * 10_000)
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(buffer, "PNG", pnginfo=texts)
    found = scaled(buffer.getvalue(), 10)
    assert (found.mime_type, found.damage) == ("image/jpeg", None)
    assert b"secret" not in found.data


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_is_appended_to_a_picture_is_not_sent_if_it_is_large(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(scaling, "_LARGEST_UNCHANGED", 100_000)
    data = picture(form=form)
    little, much = data + bytes(1000), data + bytes(100_000)
    assert scaled(little).data == little
    found = scaled(much)
    assert (len(found.data) < 100_000, found.damage) == (True, None)
