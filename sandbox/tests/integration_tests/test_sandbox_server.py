"""The sandbox over real connections: starting, stopping, hanging up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image
from visioncraft_sandbox import Fault, Sandbox
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.engines.language import Completion
from visioncraft_sandbox.engines.parameters import to_png
from visioncraft_sandbox.engines.stopping import StoppedError, go_on, watch
from visioncraft_sandbox.page.reading import Reading
from visioncraft_sandbox.page.views import Writer
from visioncraft_sandbox.server import listen

pytestmark = pytest.mark.enable_socket

PATIENCE = 60.0
SD = {"token": "secret-key", "model": "sdxl-base", "prompt": "a hill", "width": 64, "height": 64}


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[Sandbox]:
    """A sandbox without other callers: no request of theirs can take a fault of these tests."""
    with Sandbox(models=False) as running:
        yield running


def test_it_starts_and_stops_and_starts_again() -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox(models=False)
    for _ in range(5):
        with sandbox:
            assert httpx.post(f"{sandbox.url}/sd", json=SD, timeout=PATIENCE).status_code == 200
            url = sandbox.url
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        with pytest.raises(RuntimeError, match="not running"):
            _ = sandbox.url
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if "visioncraft" in thread.name]


def test_small_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    # asyncio switches Nagle's algorithm off, but only where the protocol is named.
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_it_serves_the_loop_that_started_it() -> None:
    async with Sandbox(models=False) as sandbox, httpx.AsyncClient(timeout=PATIENCE) as client:
        answers = await asyncio.gather(
            *(client.post(f"{sandbox.url}/sd", json={**SD, "prompt": f"{n}"}) for n in range(8))
        )
    assert [answer.status_code for answer in answers] == [200] * 8


def own_threads() -> int:
    return sum(thread.name == "visioncraft-sandbox" for thread in threading.enumerate())


async def test_it_stops_when_what_uses_it_is_cancelled() -> None:
    before = own_threads()
    with anyio.CancelScope() as scope:
        async with Sandbox(models=False):
            assert own_threads() == before + 1
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert own_threads() == before


async def test_it_stops_when_it_is_cancelled_while_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, begun, go, done = own_threads(), asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    real = Sandbox.start

    def start(self: Sandbox) -> Sandbox:
        try:
            return real(self)
        finally:
            done.set()

    def slow(host: str, port: int) -> socket.socket:
        loop.call_soon_threadsafe(begun.set)
        assert go.wait(PATIENCE)
        return listen(host, port)

    monkeypatch.setattr(Sandbox, "start", start)
    monkeypatch.setattr("visioncraft_sandbox.server.listen", slow)

    async def use() -> None:
        async with Sandbox(models=False):
            await asyncio.sleep(PATIENCE)

    using = asyncio.create_task(use())
    await begun.wait()
    using.cancel()
    loop.call_later(0, go.set)
    with pytest.raises(asyncio.CancelledError):
        await using
    assert await asyncio.to_thread(done.wait, PATIENCE)
    assert own_threads() == before


def test_a_taken_port_raises_in_the_caller() -> None:
    with Sandbox(models=False) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Sandbox(models=False, port=port).start()


def test_requests_are_recorded_without_keys() -> None:
    with Sandbox(models=False) as sandbox:
        httpx.post(f"{sandbox.url}/sd", json=SD, timeout=PATIENCE)
        headers = {"authorization": "Bearer secret-key"}
        chat = f"{sandbox.url}/v1/chat/completions"
        httpx.post(chat, json={"model": "x"}, headers=headers, timeout=PATIENCE)
        first, second = sandbox.requests
    assert (first.method, first.path, first.status) == ("POST", "/sd", 200)
    assert first.body == {**SD, "token": "***"}
    assert (second.path, second.status) == ("/v1/chat/completions", 400)
    assert "secret-key" not in repr(sandbox.requests)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(hang_up="before"), httpx.RemoteProtocolError),
        (Fault(hang_up="before", reset=True), httpx.ReadError),
        (Fault(hang_up="mid-body"), httpx.RemoteProtocolError),
        (Fault(hang_up="mid-body", reset=True), (httpx.ReadError, httpx.RemoteProtocolError)),
        (Fault(hang_up="mid-body", announce=False), httpx.RemoteProtocolError),
        (Fault(truncate=0.5), httpx.RemoteProtocolError),
        (Fault(delay=600), httpx.ReadTimeout),
        (Fault(stall=600), httpx.ReadTimeout),
    ],
    ids=lambda value: str(value.model_dump(exclude_unset=True)) if isinstance(value, Fault) else "",
)
def test_a_connection_breaks_as_the_fault_says_and_the_next_is_fine(
    own_sandbox: Sandbox, fault: Fault, error: type[Exception]
) -> None:
    own_sandbox.faults.inject(fault.model_copy(update={"endpoint": "POST /sd"}))
    read = 0.5 if error is httpx.ReadTimeout else PATIENCE
    with httpx.Client(base_url=own_sandbox.url, timeout=PATIENCE) as client:
        with pytest.raises(error):
            client.post("/sd", json=SD, timeout=httpx.Timeout(PATIENCE, read=read))
        assert client.post("/sd", json=SD).content.startswith(b"\x89PNG")


def test_a_cut_answer_without_a_length_is_complete_http(own_sandbox: Sandbox) -> None:
    own_sandbox.faults.inject("POST /sd truncate=100 announce=false")
    answer = httpx.post(f"{own_sandbox.url}/sd", json=SD, timeout=PATIENCE)
    assert len(answer.content) == 100
    assert "content-length" not in answer.headers


def test_a_large_answer_is_truncated_at_the_requested_byte(
    own_sandbox: Sandbox,
) -> None:
    own_sandbox.faults.inject(Fault(endpoint="POST /sd", oversize=20_000_000, truncate=0.5))
    with httpx.stream("POST", f"{own_sandbox.url}/sd", json=SD, timeout=PATIENCE) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
        assert answer.num_bytes_downloaded == 10_000_000


@pytest.mark.parametrize(
    ("fate", "status", "words"),
    [("never", 200, "generating"), ("failed", 200, "failed"), ("forgotten", 400, "no task")],
)
def test_a_fault_decides_the_fate_of_a_midjourney_task(fate: str, status: int, words: str) -> None:
    with Sandbox(models=False, midjourney_seconds=0) as sandbox:
        sandbox.faults.inject(f"POST /midjourney task={fate}")
        with httpx.Client(base_url=sandbox.url, timeout=PATIENCE) as client:
            task = client.post("/midjourney", json={"token": "k", "prompt": "x"}).json()["data"]
            result = client.post("/midjourney/result", json={"token": "k", "task_id": task})
    assert result.status_code == status
    assert words in result.text


def test_a_link_expires() -> None:
    with (
        Sandbox(models=False) as sandbox,
        httpx.Client(base_url=sandbox.url, timeout=PATIENCE) as client,
    ):
        body = {"token": "k", "prompt": "x", "model": "anything_V5", "sampler": "Euler"}
        [link] = client.post("/generate", json={**body, "width": 512, "height": 512}).json()[
            "images"
        ]
        assert client.get(link).status_code == 200
        sandbox.files.expire_all()
        assert client.get(link).status_code == 410


def test_stopping_ends_running_requests() -> None:
    with Sandbox(models=False) as sandbox:
        sandbox.faults.inject(Fault(endpoint="GET /limits", delay=600))
        errors: list[Exception] = []

        def ask() -> None:
            try:
                httpx.get(f"{sandbox.url}/limits", timeout=600)
            except httpx.HTTPError as error:
                errors.append(error)

        waiting = threading.Thread(target=ask)
        waiting.start()
        while not sandbox.requests:
            time.sleep(0.01)
    waiting.join()
    assert [type(error) for error in errors] == [httpx.RemoteProtocolError]


class Endless:
    """An engine that works until nobody waits for it."""

    name = "endless"

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def generate(self, *_: Any, **options: Any) -> Completion:
        is_unwanted = watch()
        self.begun.set()
        while not is_unwanted():
            time.sleep(0.01)
        self.ended.set()
        return Completion()

    def upscale(self, *_: Any) -> None:
        self.begun.set()
        with contextlib.suppress(StoppedError):
            while True:
                go_on()
                time.sleep(0.01)
        self.ended.set()


PIXEL = base64.b64encode(to_png(Image.new("RGB", (4, 4)))).decode()
CHAT = {
    "model": "Mistral-7B-Instruct-v0.3",
    "messages": [{"role": "user", "content": "Hi"}],
}


FORM = {"origin": "http://localhost", "host": "localhost"}
"""Headers of a form of the page itself."""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/llm", CHAT),
        ("/upscale", {"image": PIXEL}),
    ],
    ids=["chat", "streamed chat", "earlier chat", "upscaling"],
)
def test_work_ends_when_its_client_leaves(
    path: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Endless()
    monkeypatch.setattr(EnginePool, "language_model", lambda _: engine)
    monkeypatch.setattr(EnginePool, "upscaler", lambda _: engine)
    with Sandbox(models=False) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        asked = json.dumps({"token": "k", **body})
        connection.request("POST", path, asked, {"authorization": "Bearer k"})
        assert engine.begun.wait(PATIENCE)
        connection.close()
        assert engine.ended.wait(PATIENCE)


def test_work_of_a_form_ends_when_the_page_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Endless()
    monkeypatch.setattr(EnginePool, "upscaler", lambda _: engine)
    with Sandbox(models=False) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        part = 'Content-Disposition: form-data; name="image"'
        form = f"--b\r\n{part}\r\n\r\n{PIXEL}\r\n--b--\r\n"
        headers = {**FORM, "content-type": "multipart/form-data; boundary=b"}
        connection.request("POST", "/page/try/upscale", form, headers)
        assert engine.begun.wait(PATIENCE)
        connection.close()
        assert engine.ended.wait(PATIENCE)


def test_the_page_reads_nothing_for_browsers_that_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go, reads = threading.Event(), threading.Event(), []

    def read(*_: Any) -> Reading:
        begun.set()
        reads.append(go.wait(PATIENCE))
        return Reading()

    monkeypatch.setattr(Writer, "read", read)
    with Sandbox(models=False) as sandbox, contextlib.ExitStack() as stack:
        httpx.get(f"{sandbox.url}/limits")
        host, port = sandbox.url.removeprefix("http://").split(":")
        path = f"/page/entry/{sandbox._app.state.journal.mark}/1"
        server = sandbox._server
        assert server is not None

        def ask() -> http.client.HTTPConnection:
            connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
            connection.request("GET", path)
            return stack.enter_context(contextlib.closing(connection))

        stack.callback(go.set)
        first = ask()
        assert begun.wait(PATIENCE)
        left = ask()
        while len(server.server_state.connections) < 2:
            time.sleep(0.01)
        left.close()
        while len(server.server_state.connections) > 1:
            time.sleep(0.01)
        last = ask()
        go.set()
        assert [each.getresponse().status for each in (first, last)] == [200, 200]
    assert reads == [True, True]
