"""What is recorded of the service's endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable
from samples import SAMPLES
from tape import CASSETTES

from langchain_visioncraft import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.decode import json_from
from langchain_visioncraft.client.flow import Call, Flow
from langchain_visioncraft.client.lists import LISTS
from langchain_visioncraft.client.schemas import ImageToImage2023Request

MEDIA = Path(__file__).parent / "media"
NOTE = Path(__file__).parents[1] / "cookbook" / "assets" / "spoken_note.ogg"


@dataclass(frozen=True)
class Scene:
    """Something that is recorded.

    Attributes:
        name: Of its cassette.
        flow: Makes the flow that a client runs.
        chat: Makes a chat model, or what stands on one, for a ``base_url`` and an ``api_key``.
        ask: What that is asked.
        stream: Whether it streams.
        expect: Says whether a result is as documented.
        error: The name of the error that it ends with.
        faults: Failures for the sandbox; such scenes cannot be recorded from a live host.
        key: Another key than the right one.
        writes_calls: Whether it takes a host whose model writes tool calls as text.
    """

    name: str
    flow: Callable[[], Flow[Any]] | None = None
    chat: Callable[..., Runnable[Any, Any]] | None = None
    ask: Any = None
    stream: bool = False
    expect: Callable[[Any], bool] = bool
    error: str | None = None
    faults: tuple[str, ...] = ()
    key: str | None = None
    writes_calls: bool = False

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
        return list(chat.stream(self.ask)) if self.stream else chat.invoke(self.ask)

    async def aplay(self, base_url: str, key: str) -> Any:
        """Do it without blocking."""
        if self.flow is not None:
            async with AsyncVisionCraftClient(base_url=base_url, api_key=self.key or key) as client:
                return await client.run(self.flow())
        chat = self._chat(base_url, key)
        if self.stream:
            return [chunk async for chunk in chat.astream(self.ask)]
        return await chat.ainvoke(self.ask)

    def _chat(self, base_url: str, key: str) -> Runnable[Any, Any]:
        assert self.chat is not None
        return self.chat(base_url=base_url, api_key=key)


def _link() -> Flow[str]:
    """A link to a picture that the host itself made."""
    # By the form that gives links, in few pixels.
    asked = ImageToImage2023Request(prompt="a cat", image=_CAT, width=256, height=256)
    decoded = json_from((yield Call("POST", "/img2img", asked.body())))
    link: str = decoded["images"][0]
    return link


def _from_link(endpoint: Any, **options: Any) -> Callable[[], Flow[Any]]:
    def flow() -> Flow[Any]:
        return (yield from endpoint(image=(yield from _link()), **options))

    return flow


def _lists() -> Flow[dict[str, list[str]]]:
    found = {}
    for (family, kind), (_, bases) in LISTS.items():
        for base in (None, *(bases if family == "sd" else ())):
            found[family, kind, base] = yield from endpoints.list_names(
                family=family, kind=kind, base_model=base
            )
    return found


def _message(text: str, **extra: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **extra}]


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
    Scene(
        "image-stream",
        lambda: endpoints.image(
            "a cat at sea", model="DreamShaper-8", init_image=_CAT, seed=7, stream=True
        ),
        expect=lambda media: media[0].seed == 7,
    ),
    Scene(
        "image-video",
        lambda: endpoints.image(
            "a cat", model="DreamShaper-8", is_video=True, frames=4, width=128, height=128, seed=7
        ),
        expect=_GIF,
    ),
    Scene("sd", lambda: endpoints.text_to_image(**_SD), expect=_PNG),
    Scene(
        "generate",
        lambda: endpoints.text_to_image_sd1(**_SD1, image_count=2, width=512, height=512),
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
    Scene(
        "img2video-job",
        lambda: endpoints.image_to_video(image=_CAT, width=96, height=64),
        expect=_GIF,
    ),
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

_BY_HAND = {
    *("text_to_image", "text_to_image_sd1", "text_to_image_sdxl", "openjourney", "midjourney"),
    *("midjourney_result", "image_to_image", "image_to_image_2023", "text_to_gif", "caption"),
    *("text_to_gif_2024", "image_to_video", "upscale", "transcribe", "list_names", "limits"),
    *("chat", "legacy_chat", "job_result"),
}
"""The endpoints with scenes of their own above, or in `chat_scenes`; others play their sample."""


def _play(name: str) -> Callable[[], Flow[Any]]:
    sample = SAMPLES[name]
    return lambda: getattr(endpoints, name)(**sample.given, **sample.small)


SCENES += [Scene(name.replace("_", "-"), _play(name)) for name in SAMPLES if name not in _BY_HAND]
