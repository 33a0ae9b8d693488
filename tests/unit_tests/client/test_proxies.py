"""Proxies of the environment that cannot be used are named, without their passwords."""

from __future__ import annotations

import asyncio
import itertools
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    VisionCraftClient,
)
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import InvalidRequestError

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
