"""Runs the benchmarks: every contender in a fresh process, round after round."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import benchmarks.contenders  # noqa: F401 -- makes the cases known
from benchmarks import chart, machine, results, server
from benchmarks.cases import CASES, Case
from benchmarks.goals import Rounds
from benchmarks.measure import Measurement


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(CASES)}; or all")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--only", metavar="TEXT", help="contenders whose names hold this text")
    parser.add_argument("--small", action="store_true", help="tiny, only to see that all runs")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="for results.json and .svg")
    given = parser.parse_args()
    unknown = set(given.cases) - set(CASES)
    if unknown:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    cases = [case for case in CASES.values() if not given.cases or case.name in given.cases]
    load, probes = machine.load(), [machine.probe()]
    rounds: Rounds = {}
    disturbed: list[str] = []
    with server.running() as url, tempfile.TemporaryDirectory() as shared:
        options = {"only": given.only, "small": given.small}
        for rounds in run(cases, given.rounds, url, Path(shared), **options):
            probes.append(machine.probe())
            disturbed = machine.disturbances(load, probes)
            if given.write is not None:
                write(given.write, rounds, disturbed)  # after each: one may not want to wait
    print(results.as_text(cases, rounds, quiet=not disturbed))
    if disturbed:
        print(f"\nThe machine was busy: {'; '.join(disturbed)}. Do not trust these figures.")
        print("Cases that were measured on a quiet machine keep those results.")


def write(folder: Path, rounds: Rounds, disturbed: list[str]) -> None:
    """Write what was measured so far, beside what is kept, and the chart of it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    after = results.kept(before, rounds, disturbed)
    file.write_text(results.as_json(after), encoding="utf-8")
    (folder / "results.svg").write_text(chart.draw(after["cases"]), encoding="utf-8")


def run(
    cases: list[Case],
    rounds: int,
    url: str,
    shared: Path,
    *,
    only: str | None = None,
    small: bool = False,
) -> Iterator[Rounds]:
    """Measure all contenders that can run, one after another; gives all there is each round."""
    chosen = [
        (case, contender)
        for case in cases
        for contender in case.contenders.values()
        if (only is None or only in contender.name) and not contender.missing()
    ]
    found: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for number in range(rounds):
        # What the machine does besides hits all of them alike; no one always comes first.
        for case, contender in chosen if number % 2 == 0 else reversed(chosen):
            print(f"\r{number + 1}/{rounds} {case.name}: {contender.name:40}", end="", flush=True)
            command = [sys.executable, "-m", "benchmarks.measure", case.name, contender.name]
            command += [url, str(shared), *(["--small"] if small else [])]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=_environment()
            )
            found[case.name, contender.name].append(Measurement(**json.loads(done.stdout)))
        print("\r" + " " * 70 + "\r", end="")
        yield found


def _environment() -> dict[str, str]:
    """Nobody's keys, proxies or tracing take part; modules are compiled once, as if installed."""
    foreign = ("VISIONCRAFT_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "HTTP_PROXY", "HTTPS_PROXY")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith((*foreign, "ALL_PROXY", "PYTHON"))
    }


if __name__ == "__main__":
    main()
