"""Answers of any length, whole or streamed, plain or compressed, fill no memory."""

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
from langchain_visioncraft.chat_models import bounds
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
)

BOUND = 200_000
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
    body = b""
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.headers["Accept-Encoding"])
        self.send_response(200)
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
    monkeypatch.setattr(bounds, "MAX_ANSWER_BYTES", BOUND)
    Host.asked, Host.encoding = [], ""
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


WAYS = ("invoke", "ainvoke", "stream", "astream")


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
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_long_answer_is_refused_and_asked_for_once(
    host: ThreadingHTTPServer, encoding: str, way: str
) -> None:
    body = answers(way, long=True)
    Host.body, Host.encoding = gzip.compress(body) if encoding else body, encoding
    url = f"http://127.0.0.1:{host.server_port}"
    model = ChatVisionCraft(model="llama-3-8b", api_key="canary", base_url=url)
    with pytest.raises(AnswerTooLargeError, match="the most that is read"):
        ask(model, way)
    assert Host.asked == ["identity"]
    Host.body, Host.encoding = answers(way, long=False), ""
    assert ask(model, way) == "A lighthouse."


@pytest.mark.parametrize("way", WAYS)
def test_a_compressed_answer_within_the_bound_is_read(host: ThreadingHTTPServer, way: str) -> None:
    Host.body, Host.encoding = gzip.compress(answers(way, long=False)), "gzip"
    url = f"http://127.0.0.1:{host.server_port}"
    model = ChatVisionCraft(model="llama-3-8b", api_key="canary", base_url=url)
    assert ask(model, way) == "A lighthouse."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_other_compression_is_refused(host: ThreadingHTTPServer, encoding: str, way: str) -> None:
    Host.body, Host.encoding = answers(way, long=False), encoding
    url = f"http://127.0.0.1:{host.server_port}"
    model = ChatVisionCraft(model="llama-3-8b", api_key="canary", base_url=url)
    with pytest.raises(UnexpectedAnswerError, match="unasked"):
        ask(model, way)
    assert len(Host.asked) == 1


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_long_stream_under_another_type_is_refused(
    host: ThreadingHTTPServer, kind: str, way: str
) -> None:
    Host.body = answers(way, long=True)
    Host.kind = kind
    url = f"http://127.0.0.1:{host.server_port}"
    model = ChatVisionCraft(model="llama-3-8b", api_key="canary", base_url=url)
    with pytest.raises(AnswerTooLargeError):
        ask(model, way)
    assert len(Host.asked) == 1


@pytest.mark.parametrize("way", WAYS)
def test_damaged_compression_is_a_truncated_answer(host: ThreadingHTTPServer, way: str) -> None:
    Host.body, Host.encoding = answers(way, long=False), "gzip"
    url = f"http://127.0.0.1:{host.server_port}"
    model = ChatVisionCraft(model="llama-3-8b", api_key="canary", base_url=url)
    with pytest.raises(TruncatedAnswerError, match="compression"):
        ask(model, way)
    assert len(Host.asked) == 1
