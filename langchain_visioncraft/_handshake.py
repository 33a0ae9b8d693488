"""The first answer of an MCP server over stdio, sent before the server is imported.

Clients give up after a few seconds, and a busy machine takes longer to import the server. So the
first request is answered here, as the server itself would answer it, and then handed to the
server, whose own answer to it is dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

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


def _capabilities(*, changes: bool) -> dict[str, Any]:
    return {
        "logging": {},
        "prompts": {"listChanged": changes},
        "resources": {"subscribe": False, "listChanged": changes},
        "tools": {"listChanged": changes},
    }


def answer_to(line: bytes) -> dict[str, Any] | None:
    """The answer to a first message; None if the server itself has to answer."""
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


class Wire(NamedTuple):
    """The streams to and from a client, protected from other code that reads and prints.

    Attributes:
        first: The client's first line, which was already read.
        answered: The id of its request, if that was answered.
    """

    reader: Any
    writer: Any
    first: bytes = b""
    answered: Any = None

    def say(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self.writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        self.writer.flush()


@contextlib.contextmanager
def first_answer() -> Iterator[Wire]:
    """Take over stdin and stdout, and answer the first message, if it can be.

    If the server fails to start, the client's next request is answered with the error. Otherwise
    clients would only report that the connection was closed.
    """
    # Never closed: a thread may still read when the server ends.
    reader = os.fdopen(os.dup(0), "rb", closefd=False)
    wire = Wire(reader, os.fdopen(os.dup(1), "wb", closefd=False))
    if not os.isatty(0):  # otherwise a person tries the command
        wire = wire._replace(first=wire.reader.readline())
        if (answer := answer_to(wire.first)) is not None:
            wire.say(answer)
            wire = wire._replace(answered=answer["id"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        yield wire
    except Exception as error:
        refusal = {"code": _INTERNAL_ERROR, "message": str(error)}
        for line in wire.reader if wire.answered is not None else ():
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                request = json.loads(line)
                if request["method"] not in _FIRST:
                    wire.say({"jsonrpc": "2.0", "id": request["id"], "error": refusal})
                    break
        raise
