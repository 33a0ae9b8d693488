"""Answers are decoded by what arrives, not by what is promised."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from client_driving import GIF, JPEG, MP4, PNG, WAV, WEBP, given, play

from langchain_visioncraft.client import decode as decoding
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.decode import json_from, media_from, names_from
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    AuthenticationError,
    BadRequestError,
    RateLimitError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
)

_REAL = decoding.parse_source
LINK = "https://cdn.example.com/a.png"
FILES = {"png": PNG, "jpeg": JPEG, "gif": GIF, "webp": WEBP, "mp4": MP4}


def decode(*replies: Any, kinds: tuple[str, ...] = ("image", "video")) -> Any:
    first, *others = replies
    return play(media_from(first, kinds), *others)


@pytest.mark.parametrize("name", ["images", "URL", "url", "image", "urls", "gif", "output", "data"])
@pytest.mark.parametrize("as_list", [False, True])
def test_a_link_is_found_in_every_field_that_hosts_have_used(name: str, as_list: bool) -> None:
    played = decode(given({name: [LINK] if as_list else LINK}), given(PNG))
    assert played.links == [LINK]
    assert played.result[0].mime_type == "image/png"


@pytest.mark.parametrize(
    "body",
    [
        LINK.encode(),
        f"{LINK}\n".encode(),
        json.dumps(LINK).encode(),
        json.dumps([LINK]).encode(),
        json.dumps({"data": {"url": LINK}}).encode(),
        json.dumps({"images": [{"url": LINK}]}).encode(),
    ],
)
def test_a_bare_or_nested_link_is_followed(body: bytes) -> None:
    assert decode(given(body), given(PNG)).links == [LINK]


def test_a_relative_link_is_left_to_the_driver_to_complete() -> None:
    assert decode(given({"images": ["/files/a.png"]}), given(PNG)).links == ["/files/a.png"]


@pytest.mark.parametrize("form", ["data URL", "base64"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_inside_json_is_taken(name: str, form: str) -> None:
    text = base64.b64encode(FILES[name]).decode()
    text = f"data:application/octet-stream;base64,{text}" if form == "data URL" else text
    played = decode(given({"image": text}))
    assert played.result[0].read() == FILES[name]
    assert played.links == []


@pytest.mark.parametrize("announced", ["text/html", "application/json", "video/mp4", "", None])
def test_a_wrong_content_type_does_not_matter(announced: str | None) -> None:
    assert decode(given(PNG, announced)).result[0].mime_type == "image/png"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_off_is_not_taken(name: str) -> None:
    whole = FILES[name]
    with pytest.raises(TruncatedAnswerError, match="cut off"):
        decode(given(whole[: len(whole) * 2 // 3]))


@pytest.mark.parametrize("name", FILES)
def test_a_linked_file_that_was_cut_off_is_not_taken(name: str) -> None:
    whole = FILES[name]
    with pytest.raises(TruncatedAnswerError, match="cut off"):
        decode(given({"url": LINK}), given(whole[: len(whole) * 2 // 3]))


def test_an_empty_answer_says_so() -> None:
    with pytest.raises(TruncatedAnswerError, match="empty answer"):
        decode(given(b""))


def test_json_that_was_cut_off_says_so() -> None:
    with pytest.raises(TruncatedAnswerError, match="JSON that is damaged or cut off"):
        decode(given(b'{"images": ["https://cdn.exam'))


def test_html_under_200_names_the_page_and_doubts_the_base_url() -> None:
    page = b"<!DOCTYPE html><html><head><title>Domain parked</title></head></html>"
    with pytest.raises(UnexpectedAnswerError, match="Domain parked") as caught:
        decode(given(page))
    assert caught.value.status == 200
    assert "http://service.test" in str(caught.value)


def test_a_linked_html_page_is_no_picture() -> None:
    with pytest.raises(UnexpectedAnswerError, match="text/html"):
        decode(given({"url": LINK}), given(b"<html><title>Sign in</title></html>"))


@pytest.mark.parametrize(
    "body", [b"Generation is on its way", {}, [], {"images": []}, 7, None, {"ok": True}]
)
def test_an_answer_with_neither_file_nor_link_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a file or a link"):
        decode(given(body))


def test_a_recording_where_a_picture_was_asked_for_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswerError, match="audio/wav"):
        decode(given(WAV), kinds=("image",))


def test_unknown_bytes_are_unexpected() -> None:
    with pytest.raises(UnexpectedAnswerError, match="unknown data"):
        decode(given(b"\x00\x01\x02\x03" * 100))


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        ({"error": "the prompt was refused"}, BadRequestError, "the prompt was refused"),
        ({"error": {"message": "no steps"}, "code": 400}, BadRequestError, "no steps"),
        ({"error": "bad key", "code": 401}, AuthenticationError, "bad key"),
        ({"detail": "nope"}, BadRequestError, "nope"),
        ({"statusCode": 400, "message": "Banned prompt"}, BadRequestError, "Banned prompt"),
        ({"error": "10 per 5 minutes: limit reached"}, RateLimitError, None),
    ],
)
def test_an_error_under_200_is_an_error(body: Any, kind: type[Exception], detail: Any) -> None:
    with pytest.raises(kind) as caught:
        decode(given(body))
    assert detail is None or caught.value.detail == detail  # type: ignore[attr-defined]


def test_a_limit_under_200_tells_the_wait() -> None:
    with pytest.raises(RateLimitError) as caught:
        decode(given({"error": "Free users have a limit of 10 per 5 minutes"}))
    assert caught.value.retry_after == 300


def test_success_with_a_status_code_is_no_error() -> None:
    body = {"statusCode": 200, "message": "Success", "data": 5, "error": None}
    assert json_from(given(body)) == body


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (["a", "b"], ["a", "b"]),
        ([], []),
        ({"models": ["a"]}, ["a"]),
        ({"count": 1, "models": ["a"]}, ["a"]),
        ([{"name": "a"}, {"id": "b"}, {"title": "c"}, {"model": "d"}], ["a", "b", "c", "d"]),
    ],
)
def test_lists_of_names_come_in_several_shapes(body: Any, names: list[str]) -> None:
    assert names_from(given(body)) == names


@pytest.mark.parametrize("body", [{"a": 1}, [1, 2], [{"x": 1}], 5, ["a", None], b"sd, sdxl"])
def test_what_is_no_list_of_names_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="not a list of names"):
        names_from(given(body))


def test_of_an_odd_answer_200_characters_are_shown() -> None:
    whole = json.dumps({"a": "x" * 191})
    assert len(whole) == 200
    with pytest.raises(UnexpectedAnswerError) as caught:
        names_from(given(whole.encode()))
    assert caught.value.detail == whole
    longer = json.dumps({"a": "x" * 192})
    with pytest.raises(UnexpectedAnswerError) as caught:
        names_from(given(longer.encode()))
    assert caught.value.detail == f"{longer[:199]}…"
    assert f"({longer[:199]}…)" in str(caught.value)


def test_several_images_keep_their_order() -> None:
    played = play(
        endpoints.text_to_image_sd1(
            prompt="x", model="m", sampler="Euler", image_count=3
        ),
        given({"images": ["https://a.example/1", "https://a.example/2", "https://a.example/3"]}),
        given(PNG), given(JPEG), given(WEBP),
    )  # fmt: skip
    assert [medium.mime_type for medium in played.result] == [
        "image/png", "image/jpeg", "image/webp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [{"images": ["garbage!"]}, {"data": "processing"}, {"result": "ok"}, {"image": "aGVsbG8="}],
)
def test_a_word_where_a_file_was_promised_is_the_services_fault(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a file or a link"):
        decode(given(body))


TEXT = base64.b64encode(PNG).decode()
BROKEN = base64.encodebytes(PNG).decode()


@pytest.mark.parametrize(
    "body",
    [
        {"created": 1, "data": [{"b64_json": TEXT, "revised_prompt": "a cat. Or two."}]},
        {"data": [{"url": None, "b64_json": TEXT}]},
        {"data": [{"url": "", "b64_json": TEXT}]},
        {"data": [{"url": LINK, "b64_json": TEXT}]},
        {"artifacts": [{"base64": TEXT, "finishReason": "SUCCESS"}]},
        {"images": [{"base64": TEXT}]},
        {"result": "ok", "imageB64": TEXT},
        {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": TEXT}]},
        {"status": "done", "output": {"files": [{"payload": TEXT}]}},
        {"images": [BROKEN]},
        {"images": [BROKEN.replace("\n", "\r\n")]},
        {"images": ["data:image/png;base64," + BROKEN]},
        {"images": ["data:image/png;name=a b, c.png;base64," + TEXT]},
        {"image": {"url": {"url": f"data:image/png;base64,{TEXT.rstrip('=')}"}}},
        BROKEN.encode(),
        f"data:image/png;base64,{TEXT}".encode(),
    ],
    ids=lambda body: str(body)[:60],
)
def test_a_file_inside_json_is_found_wherever_and_however_it_is_written(body: Any) -> None:
    played = decode(given(body))
    assert [medium.read() for medium in played.result] == [PNG]
    assert played.links == []


@pytest.mark.parametrize(
    "body",
    [
        {"id": "v1.5", "status_url": "https://a.example/7", "image_url": {"url": LINK}},
        {"id": "a/b.c", "urls": {"get": "https://a.example/7"}, "output": [LINK]},
        {"docs": "https://a.example/docs", "value": LINK},
        {"docs": "https://a.example/docs", "items": [{"seed": 1, "src": LINK}]},
        {"data": {"attributes": {"download": LINK, "model": "sd/1.5"}}},
    ],
    ids=str,
)
def test_a_link_to_a_file_is_told_from_other_links(body: Any) -> None:
    assert decode(given(body), given(PNG)).links == [LINK]


def test_links_that_are_no_files_are_not_followed() -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a file or a link"):
        decode(given({"id": "v1.5", "docs": "https://a.example/docs", "text": "/a/b.png"}))


@pytest.mark.parametrize("link", ["/files/123", "/9j/not/a/jpeg"])
def test_a_relative_link_needs_no_extension(link: str) -> None:
    assert decode(given({"url": link}), given(PNG)).links == [link]


def test_a_file_inside_json_that_was_cut_off_is_not_taken() -> None:
    text = base64.b64encode(PNG[: len(PNG) // 2]).decode()
    with pytest.raises(TruncatedAnswerError, match="cut off"):
        decode(given({"image": text}))


def test_a_file_inside_json_must_be_of_the_right_kind() -> None:
    with pytest.raises(UnexpectedAnswerError, match="audio/wav"):
        decode(given({"image": base64.b64encode(WAV).decode()}), kinds=("image",))


def test_json_that_is_nested_without_end_is_damaged() -> None:
    with pytest.raises(TruncatedAnswerError, match="damaged"):
        decode(given(b"[" * 100_000))


@pytest.mark.parametrize("value", [b"[],", b"{},", b"1, "], ids=["lists", "objects", "numbers"])
def test_long_json_of_many_small_values_is_not_parsed(value: bytes) -> None:
    body = b"[" + value * (6 << 20) + b"1]"
    with pytest.raises(AnswerTooLargeError, match="16,777,216 bytes are accepted") as caught:
        json_from(given(body))
    assert caught.value.status == 200


def test_json_may_be_long_for_the_files_in_it() -> None:
    file = PNG[:-12] + bytes(13 << 20) + PNG[-12:]
    [medium] = decode(given({"image": base64.b64encode(file).decode()})).result
    assert medium.size == len(file)


def test_short_json_of_a_million_values_is_not_parsed_either() -> None:
    with pytest.raises(AnswerTooLargeError, match="with more than 1,048,576 values"):
        decode(given(b"[" + b"1," * (1 << 20) + b"1]"))


def test_texts_that_are_too_short_for_a_file_are_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    monkeypatch.setattr(decoding, "parse_source", lambda text: read.append(text) or _REAL(text))
    held = base64.b64encode(GIF).decode()
    [medium] = decode(given({"images": ["a" * 31] * 9 + [held]})).result
    assert medium.mime_type == "image/gif"
    assert read == [held]


def test_an_answer_with_too_many_links_is_refused_before_one_is_followed() -> None:
    for answer in ({"images": ["/a.png"] * 100_000}, [{"url": f"/{n}.png"} for n in range(65)]):
        with pytest.raises(AnswerTooLargeError, match=r"more than 64 files.*None was fetched"):
            decode(given(answer))
    assert len(decode(given({"images": [base64.b64encode(PNG).decode()] * 64})).result) == 64
