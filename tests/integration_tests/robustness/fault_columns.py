"""The columns of the fault matrix: what is asked of the host, and where the fault waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fault_callers import Caller, ChatCaller, ClientCaller
from samples import NOTE, PNG, SAMPLES

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy
from langchain_visioncraft.client import endpoints

SMALL = {"width": 64, "height": 64}
CHAT = "POST /v1/chat/completions"


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
        quick: Whether `make test-all` runs it.
    """

    name: str
    kind: str
    place: str
    caller: Callable[..., Caller]
    models: bool = False
    quick: bool = False


def _client(flow: Callable[[str, float], Any]) -> Callable[..., Caller]:
    return partial(ClientCaller, flow)


def _call(name: str) -> Column:
    sample, function = SAMPLES[name], getattr(endpoints, name)
    given = {**sample.given, **sample.small, **_GIVEN.get(name, {})}
    client = _client(lambda *_: function(**given))
    return Column(name, "call", sample.request, client, sample.models, name == "text_to_image")


def _chat(way: str, *, quick: bool) -> Column:
    make = partial(ChatVisionCraft, model="Llama-3-8B-Instruct", temperature=0)
    kind = "chat" if way == "invoke" else "stream"
    caller = partial(ChatCaller, make, way)
    return Column(f"ChatVisionCraft.{way}", kind, CHAT, caller, models=True, quick=quick)


def _legacy_chat(way: str) -> Column:
    make = partial(ChatVisionCraftLegacy, model="Mixtral-8x22B-v0.1")
    caller = partial(ChatCaller, make, way)
    return Column(f"ChatVisionCraftLegacy.{way}", "call", "POST /llm", caller, models=True)


_GIVEN: dict[str, dict[str, Any]] = {"image_to_image": {"mask": PNG}, "transcribe": {"audio": NOTE}}
"""What makes more of a call than its sample does."""

COLUMNS: tuple[Column, ...] = (
    *(_call(name) for name in SAMPLES if not name.startswith(("midjourney", "job"))),
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
        "job_result",
        "poll",
        "POST /job-status",
        _client(lambda task, deadline: endpoints.job_result(job_id=task, deadline=deadline)),
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
