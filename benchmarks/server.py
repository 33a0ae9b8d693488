"""A host that is never the bottleneck: it reads no JSON, and its answers are built in advance.

It speaks as much HTTP as the clients here do. A path may begin with ``/wait-50``: the answer then
comes after so many milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator

PICTURE_BYTES = 1_500_000
SMALL_PICTURE_BYTES = 2_000
FILM_BYTES = 200_000_000
SMALL_FILM_BYTES = 1_200_000
_BLOCK = bytes(1 << 18)
_FILM_HEAD = b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\x08moov"
_BODY_START = 4096
"""So much of a body is looked at: whether it asks for a stream."""

_COUNTER = itertools.count()


def picture(size: int) -> bytes:
    """A PNG of this many bytes, or a few more; what is in it besides a header is not looked at."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1024, 1024, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", bytes(size)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _head(kind: str, length: int) -> bytes:
    return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n").encode()


def _completion() -> bytes:
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "Llama-3.1-8B-Instruct",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "A lighthouse, seen from the sea."},
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17},
    }
    body = json.dumps(answer).encode()
    return _head("application/json", len(body)) + body


def _stream(chunks: int) -> bytes:
    events = []
    for number in range(chunks):
        delta = {"content": f"word{number} "} | ({"role": "assistant"} if number == 0 else {})
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        events.append({"choices": [choice]})
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 9, "completion_tokens": 50, "total_tokens": 59}
    events.append({"choices": [], "usage": usage})
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    facts["model"] = "Llama-3.1-8B-Instruct"
    lines = [f"data: {json.dumps({**facts, **event})}\n\n" for event in events]
    body = "".join([*lines, "data: [DONE]\n\n"]).encode()
    return _head("text/event-stream", len(body)) + body


def _transcript() -> bytes:
    status = {"status": "ok", "runtime_ms": 1, "cost": 0.0, "tokens_generated": 2}
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": "So it goes.", "tokens": []}
    segment |= dict.fromkeys(("temperature", "avg_logprob", "compression_ratio"), 0.0)
    answer = {
        "text": "So it goes.",
        "segments": [{**segment, "no_speech_prob": 0.0}],
        "language": "en",
        "input_length_ms": 1000,
        "request_id": "1",
        "inference_status": {**status, "tokens_input": 1},
    }
    body = json.dumps(answer).encode()
    return _head("application/json", len(body)) + body


_WHOLE = {b"/whisper": _transcript(), b"/small/whisper": _transcript()}
_PICTURES = {b"/sd": picture(PICTURE_BYTES), b"/upscale": picture(SMALL_PICTURE_BYTES)}
_PICTURES |= {b"/large/upscale": _PICTURES[b"/sd"], b"/small/sd": _PICTURES[b"/upscale"]}
_COMPLETION, _STREAM = _completion(), _stream(50)


class _Connection(asyncio.BufferedProtocol):
    """Reads requests into one buffer and drops their bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray(1 << 18)
        self._head = bytearray()
        self._missing = 0
        self._start = self._body = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, _hint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        if self._missing:
            self._missing -= count
            self._body = self._body or bytes(self._buffer[: min(count, _BODY_START)])
        else:
            self._head += memoryview(self._buffer)[:count]
            head, end, body = bytes(self._head).partition(b"\r\n\r\n")
            if not end:
                return
            self._start = head.split(b"\r\n", 1)[0]
            self._missing = _content_length(head) - len(body)
            self._body = body[:_BODY_START]
            self._head.clear()
        if not self._missing:
            self._answer()

    def _answer(self) -> None:
        path = self._start.split(b" ")[1]
        if path.startswith(b"/wait-"):
            wait, _, path = path[len(b"/wait-") :].partition(b"/")
            loop = asyncio.get_running_loop()
            loop.call_later(int(wait) / 1000, self._send, b"/" + path)
        else:
            self._send(path)

    def _send(self, path: bytes) -> None:
        if path in _PICTURES:
            # Every picture differs by a few bytes, as they do: a store would know them otherwise.
            body = _PICTURES[path]
            stamp = b"%012d" % next(_COUNTER)
            head = _head("image/png", len(body))
            self._transport.writelines([head, body[:64], stamp, memoryview(body)[76:]])
        elif path.endswith(b"/img2video"):
            size = SMALL_FILM_BYTES if path.startswith(b"/small/") else FILM_BYTES
            task = asyncio.get_running_loop().create_task(self._send_film(size))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif path.endswith(b"/chat/completions"):
            streamed = b'"stream":true' in self._body.replace(b" ", b"")
            self._transport.write(_STREAM if streamed else _COMPLETION)
        else:
            self._transport.write(_WHOLE[path])

    async def _send_film(self, size: int) -> None:
        rest = size - len(_FILM_HEAD)
        box = struct.pack(">I4s", rest, b"mdat")
        self._transport.write(_head("video/mp4", size) + _FILM_HEAD + box)
        rest -= len(box)
        while rest and not self._transport.is_closing():
            await self._writable.wait()
            self._transport.write(_BLOCK[: min(rest, len(_BLOCK))])
            rest -= min(rest, len(_BLOCK))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A host in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
