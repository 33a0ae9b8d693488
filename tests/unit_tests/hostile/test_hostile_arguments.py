"""What an injected prompt makes a model write reads no file and connects to nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from client_driving import PNG, drive
from hostile_corpus import (
    ARGUMENTS,
    LINKS,
    Case,
    in_time,
    no_network,
    outcome_of,
    outcome_of_link,
    prepare,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_visioncraft import MediaStore, VisionCraftUpscale
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient, endpoints
from langchain_visioncraft.errors import MediaInputError, UnsafeLinkError
from langchain_visioncraft.media.access import readable_source
from langchain_visioncraft.media.paths import safe_open


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MediaStore, Path]:
    place = tmp_path_factory.mktemp("hostile").resolve()
    return (place, *prepare(place))


@pytest.mark.parametrize("case", ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_an_argument_gets_a_message_that_a_model_can_use(
    case: Case, traps: tuple[Path, MediaStore, Path]
) -> None:
    with no_network():
        assert in_time(lambda: outcome_of(case, *traps)) == case.expected, case.name


@pytest.mark.parametrize("name", LINKS)
def test_a_link_is_not_followed(name: str) -> None:
    with no_network():
        assert outcome_of_link(LINKS[name]) == "UnsafeLinkError"


@pytest.mark.parametrize("driver", [VisionCraftClient, AsyncVisionCraftClient])
@pytest.mark.parametrize("name", ["loopback, decimal", "metadata of Azure", "ISATAP"])
def test_a_redirect_is_not_followed_either(driver: Any, name: str) -> None:
    def respond(request: Any) -> Any:
        if request.url.path == "/a.png":
            return httpx.Response(302, headers={"location": LINKS[name]})
        return httpx.Response(200, json={"url": "http://93.184.216.34/a.png"})

    transport = httpx.MockTransport(respond)
    with no_network(), pytest.raises(UnsafeLinkError, match="was not followed"):
        drive(
            driver(
                api_key="k",
                base_url="http://service.example",
                max_retries=0,
                http_client=httpx.Client(transport=transport),
                http_async_client=httpx.AsyncClient(transport=transport),
            ),
            endpoints.text_to_image(prompt="x", model="m"),
        )


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that resolves elsewhere a moment later leads nowhere: it is not looked up again."""
    asked: list[str] = []

    def respond(request: Any) -> Any:
        asked.append(request.url.host)
        if request.url.host == "service.example":
            return httpx.Response(200, json={"url": "http://rebind.example/a.png"})
        return httpx.Response(200, content=PNG)

    with no_network():
        client = VisionCraftClient(
            api_key="k",
            base_url="http://service.example",
            http_client=httpx.Client(transport=httpx.MockTransport(respond)),
        )
        drive(client, endpoints.text_to_image(prompt="x", model="m"))
    assert asked == ["service.example", "93.184.216.34"]


# Between check and use


def test_a_file_that_became_a_link_is_not_sent(tmp_path: Path, store: MediaStore) -> None:
    secret, allowed = tmp_path / "secret.png", tmp_path / "allowed"
    (allowed / "sub").mkdir(parents=True)
    secret.write_bytes(PNG + b"secret")
    for name in ("cat.png", "sub/cat.png"):
        (allowed / name).write_bytes(PNG)
    file = readable_source("cat.png", store, [allowed])
    below = readable_source("sub/cat.png", store, [allowed])
    (allowed / "cat.png").unlink()
    (allowed / "cat.png").symlink_to(secret)
    (allowed / "sub").rename(allowed / "other")
    (tmp_path / "cat.png").write_bytes(PNG + b"secret")
    (allowed / "sub").symlink_to(tmp_path)
    for source in (file, below):
        with pytest.raises(MediaInputError, match="cannot be read"):
            source.open()


def test_a_file_that_became_a_fifo_does_not_hang(tmp_path: Path, store: MediaStore) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    source = readable_source("cat.png", store, [tmp_path])
    (tmp_path / "cat.png").unlink()
    os.mkfifo(tmp_path / "cat.png")

    def work() -> str:
        with pytest.raises(MediaInputError, match="not a regular file"):
            source.open()
        return "refused"

    assert in_time(work) == "refused"


def test_a_file_that_is_swapped_all_the_time_never_shows_the_secret(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "secret").write_bytes(b"secret")
    allowed = place / "allowed"
    allowed.mkdir()
    path, done = allowed / "cat.png", threading.Event()
    path.write_bytes(b"cat")

    def swap() -> None:
        while not done.is_set():
            (allowed / "next").symlink_to(place / "secret")
            (allowed / "next").replace(path)
            (allowed / "next").write_bytes(b"cat")
            (allowed / "next").replace(path)

    swapping = threading.Thread(target=swap)
    swapping.start()
    read = set()
    try:
        for _ in range(500):
            try:
                with safe_open(allowed, path) as file:
                    read.add(file.read())
            except OSError:
                read.add(b"refused")
    finally:
        done.set()
        swapping.join()
    assert read <= {b"cat", b"refused"}


# Anything at all


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_whatever_is_given_is_sent_on_or_answered(
    value: Any, traps: tuple[Path, MediaStore, Path]
) -> None:
    place, store, allowed = traps
    with no_network():
        outcome = outcome_of(Case("", value, ""), place, store, allowed)
    assert outcome.endswith("Error") or outcome == "sent on"


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_an_agent_is_told_and_goes_on(way: str, traps: tuple[Path, MediaStore, Path]) -> None:
    _, store, allowed = traps
    tool = VisionCraftUpscale(api_key="k", store=store, allowed_dirs=[allowed])
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"image": "/etc/passwd"}}
    with no_network():
        message = tool.invoke(call) if way == "invoke" else await tool.ainvoke(call)
    assert message.status == "error"
    assert "may not be read" in message.content
