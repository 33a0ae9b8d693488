"""A key goes to the host that it is for, and shows nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from tool_service import ENDPOINTS, HOST, KEY, TOOLS, WAYS, Service, arguments_for, call, name_of

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    MediaStore,
    VisionCraftClient,
    VisionCraftMidjourney,
    VisionCraftTextToImage,
    VisionCraftToolkit,
)
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints, serving
from langchain_visioncraft.tools import VisionCraftTool

PARTS = (KEY, KEY[:12], KEY[-8:])
"""Not only the whole key: messages that are cut short show a part of it."""

CASSETTES = Path(__file__).parents[1] / "cassettes"


def check_clean(*texts: Any) -> None:
    for text in texts:
        shown = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        for part in PARTS:
            position = shown.find(part)
            assert position < 0, f"…{shown[max(0, position - 100) : position]}[the key]"


class Everything(BaseTracer):
    """A tracer that keeps what LangSmith would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.texts.append(run.model_dump_json(fallback=repr))
        self.texts.append(repr(run))

    def _on_run_create(self, run: Run) -> None:
        self.texts.append(repr(run))

    def on_custom_event(self, name: str, data: Any, **options: Any) -> None:
        self.texts.append(repr((name, data, options)))


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(serving, "_backoff", lambda _: 0.001)


@pytest.fixture(params=["argument", "environment"])
def settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, service: Service
) -> dict[str, Any]:
    """The connection, with a key that was passed or that the environment has."""
    common = {"base_url": HOST, "max_retries": 0, **service.clients()}
    if request.param == "argument":
        return {"api_key": KEY, **common}
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    return common


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that is logged, by any logger, from DEBUG on."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)} {record.args!r}")

    handler = Handler(logging.DEBUG)
    names = ["", "langchain_visioncraft", "httpx", "httpx2", "httpcore", "httpcore2", "openai"]
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def sent_key(request: Any) -> bool:
    return KEY in f"{request.headers.get('authorization', '')}{request.content.decode('latin-1')}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", TOOLS, ids=name_of)
async def test_no_tool_shows_its_key(
    kind: type[VisionCraftTool],
    settings: dict[str, Any],
    service: Service,
    store: MediaStore,
    logged: list[str],
    *,
    way: str,
) -> None:
    tool, tracer = kind(store=store, **settings), Everything()
    message = await call(tool, way, arguments_for(kind, store), {"callbacks": [tracer]})
    asked = service.requests[0].url.path
    assert sent_key(service.requests[0]) == (asked not in ("/sd/samplers", "/limits"))
    assert tracer.texts
    check_clean(repr(tool), str(tool), tool.model_dump(), tool.model_dump_json(), message)
    check_clean(dumpd(tool), dumps(tool), *tracer.texts, *logged)
    check_clean(*contents(store))


