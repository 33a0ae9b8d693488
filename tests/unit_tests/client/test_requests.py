"""What goes out: the key where it belongs and nowhere else, and bodies of the announced length."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest
from client_driving import (
    BASE_URL,
    DRIVERS,
    GIF,
    KEY,
    MP4,
    PNG,
    REQUIRED,
    WAV,
    Host,
    drive,
    failure_of,
)
from samples import COMPLETION, SAMPLES

from langchain_visioncraft import Media
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import Call
from langchain_visioncraft.client.outgoing import SHORT_BYTES, JSONBody
from langchain_visioncraft.errors import (
    AuthenticationError,
    ForbiddenInputError,
    InvalidRequestError,
    MediaInputError,
    MissingKeyError,
    UnexpectedAnswerError,
    VisionCraftError,
)
from langchain_visioncraft.media.inputs import (
    CHUNK_BYTES,
    DataURL,
    MediaSource,
    Upload,
    parse_source,
)

ANSWERS: dict[str, list[Any]] = {name: [*each.answers] for name, each in SAMPLES.items()}
KEYLESS = ("list_names", "limits", "job_result")
PICTURE = b"\x89PNG\r\n\x1a\n"


def flow_of(name: str, **more: Any) -> Any:
    return getattr(endpoints, name)(**{**REQUIRED[name], **more})


@pytest.mark.parametrize("name", REQUIRED)
def test_the_key_rides_where_the_documents_say_and_nowhere_else(
    driver: Any, name: str, naps: list[float]
) -> None:
    host = Host(*ANSWERS[name])
    drive(host.client(driver), flow_of(name))
    for request in host.requests:
        text = request.content.decode()
        link, free = request.url.path == "/m.png", name in KEYLESS
        bearer = name in ("chat", "caption")
        assert request.headers.get("authorization") == (f"Bearer {KEY}" if bearer else None)
        assert text.count(KEY) == (0 if link or free or bearer else 1)
        assert KEY not in str(request.url)
        if text and not bearer and not free:
            assert json.loads(text)["token"] == KEY


@pytest.mark.parametrize("name", REQUIRED)
def test_the_announced_length_is_the_sent_length(driver: Any, name: str, naps: list[float]) -> None:
    host = Host(*ANSWERS[name])
    drive(host.client(driver), flow_of(name))
    for request in host.requests:
        assert int(request.headers.get("content-length", 0)) == len(request.content)
        assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("name", KEYLESS)
def test_lists_limits_and_jobs_need_no_key(driver: Any, name: str, naps: list[float]) -> None:
    host = Host(*ANSWERS[name])
    assert drive(host.client(driver, api_key=None), flow_of(name))


@pytest.mark.parametrize("name", KEYLESS)
def test_a_key_that_was_not_sent_is_not_called_wrong(
    driver: Any, name: str, naps: list[float]
) -> None:
    host = Host(httpx.Response(401, json={"detail": "Not authenticated"}))
    with pytest.raises(AuthenticationError) as refused:
        drive(host.client(driver), flow_of(name))
    assert "none was sent; this host needs one" in str(refused.value)
    assert "wrong" not in str(refused.value)
    assert KEY not in str(host.requests[0].headers.raw)


@pytest.mark.parametrize("name", [name for name in REQUIRED if name not in KEYLESS])
def test_a_key_that_was_sent_may_be_wrong(driver: Any, name: str) -> None:
    host = Host(httpx.Response(401, json={"detail": "Not authenticated"}))
    with pytest.raises(AuthenticationError, match="The key is wrong, or no longer active"):
        drive(host.client(driver), flow_of(name))


@pytest.mark.parametrize("name", [name for name in REQUIRED if name not in KEYLESS])
def test_a_missing_key_is_told_at_the_first_call(driver: Any, name: str, naps: list[float]) -> None:
    host = Host(PNG)
    client = host.client(driver, api_key=None)
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY"):
        drive(client, flow_of(name))
    assert host.requests == []


def test_a_key_that_is_set_later_is_found(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(PNG)
    client = host.client(driver, api_key=None)
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "late-key")
    drive(client, flow_of("text_to_image"))
    assert host.bodies()[0]["token"] == "late-key"


def test_a_call_that_smuggles_a_token_in_gets_the_clients_own(driver: Any) -> None:
    host = Host(PNG)

    def flow() -> Any:
        yield Call("POST", "/sd", {"token": "another"})

    drive(host.client(driver), flow())
    assert host.bodies() == [{"token": KEY}]


def test_a_request_names_this_package(driver: Any) -> None:
    host = Host(PNG)
    drive(host.client(driver), flow_of("text_to_image"))
    [request] = host.requests
    assert request.headers["user-agent"].startswith("langchain-visioncraft/")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_every_spelling_of_the_root_means_the_same(driver: Any, suffix: str) -> None:
    host = Host(PNG)
    drive(host.client(driver, base_url=f"{BASE_URL}{suffix}"), flow_of("text_to_image"))
    assert str(host.requests[0].url) == f"{BASE_URL}/sd"


def test_a_root_may_have_a_path(driver: Any) -> None:
    host = Host(PNG)
    drive(host.client(driver, base_url="http://proxy.test/visioncraft/v1/"), flow_of("upscale"))
    assert str(host.requests[0].url) == "http://proxy.test/visioncraft/upscale"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_call_is_never_sent_on(driver: Any, status: int, naps: list[float]) -> None:
    host = Host(httpx.Response(status, headers={"location": "https://elsewhere.example/sd?k=1"}))
    with pytest.raises(UnexpectedAnswerError, match=r"to https://elsewhere\.example\.") as caught:
        drive(host.client(driver), flow_of("text_to_image"))
    assert len(host.requests) == 1
    assert "base_url" in str(caught.value)
    assert caught.value.status == status


def test_a_call_is_not_sent_on_either_by_a_client_that_follows(driver: Any) -> None:
    host = Host(httpx.Response(307, headers={"location": "http://elsewhere.example/sd"}))
    transport = httpx.MockTransport(host)
    client = host.client(
        driver,
        http_client=httpx.Client(transport=transport, follow_redirects=True),
        http_async_client=httpx.AsyncClient(transport=transport, follow_redirects=True),
    )
    with pytest.raises(UnexpectedAnswerError):
        drive(client, flow_of("text_to_image"))
    assert len(host.requests) == 1


# Uploads

SIZES = [1, 2, 3, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7]


def picture_of(size: int) -> bytes:
    return (PICTURE + bytes(size))[:size] if size > 8 else bytes([0x80] * size)


def forms_of(data: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "picture.png"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    forms: dict[str, Any] = {"path": path, "bytes": data, "data URL": f"data:;base64,{text}"}
    if len(data) > 8:
        forms |= {"base64": text, "Media": Media.from_bytes(data), "stored": Media.from_path(path)}
    return forms


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_and_form_arrives_whole(driver: Any, size: int, tmp_path: Path) -> None:
    data = picture_of(size)
    for form, value in forms_of(data, tmp_path).items():
        host = Host(PNG)
        drive(host.client(driver), endpoints.upscale(image=value))
        [request] = host.requests
        sent = json.loads(request.content)["image"]
        assert base64.b64decode(sent, validate=True) == data, form
        assert int(request.headers["content-length"]) == len(request.content), form


def test_a_body_without_a_file_is_sent_in_one_piece() -> None:
    body = JSONBody({"prompt": "Ünïcödé \U0001f408", "steps": 3})
    assert json.loads(b"".join(body)) == {"prompt": "Ünïcödé \U0001f408", "steps": 3}
    assert isinstance(body.content(), bytes)
    assert isinstance(body.async_content(), bytes)


@pytest.mark.parametrize("padding", [0, SHORT_BYTES])
def test_a_body_can_be_sent_again(padding: int) -> None:
    picture = PNG + bytes(padding)
    body = JSONBody({"image": Upload(parse_source(picture), "image", "image"), "steps": 1})
    assert b"".join(body) == b"".join(body)
    assert len(b"".join(body)) == body.content_length
    assert body.content() == (body if padding else b"".join(body))


async def test_a_short_body_with_a_file_is_sent_in_one_piece() -> None:
    short = Upload(parse_source(PNG), "image", "image")
    for body in (JSONBody({"image": short}), JSONBody({"images": [short, "x"]})):
        assert isinstance(body.async_content(), bytes)
        assert body.async_content() == body.content() == b"".join(body)
    long = Upload(parse_source(PNG + bytes(SHORT_BYTES)), "image", "image")
    chunks = [chunk async for chunk in JSONBody({"image": long}).async_content()]
    assert len(chunks) > 2


def test_a_picture_may_ride_as_a_data_url(tmp_path: Path) -> None:
    sent = json.loads(b"".join(JSONBody({"url": DataURL(parse_source(PNG), "image", "image")})))
    assert sent == {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}
    for content, said in ((b"", "empty"), (bytes(9), "unknown data"), (b"<svg ", "svg")):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(MediaInputError, match=f"image: .*file is .*{said}"):
            JSONBody({"url": DataURL(parse_source(path), "image", "image")})


def test_several_files_keep_their_places() -> None:
    uploads = [Upload(parse_source(data), "image", "image") for data in (PNG, GIF)]
    body = JSONBody({"a": uploads[0], "b": "x", "c": [uploads[1]], "d": 1})
    decoded = json.loads(b"".join(body))
    assert base64.b64decode(decoded["a"]) == PNG
    assert base64.b64decode(decoded["c"][0]) == GIF
    assert (decoded["b"], decoded["d"]) == ("x", 1)


def test_a_lone_surrogate_does_not_stop_a_call(driver: Any) -> None:
    host = Host(COMPLETION)
    messages = [{"role": "user", "content": "cat \ud83d"}]
    drive(host.client(driver), flow_of("chat", messages=messages))
    assert host.bodies()[0]["messages"][0]["content"] == "cat ?"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "is empty"),
        (b"<html><body>no</body></html>", "is text/html, but a picture"),
        (WAV, "is audio/wav, but a picture"),
        (b"<svg xmlns='x'></svg>", r"image/svg\+xml"),
        (Path("/nowhere/cat.png"), "cannot be read: No such file"),
        (Path("/"), "cannot be read: Is a directory"),
        ("data:image/png;base64,a*b=", "not valid base64"),
    ],
)
def test_a_picture_that_cannot_be_used_is_told_before_anything_is_sent(
    driver: Any, value: Any, words: str, naps: list[float]
) -> None:
    host = Host(PNG)
    with pytest.raises(MediaInputError, match=words):
        drive(host.client(driver), endpoints.upscale(image=value))
    assert host.requests == []


def test_a_video_may_stand_for_its_sound(driver: Any) -> None:
    host = Host({"text": "Hi"})
    assert drive(host.client(driver), endpoints.transcribe(audio=MP4)).text == "Hi"


def test_a_picture_is_no_recording(driver: Any) -> None:
    with pytest.raises(MediaInputError, match="audio: <bytes> is image/png, but a recording"):
        drive(Host({"text": ""}).client(driver), endpoints.transcribe(audio=PNG))


@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_file_that_changes_while_it_is_sent_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    body = JSONBody({"image": Upload(MediaSource("p.png", path=path), "image", "image")})
    path.write_bytes(PNG[:-10] if change == "shorter" else PNG + bytes(CHUNK_BYTES))
    with pytest.raises(MediaInputError, match=r"p\.png changed while it was sent"):
        b"".join(body)


# Secrets


def test_no_repr_holds_the_key(driver: Any) -> None:
    client = Host(PNG).client(driver)
    call = Call("POST", "/sd", {"prompt": "x"}, auth="bearer")
    shown = [repr(client), str(client), repr(client.settings), repr(client.outgoing(call))]
    assert not any(KEY in text for text in shown)


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500])
@pytest.mark.parametrize("form", ["json", "html", "text"])
def test_a_host_that_repeats_the_key_does_not_get_it_into_an_error(
    driver: Any, status: int, form: str, naps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "langchain_visioncraft")
    body = {
        "json": json.dumps({"error": f"bad token {KEY}"}).encode(),
        "html": f"<html><title>token {KEY}</title></html>".encode(),
        "text": f"token={KEY}".encode(),
    }[form]
    host = Host(httpx.Response(status, content=body))
    error = failure_of(lambda: drive(host.client(driver), flow_of("text_to_image")))
    assert KEY not in f"{error}{error!r}{vars(error)}{caplog.text}"
    assert "***" in str(error)


def test_unsupported_values_are_no_inputs() -> None:
    with pytest.raises(MediaInputError, match="float cannot be sent"):
        parse_source(math.pi)


def test_kinds_of_drivers_are_the_public_ones() -> None:
    assert [kind.__name__ for kind in DRIVERS.values()] == [
        "VisionCraftClient", "AsyncVisionCraftClient",
    ]  # fmt: skip
    assert issubclass(ForbiddenInputError, InvalidRequestError)


LEAKS: list[Any] = [
    {"error": f"bad token {KEY}"},
    {"error": f"bad token {KEY}", "code": 401},
    {"unexpected": KEY},
    f"token {KEY} is unknown".encode(),
    f"<html><title>{KEY}</title></html>".encode(),
    {"url": f"ftp://cdn.example.com/a.png?token={KEY}"},
]


@pytest.mark.parametrize("answer", LEAKS)
def test_a_host_that_repeats_the_key_under_200_does_not_get_it_into_an_error(
    driver: Any, answer: Any
) -> None:
    error = failure_of(lambda: drive(Host(answer).client(driver), flow_of("text_to_image")))
    assert KEY not in f"{error}{error!r}{vars(error)}"
    assert isinstance(error, VisionCraftError)
    assert "***" in str(error)


def test_a_failed_task_that_repeats_the_key_does_not_show_it(
    driver: Any, naps: list[float]
) -> None:
    host = Host({"data": 1}, {"Status": "failed", "message": f"token {KEY}"})
    error = failure_of(lambda: drive(host.client(driver), flow_of("midjourney")))
    assert KEY not in f"{error}{error!r}{vars(error)}"


def test_a_key_that_json_writes_in_another_way_is_not_shown_either(driver: Any) -> None:
    key = 'quote"back\\slash'
    host = Host(httpx.Response(400, content=json.dumps({"error": f"token {key}"}).encode()))
    error = failure_of(lambda: drive(host.client(driver, api_key=key), flow_of("text_to_image")))
    assert key not in str(error)
    assert "***" in str(error)


@pytest.mark.parametrize("answer", [httpx.Response(400, text=KEY), {"error": f"token {KEY}"}])
def test_a_key_that_was_set_later_is_not_shown_either(
    driver: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Host(answer).client(driver, api_key=None)
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    error = failure_of(lambda: drive(client, flow_of("text_to_image")))
    assert KEY not in f"{error}{error!r}{vars(error)}"


@pytest.mark.parametrize("at", range(470, 500, 3))
def test_a_key_that_is_cut_in_two_by_shortening_is_not_shown(driver: Any, at: int) -> None:
    answer = {"error": f"{'.' * at}{KEY} and so on"}
    error = failure_of(lambda: drive(Host(answer).client(driver), flow_of("text_to_image")))
    assert KEY[:5] not in str(error)


@pytest.mark.parametrize("key", ["any", "1"])
def test_a_placeholder_for_a_key_does_not_black_out_words(driver: Any, key: str) -> None:
    answer = httpx.Response(400, json={"error": "any many 1s"})
    client = Host(answer).client(driver, api_key=key)
    error = failure_of(lambda: drive(client, flow_of("text_to_image")))
    assert "any many 1s" in str(error)


def test_a_short_key_is_not_shown_either(driver: Any) -> None:
    answer = httpx.Response(400, json={"error": "no key pw-12, but pw-123"})
    client = Host(answer).client(driver, api_key="pw-12")
    error = failure_of(lambda: drive(client, flow_of("text_to_image")))
    assert "no key ***, but pw-123" in str(error)


@pytest.mark.parametrize(
    "content",
    [b"bytes", Path("cat.png"), math.nan, math.inf, {1, 2}, object()],
    ids=["bytes", "path", "nan", "inf", "set", "object"],
)
def test_a_message_that_is_no_json_is_told_before_anything_is_sent(
    driver: Any, content: Any
) -> None:
    host = Host(COMPLETION)
    messages = [{"role": "user", "content": content}]
    with pytest.raises(InvalidRequestError, match="cannot be sent as JSON"):
        drive(host.client(driver), flow_of("chat", messages=messages))
    assert host.requests == []


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_a_number_that_json_does_not_have_is_told(driver: Any, weight: float) -> None:
    host = Host(PNG)
    with pytest.raises(InvalidRequestError, match="cannot be sent as JSON"):
        drive(host.client(driver), flow_of("text_to_image", loras={"a": weight}))
    assert host.requests == []
