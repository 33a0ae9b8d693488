"""Proxies of the environment: what they refuse, how long they take, no password in errors."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, Self

import pytest

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    VisionCraftClient,
)
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints, watching
from langchain_visioncraft.client.translation import translate
from langchain_visioncraft.errors import ConnectionFailedError, InvalidRequestError

PASSWORD = "pass-of-the-proxy"
DAMAGED = {
    "a slash in the password": f"http://me:{PASSWORD}/1@127.0.0.1:3128",
    "no port": f"http://me:{PASSWORD}@127.0.0.1:{PASSWORD}",
    "unknown scheme": f"gopher://me:{PASSWORD}@127.0.0.1:3128",
    "SOCKS without its library": f"socks5://me:{PASSWORD}@127.0.0.1:1080",
    "a port that is none": f"http://me:{PASSWORD}@127.0.0.1:99999",
    "half an address": f"http://me:{PASSWORD}@[::1",
}
CALLS: dict[str, Callable[..., Any]] = {
    "client": lambda **s: VisionCraftClient(**s).run(endpoints.limits()),
    "async client": lambda **s: asyncio.run(AsyncVisionCraftClient(**s).run(endpoints.limits())),
    "chat": lambda **s: ChatVisionCraft(model="m", **s),
}
_timeouts = itertools.count(1000)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("proxy", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_proxy_is_named_without_its_password(
    proxy: str, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setitem(sys.modules, "socksio", None)
    # Models share HTTP clients, which have read their proxies; but not with other timeouts.
    settings = {"api_key": "any", "base_url": "http://service.test", "timeout": next(_timeouts)}
    with pytest.raises(InvalidRequestError, match=r"check HTTP_PROXY\.") as caught:
        call(**settings)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    # The test's own frame knows it.
    told.stack[:] = [frame for frame in told.stack if frame.filename != __file__]
    assert PASSWORD not in "".join(told.format())
    assert caught.value.__cause__ is None


class SOCKSError(Exception):
    """As in socksio."""


@pytest.mark.parametrize("error", [SOCKSError("Malformed reply"), httpx.ProxyError("407 Refused")])
def test_what_a_proxy_refuses_did_not_reach_the_host(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ModuleType("socksio")
    monkeypatch.setattr(library, "SOCKSError", SOCKSError, raising=False)
    monkeypatch.setitem(sys.modules, "socksio", library)
    found = translate(error, "h.test", True, {"endpoint": "GET /limits"})
    assert isinstance(found, ConnectionFailedError)
    assert not found.answered
    assert str(found) == f"GET /limits: the connection to h.test failed ({error})."


class Stuck:
    """TLS within the TLS of a proxy, in the parts of which each wait is allowed its whole time."""

    def __init__(self, *, at: str) -> None:
        self._at, self._never = at, threading.Event()

    def _wait(self, what: str) -> None:
        if what == self._at:
            self._never.wait()

    def get_extra_info(self, name: str) -> str:
        return name

    def start_tls(self, *_: Any) -> Self:
        self._wait("handshake")
        return self

    def read(self, *_: Any) -> bytes:
        self._wait("read")
        return b"x"

    def write(self, *_: Any) -> None:
        self._wait("write")


@pytest.mark.parametrize("at", ["handshake", "read", "write"])
def test_tls_through_a_tls_proxy_ends_at_the_deadline(at: str) -> None:
    def exchange() -> None:
        stream = watching._SyncStream(Stuck(at=at)).start_tls(None)
        stream.write(b"x")
        stream.read(1)

    with watching.watching(0.05), pytest.raises(TimeoutError):
        exchange()


def test_each_piece_of_a_request_is_sent_with_the_time_that_is_left() -> None:
    class Slow:
        sent, given = b"", list[float]()

        def write(self, piece: bytes, timeout: float) -> None:
            self.sent += piece
            self.given.append(timeout)
            watching.current().began -= 1  # as if a second had passed

    slow, body = Slow(), bytes(range(250)) * 200
    with watching.watching(4.5):
        watching._SyncStream(slow).write(body, 60.0)
    assert slow.sent == body
    assert [int(each) for each in slow.given] == [4, 3, 2, 1]
    with watching.watching(2.5), pytest.raises(TimeoutError):
        watching._SyncStream(slow).write(body, 60.0)
