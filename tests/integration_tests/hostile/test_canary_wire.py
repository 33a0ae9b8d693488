"""What really leaves this process, over loopback: no key to others, no identity of others."""

from __future__ import annotations

import asyncio
import base64
import gc
import itertools
import ssl
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import langsmith
import langsmith.run_trees
import langsmith.utils
import pytest
import trustme
from canary_places import found_in
from keeping_hosts import Host, serving
from langchain_core.tracers.langchain import wait_for_all_tracers
from pydantic import SecretStr
from tool_service import KEY

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    MediaStore,
    VisionCraftClient,
    VisionCraftTextToImage,
)
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import ConnectionFailedError, VisionCraftError
from langchain_visioncraft.version import __version__

OTHER = "of-somebody-else-1f2e3d"
"""A password, or a key, that is not for the host of the API."""


@pytest.fixture
def host() -> Iterator[Host]:
    """The API."""
    with serving(Host()) as running:
        yield running


# Tracing


@pytest.fixture
def langsmith_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Tracing is on, as the variables of the environment say."""
    with serving(Host()) as host:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", host.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", OTHER)
        monkeypatch.setattr(langsmith.run_trees, "_CLIENT", None)
        _forget_environment()
        yield host
        client = langsmith.run_trees._CLIENT
        if client is not None:
            client.close()
    monkeypatch.undo()
    _forget_environment()


def _forget_environment() -> None:
    langsmith.utils.get_env_var.cache_clear()
    langsmith.utils.get_tracer_project.cache_clear()


@pytest.mark.parametrize("given", ["argument", "wrapped", "environment"])
def test_traces_do_not_hold_it(
    given: str,
    langsmith_host: Host,
    host: Host,
    store: MediaStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings: dict[str, Any] = {"base_url": host.url, "max_retries": 0}
    if given == "environment":
        monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    else:
        settings["api_key"] = KEY if given == "argument" else SecretStr(KEY)
    tool = VisionCraftTextToImage(store=store, handle_tool_error=False, **settings)
    chat = ChatVisionCraft(model="m", **settings)

    async def work_async() -> None:
        await tool.ainvoke({"prompt": "an async cat"})
        with pytest.raises(VisionCraftError):
            await tool.ainvoke({"prompt": "an async cat, a failure"})
        await chat.ainvoke("An async question")

    tool.invoke({"prompt": "a cat"})
    with pytest.raises(VisionCraftError):
        tool.invoke({"prompt": "a cat, a failure"})
    chat.invoke("A question")
    asyncio.run(work_async())
    wait_for_all_tracers()
    sent = b"".join(langsmith_host.bodies).decode("latin-1")
    for asked in ("a cat", "a cat, a failure", "A question", "an async cat", "An async question"):
        assert asked in sent
    assert sent.count("is not good") >= 2
    assert any(head.get("x-api-key") == OTHER for head in langsmith_host.heads)
    texts = (sent, langsmith_host.lines, langsmith_host.heads)
    assert not any(map(found_in, texts)), next(filter(None, map(found_in, texts)))


# Identities of others


def _stream(model: Any) -> list[Any]:
    async def chunks() -> list[Any]:
        return [chunk async for chunk in model.astream("Hi")]

    return asyncio.run(chunks())


CALLS: dict[str, Callable[..., Any]] = {
    "client": lambda **s: VisionCraftClient(**s).run(drawing()),
    "async client": lambda **s: asyncio.run(AsyncVisionCraftClient(**s).run(drawing())),
    "chat": lambda **s: ChatVisionCraft(model="m", **s).invoke("Hi"),
    "async chat": lambda **s: asyncio.run(ChatVisionCraft(model="m", **s).ainvoke("Hi")),
    "legacy chat": lambda **s: ChatVisionCraftLegacy(model="m", **s).invoke("Hi"),
    "async legacy chat": lambda **s: _stream(ChatVisionCraftLegacy(model="m", **s)),
}
by_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
_timeouts = itertools.count(2000)


def drawing() -> Any:
    """Answers with a link to the host itself, which is followed."""
    return endpoints.text_to_image_sd1(prompt="x", model="m", sampler="Euler")


def settings_for(url: str, **more: Any) -> dict[str, Any]:
    # Models share HTTP clients, which have read their proxies; but not with other timeouts.
    timeout = next(_timeouts)
    return {"api_key": SecretStr(KEY), "base_url": url, "timeout": timeout, **more}


def check_identity(host: Host) -> None:
    """The host gets this package's name and key, and nothing of anybody else."""
    assert host.heads
    basic = base64.b64encode(f"me:{OTHER}".encode()).decode()
    for line, head, body in zip(host.lines, host.heads, host.bodies, strict=True):
        assert head["user-agent"] == f"langchain-visioncraft/{__version__}"
        assert head.get("authorization") in (None, f"Bearer {KEY}")
        assert "proxy-authorization" not in head
        for text in (line, str(head), body.decode("latin-1")):
            assert OTHER not in text
            assert basic not in text
    sent = f"{host.heads} {host.bodies}"
    assert KEY in sent


@by_call
def test_a_password_of_netrc_stays_here(
    call: Callable[..., Any], host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = (f"{name} login me password {OTHER}" for name in ("machine 127.0.0.1", "default"))
    for name in ("netrc", ".netrc"):
        (tmp_path / name).write_text("\n".join(entries))
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    call(**settings_for(host.url))
    check_identity(host)


@by_call
def test_a_password_of_a_proxy_goes_to_the_proxy_alone(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("service.test").configure_cert(tls)
    with serving(Host(tls)) as host, serving(Host()) as proxy:
        proxy.tunnel_to = host.server_port
        proxy_url = proxy.url.replace("//", f"//me:{OTHER}@")
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        call(**settings_for("https://service.test", verify=str(tmp_path / "ca.pem")))
        gc.collect()  # connections, and tunnels with them, are closed with their clients
    check_identity(host)
    basic = base64.b64encode(f"me:{OTHER}".encode()).decode()
    assert {line.split()[0] for line in proxy.lines} == {"CONNECT"}
    assert all(head["proxy-authorization"] == f"Basic {basic}" for head in proxy.heads)
    assert not found_in((proxy.lines, proxy.heads, proxy.bodies))


@by_call
def test_no_error_of_a_proxy_holds_its_password(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{OTHER}@127.0.0.1:1")
    with pytest.raises(ConnectionFailedError) as caught:
        call(**settings_for("http://service.test", max_retries=0))
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(told.format())
    assert "service.test" in shown
    assert OTHER not in shown
    assert base64.b64encode(f"me:{OTHER}".encode()).decode() not in shown


@by_call
def test_a_host_that_needs_no_proxy_does_not_get_its_password(
    call: Callable[..., Any], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{OTHER}@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    call(**settings_for(host.url))
    check_identity(host)


@by_call
def test_a_cookie_is_not_sent_back(call: Callable[..., Any], host: Host) -> None:
    host.cookie = f"session={OTHER}; Path=/"
    settings = settings_for(host.url)  # twice the same: models share their HTTP clients
    for _ in range(2):
        call(**settings)
    assert len(host.heads) >= 2
    assert not any("cookie" in head for head in host.heads)
    check_identity(host)
