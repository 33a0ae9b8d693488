"""Recorded HTTP: what every endpoint was asked, and what it answered, without keys.

``python -m tests.recording`` (or ``make record``) records all scenes anew into
``tests/cassettes``: from the live host if ``VISIONCRAFT_API_KEY`` is set
(``VISIONCRAFT_BASE_URL`` says which), else from a sandbox that it starts. Names of scenes as
arguments record only those. ``tests/unit_tests/test_cassettes.py`` replays them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import vcr
import yaml
from vcr.request import Request
from vcr.serializers import yamlserializer

from langchain_visioncraft import AsyncVisionCraftClient, ChatVisionCraft, VisionCraftClient
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.decode import json_from
from langchain_visioncraft.client.flow import Call, Flow, call
from langchain_visioncraft.client.schemas import LIST_PATHS

HOST = "http://visioncraft.test"
"""What the recorded host is called in a cassette."""

KEY = "vc-recording-key-7c1f0a"
"""The key that a sandbox gets, and that a replay sends."""

HIDDEN = "***"
CASSETTES = Path(__file__).parent / "cassettes"
MEDIA = Path(__file__).parent / "media"
NOTE = Path(__file__).parents[1] / "cookbook" / "assets" / "spoken_note.ogg"
LARGEST_PICTURE = 40_000
"""Bytes. Larger pictures in answers are made small, so that the cassettes stay small."""

_KEPT_HEADERS = frozenset({"content-type", "location", "retry-after", "x-visioncraft-engine"})


@dataclass(frozen=True)
class Scene:
    """Something that is recorded.

    Attributes:
        name: Of its cassette.
        flow: Makes the flow that a client runs.
        ask: What the chat model is asked, if it is not a flow.
        expect: Says whether a result is as documented.
        stream: Whether the chat model streams.
        error: The name of the error that it ends with.
        faults: Failures for the sandbox; such scenes cannot be recorded from a live host.
        key: Another key than the right one.
    """

    name: str
    flow: Callable[[], Flow[Any]] | None = None
    ask: Callable[[], Any] | None = None
    expect: Callable[[Any], bool] = bool
    stream: bool = False
    error: str | None = None
    faults: tuple[str, ...] = ()
    key: str | None = None

    @property
    def path(self) -> Path:
        """The file of its cassette."""
        return CASSETTES / f"{self.name}.yaml"

    def play(self, base_url: str, key: str) -> Any:
        """Do it, and give the result."""
        if self.flow is not None:
            with VisionCraftClient(base_url=base_url, api_key=self.key or key) as client:
                return client.run(self.flow())
        chat = self._chat(base_url, key)
        return list(chat.stream(self._asked())) if self.stream else chat.invoke(self._asked())

    async def aplay(self, base_url: str, key: str) -> Any:
        """Do it without blocking."""
        if self.flow is not None:
            async with AsyncVisionCraftClient(base_url=base_url, api_key=self.key or key) as client:
                return await client.run(self.flow())
        chat = self._chat(base_url, key)
        if self.stream:
            return [chunk async for chunk in chat.astream(self._asked())]
        return await chat.ainvoke(self._asked())

    def _asked(self) -> Any:
        assert self.ask is not None
        return self.ask()

    @staticmethod
    def _chat(base_url: str, key: str) -> ChatVisionCraft:
        return ChatVisionCraft(
            model="llava-1.5-7b-hf", base_url=base_url, api_key=key, temperature=0, max_tokens=128
        )


def _link() -> Flow[str]:
    """A link to a picture that the host itself made."""
    asked = {"prompt": "a cat", "model": "sd_v1.5", "sampler": "Euler", "width": 256, "height": 256}
    decoded = json_from((yield from call(Call("POST", "/generate", asked))))
    link: str = decoded["images"][0]
    return link


def _from_link(endpoint: Any, **options: Any) -> Callable[[], Flow[Any]]:
    def flow() -> Flow[Any]:
        return (yield from endpoint(image=(yield from _link()), **options))

    return flow


def _lists() -> Flow[dict[str, list[str]]]:
    found = {}
    for family, kind in LIST_PATHS:
        found[LIST_PATHS[family, kind]] = yield from endpoints.list_names(family=family, kind=kind)
    return found


def _message(text: str, **extra: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **extra}]


def _look() -> list[dict[str, Any]]:
    from langchain_visioncraft import Media

    url = Media.from_path(MEDIA / "cat.jpg").data_url()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return [{"role": "user", "content": parts}]


def _is(*kinds: str) -> Callable[[Any], bool]:
    return lambda media: [medium.mime_type for medium in media] == list(kinds)


_PNG, _GIF, _MP4 = _is("image/png"), _is("image/gif"), _is("video/mp4")
_CAT, _MASK = MEDIA / "cat.jpg", MEDIA / "mask.png"
_SMALL = {"prompt": "a cat on a hill", "width": 256, "height": 256}
_SD = {**_SMALL, "model": "sdxl-base", "sampler": "Euler", "steps": 30}
_SD1 = {"prompt": "a cat", "model": "sd_v1.5", "sampler": "Euler"}
_XL = {"prompt": "a cat", "model": "sdxl-base", "sampler": "euler", "scheduler": "normal"}

SCENES = [
    Scene("lists", _lists, expect=lambda found: all(found.values())),
    Scene("limits", endpoints.limits, expect=lambda tiers: "Free Tier" in tiers),
    Scene("sd", lambda: endpoints.text_to_image(**_SD), expect=_PNG),
    Scene(
        "generate",
        lambda: endpoints.text_to_image_sd1(**_SD1, image_count=2, width=256, height=256),
        expect=_is("image/png", "image/png"),
    ),
    Scene(
        "generate-xl",
        lambda: endpoints.text_to_image_sdxl(**_XL, width=512, height=512),
        expect=_PNG,
    ),
    Scene("midjourney", lambda: endpoints.midjourney(prompt="a cat --ar 1:1"), expect=_PNG),
    Scene("openjourney", lambda: endpoints.openjourney(**_SMALL), expect=_PNG),
    Scene(
        "img2img-upload",
        lambda: endpoints.image_to_image(prompt="at night", image=_CAT),
        expect=_PNG,
    ),
    Scene("img2img-link", _from_link(endpoints.image_to_image, prompt="at night"), expect=_PNG),
    Scene(
        "img2img-mask",
        lambda: endpoints.image_to_image(prompt="a dog", image=_CAT, mask=_MASK),
        expect=_PNG,
    ),
    Scene(
        "img2img-init-images-upload",
        lambda: endpoints.image_to_image_2023(prompt="at night", image=_CAT, width=128, height=128),
        expect=_PNG,
    ),
    Scene(
        "img2img-init-images-link",
        _from_link(endpoints.image_to_image_2023, prompt="at night", width=128, height=128),
        expect=_PNG,
    ),
    Scene("text2gif", lambda: endpoints.text_to_gif(prompt="a cat jumps"), expect=_GIF),
    Scene(
        "generate-gif",
        lambda: endpoints.text_to_gif_2024(prompt="a cat jumps", sampler="Euler"),
        expect=_GIF,
    ),
    Scene("img2video-upload", lambda: endpoints.image_to_video(image=_CAT), expect=_MP4),
    Scene("img2video-link", _from_link(endpoints.image_to_video), expect=_MP4),
    Scene("upscale-upload", lambda: endpoints.upscale(image=_CAT), expect=_PNG),
    Scene("upscale-link", _from_link(endpoints.upscale, resize=2), expect=_PNG),
    Scene(
        "whisper",
        lambda: endpoints.transcribe(audio=NOTE, language="en"),
        expect=lambda transcript: bool(transcript.text),
    ),
    Scene(
        "llm",
        lambda: endpoints.legacy_chat(
            model="Llama-3-8B-Instruct", messages=_message("Name a colour.")
        ),
    ),
    Scene(
        "chat",
        lambda: endpoints.chat(
            model="Llama-3-8B-Instruct", messages=_message("Name a colour."), max_tokens=128
        ),
        expect=lambda answer: bool(answer["choices"][0]["message"]["content"]),
    ),
    Scene("chat-model", ask=lambda: "Name a colour.", expect=lambda message: bool(message.text)),
    Scene(
        "chat-model-stream",
        ask=lambda: "Name a colour.",
        stream=True,
        expect=lambda chunks: len([chunk for chunk in chunks if chunk.text]) > 1,
    ),
    Scene("chat-model-image", ask=_look, expect=lambda message: bool(message.text)),
    Scene(
        "unknown-sampler",
        lambda: endpoints.text_to_image(**{**_SD, "sampler": "Eulr"}),
        error="UnknownNameError",
    ),
    Scene(
        "wrong-key",
        lambda: endpoints.text_to_image(**_SD),
        key="vc-wrong-key-3e9d55",
        error="AuthenticationError",
    ),
    Scene(
        "retries",
        lambda: endpoints.text_to_image(**_SD),
        expect=_PNG,
        faults=("POST /sd status=503", "POST /sd status=429 retry_after=1"),
    ),
    Scene(
        "limit-reached",
        lambda: endpoints.text_to_image(**_SD),
        error="RateLimitError",
        faults=("POST /sd status=429",),
    ),
]


class _Labelled:
    """YAML with a first line that says where and when it was recorded."""

    def __init__(self, source: str) -> None:
        self._source = source

    def serialize(self, cassette: dict[str, Any]) -> str:
        today = datetime.now(timezone.utc).date().isoformat()
        label = f"# Recorded from {self._source} on {today} by tests/recording.py; no keys.\n"
        return label + yaml.safe_dump(cassette, sort_keys=False, allow_unicode=True, width=100)

    @staticmethod
    def deserialize(text: str) -> Any:
        return yamlserializer.deserialize(text)


class Scrubber:
    """Takes out of requests and answers what is nobody's business, or differs every time."""

    def __init__(self, base_url: str, *keys: str) -> None:
        self._base_url = base_url.encode()
        self._keys = [key.encode() for key in keys]

    def request(self, request: Request) -> Request:
        """The request as it is kept, and as it is looked for."""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        uri = self._clean(request.uri.encode()).decode()
        kept = {name: value for name, value in headers.items() if name == "content-type"}
        if "authorization" in headers:
            kept["authorization"] = f"Bearer {HIDDEN}"
        body = request.body
        return Request(request.method, uri, self._clean(body) if body else body, kept)

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """The answer as it is kept."""
        headers = {
            name.lower(): values
            for name, values in response["headers"].items()
            if name.lower() in _KEPT_HEADERS
        }
        body = self._clean(_smaller(response["body"]["string"]))
        return {"status": response["status"], "headers": headers, "body": {"string": body}}

    def _clean(self, data: bytes) -> bytes:
        for key in self._keys:
            data = data.replace(key, HIDDEN.encode())
        return data.replace(self._base_url, HOST.encode())


