"""A call as a whole is bounded, and an answer that cannot be read is an answer all the same."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from client_driving import DRIVERS, PNG, drive
from langchain_core.documents.base import Blob
from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from loopback import HANG_UP, NAMES, RawHost, draw, names

from langchain_visioncraft import (
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    VisionCraftMediaLoader,
    VisionCraftMidjourney,
    VisionCraftTextToImage,
    VisionCraftToolkit,
)
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.watching import in_time, watching
from langchain_visioncraft.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    TimedOutError,
    TransportError,
    VisionCraftError,
)


@pytest.fixture(params=["sync", "async", "async, over httpx"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both clients, the async one over either library."""
    if request.param == "async, over httpx":
        monkeypatch.setitem(sys.modules, "langchain_visioncraft.client.fast", None)
    return DRIVERS[request.param.partition(",")[0]]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
WAYS = ("invoke", "ainvoke", "stream", "astream")


def dripping(first: bytes, piece: bytes = b"x") -> Callable[[socket.socket], None]:
    """Sends a beginning, and then something small again and again, without an end."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(piece)
            time.sleep(0.02)

    return drip


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def endless(piece: bytes) -> Callable[[socket.socket], None]:
    """Sends the same again and again, as fast as it is read."""

    def send(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)

    return send


HOSTS = {
    "heads before a head": endless(b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
    "a body": dripping(HEAD),
    "a head": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "a status line": dripping(b"HTTP/1.1 200 "),
    "nothing": silent,
}


@pytest.mark.parametrize("what", HOSTS)
@pytest.mark.parametrize("of_run", [False, True])
def test_a_host_that_drips_is_given_up_at_the_deadline(
    driver: Any, what: str, *, of_run: bool
) -> None:
    with RawHost(HOSTS[what]) as host:
        client = driver(api_key="k", base_url=host.url, deadline=None if of_run else 0.5)
        client.http()  # takes a moment when it is made
        with pytest.raises(TimedOutError, match=r"POST /sd .*deadline.*0\.5 seconds") as caught:
            drive(client, draw(), **({"deadline": 0.5} if of_run else {}))
    assert caught.value.phase == "deadline"
    assert len(host.seen) == 1


def given_clients(**more: Any) -> dict[str, Any]:
    """HTTP clients of the caller's, which would wait for a minute."""
    kept = httpx.Limits(max_keepalive_connections=0)
    given = {"timeout": 60, "limits": kept}
    return {
        "http_client": httpx.Client(**given),
        "http_async_client": httpx.AsyncClient(**given),
        **more,
    }


@pytest.mark.parametrize("what", ["a body", "nothing"])
def test_a_callers_http_client_is_given_up_at_the_deadline(driver: Any, what: str) -> None:
    with RawHost(HOSTS[what]) as host:
        client = driver(**given_clients(api_key="k", base_url=host.url, deadline=0.3))
        with pytest.raises(TimedOutError, match="deadline"):
            drive(client, draw())
    assert len(host.seen) == 1


def test_a_rate_limiter_is_waited_for_until_the_deadline(driver: Any) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=0.001)
    with RawHost(NAMES) as host:
        client = driver(api_key="k", base_url=host.url, rate_limiter=limiter, deadline=0.2)
        with pytest.raises(TimedOutError, match="deadline"):
            drive(client, names())
    assert not host.seen


LINKED = b'HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{"images": ["http://slow.test/a.png"]}'


@pytest.mark.parametrize("whose", ["the host", "a link", "the host of a chat"])
def test_the_look_up_of_a_name_is_given_up_at_the_deadline(
    whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any, **options: Any) -> Any:
        assert args[0] == "127.0.0.1" or over.wait(60)
        return found(*args, **options)

    over, found = threading.Event(), socket.getaddrinfo
    with RawHost(LINKED) as host, contextlib.ExitStack() as stack:
        stack.callback(over.set)
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        url = host.url if whose == "a link" else host.url.replace("127.0.0.1", "localhost")
        settings: dict[str, Any] = {"api_key": "k", "base_url": url, "deadline": 0.3}
        client, model = VisionCraftClient(**settings), ChatVisionCraft(model="m", **settings)
        with pytest.raises(TimedOutError, match="deadline"):
            model.invoke("Hi") if whose == "the host of a chat" else client.run(draw())
    assert len(host.seen) == (whose == "a link")


