"""Results as text and as JSON. A case keeps its last measurement on a quiet machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import machine
from benchmarks.cases import CASES, Case
from benchmarks.goals import GOALS, Rounds, Spread
from benchmarks.measure import Measurement

_PACKAGES = (
    *("langchain-visioncraft", "langchain-core", "langchain-openai", "openai", "pydantic"),
    *("httpx", "httpx2", "aiohttp", "requests", "typer", "click", "visioncraftapi"),
)


def as_text(cases: Iterable[Case], rounds: Rounds, *, quiet: bool = True) -> str:
    """The table: each contender, with the ratio of its CPU to that of the case's first one.

    Where the machine was not quiet, no goal is decided.
    """
    lines = []
    for case in cases:
        found = {name: rounds[case.name, name] for name in case.contenders
                 if rounds.get((case.name, name))}  # fmt: skip
        if not found:
            continue
        lines += [f"\n{case.title}", f"  {'':36}{'CPU ms':>9}{'x':>22}{'wall ms':>10}{'RSS MB':>8}"]
        first = next(iter(found.values()))
        for name, each in found.items():
            pairs = zip(each, first, strict=False)
            ratios = [a.cpu_ms / b.cpu_ms for a, b in pairs if b.cpu_ms]
            ratio = shown(Spread.of(ratios)) if ratios else ""
            cpu, wall, peak = (
                Spread.of([getattr(one, figure) for one in each]).median
                for figure in ("cpu_ms", "wall_ms", "peak_mb")
            )
            lines.append(f"  {name:36}{cpu:9.2f}{ratio:>22}{wall:10.2f}{peak:+8.1f}")
    lines.append("\nGoals")
    for goal in GOALS:
        if values := goal.values(rounds):
            limit = f"{'>=' if goal.figure == 'rate' else '<='} {goal.limit:g}"
            verdict = goal.verdict(values) if quiet else "not decided"
            lines.append(
                f"  {verdict:12} {goal.what:54}{shown(Spread.of(values)):>19} {goal.unit} ({limit})"
            )
    return "\n".join(lines)


def shown(spread: Spread) -> str:
    """The median, and from the lowest to the highest."""
    if spread.median >= 100:
        return f"{spread.median:,.0f} ({spread.lowest:,.0f}-{spread.highest:,.0f})"
    return f"{spread.median:.2f} ({spread.lowest:.2f}-{spread.highest:.2f})"


def kept(before: Mapping[str, Any], rounds: Rounds, disturbed: Sequence[str]) -> dict[str, Any]:
    """What the file of results holds after a run.

    A case that was measured on a quiet machine is replaced only by another quiet measurement.

    Args:
        before: What it held.
        rounds: What was measured now.
        disturbed: What disturbed it; empty on a quiet machine.
    """
    cases: dict[str, Any] = dict(before.get("cases", {}))
    now = {"quiet": not disturbed, "disturbed": list(disturbed), **machine.facts(), **_versions()}
    for name in dict.fromkeys(case for case, _ in rounds):
        if disturbed and cases.get(name, {}).get("quiet"):
            continue
        contenders = {
            contender: {
                figure: [round(asdict(one)[figure], 3) for one in found]
                for figure in Measurement.__dataclass_fields__
            }
            for (case, contender), found in rounds.items()
            if case == name
        }
        cases[name] = {**now, "contenders": contenders}
    cases = {name: cases[name] for name in CASES if name in cases}
    return {"cases": cases, "goals": _goals(rounds_of(cases), cases)}


def _goals(rounds: Rounds, cases: Mapping[str, Any]) -> list[dict[str, Any]]:
    lines = []
    for goal in GOALS:
        if not (values := goal.values(rounds)):
            continue
        quiet = all(cases[key[0]]["quiet"] for key in (goal.ours, goal.other) if key)
        spread = Spread.of(values)
        lines.append(
            {
                "goal": goal.what,
                "at_least" if goal.figure == "rate" else "at_most": goal.limit,
                **{name: round(value, 3) for name, value in spread._asdict().items()},
                "unit": goal.unit,
                "rounds": len(values),
                "verdict": goal.verdict(values) if quiet else "not decided",
            }
        )
    return lines


def rounds_of(cases: Mapping[str, Any]) -> Rounds:
    """The measurements in a file of results."""
    return {
        (case, contender): [
            Measurement(**dict(zip(figures, row, strict=True)))
            for row in zip(*figures.values(), strict=True)
        ]
        for case, found in cases.items()
        for contender, figures in found["contenders"].items()
    }


def as_json(results: Mapping[str, Any]) -> str:
    """The text of the file: a line for each list of numbers, and for each goal."""
    goals = ",\n".join(f"  {json.dumps(goal)}" for goal in results["goals"])
    cases = []
    for name, case in results["cases"].items():
        rows = ",\n".join(
            f"   {json.dumps(contender)}: {json.dumps(figures)}"
            for contender, figures in case["contenders"].items()
        )
        facts = json.dumps({key: value for key, value in case.items() if key != "contenders"})
        cases.append(f'  {json.dumps(name)}: {facts[:-1]}, "contenders": {{\n{rows}}}}}')
    return f'{{"goals": [\n{goals}],\n "cases": {{\n' + ",\n".join(cases) + "}}\n"


def _versions() -> dict[str, Any]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"packages": found}
