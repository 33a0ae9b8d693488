"""Recorded HTTP, replayed without a network; see tests/recording.py."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from recording import CASSETTES, HIDDEN, HOST, KEY, SCENES, Scene, cassette, interactions

from langchain_visioncraft import errors
from langchain_visioncraft.client import endpoints, exchange
from langchain_visioncraft.sandbox import create_app

FILES = sorted(CASSETTES.glob("*.yaml"))
LABEL = re.compile(
    r"# Recorded from (a sandbox of this package|a live host) on \d{4}-\d\d-\d\d "
    r"by tests/recording\.py; no keys\.\n"
)
UNDOCUMENTED = ("/", "/files/{name}", "/v1/models")
"""What the sandbox offers beyond the service's documents."""

BY_NAME = {scene.name: scene for scene in SCENES}


@pytest.fixture(autouse=True)
def _no_waiting_and_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock; and a link to another host, recorded from a live one, resolves to somewhere."""
    monkeypatch.setattr(endpoints, "MIDJOURNEY_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(exchange, "retry_wait", lambda *_: 0.001)
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)


async def replay(scene: Scene, way: str) -> tuple[Any, Any]:
    """Replay a scene; gives its result, or its error, and the tape."""
    with cassette(scene) as tape:
        try:
            result = scene.play(HOST, KEY) if way == "sync" else await scene.aplay(HOST, KEY)
        except errors.VisionCraftError as error:
            result = error
    return result, tape


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_recording_replays_to_its_end(scene: Scene, way: str) -> None:
    result, tape = await replay(scene, way)
    if scene.error:
        assert type(result).__name__ == scene.error
    else:
        assert not isinstance(result, Exception), result
        assert scene.expect(result)
    assert tape.all_played


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_polls_replay_in_their_order(way: str) -> None:
    _, tape = await replay(BY_NAME["midjourney"], way)
    states = [
        json.loads(answer["body"]["string"])["Status"]
        for request, answer in tape._played_interactions
        if request.uri.endswith("/result")
    ]
    assert states == [*["generating"] * (len(states) - 1), "success"]
    assert len(states) > 1


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_retries_replay_in_their_order(way: str) -> None:
    _, tape = await replay(BY_NAME["retries"], way)
    statuses = [answer["status"]["code"] for _, answer in tape._played_interactions]
    assert statuses == [503, 429, 200]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_refused_name_is_looked_up_in_the_hosts_list(way: str) -> None:
    error, _ = await replay(BY_NAME["unknown-sampler"], way)
    assert isinstance(error, errors.UnknownNameError)
    assert "Euler" in error.suggestions


def test_what_was_not_recorded_is_not_answered() -> None:
    with cassette(BY_NAME["sd"]), pytest.raises(Exception, match="overwrite existing cassette"):
        BY_NAME["openjourney"].play(HOST, KEY)


def test_every_scene_has_a_cassette_and_every_cassette_a_scene() -> None:
    assert {path.stem for path in FILES} == set(BY_NAME)


def test_every_documented_endpoint_is_recorded() -> None:
    documented = {
        (method, route.path)
        for route in create_app().routes
        for method in route.methods - {"HEAD"}
        if route.path not in UNDOCUMENTED
    }
    recorded = {
        (part["request"]["method"], part["request"]["uri"].removeprefix(HOST))
        for path in FILES
        for part in interactions(path)
        if part["response"]["status"]["code"] == 200
    }
    assert documented <= recorded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_says_where_and_when_it_was_recorded(path: Path) -> None:
    assert LABEL.match(path.read_text("utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_holds_no_key(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"vc-\w+-key", text)
    for part in interactions(path):
        request = part["request"]
        body = json.loads(request["body"]) if request["body"] else {}
        assert body.get("token", HIDDEN) == HIDDEN
        assert request["headers"].get("authorization", [f"Bearer {HIDDEN}"]) == [f"Bearer {HIDDEN}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_names_no_machine(path: Path) -> None:
    assert not re.search(r"127\.0\.0\.1|localhost|/home/|/r[o]ot/|/tmp/", path.read_text("utf-8"))


def test_the_key_of_every_call_was_there_and_hidden() -> None:
    for path in FILES:
        for part in interactions(path):
            request = part["request"]
            if request["method"] == "POST":
                bearer = request["headers"].get("authorization")
                assert bearer or json.loads(request["body"])["token"] == HIDDEN


def test_cassettes_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 3_000_000