def test_what_comes_after_the_deadline_is_undone() -> None:
    over, undone = threading.Event(), threading.Event()
    try:
        with watching(0.05), pytest.raises(TimeoutError):
            in_time(lambda: over.wait(60), undo=lambda late: late and undone.set())
    finally:
        over.set()
    assert undone.wait(60)


def test_a_host_that_reads_slowly_is_given_up_at_the_deadline() -> None:
    def read_slowly() -> None:
        with contextlib.suppress(OSError), listening.accept()[0] as connection:
            while not over.wait(0.05):
                connection.recv(1 << 12)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        reader = threading.Thread(target=read_slowly)
        reader.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = VisionCraftClient(api_key="k", base_url=url, deadline=0.5)
        try:
            with client, pytest.raises(TimedOutError, match="deadline"):
                client.upscale(PNG + bytes(24 << 20))
        finally:
            over.set()
            reader.join()


def test_a_connection_that_is_kept_has_the_deadline_of_each_call(driver: Any) -> None:
    with RawHost(NAMES, dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as host:
        client = driver(api_key="k", base_url=host.url, deadline=0.5)
        assert drive(client, names()) == ["one", "two"]
        with pytest.raises(TimedOutError, match="deadline"):
            drive(client, names())


def test_waits_between_tries_count(driver: Any) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n"
    with RawHost(busy) as host:
        client = driver(api_key="k", base_url=host.url, deadline=0.2)
        with pytest.raises(TimedOutError, match="deadline"):
            drive(client, names())
    assert len(host.seen) == 1


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan"), "5", True])
def test_a_deadline_is_a_number_of_seconds(driver: Any, deadline: Any) -> None:
    with pytest.raises(InvalidRequestError, match="deadline"):
        driver(api_key="k", deadline=deadline)


async def work(what: str, way: str, **settings: Any) -> None:
    """Let something that makes its own client make a call."""
    if what == "a loader":
        loader = VisionCraftMediaLoader([Blob.from_data(PNG, path="cat.png")], **settings)
        await loader.aload() if way == "ainvoke" else loader.load()
    elif what == "an old chat model":
        await ask(ChatVisionCraftLegacy(model="m", **settings), way)
    else:
        kit = VisionCraftToolkit(**settings).get_tools()[0]
        tool = VisionCraftTextToImage(**settings) if what == "a tool" else kit
        given = {"prompt": "a cat"}
        await tool.ainvoke(given) if way == "ainvoke" else tool.invoke(given)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("what", ["a tool", "a toolkit's tool", "a loader", "an old chat model"])
async def test_what_makes_its_own_client_takes_a_deadline(way: str, what: str) -> None:
    host = RawHost(HOSTS["a head"])
    with host, pytest.raises(TimedOutError, match=r"deadline, after 0\.3 seconds"):
        await work(what, way, api_key="k", base_url=host.url, deadline=0.3)
    assert len(host.seen) <= 1  # 0 where the machine is too busy to send it in time


def test_the_deadline_of_midjourney_is_the_one_of_its_task() -> None:
    tool = VisionCraftMidjourney(deadline=5)
    assert tool._sync_client.deadline is None
    assert tool.hidden_arguments() == {"deadline": 5}
    assert VisionCraftMidjourney(deadline=None).hidden_arguments() == {}


def chat(host: RawHost, **options: Any) -> ChatVisionCraft:
    return ChatVisionCraft(model="m", api_key="k", base_url=host.url, **options)


async def ask(model: BaseChatModel, way: str) -> None:
    if way == "invoke":
        model.invoke("Hi")
    elif way == "ainvoke":
        await model.ainvoke("Hi")
    elif way == "stream":
        list(model.stream("Hi"))
    else:
        async for _ in model.astream("Hi"):
            pass


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["an answer", "a head"])
async def test_a_chat_host_that_drips_is_given_up_at_the_deadline(way: str, what: str) -> None:
    answer = dripping(EVENTS, EVENT) if "stream" in way else dripping(HEAD)
    host = RawHost(answer if what == "an answer" else HOSTS["a head"])
    with host, pytest.raises(TimedOutError, match=r"deadline, after 0\.3 seconds"):
        await ask(chat(host, deadline=0.3), way)
    assert len(host.seen) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["an answer", "nothing"])
