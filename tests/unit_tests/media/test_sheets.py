"""Contact sheets and galleries: several media of a store at once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageFont

from langchain_visioncraft import MediaStore, errors

MEDIA = Path(__file__).parents[2] / "media"
GIF = b"GIF89a" + bytes(7) + b";"


def picture(color: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def handles(store: MediaStore) -> list[str]:
    """A wide, a tall and a see-through picture."""
    return [
        store.add(picture("red", (200, 100)), tool="visioncraft_image",
                  arguments={"prompt": "<b>red</b>", "model": "m"}).handle,
        store.add(picture("lime", (100, 200))).handle,
        store.add(picture("#0000ff00", (50, 50), "RGBA")).handle,
    ]  # fmt: skip


def test_a_sheet_shows_each_picture_in_its_place(store: MediaStore, handles: list[str]) -> None:
    kept = store.contact_sheet(handles, side=100)
    assert (kept.mime_type, kept.width, kept.height) == ("image/png", 236, 280)
    assert store.provenance(kept.handle)["sources"] == handles
    with Image.open(io.BytesIO(kept.read())) as sheet:
        # By way of a JPEG.
        assert sheet.getpixel((62, 62)) == pytest.approx((255, 0, 0), abs=3)
        assert sheet.getpixel((62, 20)) == (255, 255, 255)  # beside the wide one
        assert sheet.getpixel((174, 62)) == pytest.approx((0, 255, 0), abs=3)
        assert sheet.getpixel((62, 196)) == (255, 255, 255)  # through the last one
        written = sheet.crop((12, 113, 112, 134)).convert("L").getextrema()
    assert written[0] < 100  # the handle


def test_columns_may_be_chosen(store: MediaStore, handles: list[str]) -> None:
    kept = store.contact_sheet(handles, columns=3, side=100)
    assert (kept.width, kept.height) == (348, 146)


def test_captions_may_be_chosen_and_end_at_their_picture(
    store: MediaStore, handles: list[str]
) -> None:
    kept = store.contact_sheet(handles, captions=["", "W" * 99, "c"], columns=3, side=100)
    with Image.open(io.BytesIO(kept.read())) as sheet:
        darkest = [
            sheet.crop((left, 113, left + width, 134)).convert("L").getextrema()[0]
            for left, width in ((12, 100), (124, 100), (224, 12), (236, 100))
        ]
    assert [value < 100 for value in darkest] == [False, True, False, True]
    with pytest.raises(ValueError, match="2 captions for 3 pictures"):
        store.contact_sheet(handles, captions=["a", "b"])


def test_what_cannot_be_shown_is_said(store: MediaStore) -> None:
    with pytest.raises(errors.MediaInputError, match="at least one"):
        store.contact_sheet([])
    with pytest.raises(errors.UnknownHandleError):
        store.contact_sheet(["ffffffffffff.png"])
    with pytest.raises(errors.MediaInputError):
        store.contact_sheet([store.add(GIF).handle])


def test_a_gallery_holds_its_media_and_escapes_what_was_said(
    store: MediaStore, handles: list[str]
) -> None:
    page = store.gallery(handles, title="Foxes & more")
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "<h1>Foxes &amp; more</h1>" in page
    assert "&lt;b&gt;red&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page


def test_a_gallery_shows_videos_and_plays_sounds(store: MediaStore) -> None:
    kept = [
        store.add(MEDIA / "cat.mp4").handle,
        store.add(MEDIA.parent.parent / "cookbook" / "assets" / "spoken_note.ogg").handle,
    ]
    page = store.gallery(kept)
    assert '<video src="data:video/mp4;base64,' in page
    assert '<audio src="data:audio/ogg;base64,' in page


def test_a_long_caption_is_measured_in_linear_time(
    store: MediaStore, handles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    getlength = ImageFont.FreeTypeFont.getlength
    monkeypatch.setattr(
        ImageFont.FreeTypeFont,
        "getlength",
        lambda font, text: (measured.append(len(text)), getlength(font, text))[1],
    )
    store.contact_sheet(handles[:1], captions=["W" * 100_000], side=100)
    assert 0 < sum(measured) < 10_000
