"""Runs the benchmarks: every contender in a fresh process, round after round."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import benchmarks.contenders  # noqa: F401 -- makes the cases known
from benchmarks import chart, server
from benchmarks.cases import CASES, Case
from benchmarks.goals import GOALS, Rounds
from benchmarks.measure import Measurement

HERE = Path(__file__).parent
_PACKAGES = (
    *("langchain-visioncraft", "langchain-core", "langchain-openai", "openai", "pydantic"),
    *("httpx", "httpx2", "aiohttp", "requests", "visioncraftapi"),
)


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
    with server.running() as url, tempfile.TemporaryDirectory() as shared:
        rounds: Rounds = {}
        options = {"only": given.only, "small": given.small}
        for rounds in run(cases, given.rounds, url, Path(shared), **options):
            if given.write is not None:
                write(given.write, rounds)  # after each round: one may not want to wait for all
    print(as_text(cases, rounds))


def write(folder: Path, rounds: Rounds) -> None:
    """Write what was measured so far, and its chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(as_json(rounds), encoding="utf-8")
    (folder / "results.svg").write_text(chart.draw(medians(rounds)), encoding="utf-8")


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


def medians(rounds: Rounds) -> dict[tuple[str, str], Measurement]:
    """The median of each figure over all rounds."""
    return {
        key: Measurement(
            cpu_ms=statistics.median(each.cpu_ms for each in found),
            wall_ms=statistics.median(each.wall_ms for each in found),
            peak_mb=statistics.median(each.peak_mb for each in found),
        )
        for key, found in rounds.items()
    }


def as_text(cases: list[Case], rounds: Rounds) -> str:
    """The table: CPU, time and memory of each, and CPU as a multiple of the case's first line."""
    lines = []
    middle = medians(rounds)
    for case in cases:
        there = [name for name in case.contenders if (case.name, name) in middle]
        if not there:
            continue
        lines += [f"\n{case.title}", f"  {'':36}{'CPU ms':>9}{'x':>7}{'wall ms':>10}{'RSS MB':>8}"]
        first = middle[case.name, there[0]].cpu_ms
        for name in there:
            each = middle[case.name, name]
            ratio = f"{each.cpu_ms / first:.2f}" if first else ""
            lines.append(
                f"  {name:36}{each.cpu_ms:9.2f}{ratio:>7}{each.wall_ms:10.2f}{each.peak_mb:+8.1f}"
            )
    lines.append("\nGoals")
    for goal in GOALS:
        value = goal.result(rounds)
        if value is not None:
            sign, mark = (">=" if goal.at_least else "<="), "ok" if goal.is_reached(value) else "--"
            lines.append(f"  {mark} {goal.what:50}{value:9.2f} {goal.unit} ({sign} {goal.limit:g})")
    return "\n".join(lines)


def as_json(rounds: Rounds) -> str:
    """Everything that was measured, with what it was measured on."""
    cases: dict[str, dict[str, object]] = defaultdict(dict)
    for (case, name), middle in medians(rounds).items():
        kept = rounds[case, name]
        cases[case][name] = {
            **{key: round(value, 3) for key, value in asdict(middle).items()},
            "rounds_cpu_ms": [round(each.cpu_ms, 3) for each in kept],
        }
    goals = [
        {
            "goal": goal.what,
            "measured": round(value, 3),
            "unit": goal.unit,
            "at_least" if goal.at_least else "at_most": goal.limit,
            "reached": goal.is_reached(value),
        }
        for goal in GOALS
        if (value := goal.result(rounds)) is not None
    ]
    facts = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }
    return json.dumps({**facts, "cases": cases, "goals": goals}, indent=2) + "\n"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
