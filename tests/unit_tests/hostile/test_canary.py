"""The canary key is searched for in every place of the table; see `canary_places`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from canary_places import COOKBOOK, KEY, PLACES, Place, Scene, found_in, raised
from pydantic import SecretStr
from tool_service import HOST, Service

from langchain_visioncraft import MediaStore, VisionCraftTextToImage
from langchain_visioncraft.client import serving


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_backoff", lambda _: 0.001)
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)


@pytest.fixture(params=["wrapped", "environment"])
def scene(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, store: MediaStore
) -> Scene:
    monkeypatch.syspath_prepend(COOKBOOK)
    service = Service()
    common = {"base_url": HOST, "max_retries": 0, **service.clients()}
    if request.param == "wrapped":
        return Scene({"api_key": SecretStr(KEY), **common}, service, store)
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    return Scene(common, service, store)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that any logger says, from DEBUG on."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)} {record.args!r}")

    handler, root = Handler(logging.DEBUG), logging.getLogger()
    names = ("langchain_visioncraft", "httpx", "httpx2", "httpcore", "httpcore2", "openai")
    changed = [(logger, logger.level) for logger in (root, *map(logging.getLogger, names))]
    for logger, _ in changed:
        logger.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield lines
    root.removeHandler(handler)
    for logger, level in changed:
        logger.setLevel(level)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_key_is_not_there(place: Place, scene: Scene, logged: list[str]) -> None:
    seen = list(place(scene))
    assert seen
    hits = [hit for text in (*seen, *logged) if (hit := found_in(text))]
    assert not hits, "\n".join(dict.fromkeys(hits[:10]))


def test_the_search_finds_a_key_that_is_there() -> None:
    assert found_in(f"token={KEY}!")
    assert found_in(f"token={KEY[:12]}…")
    assert found_in(KEY.encode())
    assert not found_in("token=***")


@pytest.mark.parametrize("work", [lambda: None, lambda: int("x"), lambda: int(None)])
def test_a_row_that_does_not_fail_as_it_says_is_no_row(work: Any) -> None:
    assert isinstance(raised(ValueError, lambda: int("x")), ValueError)
    with pytest.raises(AssertionError, match="KeyError was to be raised, not "):
        raised(KeyError, work)


@pytest.mark.filterwarnings("ignore:astream_log is deprecated")
async def test_the_log_of_a_run_does_not_hold_it(scene: Scene) -> None:
    tool = VisionCraftTextToImage(store=scene.store, **scene.settings)
    parts: list[Any] = [patch async for patch in tool.astream_log({"prompt": "a cat"})]
    assert parts
    assert not any(map(found_in, map(repr, parts)))