def _smaller(data: bytes) -> bytes:
    if len(data) <= LARGEST_PICTURE or not data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8")):
        return data
    from PIL import Image, ImageSequence

    with Image.open(io.BytesIO(data)) as picture:
        kind = picture.format
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)][:8]
    for frame in frames:
        frame.thumbnail((128, 128))
    buffer = io.BytesIO()
    first, *others = frames
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(buffer, kind, **more)
    return buffer.getvalue()


def cassette(scene: Scene, base_url: str = HOST, *, source: str = "", key: str = KEY) -> Any:
    """The context in which a scene is recorded (with a `source`) or replayed."""
    scrubber = Scrubber(base_url, *filter(None, (key, scene.key)))
    machine = vcr.VCR(
        match_on=("method", "uri", "body"),
        record_mode=vcr.mode.ALL if source else vcr.mode.NONE,
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
    )
    machine.register_serializer("labelled", _Labelled(source))
    return machine.use_cassette(
        str(scene.path),
        serializer="labelled",
        # Otherwise a poll or a retry would get the first answer again and again.
        allow_playback_repeats=False,
    )


def interactions(path: Path) -> list[dict[str, Any]]:
    """What a cassette holds."""
    found: list[dict[str, Any]] = _Labelled.deserialize(path.read_text("utf-8"))["interactions"]
    return found


