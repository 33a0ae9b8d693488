"""Texts that carry a file are read however they are written, and names are not taken for them."""

from __future__ import annotations

import base64
import tracemalloc

import pytest

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import inputs
from langchain_visioncraft.media.inputs import decode_base64, parse_source, source_in_code

# Its base64 has both characters in which the alphabets differ, and padding.
GIF = b"GIF89a" + bytes(range(200, 256)) * 2 + b"\xff\xfe\xfbx"
STANDARD = base64.b64encode(GIF).decode()
FOR_URLS = base64.urlsafe_b64encode(GIF).decode()
assert {"+", "/"} <= {*STANDARD}
assert STANDARD.endswith("=")

VARIANTS = {
    "standard": STANDARD,
    "without padding": STANDARD.rstrip("="),
    "for URLs": FOR_URLS,
    "for URLs, without padding": FOR_URLS.rstrip("="),
    "in lines": base64.encodebytes(GIF).decode(),
    "in lines, for URLs": "\r\n".join(FOR_URLS[at : at + 60] for at in range(0, 999, 60)).strip(),
    "in lines that were escaped": base64.encodebytes(GIF).decode().replace("\n", "\\n"),
    "with a byte order mark": f"\ufeff{STANDARD}",
}


def read(text: str) -> bytes:
    with parse_source(text).open() as file:
        return file.read()


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("before", ["", "data:image/gif;base64,"], ids=["bare", "data URL"])
def test_base64_is_read_in_every_variant(before: str, text: str) -> None:
    assert read(before + text) == GIF
    assert source_in_code(before + text) == before + text


@pytest.mark.parametrize(
    "head",
    [
        "image/gif",
        "",
        "image/*",
        "image/gif;name=a.gif",
        "image/gif;name=my%20cat.gif",
        "image/gif;name=owlbert (1).gif",
        "image/gif;name=cat, dog; mouse.gif",
        'image/gif;filename="my cat, at home.gif"',
        'image/gif;filename="a;base64.gif"',
        "image/gif;filename*=UTF-8''K%C3%A4se.gif",
        "image/gif;name=Käse.gif",
        "image/gif;charset=utf-8",
        "image/gif; charset=utf-8",
        " image/gif ",
        'image/svg+xml;profile="http://a.example/x"',
        "//image/gif",
    ],
)
@pytest.mark.parametrize("mark", [";base64,", "; base64,", ";BASE64 ,", ";base64;charset=utf-8,"])
def test_a_data_url_may_have_parameters(head: str, mark: str) -> None:
    assert read(f"data:{head}{mark}{STANDARD}") == GIF


@pytest.mark.parametrize("text", ["data:image/svg+xml,<svg><a b=';base64,x'/></svg>", "data:,a,b"])
def test_a_data_url_need_not_be_base64(text: str) -> None:
    assert read(text).decode() == text.partition(",")[2]


@pytest.mark.parametrize("text", ["!!!!", "R0lG*", "A", "AAAAA", "R0lGOD=lh", "Käse", "R0lG.ODlh"])
def test_garbage_in_a_data_url_is_an_error(text: str) -> None:
    with pytest.raises(MediaInputError, match="<data URL> is not valid base64"):
        read(f"data:image/gif;base64,{text}")


@pytest.mark.parametrize("text", ["my-picture", "my_photo_2024", "a-b/c_d", "no file, but words"])
def test_a_name_is_not_taken_for_base64(text: str) -> None:
    with pytest.raises(MediaInputError, match="There is no file"):
        source_in_code(text)
    with pytest.raises(MediaInputError, match="not a picture or recording"):
        parse_source(text)


@pytest.mark.parametrize("part", [";", ";name=", "; ", '"', " ", ";base64 ", ";base64;"])
def test_a_head_without_end_does_not_keep_anybody_busy(part: str) -> None:
    with pytest.raises(MediaInputError):  # a pattern that tried all ways would take hours
        parse_source("data:image/gif" + part * 1_000_000)


def test_blanks_in_base64_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_PIECE", 4096)
    text = "ab " * 400_000
    tracemalloc.start()
    try:
        assert len(decode_base64(text)) == 600_000
        assert tracemalloc.get_traced_memory()[1] < 6 * len(text)
    finally:
        tracemalloc.stop()
