"""What the sandbox keeps beyond a request is bounded in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import tracemalloc
import weakref
from collections import deque
from typing import Any

import httpx
import pytest
from plain_app import plain_app
from starlette.requests import Request
from starlette.responses import Response
from visioncraft_sandbox import SandboxConfig, create_app, records
from visioncraft_sandbox.answers import ErrorStyle, forget_frames
from visioncraft_sandbox.engines import artwork, lands, reading
from visioncraft_sandbox.engines.drawing import draw
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.operations import Job, Operation, Services
from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.page.reading import read
from visioncraft_sandbox.page.views import Writer
from visioncraft_sandbox.planner import tools
from visioncraft_sandbox.records import Received, Recorder
from visioncraft_sandbox.routes_midjourney import Midjourney
from visioncraft_sandbox.settings import Limit
from visioncraft_sandbox.uploads import Uploads
from visioncraft_sandbox.validation import Bodies, Limiter

from langchain_visioncraft.client.schemas import PromptRequest

FACE = "\N{GRINNING FACE}"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LOOK = {"role": "user", "content": [PICTURE]}


@pytest.fixture
def files() -> FileStore:
    return FileStore(1 << 20, 60)


def test_the_prompts_of_tasks_are_bounded_together() -> None:
    tasks = Midjourney(0)
    made = [tasks.submit(FACE * (100_000 - number)) for number in range(100)]
    assert sum(sys.getsizeof(task.prompt) for task in tasks._tasks.values()) <= 16 << 20
    assert tasks.find(str(made[-1].number), "task") is made[-1]


def test_long_keys_are_not_kept_to_count_their_calls() -> None:
    limiter = Limiter({"POST /sd": Limit(1)})
    tracemalloc.start()
    try:
        for number in range(300):
            limiter.check("POST /sd", f"{number}{FACE * 4000}")
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


async def test_requests_for_tests_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_ALL_BYTES", 100_000)
    log: deque[Received] = deque(maxlen=1000)

    transport = httpx.ASGITransport(Recorder(plain_app, log))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        for number in range(40):
            body = {"number": number, "list": ["a" * 1000] * 5}
            await client.post("/sd", json=body, headers={"x-note": "a" * 5000})
    assert 2 <= len(log) <= 20
    assert log[-1].body["number"] == 39


def test_what_the_page_reads_of_its_entries_is_bounded_with_their_bodies(
    files: FileStore,
) -> None:
    journal = Journal(entries=100, max_bytes=1 << 20)
    for _ in range(40):
        entry = journal.begin("POST", "/sd", "", [])
        entry.request.add(('{"prompt": "' + FACE * 2000 + '"}').encode())
        journal.finish(entry, complete=True)
    Writer(journal, files).listed(journal.entries())
    entries = journal.entries()
    kept = [each for each in entries if each.request.kept]
    assert 5 <= len(kept) < 40
    assert kept == entries[: len(kept)]
    shown = sum(len(f"{each.reading}{each.item}") for each in entries if each.reading)
    assert shown <= 1 << 20


def test_few_facts_and_media_of_one_request_are_shown(files: FileStore) -> None:
    journal = Journal(entries=1, max_bytes=64 << 20)
    png = "iVBORw0KGgo" + "A" * 89
    facts = ", ".join(f'"{number}": 1' for number in range(4000))
    entry = journal.begin("POST", "/sd", "", [])
    body = f'{{"{"n" * 100_000}": 1, {facts}, "media": {[png] * 4000}}}'.replace("'", '"')
    entry.request.add(body.encode())
    found = read(entry, files)
    assert (len(found.facts), len(found.media)) == (100, 100)
    assert max(map(len, found.facts)) <= 60


def test_large_drawings_are_not_kept() -> None:
    caches = artwork._glyph, lands._tree
    for cache in caches:
        cache.cache_clear()
    artwork.glyph("\N{CAT FACE}", 1000)
    draw("a forest", width=1600, height=1600, seed=1)
    assert lands._tree.cache_info().misses == 0
    assert artwork._glyph.cache_info().misses < 10
    draw("a cat in a forest", width=512, height=512, seed=1)
    assert all(cache.cache_info().currsize for cache in caches)


def test_long_words_are_not_kept() -> None:
    assert max(map(len, reading._split(f"a {'b' * 100_000} {'1' * 100_000}"))) <= 42
    of_clauses: list[Any] = [tools._words, tools._singular, tools._flat, tools._said_in]
    of_clauses += [tools._count, tools._own_words]
    assert [cache.cache_info().maxsize for cache in of_clauses] == [2, 2, 1, 1, 1, 1]
    tracemalloc.start()
    try:
        for number in range(10):
            tools._has(f"{number}", FACE * 1_000_000)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


async def test_a_request_of_very_many_headers_is_refused() -> None:
    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        many = {f"x-{number}": "1" for number in range(100)}
        assert (await client.get("/limits", headers=many)).status_code == 431
        assert not transport.app.state.requests  # type: ignore[attr-defined]


async def test_a_key_is_hidden_in_methods_and_in_numbers() -> None:
    log: deque[Received] = deque(maxlen=10)
    keys = "12345678901", "sk-secret-abcdef"
    transport = httpx.ASGITransport(Recorder(plain_app, log, keys))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        await client.request("GETSK-SECRET-ABCDEF", "/sd")
        await client.post("/sd", json={"seed": 12345678901, "prompt": "x"})
        await client.post("/sd", json={"token": 12345678901, "prompt": "x"})
    assert [each.method for each in log] == ["GET***", "POST", "POST"]
    assert [each.body for each in log] == [None, None, {"token": "***", "prompt": "x"}]


@pytest.mark.parametrize("end", ["http.request", "http.disconnect"])
async def test_small_pieces_of_a_body_are_put_together(end: str) -> None:
    pieces = [{"type": "http.request", "body": b"ab", "more_body": True} for _ in range(10_000)]
    arriving: list[dict[str, Any]] = [*pieces, {"type": end}]
    read: list[Any] = []

    async def receive() -> Any:
        return arriving.pop(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not read or read[-1].get("more_body"):
            read.append(await receive())

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await Bodies(app, 1 << 20)({"type": "http", "method": "POST", "path": "/"}, receive, send)
    assert len(read) == 5
    assert read[-1]["type"] == end
    assert len(b"".join(each.get("body", b"") for each in read)) >= 16_384


async def test_what_is_unknown_in_a_request_is_not_kept() -> None:
    body: dict[str, Any] = {"prompt": "a cat", "unknown": FACE * 1000}
    kept: list[dict[str, Any]] = []

    async def work(job: Job) -> Response:
        kept.append({"prompt": job.parameters.prompt, **body})
        return Response()

    async def receive() -> Any:
        await asyncio.Event().wait()

    operation = Operation("/x", PromptRequest, ErrorStyle.TEXT, work, keyless=True)
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"host", b"localhost")]}
    services: Services = create_app(SandboxConfig(models=False)).state.services
    await operation.answer(Request(scope, receive), services, body)
    assert kept == [{"prompt": "a cat"}]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sd", b"0," * 100_000, 200),
        ("/sd", b"0," * 150_000, 503),
        ("/page/try/upscale", b"0," * 150_000, 200),
        ("/sd", b"0" * 300_000, 200),
    ],
    ids=["few", "many", "a form", "one"],
)
async def test_values_count_with_the_memory_that_they_take(
    path: str, body: bytes, status: int
) -> None:
    transport = httpx.ASGITransport(Bodies(plain_app, 25_000_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        assert (await client.post(path, content=body)).status_code == status


async def test_values_that_are_refused_anyway_leave_room_for_others() -> None:
    transport = httpx.ASGITransport(Bodies(plain_app, 64 << 20))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        assert (await client.post("/sd", content=b"[" * 3_000_000)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/img2img", {"image": "AAAA", "prompt": "a cat"}),
        ("/img2img", {"image": "http://me@localhost/a.png", "prompt": "a cat"}),
        ("/v1/chat/completions", {"model": "llava-1.5-7b-hf", "messages": [LOOK]}),
    ],
    ids=["no picture", "link", "chat"],
)
async def test_a_request_that_was_refused_is_not_kept(
    path: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Uploads]] = []

    def uploads(services: Services, _: Any) -> Uploads:
        found = Uploads(services.config, services.files, "localhost", services.pool)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Services, "uploads", uploads)
    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False, page=False)))
    headers = {"authorization": "Bearer key"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        gc.disable()
        try:
            answer = await client.post(path, json={"token": "key", **body}, headers=headers)
            for _ in range(200):  # threads and tasks that have ended still drop what they held
                if made[0]() is not None:
                    await asyncio.sleep(0.01)
            assert [each() for each in made] == [None]
        finally:
            gc.enable()
    assert answer.status_code == 400


def test_the_frames_of_errors_that_cause_each_other_are_dropped() -> None:
    errors = ValueError(), KeyError()
    for number, error in enumerate(errors):
        with contextlib.suppress(type(error)):
            raise error from errors[1 - number]
    forget_frames(errors[0])
    assert [error.__traceback__ for error in errors] == [None, None]