@contextlib.contextmanager
def _host() -> Iterator[tuple[str, str, str, Any]]:
    """Base URL, key, what kind of host it is, and its sandbox."""
    key = os.environ.get("VISIONCRAFT_API_KEY", "").strip()
    if key:
        from langchain_visioncraft.config import resolve

        yield resolve().base_url, key, "a live host", None
        return
    from langchain_visioncraft.sandbox import Sandbox

    with Sandbox(keys=[KEY]) as sandbox:
        yield sandbox.url, KEY, "a sandbox of this package", sandbox


def record(*names: str) -> None:
    """Record all scenes, or those that are named."""
    CASSETTES.mkdir(exist_ok=True)
    with _host() as (base_url, key, source, sandbox):
        for scene in SCENES:
            if (names and scene.name not in names) or (scene.faults and sandbox is None):
                continue
            if sandbox is not None:
                sandbox.faults.clear()
                sandbox.faults.order(*scene.faults)
            scene.path.unlink(missing_ok=True)
            with cassette(scene, base_url, source=source, key=key):
                outcome = _outcome(scene, base_url, key)
            size = scene.path.stat().st_size
            print(f"{scene.name:28} {outcome:22} {size / 1000:8,.0f} kB")  # noqa: T201


def _outcome(scene: Scene, base_url: str, key: str) -> str:
    try:
        result = scene.play(base_url, key)
    except Exception as error:
        if type(error).__name__ != scene.error:
            raise
        return str(scene.error)
    if scene.error or not scene.expect(result):
        msg = f"{scene.name} gave {json.dumps(result, default=repr)[:500]}"
        raise RuntimeError(msg)
    return "as documented"


if __name__ == "__main__":
    record(*sys.argv[1:])
