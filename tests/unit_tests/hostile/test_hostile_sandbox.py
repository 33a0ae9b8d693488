"""The sandbox fetches nothing private, decodes nothing boundless, and remembers within bounds."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hostile_corpus import LINKS, no_network
from PIL import EpsImagePlugin, Image
from visioncraft_sandbox import Limit, SandboxConfig, create_app
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.records import Received
from visioncraft_sandbox.uploads import decode_picture
from visioncraft_sandbox.validation import Limiter

from langchain_visioncraft.media.inspection import media_info, truncation_of


@pytest.fixture
def config() -> SandboxConfig:
    return SandboxConfig(models=False, midjourney_seconds=0, keys=("key",), page=False)


@pytest.fixture
async def client(config: SandboxConfig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(config))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8765") as opened:
        yield opened


async def refused(client: httpx.AsyncClient, path: str, **body: Any) -> str:
    answer = await client.post(path, json={"token": "key", **body})
    assert answer.status_code == 400
    return answer.text


# Links


@pytest.mark.parametrize(
    "name", [name for name, url in LINKS.items() if url.startswith("http://") and len(url) < 999]
)
async def test_a_link_into_this_network_is_not_fetched(
    client: httpx.AsyncClient, name: str
) -> None:
    with no_network():
        await refused(client, "/img2video", image=LINKS[name])


async def test_the_message_says_why(client: httpx.AsyncClient) -> None:
    with no_network():
        said = await refused(client, "/img2img", prompt="x", image="http://2130706433/a.png")
    assert "not a public address (127.0.0.1)" in said


async def test_links_of_its_own_work_under_any_name(client: httpx.AsyncClient) -> None:
    made = await client.post(
        "/generate",
        json={
            "token": "key", "prompt": "x", "model": "anything_V5", "sampler": "Euler",
            "width": 512, "height": 512,
        },
    )  # fmt: skip
    [link] = made.json()["images"]
    with no_network():
        again = await client.post(
            "/img2img",
            json={
                "token": "key",
                "prompt": "y",
                "image": link.replace("localhost", "sandbox.example"),
            },
        )
    assert again.status_code == 200


# Pictures


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that announces a size, whatever it holds."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


PICTURES = {
    "65,500 x 65,500": png_of(65_500, 65_500),
    "2 billion wide": png_of(2**31 - 1, 2**31 - 1),
    "no pixels": png_of(0, 0),
    "compressed a thousand times": png_of(8001, 8001, bytes(8 << 20)),
    "no data": png_of(64, 64),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "entity bomb": b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'aa'>]><svg>&a;</svg>",
    "PDF": b"%PDF-1.7\n",
    "PDF behind a GIF": b"GIF89a/*%PDF-1.7" + bytes(40),
    "JPEG of markers": b"\xff\xd8" + b"\xff\xe0\x00\x00" * 5000,
    "TIFF that points to itself": b"II*\x00\x08\x00\x00\x00\x01\x00" + bytes(12) + b"\x08\0\0\0",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_picture_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match=r"pixels|not a picture") as caught:
        decode_picture(PICTURES[name], "image", 64_000_000)
    assert caught.value.status == 400


def test_of_a_gif_without_end_one_frame_is_decoded() -> None:
    frame = b"!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    picture = decode_picture(head + frame * 100_000 + b";", "image", 100)
    assert picture.size == (1, 1)


def test_ghostscript_is_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **_: ran.append(given))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n" + b" " * 200
    with pytest.raises(Refusal, match="not a picture"):
        decode_picture(eps, "image", 1000)
    assert not ran


def test_a_file_of_a_million_boxes_is_not_walked_to_its_end() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            Counting.reads += 1
            return super().read(size)

    data = b"\x00\x00\x00\x08free" * 1_000_000
    assert media_info(Counting(data), "video/mp4").width is None
    assert truncation_of(Counting(data), "video/mp4", len(data))
    assert Counting.reads < 100_000


# Recordings


def test_a_recording_of_days_is_not_decoded() -> None:
    from visioncraft_sandbox.engines.speech import as_wav

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(20_000))
    assert as_wav(buffer.getvalue(), max_seconds=21)[1] == pytest.approx(20, abs=0.5)
    with pytest.raises(ValueError, match="longer than 5 seconds"):
        as_wav(buffer.getvalue(), max_seconds=5)


# Parameters, keys, and what is remembered


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/openjourney", {"prompt": "a" * 100_001}, "at most 100,000 characters"),
        ("/sd", {"prompt": "9" * 5000, "model": "none"}, "none"),
        ("/midjourney/result", {"task_id": "9" * 5000}, ""),
    ],
)
async def test_endless_texts_are_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], words: str
) -> None:
    answer = await client.post(path, json={"token": "key", **body})
    assert 400 <= answer.status_code < 500
    assert words in answer.text


@pytest.mark.parametrize("prompt", ["x --ar 1:0", "x --ar 0:0", "9" * 5000, "²³ cats"])
async def test_odd_prompts_are_drawn(client: httpx.AsyncClient, prompt: str) -> None:
    body: dict[str, Any] = {"token": "key", "prompt": prompt}
    if "--ar" not in prompt:
        body |= {"width": 128, "height": 128}
    path = "/midjourney" if "--ar" in prompt else "/openjourney"
    answer = await client.post(path, json=body)
    assert answer.status_code == 200
    if path == "/midjourney":
        again = {"token": "key", "task_id": str(answer.json()["data"])}
        assert (await client.post("/midjourney/result", json=again)).status_code == 200


@pytest.mark.parametrize("key", ['"\\ud800"', '"' + "k" * 5000 + '"'])
async def test_odd_keys_are_refused(client: httpx.AsyncClient, key: str) -> None:
    body = f'{{"prompt": "x", "token": {key}}}'
    assert (await client.post("/openjourney", content=body)).status_code in (400, 401)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("odd", "must be an object"),
        ({"properties": []}, "properties must be an object"),
        ({"properties": {"a": "b"}}, "properties.a must be an object"),
        ({"required": "a"}, "required must be a list of strings"),
        ({"properties": {"a": {"type": 5}}}, "properties.a.type must be"),
        ({"properties": {"a": {"minimum": 1e308}}}, "minimum must be a number"),
    ],
)
async def test_odd_schemas_are_refused(
    client: httpx.AsyncClient, parameters: Any, words: str
) -> None:
    body = {
        "model": "Llama-3-8B-Instruct",
        "messages": [{"role": "user", "content": "Draw a cat"}],
        "tools": [{"type": "function", "function": {"name": "draw", "parameters": parameters}}],
    }
    headers = {"authorization": "Bearer key"}
    answer = await client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_invented_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncraft_sandbox.validation._MOST_KEYS", 50)
    limiter = Limiter({"POST /sd": Limit(1)})
    for number in range(500):
        limiter.check("POST /sd", f"key-{number}")
    assert len(limiter._calls) <= 51


def test_a_million_small_things_are_not_remembered() -> None:
    noted = Received("POST", "/sd")
    noted.keep(b"[" + b"[]," * 100_000 + b"[]]")
    assert noted.body is None
    noted.keep(b'{"prompt": "a cat", "token": "secret"}')
    assert noted.body == {"prompt": "a cat", "token": "***"}


async def test_bodies_beyond_the_bound_get_413() -> None:
    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False, max_body_bytes=1000)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/sd", "/img2img", "/whisper", "/llm", "/v1/chat/completions"):
            headers = {"authorization": "Bearer key"}
            answer = await client.post(path, content=b"x" * 1001, headers=headers)
            assert answer.status_code == 413
            assert "larger than 1,000 bytes" in answer.text


@pytest.mark.parametrize("size", [(64, 1), (1, 64), (3, 2)])
async def test_tiny_pictures_are_reworked(client: httpx.AsyncClient, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    body = {
        "token": "key",
        "prompt": "clouds over a lake",
        "image": base64.b64encode(buffer.getvalue()).decode(),
    }
    assert (await client.post("/img2img", json=body)).status_code == 200


@pytest.mark.parametrize("size", [(1, 1), (64, 1), (1, 64), (7, 9)])
def test_tiny_pictures_are_drawn(size: tuple[int, int]) -> None:
    from visioncraft_sandbox.engines.drawing import draw

    assert draw("clouds over a lake", width=size[0], height=size[1]).size == size


def test_a_picture_is_still_a_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "PNG")
    data = base64.b64decode(base64.b64encode(buffer.getvalue()))
    assert decode_picture(data, "image", 100).size == (9, 9)
