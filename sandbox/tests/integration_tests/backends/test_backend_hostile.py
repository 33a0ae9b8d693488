"""Servers behind the sandbox whose answers are harmful, malformed, or repeat their key."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import struct
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from backend_serving import PATIENCE, encoded, opened, png, served, text
from PIL import EpsImagePlugin, Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.backends import chat, connection
from visioncraft_sandbox.backends.connection import BackendError

KEY = "sk-backend-0123456789"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n"
LISTS: dict[str, Any] = {
    "models": {"data": [{"id": "whisper-m"}]},
    "sd-models": [{"title": "m", "model_name": "m"}],
    "samplers": [{"name": "Euler"}],
    "options": {"sd_model_checkpoint": "m"},
    "upscalers": [{"name": "R-ESRGAN 4x+"}],
}
CHAT: dict[str, Any] = {"model": "x", "messages": [{"role": "user", "content": "hi"}]}
SD: dict[str, Any] = {"token": "a", "prompt": "x", "model": "m", "width": 64, "height": 64}
WHISPER: dict[str, Any] = {"token": "a", "audio": "UklGRgAAAABXQVZF"}


class HostileHost:
    """A server of every kind, whose answer to each POST is set by the test."""

    def __init__(self) -> None:
        self.answer: Response = Response()
        self.asked_for: str | None = None
        self.cookie: str | None = None
        names = [Route("/{path:path}", self.list_names)]
        self.app = Starlette(routes=[Route("/{path:path}", self.post, methods=["POST"]), *names])

    async def list_names(self, request: Request) -> Response:
        return JSONResponse(LISTS.get(request.url.path.rpartition("/")[2], []))

    async def post(self, request: Request) -> Response:
        await request.body()
        self.asked_for = request.headers.get("accept-encoding")
        self.cookie = request.headers.get("cookie")
        return self.answer


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[HostileHost, Sandbox]]:
    host = HostileHost()
    with (
        served(host.app) as url,
        Sandbox(
            models=False,
            images=f"a1111+{url}", images_key=f"user:{KEY}",
            llm=url, llm_key=KEY,
            speech=f"openai+{url}", speech_key=KEY,
        ) as sandbox,
    ):  # fmt: skip
        yield host, sandbox


@pytest.fixture
def host(running: tuple[HostileHost, Sandbox]) -> HostileHost:
    return running[0]


@pytest.fixture
def client(running: tuple[HostileHost, Sandbox]) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer caller"}
    with httpx.Client(base_url=running[1].url, headers=headers, timeout=PATIENCE) as client:
        yield client


def asked(client: httpx.Client) -> list[httpx.Response]:
    """The sandbox's answers to one request for each server."""
    return [
        client.post("/sd", json=SD),
        client.post("/upscale", json={"token": "a", "image": text(png(64, 64))}),
        client.post("/v1/chat/completions", json=CHAT),
        client.post("/whisper", json=WHISPER),
    ]


