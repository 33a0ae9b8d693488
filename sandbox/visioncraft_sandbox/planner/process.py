"""Plans chats in a process of its own, which a request may occupy, fill or crash.

Each line is JSON: a chat for its input, and what `answer` returns for its output.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from threading import Lock, Thread
from typing import Any

from langchain_visioncraft.media.confined import command, confine, is_possible
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.chat import Chat, Reply
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.planner.planner import Draft, answer

_MOST_SECONDS = 5
"""Of the processor's time; a plan takes milliseconds."""
_MOST_BYTES = 512 << 20
_LONGEST_SECONDS = 60.0
"""By the clock, for systems that do not limit the processor's time."""
_STEP_SECONDS = 0.1
_READ = ("tools", "tool_choice", "named", "parallel")


def answer_apart(chat: Chat, *, has_writer: bool) -> Reply | Draft:
    """What `answer` returns for this chat.

    Raises:
        Refusal: If it takes too much, or if `answer` refuses the chat.
    """
    if not is_possible():
        return answer(chat, has_writer=has_writer)
    read = {name: getattr(chat, name) for name in _READ}
    read["messages"] = [_without_pictures(message) for message in chat.messages]
    found = _process_of(os.getpid()).answer(json.dumps([read, has_writer]).encode() + b"\n")
    if not found:
        most = f"{_MOST_SECONDS} seconds or {_MOST_BYTES >> 20} MB"
        raise Refusal(400, f"The planner would take more than {most} to plan these tool calls.")
    result = json.loads(found)
    if "failure" in result:
        raise RuntimeError(result["failure"])
    if "problem" in result:
        raise Refusal(400, result["problem"])
    return Draft(**result["draft"]) if "draft" in result else Reply(**result["reply"])


def _without_pictures(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        content = [
            part if isinstance(part, str) else
            {name: "" if name == "image_url" else part[name]
             for name in ("text", "image_url") if name in part}
            for part in content
        ]  # fmt: skip
    return {**message, "content": content, "image": None}


class _Process:
    """The process, which starts at first use, and again after it has ended."""

    def __init__(self) -> None:
        self._process: Any = None
        self._lock = Lock()

    def answer(self, line: bytes) -> bytes:
        """Its answer to a line; none if it ended before."""
        while not self._lock.acquire(timeout=_STEP_SECONDS):
            go_on()
        try:
            # One that has planned before may owe its end to earlier chats.
            return (self._is_running and self._exchange(line)) or self._exchange(line)
        finally:
            self._lock.release()

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _exchange(self, line: bytes) -> bytes:
        if not self._is_running:
            self.end()
            self._process = _started()
        found: list[bytes] = []
        exchange = Thread(target=_exchange, args=(self._process, line, found), daemon=True)
        exchange.start()
        ends_at = time.monotonic() + _LONGEST_SECONDS
        try:
            while exchange.is_alive() and time.monotonic() < ends_at:
                exchange.join(_STEP_SECONDS)
                go_on()
        finally:
            if not found:
                self.end()
        return found[0] if found else b""

    def end(self) -> None:
        """Kill it, if it has not ended."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # it left a part of the line unread
                pipe.close()


@cache
def _process_of(pid: int) -> _Process:
    """The process of this one, not of the one that it was forked from."""
    process = _Process()
    atexit.register(lambda: process.end() if os.getpid() == pid else None)
    return process


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        command(__name__, [_MOST_SECONDS, _MOST_BYTES]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # a terminal's Ctrl-C is not for it
    )


def _exchange(process: Any, line: bytes, found: list[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):  # it has ended
        process.stdin.write(line)
        process.stdin.flush()
        read = process.stdout.readline()
        if read.endswith(b"\n"):
            found.append(read)


def main() -> None:
    """Plan the chats of standard input until it closes."""
    allow = confine(*json.loads(sys.argv[1]))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no plan
    for line in sys.stdin.buffer:
        output.write(_planned(line) + b"\n")
        output.flush()
        allow()


def _planned(line: bytes) -> bytes:
    read, has_writer = json.loads(line)
    try:
        found = answer(Chat(model="", **read), has_writer=has_writer)
    except Refusal as refusal:
        return json.dumps({"problem": refusal.message}).encode()
    except MemoryError:
        os._exit(1)
    except Exception:  # noqa: BLE001 -- the sandbox raises it
        return json.dumps({"failure": traceback.format_exc()}).encode()
    name = "draft" if isinstance(found, Draft) else "reply"
    return json.dumps({name: asdict(found)}).encode()
