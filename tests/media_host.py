"""A host that looks and listens fast, and pictures and recordings for it, made on the spot.

It captions a picture by its size and colour, and hears in a recording when there is a tone, and of
which pitch. So a test can tell from a document which bytes were sent, and what became of times.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import json
import threading
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
from PIL import Image

from langchain_visioncraft.media.decoding import open_recording

# The SDK's own library, which the clients of this package take as well.
httpx = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

KEY = "vc-secret-key-1234567890"
HOST = "http://service.test"
RATE = 16_000


@dataclass
class Asked:
    """One call: the path, and the SHA-256 of the file that came along."""

    path: str
    sha256: str
    data: bytes = field(repr=False)
    prompt: str = ""
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    status: int = 200


class MediaHost:
    """Answers ``/v1/chat/completions`` with a picture, ``/whisper``, and ``/files/<name>``.

    Attributes:
        asked: All calls, in the order in which they were answered.
        fail_every: Every nth call is answered 503.
        fault: May answer in place of the host: ``(status, JSON or bytes)``.
        files: What ``GET /files/<name>`` gives.
        hold: What a call waits for before its answer, in a thread.
        most_at_once: How many calls were under way at the same time.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fail_every: int | None = None
        self.fault: Callable[[Asked], tuple[int, Any] | None] = lambda _: None
        self.files: dict[str, bytes] = {}
        self.hold: Callable[[Asked], object] | None = None
        self.times = True
        self.most_at_once = 0
        self._now = 0
        self._count = 0
        self._changed = threading.Condition()

    @property
    def answered(self) -> list[Asked]:
        """The calls that were answered well."""
        return [asked for asked in self.asked if asked.status == 200]

    # As a function for httpx.MockTransport

    def __call__(self, request: Any) -> Any:
        asked = self.read(request.method, request.url.path, request.read())
        return self._response(*self.work(asked))

    @staticmethod
    def _response(status: int, content: Any) -> Any:
        if isinstance(content, bytes):
            return httpx.Response(status, content=content)
        return httpx.Response(status, json=content)

    def clients(self) -> dict[str, Any]:
        """The settings of a connection to this host."""

        async def handle(request: Any) -> Any:
            import asyncio

            asked = self.read(request.method, request.url.path, await request.aread())
            if self.hold is None:
                return self._response(*self.work(asked))
            return self._response(*await asyncio.to_thread(self.work, asked))

        return {
            "api_key": KEY,
            "base_url": HOST,
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(handle)),
        }

    @contextmanager
    def under_way(self) -> Iterator[None]:
        with self._changed:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._changed:
                self._now -= 1
                self._changed.notify_all()

    def work(self, asked: Asked) -> tuple[int, Any]:
        with self.under_way():
            if self.hold is not None:
                self.hold(asked)
            return self.answer(asked)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that an answer fulfils."""
        with self._changed:
            assert self._changed.wait_for(condition, 60)

    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._now

    # What both have in common

    @staticmethod
    def read(method: str, path: str, body: bytes) -> Asked:
        fields = json.loads(body) if body else {}
        data, prompt = b"", ""
        if path == "/whisper":
            data = base64.b64decode(fields.pop("audio"))
        elif path == "/v1/chat/completions":
            for block in fields["messages"][-1]["content"]:
                if block["type"] == "text":
                    prompt = block["text"]
                else:
                    data = base64.b64decode(block["image_url"]["url"].partition(",")[2])
        return Asked(path, hashlib.sha256(data).hexdigest(), data, prompt, fields)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        with self._changed:
            self._count += 1
            failing = self.fail_every is not None and self._count % self.fail_every == 0
        fault = (503, {"error": "The server is overloaded."}) if failing else self.fault(asked)
        status, content = fault or self._work(asked)
        asked.status = status
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        return status, content

    def _work(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/v1/chat/completions":
            return 200, _completion(describe(asked.data))
        if asked.path == "/whisper":
            segments = hear(asked.data)
            text = " ".join(segment["text"] for segment in segments)
            return 200, {"text": text, "segments": segments if self.times else [], "language": "en"}
        name = asked.path.removeprefix("/files/")
        if name in self.files:
            return 200, self.files[name]
        return 410, {"error": "This link has expired."}


@contextmanager
def serving(host: MediaHost) -> Iterator[str]:
    """The host on a port of this machine; gives its URL."""
    import uvicorn
    from anyio import to_thread
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
    from visioncraft_sandbox.server import listen

    async def respond(request: Request) -> Response:
        asked = host.read(request.method, request.url.path, await request.body())
        status, content = await to_thread.run_sync(host.work, asked)
        if isinstance(content, bytes):
            return Response(content, status)
        return JSONResponse(content, status)

    app = Starlette(routes=[Route("/{path:path}", respond, methods=["GET", "POST"])])
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "llava-1.5-7b-hf",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def describe(data: bytes) -> str:
    """``PNG 64x48 RGB (255, 0, 0)``: form, size, mode, and the colour at the top left."""
    with Image.open(io.BytesIO(data)) as image:
        pixel = image.convert("RGB").getpixel((0, 0))
        return f"{image.format} {image.width}x{image.height} {image.mode} {pixel}"


def hear(data: bytes) -> list[dict[str, Any]]:
    """The tones in a recording: when, and of which pitch."""
    with open_recording(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
        frames += resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(float)
    loud = np.abs(samples[: len(samples) // 160 * 160].reshape(-1, 160)).max(axis=1) > 3000
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    segments = []
    for start, end in edges.reshape(-1, 2):
        if end - start < 10:
            continue
        tone = samples[start * 160 : end * 160]
        spectrum = np.abs(np.fft.rfft(tone))
        pitch = round(float(spectrum.argmax()) * RATE / len(tone) / 10) * 10
        segments.append({"start": start / 100, "end": end / 100, "text": f" tone {pitch}"})
    return segments


# Pictures and recordings


def picture(
    colour: Any = "red",
    size: tuple[int, int] = (64, 48),
    form: str = "PNG",
    mode: str = "RGB",
    **options: Any,
) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, form, **options)
    return buffer.getvalue()


def frames(colours: Sequence[str], form: str = "GIF", **options: Any) -> bytes:
    """An animation, or a file of several pages."""
    images = [Image.new("RGB", (64, 48), colour) for colour in colours]
    buffer = io.BytesIO()
    images[0].save(buffer, form, save_all=True, append_images=images[1:], **options)
    return buffer.getvalue()


def samples_of(tones: Iterable[tuple[float, float, int]], seconds: float, rate: int = RATE) -> Any:
    """Silence with tones in it: start and end in seconds, pitch in Hz."""
    samples = np.zeros(int(seconds * rate))
    for start, end, pitch in tones:
        times = np.arange(int(start * rate), int(end * rate))
        samples[times] = np.sin(2 * np.pi * pitch * times / rate) * 12000
    return samples.astype(np.int16)


def recording(tones: Iterable[tuple[float, float, int]], seconds: float, rate: int = RATE) -> bytes:
    """A WAV file with tones in it."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples_of(tones, seconds, rate).tobytes())
    return buffer.getvalue()


def video(
    path: Path,
    tones: Iterable[tuple[float, float, int]],
    seconds: float,
    *,
    rate: int = RATE,
    late: float = 0.0,
) -> Path:
    """An MP4 whose sound track has tones in it, and begins some seconds after the picture."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=rate, layout="mono")
        for _ in range(int(seconds * 10)):
            image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(pictures.encode(image))
        container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(
            samples_of(tones, seconds, rate).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = rate
        frame.pts = int(late * rate)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path
