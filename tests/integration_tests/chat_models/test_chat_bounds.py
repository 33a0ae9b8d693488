"""Answers of any length, whole or streamed, fill no memory; compressed ones are not read."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from langchain_visioncraft import ChatVisionCraft
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.chat_models import completions
from langchain_visioncraft.errors import AnswerTooLargeError, ServerError, UnexpectedAnswerError

BOUND = 200_000
KEY = "sk-Canary7f3Qx9LmZ2vT8"
WORDS = {"role": "assistant", "content": "A lighthouse."}
FACTS = {"id": "1", "created": 1, "model": "m"}
WHOLE = {
    **FACTS,
    "object": "chat.completion",
    "choices": [{"index": 0, "message": WORDS, "finish_reason": "stop"}],
}
PIECE = {
    **FACTS,
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": WORDS, "finish_reason": None}],
}


class Host(BaseHTTPRequestHandler):
    """Gives the answer that was set, and counts."""

    protocol_version = "HTTP/1.1"
    kind = encoding = ""
    status = 200
    body = b""
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.headers["Accept-Encoding"])
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        if self.encoding:
            self.send_header("Content-Encoding", self.encoding)
        self.end_headers()
        try:
            self.wfile.write(self.body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setattr(completions, "MAX_ANSWER_BYTES", BOUND)
    Host.asked, Host.encoding, Host.status = [], "", 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    monkeypatch.setattr(server, "handle_error", lambda *_: None)  # callers hang up early here
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(model: ChatVisionCraft, way: str) -> Any:
    async def streamed() -> list[Any]:
        return [chunk async for chunk in model.astream("Hello")]

    ways: dict[str, Callable[[], Any]] = {
        "invoke": lambda: model.invoke("Hello").text,
        "ainvoke": lambda: asyncio.run(model.ainvoke("Hello")).text,
        "stream": lambda: "".join(chunk.text for chunk in model.stream("Hello")),
        "astream": lambda: "".join(chunk.text for chunk in asyncio.run(streamed())),
    }
    return ways[way]()


def model_of(host: ThreadingHTTPServer, **options: Any) -> ChatVisionCraft:
    url = f"http://127.0.0.1:{host.server_port}"
    return ChatVisionCraft(model="llama-3-8b", api_key=KEY, base_url=url, **options)


WAYS = ("invoke", "ainvoke", "stream", "astream")


@pytest.fixture(params=["ours", "the caller's"])
def clients(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Whose HTTP clients the model uses."""
    if request.param == "ours":
        yield {}
        return
    unkept = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client() as http:
        yield {"http_client": http, "http_async_client": httpx.AsyncClient(limits=unkept)}


def answers(way: str, *, long: bool) -> bytes:
    """An answer for this way, as long as three bounds if `long`."""
    if way in ("invoke", "ainvoke"):
        Host.kind = "application/json"
        padding = " " * (3 * BOUND) if long else ""
        return json.dumps(WHOLE).encode() + padding.encode()
    Host.kind = "text/event-stream"
    event = f"data: {json.dumps(PIECE)}\n\n"
    times = 3 * BOUND // len(event) if long else 1
    return (event * times + "data: [DONE]\n\n").encode()


@pytest.mark.parametrize("way", WAYS)
def test_a_long_answer_is_refused_and_asked_for_once(
    host: ThreadingHTTPServer, clients: dict[str, Any], way: str
) -> None:
    Host.body = answers(way, long=True)
    model = model_of(host, **clients)
    with pytest.raises(AnswerTooLargeError, match="the limit"):
        ask(model, way)
    assert Host.asked == ["identity"]
    Host.body = answers(way, long=False)
    assert ask(model, way) == "A lighthouse."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("long", [True, False], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", f"Bad {KEY}", "x" * 1000])
def test_a_compressed_answer_is_refused_unread_and_asked_for_once(
    host: ThreadingHTTPServer, clients: dict[str, Any], encoding: str, long: bool, way: str
) -> None:
    Host.body, Host.encoding = gzip.compress(answers(way, long=long)), encoding
    model = model_of(host, **clients)
    with pytest.raises(UnexpectedAnswerError, match=r"is compressed .* unasked") as caught:
        ask(model, way)
    assert Host.asked == ["identity"]
    assert len(str(caught.value)) < 200
    assert KEY.lower() not in f"{caught.value!r} {vars(caught.value)}".lower()
    Host.body, Host.encoding = answers(way, long=False), "identity"
    assert ask(model, way) == "A lighthouse."


@pytest.mark.parametrize("way", WAYS)
def test_a_compressed_error_is_the_error_of_its_status(host: ThreadingHTTPServer, way: str) -> None:
    Host.body, Host.encoding, Host.status = gzip.compress(b'{"error": "Busy"}'), "gzip", 503
    with pytest.raises(ServerError) as caught:
        ask(model_of(host, max_retries=0), way)
    assert caught.value.status == 503
    assert caught.value.detail is None


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_long_stream_under_another_type_is_refused(
    host: ThreadingHTTPServer, kind: str, way: str
) -> None:
    Host.body = answers(way, long=True)
    Host.kind = kind
    with pytest.raises(AnswerTooLargeError):
        ask(model_of(host), way)
    assert len(Host.asked) == 1
