"""Recorded HTTP, replayed without a network; see tests/recording.py and tests/tape.py."""

from __future__ import annotations

import json
import re
import socket
import traceback
from typing import Any

import pytest
from chat_scenes import CHAT_SCENES
from meaning import same_meaning
from scenes import SCENES, Scene
from tape import CASSETTES, HIDDEN, HOST, KEY, Scrubber, interactions, tape
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from visioncraft_sandbox import create_app

from langchain_visioncraft import errors
from langchain_visioncraft.client import serving

FILES = sorted(CASSETTES.glob("*.yaml"))
ALL_FILES = sorted(CASSETTES.rglob("*.yaml"))
LABEL = re.compile(
    r"# Recorded from "
    r"(a sandbox of this package( with Qwen2\.5-Coder-0\.5B-Instruct)?|a live host) on "
    r"\d{4}-\d\d-\d\d by tests/recording\.py; no keys\.\n"
)
UNDOCUMENTED = ("/", "/files/{name}", "/v1/models", "/v1/models/{id:path}")
"""What the sandbox offers beyond the service's documents."""

ALL_SCENES = [*SCENES, *CHAT_SCENES]
BY_NAME = {scene.name: scene for scene in ALL_SCENES}


@pytest.fixture(autouse=True)
def _no_waiting_and_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock; and a link to another host, recorded from a live one, resolves to somewhere."""
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(serving, "retry_wait", lambda *_: 0.001)
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)


async def replay(scene: Scene, way: str) -> tuple[Any, Cassette]:
    """Replay a scene; gives its result, or its error, and its cassette."""
    with tape(scene.path, Scrubber(HOST, *filter(None, (KEY, scene.key)))) as cassette:
        try:
            result = scene.play(HOST, KEY) if way == "sync" else await scene.aplay(HOST, KEY)
        except errors.VisionCraftError as error:
            result = error
    return result, cassette


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("scene", ALL_SCENES, ids=lambda scene: scene.name)
async def test_a_recording_replays_to_its_end(scene: Scene, way: str) -> None:
    result, cassette = await replay(scene, way)
    if scene.error:
        assert type(result).__name__ == scene.error
    else:
        assert not isinstance(result, Exception), result
        assert scene.expect(result)
    assert cassette.all_played


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_polls_replay_in_their_order(way: str) -> None:
    _, cassette = await replay(BY_NAME["midjourney"], way)
    states = [
        json.loads(answer["body"]["string"])["Status"]
        for request, answer in cassette._played_interactions
        if request.uri.endswith("/result")
    ]
    assert states == [*["generating"] * (len(states) - 1), "success"]
    assert len(states) > 1


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_retries_replay_in_their_order(way: str) -> None:
    _, cassette = await replay(BY_NAME["retries"], way)
    statuses = [answer["status"]["code"] for _, answer in cassette._played_interactions]
    assert statuses == [503, 429, 200]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_refused_name_is_looked_up_in_the_hosts_list(way: str) -> None:
    error, _ = await replay(BY_NAME["unknown-sampler"], way)
    assert isinstance(error, errors.UnknownNameError)
    assert "Euler" in error.suggestions


@pytest.mark.parametrize("asked", ["openjourney", "chat-model"])
def test_what_was_not_recorded_is_not_answered_and_no_error_holds_the_key(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Under the name of vcr's own matcher, for which vcr 9 prints the body.
    monkeypatch.setattr(same_meaning, "__name__", "body")
    recorded = tape(BY_NAME["sd"].path, Scrubber(HOST, KEY))
    with recorded, pytest.raises(Exception) as caught:  # noqa: PT011 -- the chat model's is wrapped
        BY_NAME[asked].play(HOST, KEY)
    error: BaseException | None = caught.value
    while not isinstance(error, CannotOverwriteExistingCassetteException):
        assert error is not None
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY.encode() not in error.failed_request.body
    assert KEY not in str(error.failed_request.headers)


def test_every_scene_has_a_cassette_and_every_cassette_a_scene() -> None:
    files = {path.stem for path in FILES}
    without = sorted(set(BY_NAME) - files)
    assert not without, f"No cassette for {without}: run `make record NAME=…` for each."
    assert files <= set(BY_NAME), f"tests/cassettes: remove {sorted(files - set(BY_NAME))}"


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
    missing = sorted(f"{method} {path}" for method, path in documented - recorded)
    assert not missing, f"No cassette has {missing}: add to tests/samples.py, `make record NAME=…`."


def test_what_a_legacy_model_stops_at_was_answered() -> None:
    [part] = interactions(BY_NAME["legacy-stop"].path)
    assert "," in json.loads(part["response"]["body"]["string"])["choices"][0]["message"]["content"]
    assert "stop" not in json.loads(part["request"]["body"])


def test_cassettes_say_where_and_when_they_were_recorded() -> None:
    assert [path for path in ALL_FILES if not LABEL.match(path.read_text("utf-8"))] == []


def test_cassettes_name_the_model_that_calls_tools_in_words() -> None:
    for path in ALL_FILES:
        label, _, text = path.read_text("utf-8").partition("\n")
        models = set(re.findall(r"- (\S+) \(llama\.cpp\)", text))
        small = {"qwen2.5-coder-0.5b-instruct" if "Qwen" in label else "smollm2-135m-instruct"}
        assert models <= small, path


def test_cassettes_hold_no_key() -> None:
    for path in ALL_FILES:
        assert not re.search(r"vc-\w+-key", path.read_text("utf-8")), path
        for part in interactions(path):
            request = part["request"]
            body = json.loads(request["body"]) if request["body"] else {}
            assert body.get("token", HIDDEN) == HIDDEN, path
            bearer = [f"Bearer {HIDDEN}"]
            assert request["headers"].get("authorization", bearer) == bearer, path


def test_cassettes_name_no_machine() -> None:
    machine = re.compile(r"127\.0\.0\.1|localhost|/home/|/r[o]ot/|/tmp/")
    assert [path for path in ALL_FILES if machine.search(path.read_text("utf-8"))] == []


def test_the_key_of_every_call_was_there_and_hidden() -> None:
    for path in ALL_FILES:
        for part in interactions(path):
            request = part["request"]
            if request["method"] == "POST" and not request["uri"].endswith("/job-status"):
                bearer = request["headers"].get("authorization")
                assert bearer or json.loads(request["body"])["token"] == HIDDEN, path


def test_cassettes_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 3_000_000
    assert sum(path.stat().st_size for path in set(ALL_FILES) - set(FILES)) < 1_000_000
