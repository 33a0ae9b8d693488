"""The whole history of the API: every form of it is served, or the manual says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from client_driving import DRIVERS, Host, drive, failure_of
from history import FAILURES, LEFT_OUT, SERVED, SUCCESSORS, Failure, Form
from visioncraft_sandbox import create_app

from langchain_visioncraft import tools
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.tools import VisionCraftTool

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
KINDS: list[type[VisionCraftTool]] = [
    getattr(tools, name)
    for name in tools.__all__
    if name not in ("PROGRESS_EVENT", "VisionCraftTool")
]
WITHOUT_A_TOOL = {"midjourney_result", "job_result", "chat", "legacy_chat"}
"""Tasks are awaited by the tool that begins them; chats are chat models."""


def label(form: Form) -> str:
    return f"{form.request.partition(' ')[2]} {form.since}"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)


@pytest.mark.parametrize("base_url", ["http://service.test", "http://service.test/api"])
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("form", SERVED, ids=label)
def test_every_form_of_the_api_is_served(form: Form, driver: str, base_url: str) -> None:
    host = Host(*form.answers)
    client = host.client(DRIVERS[driver], base_url=base_url)
    result = drive(client, getattr(endpoints, form.endpoint)(**form.given))
    first = host.requests[0]
    assert f"{first.method} {first.url.path}" == form.request.replace(
        " /", f" {httpx.URL(base_url).path.rstrip('/')}/"
    )
    assert len(host.requests) == len(form.answers)
    if isinstance(form.result, tuple):
        assert tuple(medium.mime_type for medium in result) == form.result
        assert {medium.seed for medium in result} == {form.seed}
    else:
        assert result == form.result


@pytest.mark.parametrize("form", SERVED, ids=label)
def test_the_sandbox_has_every_request(form: Form) -> None:
    method, _, path = form.request.partition(" ")
    routes = {(each, route.path) for route in create_app().routes for each in route.methods}
    assert (method, path) in routes


def test_every_endpoint_has_a_tool() -> None:
    called = {kind(api_key="any").endpoint().__name__ for kind in KINDS}
    called |= {each.__name__ for kind in KINDS for each in kind.api_versions.values()}
    called |= {"list_names"}  # by the catalog
    assert {form.endpoint for form in SERVED} - WITHOUT_A_TOOL <= called


def answer_of(failure: Failure) -> Any:
    body = failure.body if isinstance(failure.body, bytes) else json.dumps(failure.body).encode()
    return httpx.Response(failure.status, content=body)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", ["image", "text_to_image_sdxl", "upscale", "chat"])
@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: f"{each.status} {each.body}"[:60])
def test_every_failure_of_the_api_is_an_error_with_its_facts(
    failure: Failure, name: str, driver: str
) -> None:
    if name == "chat" and failure.kind == "TaskFailedError":
        failure = failure._replace(kind="UnexpectedAnswerError", words="no chat completion")
    given = next(form.given for form in SERVED if form.endpoint == name)
    client = Host(answer_of(failure)).client(DRIVERS[driver], max_retries=0)
    error: Any = failure_of(lambda: drive(client, getattr(endpoints, name)(**given)))
    assert (type(error).__name__, error.retry_after) == (failure.kind, failure.retry_after)
    assert failure.words in str(error)


def test_what_is_left_out_is_in_the_manual_with_its_reason() -> None:
    section = API.partition("## Left out")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    for name in (*LEFT_OUT, *SUCCESSORS):
        found = [row.split(" | ") for row in rows if f"`{name}`" in row.partition(" | ")[0]]
        assert found, name
        assert all(len(row) == 3 and row[2].strip(" |") for row in found), found


def test_what_is_left_out_is_not_half_there() -> None:
    paths = {route.path for route in create_app().routes}
    assert not paths & {*LEFT_OUT, *SUCCESSORS}