async def test_a_chat_over_a_callers_http_client_is_given_up_at_the_deadline(
    way: str, what: str
) -> None:
    answer = dripping(EVENTS, EVENT) if "stream" in way else dripping(HEAD)
    host = RawHost(answer if what == "an answer" else silent)
    with host, pytest.raises(TimedOutError, match=r"deadline, after 0\.3 seconds"):
        await ask(chat(host, **given_clients(deadline=0.3)), way)
    assert len(host.seen) == 1


@pytest.mark.parametrize("way", ["run", "ainvoke", "astream"])
async def test_an_async_call_is_given_up_at_the_deadline_in_the_head_too(way: str) -> None:
    with RawHost(HOSTS["a head"]) as host:
        given = given_clients(deadline=0.3)
        client = AsyncVisionCraftClient(api_key="k", base_url=host.url, **given)
        model = chat(host, **given)
        with pytest.raises(TimedOutError, match="deadline"):
            await (client.run(draw()) if way == "run" else ask(model, way))
    assert len(host.seen) == 1


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_falls_silent_is_given_up_at_the_deadline(way: str) -> None:
    def falls_silent(connection: socket.socket) -> None:
        connection.sendall(EVENTS + EVENT)
        connection.recv(1)

    with RawHost(falls_silent) as host, pytest.raises(TimedOutError, match="deadline"):
        await ask(chat(host, deadline=0.3), way)


UNREADABLE = {
    "no HTTP": b"garbage\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "half a status line": b"HTTP/1.1 2",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "blank lines": b"\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
}


def once(data: bytes, *, reset: bool = False) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        connection.sendall(data)
        if reset:
            time.sleep(0.05)  # else the reset overtakes the data
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return send


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.usefixtures("no_waiting")
def test_a_paid_call_is_not_made_again_after_an_answer_that_cannot_be_read(
    driver: Any, what: str, *, reset: bool
) -> None:
    host = RawHost(once(UNREADABLE[what], reset=reset))
    with host, pytest.raises(ConnectionFailedError, match="broke off") as caught:
        drive(driver(api_key="k", base_url=host.url), draw())
    assert caught.value.answered
    assert len(host.seen) == 1


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("way", WAYS)
async def test_a_chat_is_not_sent_again_after_an_answer_that_cannot_be_read(
    way: str, what: str
) -> None:
    with RawHost(once(UNREADABLE[what])) as host, pytest.raises(VisionCraftError):
        await ask(chat(host, max_retries=2), way)
    assert len(host.seen) == 1


async def test_a_connection_that_the_host_closed_after_an_answer_is_not_used_again() -> None:
    with RawHost(once(NAMES)) as host:
        async with AsyncVisionCraftClient(api_key="k", base_url=host.url, max_retries=0) as client:
            for _ in range(5):
                assert await client.run(names()) == ["one", "two"]
                assert host.goodbyes()  # the event loop hears nothing meanwhile
    assert len(host.seen) == 5


@pytest.mark.usefixtures("no_waiting")
def test_a_call_that_nothing_came_back_for_is_made_again(driver: Any) -> None:
    with RawHost(HANG_UP, HANG_UP, NAMES) as host:
        assert drive(driver(api_key="k", base_url=host.url), names()) == ["one", "two"]
    assert len(host.seen) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_a_chat_that_nothing_came_back_for_is_sent_again(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    with RawHost(HANG_UP) as host, pytest.raises(TransportError):
        await ask(chat(host, max_retries=2), way)
    assert len(host.seen) == 3


def test_trio_is_told_that_asyncio_is_needed() -> None:
    client = AsyncVisionCraftClient(api_key="k")
    with pytest.raises(InvalidRequestError, match="asyncio"):
        client.run(names()).send(None)  # as a loop that is not asyncio's does
