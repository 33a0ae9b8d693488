"""Small requests that ask for a lot of memory, at a sandbox that has not much of it."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and limits memory")

LIMIT_BYTES = 6 << 30
"""Of addresses, of which the libraries reserve more than they use."""

MOST_MB = 1800
"""Of memory in use at any time, with the language model and Whisper loaded."""


class Limited:
    """A sandbox in a process of its own, under a limit of memory."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.client = httpx.Client(base_url=url, timeout=120)
        self._process = process

    def post(self, path: str, timeout: float = 120, **body: Any) -> httpx.Response:
        headers = {"authorization": "Bearer key"}
        sent = {"token": "key", **body}
        return self.client.post(path, json=sent, headers=headers, timeout=timeout)

    def most_mb(self) -> int:
        """The most memory that it has ever used."""
        assert self._process.poll() is None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+)", status)
        assert match
        return int(match[1]) >> 10


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    command = [sys.executable, "-m", "visioncraft_sandbox", "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
            assert process.stdout is not None
            match = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert match
            served = Limited(match[0], process)
            with served.client:
                yield served
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def _bounded(limited: Limited) -> Iterator[None]:
    yield
    assert limited.most_mb() < MOST_MB


def picture(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> str:
    buffer = io.BytesIO()
    options = {"lossless": True, "method": 0} if form == "WEBP" else {}
    Image.new(mode, (width, height), 1).save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def looking(*pictures: str) -> dict[str, Any]:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:;base64,{each}"}} for each in pictures
    ]
    return {
        "model": "llava-1.5-7b-hf",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, *parts]}],
    }


def slow_wav(rate: int = 1) -> str:
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    body += b"data" + struct.pack("<I", 14_000) + bytes(range(1, 141)) * 100
    return base64.b64encode(b"RIFF" + struct.pack("<I", len(body)) + body).decode()


@pytest.mark.parametrize(
    ("form", "side"), [("PNG", 8000), ("WEBP", 4000), ("JPEG2000", 4000), ("AVIF", 4000)]
)
def test_pictures_of_one_chat(limited: Limited, form: str, side: int) -> None:
    answer = limited.post("/v1/chat/completions", **looking(*[picture(side, side, form)] * 8))
    assert answer.status_code == 400
    assert "pixels together" in answer.json()["error"]["message"]


def test_large_pictures_of_many_requests_at_a_time(limited: Limited) -> None:
    large = picture(8000, 8000, mode="1")
    with ThreadPoolExecutor(5) as pool:
        answers = pool.map(lambda _: limited.post("/img2video", image=large), range(5))
    assert [answer.status_code for answer in answers] == [200] * 5


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}, "maxItems": 10**9},
        {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "maxLength": 10**9},
        {"type": "string", "pattern": "^(((a{1000}){1000}){1000}){1000}$"},
        {"type": "object", "minProperties": 10**9},
        {"type": "object", "propertyNames": {"minLength": 10**9}},
        {"type": "string", "allOf": [{"pattern": f"^(a|b)*a[ab]{{{n}}}$"} for n in range(6, 14)]},
        {"patternProperties": {f"^(a|b)*a[ab]{{3}}{n}$": {} for n in range(64)}},
        {"enum": [f"{n}".rjust(3000, "a") for n in range(900)]},
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_schemas_of_a_few_bytes(limited: Limited, schema: dict[str, Any]) -> None:
    answer = limited.post(
        "/v1/chat/completions",
        model="Llama-3-8B-Instruct",
        messages=[{"role": "user", "content": "Give a."}],
        max_tokens=128,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert answer.status_code in (200, 400)


def test_a_recording_of_one_sample_per_second(limited: Limited) -> None:
    answer = limited.post("/whisper", audio=slow_wav())
    assert answer.status_code == 400
    assert "1,000 to 4,000,000 can be decoded" in answer.text


def recording(tracks: int, seconds: int, *, silent: bool) -> bytes:
    """A small Matroska file of many tracks, which repeat the same packets."""
    block = np.zeros((1, 65_535), np.int16)
    block[0, ::7] = 0 if silent else 1000
    encoder: Any = av.CodecContext.create("flac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    encoder.options = {"frame_size": "65535"}
    packets = []
    for start in range(0, seconds * 8000, 65_535):
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, start
        packets += [bytes(each) for each in encoder.encode(frame)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        streams: list[Any] = []
        for _ in range(tracks):
            streams.append(output.add_stream("flac", rate=8000, layout="mono"))
            streams[-1].codec_context.options = {"frame_size": "65535"}
            streams[-1].codec_context.open()
        for number, data in enumerate(packets):
            for stream in streams:
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, 8000)
                packet.pts = packet.dts = number * 65_535
                output.mux(packet)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("tracks", "seconds", "silent", "reason"),
    [
        (250, 9, False, "has 250 sound tracks; at most 16 can be decoded"),
        (200, 7000, True, "has 200 sound tracks"),
        (16, 7000, True, "are longer than 28,800 seconds together"),
    ],
)
def test_a_recording_of_many_tracks(
    limited: Limited, tracks: int, seconds: int, silent: bool, reason: str
) -> None:
    data = recording(tracks, seconds, silent=silent)
    answer = limited.post("/whisper", audio=base64.b64encode(data).decode())
    assert answer.status_code == 400
    assert reason in answer.text


def test_a_recording_of_two_hours(limited: Limited) -> None:
    audio = base64.b64encode(recording(1, 7190, silent=True)).decode()
    # It takes minutes, but most of its memory in the first seconds.
    with contextlib.suppress(httpx.ReadTimeout):
        assert limited.post("/whisper", timeout=15, audio=audio).status_code == 200


@pytest.mark.parametrize("part", ["[]", "{}", "0", '"a"'])
def test_bodies_of_many_small_values(limited: Limited, part: str) -> None:
    text = f'{{"token": "key", "prompt": [{",".join([part] * 3_000_000)}]}}'
    answer = limited.client.post("/openjourney", content=text)
    assert answer.status_code == 400


def test_large_bodies_of_several_requests_at_a_time(limited: Limited) -> None:
    text = '{"token": "key", "image": "' + "A" * (40 << 20) + '"}'
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(limited.client.post, "/img2video", content=text) for _ in range(4)]
        statuses = {each.result().status_code for each in sent}
    assert statuses <= {400, 503}
