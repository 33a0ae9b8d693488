"""Every case of the benchmarks runs, with tiny sizes. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import benchmarks.contenders  # noqa: F401 -- makes the cases known
from benchmarks import server
from benchmarks.cases import CASES, Place
from benchmarks.goals import GOALS
from benchmarks.measure import Measurement, measure

ROOT = Path(__file__).parents[2]
ALL = [
    (case.name, name)
    for case in CASES.values()
    for name in case.contenders
    if case.name not in ("import", "command")  # each starts interpreters; one of them runs below
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server.running() as url:
        yield url


@pytest.mark.parametrize(("case", "contender"), ALL)
def test_a_contender_does_its_calls(url: str, tmp_path: Path, case: str, contender: str) -> None:
    missing = CASES[case].contenders[contender].missing()
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    place = Place(url, tmp_path / "own", tmp_path, small=True)
    place.folder.mkdir()
    measured = measure(CASES[case], CASES[case].contenders[contender], place)
    assert measured.wall_ms > 0
    assert measured.peak_mb >= 0


def test_the_command_prints_a_table_and_writes_its_results(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "import", "--only", "bare", "--small"]
    done = subprocess.run(
        [*command, "--rounds", "2", "--write", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "a bare interpreter" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    bare = results["cases"]["import"]["contenders"]["a bare interpreter"]
    assert len(bare["cpu_ms"]) == 2
    ET.fromstring((tmp_path / "results.svg").read_text())


def test_every_goal_names_contenders_that_there_are() -> None:
    rounds = {
        (case.name, name): [Measurement(cpu_ms=1.0, wall_ms=1.0, peak_mb=1.0)]
        for case in CASES.values()
        for name in case.contenders
    }
    assert [goal.what for goal in GOALS if not goal.values(rounds)] == []


def test_the_commands_run(url: str, tmp_path: Path) -> None:
    place = Place(url, tmp_path / "own", tmp_path, small=True)
    place.folder.mkdir()
    for name in ("completion", "visioncraft image"):
        measure(CASES["command"], CASES["command"].contenders[name], place)
    assert [path.name for path in place.folder.iterdir()] == ["fox.png"]


def test_an_unknown_case_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "no-such-case", "--write", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no-such-case" in done.stderr
