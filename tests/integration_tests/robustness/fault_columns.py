"""The columns of the fault matrix: what is asked of the host, and where the fault waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from client_driving import PNG
from fault_callers import Caller, ChatCaller, ClientCaller

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy
from langchain_visioncraft.client import endpoints

NOTE = Path(__file__).parents[3] / "cookbook" / "assets" / "spoken_note.ogg"
SMALL = {"width": 64, "height": 64}
CHAT = "POST /v1/chat/completions"
ASK = [{"role": "user", "content": "Hi"}]


@dataclass(frozen=True)
class Column:
    """One endpoint or chat model, and which of its calls meets the fault.

    Attributes:
        name: Of the endpoint's function, and of the call if it is not the first; or of the chat
            model and its method.
        kind: ``call``, ``poll``, ``link``, ``task``, ``chat`` or ``stream``: which expectation
            holds.
        place: Method and path of the call that meets the fault.
        caller: Makes who asks, of a driver, a folder for temporary files, and settings.
        models: Whether the sandbox needs its models for it.
        quick: Whether `make test` runs it.
    """

    name: str
    kind: str
    place: str
    caller: Callable[..., Caller]
    models: bool = False
    quick: bool = False


def _client(flow: Callable[[str, float], Any]) -> Callable[..., Caller]:
    return partial(ClientCaller, flow)


def _call(name: str, place: str, *, models: bool = False, quick: bool = False, **given: Any) -> Any:
    function = getattr(endpoints, name)
    return Column(name, "call", place, _client(lambda *_: function(**given)), models, quick)


def _chat(way: str, *, quick: bool) -> Column:
    make = partial(ChatVisionCraft, model="Llama-3-8B-Instruct", temperature=0)
    kind = "chat" if way == "invoke" else "stream"
    caller = partial(ChatCaller, make, way)
    return Column(f"ChatVisionCraft.{way}", kind, CHAT, caller, models=True, quick=quick)


def _legacy_chat(way: str) -> Column:
    make = partial(ChatVisionCraftLegacy, model="Mixtral-8x22B-v0.1")
    caller = partial(ChatCaller, make, way)
    return Column(f"ChatVisionCraftLegacy.{way}", "call", "POST /llm", caller, models=True)


COLUMNS: tuple[Column, ...] = (
    _call("text_to_image", "POST /sd", quick=True, prompt="a cat", model="sdxl-base", **SMALL),
    _call(
        "text_to_image_sd1",
        "POST /generate",
        prompt="a cat",
        model="anything_V5",
        sampler="Euler",
    ),
    _call(
        "text_to_image_sdxl",
        "POST /generate-xl",
        prompt="a cat",
        model="sdxl-turbo",
        sampler="euler",
        scheduler="normal",
        width=512,
        height=512,
    ),
    _call("openjourney", "POST /openjourney", prompt="a cat", width=128, height=128),
    _call("image_to_image", "POST /img2img", prompt="a dog", image=PNG, mask=PNG),
    _call("image_to_image_2023", "POST /img2img", prompt="a dog", image=PNG, **SMALL),
    _call("text_to_gif", "POST /text2gif", prompt="a cat"),
    _call("text_to_gif_2024", "POST /generate-gif", prompt="a cat", sampler="Euler"),
    _call("image_to_video", "POST /img2video", image=PNG),
    _call("upscale", "POST /upscale", models=True, image=PNG),
    _call("transcribe", "POST /whisper", models=True, audio=NOTE),
    _call("list_names", "GET /sd/models", family="sd", kind="models"),
    _call("limits", "GET /limits"),
    _call("chat", CHAT, models=True, model="Llama-3-8B-Instruct", messages=ASK),
    _call("caption", CHAT, models=True, image=PNG),
    _call("legacy_chat", "POST /llm", models=True, model="Mixtral-8x22B-v0.1", messages=ASK),
    Column(
        "midjourney",
        "call",
        "POST /midjourney",
        _client(lambda _, deadline: endpoints.midjourney(prompt="a cat", deadline=deadline)),
    ),
    Column(
        "midjourney, its task",
        "task",
        "POST /midjourney",
        _client(lambda _, deadline: endpoints.midjourney(prompt="a cat", deadline=deadline)),
        quick=True,
    ),
    Column(
        "midjourney_result",
        "poll",
        "POST /midjourney/result",
        _client(
            lambda task, deadline: endpoints.midjourney_result(task_id=task, deadline=deadline)
        ),
        quick=True,
    ),
    Column(
        "image_to_image_2023, its link",
        "link",
        "GET /files/*",
        _client(lambda *_: endpoints.image_to_image_2023(prompt="a dog", image=PNG, **SMALL)),
        quick=True,
    ),
    _chat("invoke", quick=True),
    _chat("stream", quick=True),
    _legacy_chat("invoke"),
    _legacy_chat("stream"),
)