def contents(store: MediaStore) -> list[bytes]:
    return [path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", TOOLS, ids=name_of)
async def test_no_event_shows_the_key(
    kind: type[VisionCraftTool], settings: dict[str, Any], store: MediaStore
) -> None:
    tool = kind(store=store, **settings)
    events = [
        event async for event in tool.astream_events(arguments_for(kind, store), version="v2")
    ]
    assert events
    check_clean(*map(repr, events))


@pytest.mark.parametrize("status", [401, 429, 500, 200])
@pytest.mark.parametrize("kind", TOOLS, ids=name_of)
async def test_no_error_shows_the_key_even_if_the_host_repeats_it(
    kind: type[VisionCraftTool],
    settings: dict[str, Any],
    service: Service,
    store: MediaStore,
    logged: list[str],
    *,
    status: int,
) -> None:
    service.says(ENDPOINTS[name_of(kind)], status, json={"error": f"The key {KEY} is not good."})
    tool, tracer = kind(store=store, **settings), Everything()
    texts: list[Any] = []
    for way in WAYS:
        try:
            texts.append(await call(tool, way, arguments_for(kind, store), {"callbacks": [tracer]}))
        except Exception as error:
            texts += told_by(error)
    assert len(texts) >= 2
    check_clean(*texts, *tracer.texts, *logged)


def told_by(error: BaseException) -> list[Any]:
    """Everything that an error and its causes say."""
    texts: list[Any] = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        texts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return texts


@pytest.mark.parametrize("driver", [VisionCraftClient, AsyncVisionCraftClient])
async def test_no_client_shows_its_key(
    driver: Any, settings: dict[str, Any], service: Service, logged: list[str]
) -> None:
    client = driver(**settings)
    flow = endpoints.text_to_image(prompt="a cat", model="sdxl-base")
    result = client.run(flow)
    if asyncio.iscoroutine(result):
        result = await result
    assert sent_key(service.requests[0])
    call_ = client.outgoing(endpoints.Call("POST", "/sd", {"prompt": "a cat"}))
    check_clean(repr(client), repr(client.settings), repr(call_), repr(result), *logged)


async def test_a_failed_connection_does_not_show_the_key(
    settings: dict[str, Any], service: Service, store: MediaStore, logged: list[str]
) -> None:
    def fail(request: Any) -> Any:
        raise httpx.ConnectError("refused", request=request)

    service.answers["/sd"] = fail
    with pytest.raises(Exception, match="refused") as caught:
        VisionCraftTextToImage(store=store, **settings).invoke({"prompt": "a cat"})
    check_clean(*told_by(caught.value), *logged)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_the_chat_model_does_not_show_its_key(
    settings: dict[str, Any], service: Service, logged: list[str], way: str
) -> None:
    chat, tracer = ChatVisionCraft(model="Llama-3-8B-Instruct", **settings), Everything()
    config = {"callbacks": [tracer]}
    line = json.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]})
    if way.endswith("stream"):
        headers = {"content-type": "text/event-stream"}
        text = f"data: {line}\n\ndata: [DONE]\n\n"
        service.says("/v1/chat/completions", headers=headers, text=text)
    answer: Any
    if way == "astream":
        answer = [chunk async for chunk in chat.astream("Hi", config)]
    elif way == "stream":
        answer = list(chat.stream("Hi", config))
    else:
        answer = chat.invoke("Hi", config) if way == "invoke" else await chat.ainvoke("Hi", config)
    assert sent_key(service.requests[0])
    assert tracer.texts
    check_clean(repr(chat), str(chat), chat.model_dump(), dumpd(chat), dumps(chat), answer)
    check_clean(*tracer.texts, *logged)


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_no_error_of_the_chat_model_shows_the_key(
    settings: dict[str, Any], service: Service, logged: list[str], status: int
) -> None:
    service.says("/v1/chat/completions", status, json={"error": f"The key {KEY} is not good."})
    chat = ChatVisionCraft(model="Llama-3-8B-Instruct", **{**settings, "max_retries": 0})
    with pytest.raises(Exception, match="is not good") as caught:
        await chat.ainvoke("Hi")
    check_clean(str(caught.value), repr(caught.value), vars(caught.value), *logged)


# Pickles


def test_pickles_hold_a_key_only_if_it_was_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    things = [
        *(kind() for kind in TOOLS),
        *VisionCraftToolkit().get_tools(),
        VisionCraftToolkit(),
        VisionCraftClient(),
        AsyncVisionCraftClient(),
        ChatVisionCraft(model="Llama-3-8B-Instruct"),
    ]
    for thing in things:
        check_clean(pickle.dumps(thing))


async def test_a_tool_that_was_used_pickles_without_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, service: Service, store: MediaStore
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    for kind in TOOLS:
        tool = kind(base_url=HOST, store=store, **service.clients())
        tool.invoke(arguments_for(kind, store))
        tool.http_client = tool.http_async_client = None
        check_clean(pickle.dumps(tool))


async def test_a_pickled_error_holds_no_key(
    settings: dict[str, Any], service: Service, store: MediaStore
) -> None:
    service.says("/sd", 401, json={"error": f"The key {KEY} is not good."})
    with pytest.raises(Exception, match="401") as caught:
        VisionCraftTextToImage(store=store, **settings).invoke({"prompt": "a cat"})
    check_clean(pickle.dumps(caught.value))


# Links and files


@pytest.mark.parametrize("way", WAYS)
async def test_a_link_is_followed_without_the_key(
    settings: dict[str, Any], service: Service, store: MediaStore, way: str
) -> None:
    await call(VisionCraftMidjourney(store=store, **settings), way, {"prompt": "a cat"})
    *calls, link = service.requests
    assert link.url.path == "/files/mask.png"
    assert all(map(sent_key, calls))
    check_clean(link.url, dict(link.headers), link.content)


def test_no_cassette_holds_a_key() -> None:
    check_clean(*(path.read_bytes() for path in CASSETTES.glob("*.yaml")))