def huge_png(side: int) -> bytes:
    """A small file of many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    pixels = zlib.compress(bytes(side * (side // 8 + 1)), 1)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    "data",
    [
        EPS,
        huge_png(9000),
        huge_png(20000),
        png(64, 64)[:60],
        encoded(Image.new("1", (64, 64)), "PPM"),
    ],
    ids=["eps", "too-large", "far-too-large", "cut-off", "ppm"],
)
def test_pictures_of_a_host_are_bounded_in_kind_and_size(
    host: HostileHost, client: httpx.Client, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *call, **_: ran.append(call))
    host.answer = JSONResponse({"images": [text(data)], "image": text(data)})
    source = {"token": "a", "prompt": "x", "image": text(png(64, 64, (0, 0, 0, 9), "RGBA"))}
    assert [
        client.post("/sd", json=SD).status_code,
        client.post("/upscale", json={"token": "a", "image": source["image"]}).status_code,
        client.post("/img2img", json={**source, "model": "m"}).status_code,
    ] == [502] * 3
    assert not ran


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_a_host_may_have_any_format_that_hosts_save(
    host: HostileHost, client: httpx.Client, form: str
) -> None:
    data = encoded(Image.new("RGB", (72, 64), "navy"), form)
    host.answer = JSONResponse({"images": [text(data)]})
    assert opened(client.post("/sd", json=SD).content).size == (64, 64)


def test_compressed_answers_are_neither_requested_nor_decompressed(
    host: HostileHost, client: httpx.Client
) -> None:
    whole = {"images": [text(png(64, 64))], "choices": [], "text": "hello"}
    data = gzip.compress(json.dumps(whole).encode())
    host.answer = Response(data, headers={"content-encoding": "gzip"})
    assert [answer.status_code for answer in asked(client)] == [502] * 4
    assert client.post("/v1/chat/completions", json={**CHAT, "stream": True}).status_code == 502
    assert host.asked_for == "identity"


def test_an_answer_is_read_up_to_a_bound(
    host: HostileHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MOST_BYTES", 1 << 20)
    host.answer = JSONResponse(
        {"images": [text(png(64, 64))], "choices": [], "text": "a" * (1 << 20)}
    )
    for answer in asked(client):
        assert answer.status_code == 502
        assert "more than 1 MiB" in answer.text


def test_an_answer_of_too_many_values_is_not_parsed(
    host: HostileHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MOST_VALUES", 100)
    body = {"images": [text(png(64, 64))], "choices": [], "text": "a", "more": [0] * 200}
    host.answer = JSONResponse(body)
    for answer in asked(client):
        assert answer.status_code == 502
        assert "more than 100 values" in answer.text


PAIR = base64.b64encode(f"user:{KEY}".encode()).decode()


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_a_server_repeats_reaches_neither_callers_nor_the_page(
    host: HostileHost, client: httpx.Client, status: int, stream: bool
) -> None:
    said = {"error": {"message": f"The keys {KEY} and {PAIR} are over their quota"}}
    content = json.dumps({**said, "choices": [KEY], "text": KEY, "segments": []})
    content = f"data: {content}\n\n" if stream else content
    headers = {"retry-after": KEY}
    host.answer = Response(content, status, headers)
    answers = [
        client.post("/sd", json=SD),
        client.post("/v1/chat/completions", json={**CHAT, "stream": stream}),
        client.post("/whisper", json=WHISPER),
    ]
    assert "***" in answers[1].text
    page = client.get("/page/journal").text
    entries = [
        f"/page/entry/{mark}/{n}" for mark, n in re.findall(r"/page/entry/(\w+)/(\d+)", page)
    ]
    assert entries
    shown = [page, *(client.get(entry).text for entry in entries)]
    for one in (*shown, *(f"{each.headers} {each.text}" for each in answers)):
        assert KEY not in one
    for one in (*shown, answers[0].text):  # other servers do not know it
        assert PAIR not in one


def test_long_words_of_a_server_are_searched_for_the_key_in_a_thread(
    host: HostileHost, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = {}

    def told(self: connection.Connection, value: Any) -> Any:
        if isinstance(value, str):
            threads[len(value) > 50_000] = threading.current_thread().name
        return value

    monkeypatch.setattr(connection.Connection, "told", told)
    for content in ("data: short\n\n", f"data: {'long' * 50_000}\n\n"):
        host.answer = Response(content)
        sent = client.post("/v1/chat/completions", json={**CHAT, "stream": True})
        assert sent.text == content
    assert threads[False] == "visioncraft-sandbox"
    assert threads[True] != "visioncraft-sandbox"


async def test_tiny_pieces_of_a_stream_let_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"\n"

    running = asyncio.create_task(other())
    assert b"".join([each async for each in chat._lines(pieces())]) == b"\n" * 100
    running.cancel()
    assert turns >= 99


def test_cookies_of_a_server_are_not_kept(host: HostileHost, client: httpx.Client) -> None:
    host.answer = JSONResponse({"choices": []}, headers={"set-cookie": "a=1"})
    for _ in range(2):
        assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
        assert host.cookie is None


@pytest.mark.parametrize(
    "content",
    [
        b'{"images": [NaN], "image": NaN, "choices": [NaN], "text": "a", "duration": NaN}',
        b'{"images": [1e999], "image": 5, "choices": [1e999], "text": "a", "duration": 1e999}',
        b'{"images": {"a": 1}, "image": {}, "text": "a", "segments": 5}',
        b'{"images": 7, "image": [], "text": "a", "segments": ["a"]}',
        b'{"images": "abc", "text": "a", "duration": {}, "language": 5}',
        b'{"images": [], "image": "", "text": "a", "segments": [{"end": "nan"}]}',
        b"[" * 200_000,
        b"\xff\xfe{",
        b"[]",
        b"null",
    ],
)
def test_a_malformed_answer_is_the_fault_of_the_server(
    host: HostileHost, client: httpx.Client, content: bytes
) -> None:
    host.answer = Response(content, media_type="application/json")
    assert [answer.status_code for answer in asked(client)] == [502] * 4


def test_odd_words_of_a_server_are_passed_on_as_json_can_hold_them(
    host: HostileHost, client: httpx.Client
) -> None:
    host.answer = Response(b'{"choices": ["\\ud800"], "text": "\\ud800"}')
    assert client.post("/v1/chat/completions", json=CHAT).json() == {
        "choices": ["\ufffd"], "text": "\ufffd"
    }  # fmt: skip
    assert client.post("/whisper", json=WHISPER).json()["text"] == "\ufffd"
    host.answer = Response(b'{"detail": "\\ud800 oh"}', 429)
    host.answer.raw_headers.append((b"retry-after", b"\xe2\x82\xac"))
    for answer in asked(client):
        assert answer.status_code == 429
        assert "oh" in answer.text
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("lists", [{}, {**LISTS, "samplers": [{}]}, {**LISTS, "options": [5]}])
@pytest.mark.parametrize("kind", ["a1111", "comfyui"])
def test_malformed_lists_of_a_host_are_reported_at_the_start(
    kind: str, lists: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "LISTS", lists)
    with served(HostileHost().app) as url, pytest.raises(BackendError, match="--images"):
        Sandbox(models=False, images=f"{kind}+{url}").start()
