"""The first answer of an MCP server over stdio, sent before the server is imported.

Clients give up after a few seconds, and a busy machine takes longer to import the server. So the
first request is answered here, as the server itself would answer it, and then handed to the
server, whose own answer to it is dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from langchain_visioncraft.version import __version__

CONTENT_TYPES = ("text", "pictures", "full")
NAME = "visioncraft"
INSTRUCTIONS = (
    "Draws, animates, upscales, changes and describes pictures, and transcribes recordings. "
    "A result names its medium by a handle such as a1b2c3d4e5f6.png: pass it on to other tools as "
    "`image` or `audio`. The bytes are the resource visioncraft://media/<handle>."
)

_INFO = {"name": NAME, "version": __version__}
_PLAIN = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions of the protocol in which `initialize` comes first, newest first."""
_STATELESS = "2026-07-28"
"""The version in which `server/discover` may come first."""
_FIRST = ("initialize", "server/discover")
_INTERNAL_ERROR = -32603
_CHUNK = 65536
_END = b"\0\n"
"""The line that ends copying to the client."""
_GRACE_SECONDS = 5


def _capabilities(*, changes: bool) -> dict[str, Any]:
    return {
        "logging": {},
        "prompts": {"listChanged": changes},
        "resources": {"subscribe": False, "listChanged": changes},
        "tools": {"listChanged": changes},
    }


def answer_to(line: bytes) -> dict[str, Any] | None:
    """What the server answers to a first message; None if the server itself has to."""
    try:
        request = json.loads(line)
        method, parameters = request["method"], request["params"]
        base = {"jsonrpc": "2.0", "id": request["id"]}
        if method == "initialize":
            asked = parameters["protocolVersion"]
            result = {
                "protocolVersion": asked if asked in _PLAIN else _PLAIN[0],
                "capabilities": _capabilities(changes=True),
                "serverInfo": _INFO,
                "instructions": INSTRUCTIONS,
            }
        elif (
            method == "server/discover"
            and parameters["_meta"]["io.modelcontextprotocol/protocolVersion"] == _STATELESS
        ):
            result = {
                "_meta": {"io.modelcontextprotocol/serverInfo": _INFO},
                "ttlMs": 0,
                "cacheScope": "private",
                "supportedVersions": [_STATELESS],
                "capabilities": {
                    **_capabilities(changes=False),
                    "extensions": {"io.modelcontextprotocol/ui": {}},
                },
                "instructions": INSTRUCTIONS,
                "resultType": "complete",
            }
        else:
            return None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return {**base, "result": result}


@contextlib.contextmanager
def first_answer() -> Iterator[None]:
    """Answer the first message on stdin, if possible; the server then also reads this message.

    If the server fails to start, the client's next request is answered with the error. Otherwise
    clients would only report that the connection was closed.
    """
    if os.isatty(0):
        yield  # a person tries the command
        return
    read = b""
    while b"\n" not in read and (more := os.read(0, _CHUNK)):
        read += more
    answer = answer_to(read.partition(b"\n")[0])
    if answer is not None:
        os.write(1, json.dumps(answer, separators=(",", ":")).encode() + b"\n")
    wire_in, wire_out = os.dup(0), os.dup(1)
    threading.Thread(target=_copy, args=(wire_in, _piped(0), read), daemon=True).start()
    if answer is None:
        yield
        return
    out = threading.Thread(target=_copy_but, args=(answer["id"], _piped(1), wire_out), daemon=True)
    own = os.dup(1)
    out.start()
    try:
        yield
    except Exception as error:
        _refuse_next_request(str(error))
        raise
    finally:
        os.dup2(2, 1)  # what was printed meanwhile and may still be in a buffer goes to stderr
        os.write(own, _END)  # others may keep the pipe open
        out.join(_GRACE_SECONDS)


def _refuse_next_request(message: str) -> None:
    """Answer the next unread request with an error."""
    error = {"code": _INTERNAL_ERROR, "message": message}
    with open(0, "rb", closefd=False) as reader:
        for line in reader:
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                request = json.loads(line)
                if request["method"] not in _FIRST:
                    answer = {"jsonrpc": "2.0", "id": request["id"], "error": error}
                    os.write(1, json.dumps(answer).encode() + b"\n")
                    return


def _piped(standard: int) -> int:
    """Put a pipe in the place of a standard stream; return its other end."""
    ends = os.pipe()
    os.dup2(ends[standard], standard)
    os.close(ends[standard])
    return ends[1 - standard]


def _copy(source: int, target: int, first: bytes = b"") -> None:
    with open(source, "rb", buffering=0) as reader, open(target, "wb", buffering=0) as writer:
        _write(writer, first)
        while data := reader.read(_CHUNK):
            _write(writer, data)


def _copy_but(answered: Any, source: int, target: int) -> None:
    """Copy lines, except the server's answer to the request that was already answered."""
    with open(source, "rb") as reader, open(target, "wb", buffering=0) as writer:
        for line in iter(reader.readline, _END):
            if answered is not None and _answers(line, answered):
                answered = None
            else:
                _write(writer, line)


def _answers(line: bytes, request: Any) -> bool:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("id") == request and "method" not in message


def _write(writer: Any, data: bytes) -> None:
    while data:
        data = data[writer.write(data) :]
