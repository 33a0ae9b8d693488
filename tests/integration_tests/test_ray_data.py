"""Datasets on a cluster of two machines, both of them this one; one of them is lost on the way."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from langchain_core.stores import InMemoryByteStore
from media_host import KEY, Asked, MediaHost, picture, recording, serving
from ray.cluster_utils import Cluster
from ray.data import ActorPoolStrategy
from visioncraft_sandbox import Sandbox

from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError
from langchain_visioncraft.ray import CallLimits, caption, transcribe

pytestmark = pytest.mark.timeout(300)

# Every actor is a process that imports everything: together they take a minute and more of a
# processor's time.
thorough = pytest.mark.skipif("RAY_TESTS" not in os.environ, reason="takes long: make test-ray")

RECIPE = Path(__file__).parents[2] / "docs/recipes/ray.md"
PICTURES = 64
IN_FLIGHT = 8
MACHINE = {"num_cpus": 2, "object_store_memory": 100_000_000, "node_ip_address": "127.0.0.1"}


class Unpicklable(InMemoryByteStore):
    """A cache that holds what belongs to one process."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    head = {"include_dashboard": False, **MACHINE}
    running = Cluster(initialize_head=True, head_node_args=head)
    try:
        ray.init(address=running.address, _node_ip_address="127.0.0.1", log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield running
    finally:
        ray.shutdown()
        running.shutdown()


@pytest.fixture
def host() -> MediaHost:
    return MediaHost()


@pytest.fixture
def connection(host: MediaHost) -> Iterator[dict[str, Any]]:
    with serving(host) as url:
        yield {"base_url": url, "api_key": KEY, "max_retries": 1}


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Pictures, no two alike; number 7 is (7, 0, 99)."""
    found = [tmp_path / f"{number:03}.png" for number in range(PICTURES)]
    for number, path in enumerate(found):
        path.write_bytes(picture((number, 0, 99), size=(16, 16)))
    return [str(path) for path in found]


def dataset(column: str, values: list[Any], blocks: int = 1) -> Any:
    return ray.data.from_items([{column: value} for value in values], override_num_blocks=blocks)


def pool(actors: int) -> ActorPoolStrategy:
    return ActorPoolStrategy(size=actors)


def machines_at_work() -> set[str]:
    """The ids of the machines that work on rows."""
    return {
        actor["Address"]["NodeID"]
        for actor in ray._private.state.actors().values()
        if actor["State"] == "ALIVE" and "RowWorker" in actor["ActorClassName"]
    }


def wait_until(condition: Callable[[], bool]) -> None:
    """The test's own time limit ends it."""
    while not condition():
        time.sleep(0.05)


@thorough
def test_every_row_comes_once_though_a_machine_is_lost(
    cluster: Any, host: MediaHost, connection: dict[str, Any], paths: list[str], tmp_path: Path
) -> None:
    limits = CallLimits(IN_FLIGHT, heartbeat_timeout=3)

    def run(actors: int) -> list[dict[str, Any]]:
        rows = caption(
            dataset("path", paths, blocks=16),
            "path",
            limits=limits,
            cache=tmp_path / "answers",
            max_concurrency=4,
            compute=pool(actors),
            **connection,
        )
        return list(rows.take_all())

    second = cluster.add_node(**MACHINE)
    lost = threading.Event()

    def hold(_: Asked) -> None:
        if len(host.answered) >= IN_FLIGHT:  # not more before a machine is lost
            assert lost.wait(120)

    host.hold = hold
    found: list[dict[str, Any]] = []
    working = threading.Thread(target=lambda: found.extend(run(actors=2)))
    working.start()
    try:
        wait_until(lambda: len(machines_at_work()) == 2 and len(host.answered) >= IN_FLIGHT)
        assert second.node_id in machines_at_work()
        cluster.remove_node(second, allow_graceful=False)
    finally:
        lost.set()
        working.join()

    assert sorted(row["path"] for row in found) == paths
    for row in found:
        assert row["caption"].endswith(f"({int(Path(row['path']).stem)}, 0, 99)")
        assert row["caption_error"] is row["caption_error_type"] is None
    # The permits of the lost machine came back, and none was given twice.
    wait_until(lambda: ray.get(limits.limiter().in_flight.remote()) == 0)
    assert host.most_at_once <= IN_FLIGHT
    calls = Counter(asked.sha256 for asked in host.asked)
    assert len(calls) == PICTURES
    assert calls.total() - PICTURES <= IN_FLIGHT  # what was under way there, and nothing else

    made = len(host.asked)
    again = {row["path"]: row for row in run(actors=1)}
    assert [again[row["path"]] for row in found] == found
    assert len(host.asked) == made


@thorough
def test_what_is_wrong_with_a_row_stands_in_its_columns(
    cluster: Any, host: MediaHost, connection: dict[str, Any], paths: list[str], tmp_path: Path
) -> None:
    overloaded, slow, url_path, file_url = paths[:4]
    note = tmp_path / "note.txt"
    note.write_text("words")
    host.files["a.png"] = Path(url_path).read_bytes()
    url = f"{connection['base_url']}/files/a.png"

    def fault(asked: Asked) -> tuple[int, Any] | None:
        failing = asked.data == Path(overloaded).read_bytes()
        return (503, {"error": "The server is overloaded."}) if failing else None

    host.fault = fault
    given_up = threading.Event()

    def hold(asked: Asked) -> None:
        if asked.data == Path(slow).read_bytes():
            given_up.wait(120)

    host.hold = hold
    values = [
        overloaded,
        slow,
        url,
        Path(file_url).as_uri(),
        f"{tmp_path}/none.png",
        str(note),
        None,
    ]
    rows = caption(
        dataset("source", values),
        "source",
        output="seen",
        timeout=(60, 5),
        allow_private_urls=True,
        compute=pool(1),
        **connection,
    ).take_all()
    given_up.set()

    by_source = {row["source"]: row for row in rows}
    assert len(rows) == len(values) == len(by_source)
    assert by_source[url]["seen"].endswith("(2, 0, 99)")
    assert by_source[Path(file_url).as_uri()]["seen"].endswith("(3, 0, 99)")
    assert len(by_source[url]["seen_sha256"]) == 64
    kinds = {source: row["seen_error_type"] for source, row in by_source.items()}
    assert kinds == {
        overloaded: "ServerError",
        slow: "TimedOutError",
        url: None,
        Path(file_url).as_uri(): None,
        f"{tmp_path}/none.png": "MediaInputError",
        str(note): "MediaInputError",
        None: "MediaInputError",
    }
    for source, row in by_source.items():
        if row["seen_error"] is not None:
            assert row["seen"] is None
            assert str(source or "Column 'source' is empty") in row["seen_error"]
    assert Counter(asked.status for asked in host.asked)[503] == 2  # max_retries=1


@thorough
def test_recordings_as_bytes_are_heard_with_their_times(
    cluster: Any, connection: dict[str, Any]
) -> None:
    voice = recording([(0.2, 0.6, 300), (1.0, 1.5, 600)], 2)
    silence = recording([], 1)
    heard = transcribe(
        dataset("bytes", [voice, silence]), "bytes", compute=pool(1), **connection
    ).materialize()
    rows = {row["bytes"]: row for row in heard.take_all()}
    assert rows[voice]["transcript"] == "tone 300 tone 600"
    assert rows[voice]["transcript_segments"] == [
        {"start": 0.2, "end": 0.6, "text": "tone 300"},
        {"start": 1.0, "end": 1.5, "text": "tone 600"},
    ]
    assert rows[voice]["transcript_language"] == "en"
    assert rows[voice]["transcript_error"] is None
    assert rows[silence]["transcript"] is None
    assert "holds no speech" in rows[silence]["transcript_error"]


def test_a_wrong_key_ends_the_job_and_no_key_is_told(
    cluster: Any, host: MediaHost, connection: dict[str, Any], paths: list[str]
) -> None:
    host.fault = lambda _: (401, {"error": f"{KEY} is not a key."})
    rows = caption(
        dataset("path", paths, blocks=8),
        "path",
        limits=CallLimits(2),
        max_concurrency=2,
        compute=pool(1),
        **connection,
    )
    with pytest.raises(ray.exceptions.RayTaskError, match="AuthenticationError") as caught:
        rows.take_all()
    assert len(host.asked) < PICTURES // 2
    logs = Path(ray._private.worker._global_node.get_session_dir_path())

    def texts() -> list[bytes]:
        return [path.read_bytes() for path in logs.rglob("*") if path.is_file()]

    # Ray logs what a dataset is made of, with the arguments of constructors.
    wait_until(lambda: any(b"caption of path" in text for text in texts()))
    for text in (*texts(), str(caught.value).encode(), repr(rows).encode(), rows.stats().encode()):
        assert KEY.encode() not in text


@thorough
def test_with_raise_the_first_row_that_fails_ends_the_job(
    cluster: Any, connection: dict[str, Any], tmp_path: Path
) -> None:
    missing = f"{tmp_path}/none.png"
    rows = caption(
        dataset("path", [missing]), "path", on_error="raise", compute=pool(1), **connection
    )
    with pytest.raises(ray.exceptions.RayTaskError, match=r"none\.png cannot be read"):
        rows.take_all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"column": "paht"}, "no column 'paht'. Its columns: path, size"),
        ({"column": "size"}, "holds int64: it must hold paths or URLs"),
        ({"output": "path"}, "The dataset has path already"),
        ({"on_error": "skip"}, "'column' or 'raise'"),
        ({"max_concurrency": 0}, "max_concurrency=0 is not valid"),
        ({"options": {"prompt": ""}}, "prompt='' is not valid"),
        ({"rate_limiter": object()}, "CallLimits"),
        ({"http_client": object()}, "cannot be sent to other machines"),
        ({"cache": Unpicklable()}, "cannot be sent to other machines"),
        ({"base_url": "ftp://host"}, "base_url is not valid"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_work_is_told_before_anything_starts(
    cluster: Any, host: MediaHost, arguments: dict[str, Any], message: str
) -> None:
    rows = ray.data.from_items([{"path": "a.png", "size": 3}])
    given = {"column": "path", "api_key": KEY, **arguments}
    with pytest.raises(Exception, match=message) as caught:
        caption(rows, **given)
    assert KEY not in str(caught.value)


def test_the_block_of_the_readme_runs(
    cluster: Any,
    drawing_sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "any")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", drawing_sandbox.url)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    [code] = [block for block in blocks if "langchain_visioncraft.ray" in block]
    exec(compile(code, "recipe", "exec"), {"__name__": "__main__"})
    told = capsys.readouterr().out
    assert "A lighthouse at dawn" in told
    assert "missing.jpg missing.jpg cannot be read" in told
    assert list((tmp_path / "answers").iterdir())


def test_a_key_is_needed_before_anything_starts(cluster: Any) -> None:
    with pytest.raises(MissingKeyError):
        caption(ray.data.from_items([{"path": "a.png"}]), "path")


def test_a_transcript_is_not_cut_into_documents(cluster: Any) -> None:
    rows = ray.data.from_items([{"path": "a.wav"}])
    with pytest.raises(InvalidRequestError, match="a row has one transcript"):
        transcribe(rows, "path", options={"by": "whole"}, api_key=KEY)


def test_datasets_may_share_their_limits(cluster: Any) -> None:
    limits = CallLimits(in_flight=3)
    assert limits.limiter() is limits.limiter()
    for holder in ("one", "two"):
        ray.get(limits.limiter().acquire.remote(holder))
    assert ray.get(limits.limiter().in_flight.remote()) == 2
