"""What is to be reached, as ratios of two contenders in the same rounds, and whether it was."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.cases import CASES
from benchmarks.contenders.imports import BARE
from benchmarks.measure import Measurement

Rounds: TypeAlias = Mapping[tuple[str, str], Sequence[Measurement]]
"""By case and contender."""


@dataclass(frozen=True)
class Goal:
    """One line of the table of goals.

    Attributes:
        measured: From the measurements of one round; `None` if a contender was not there.
    """

    what: str
    limit: float
    unit: str
    measured: Callable[[Rounds, int], float | None]
    at_least: bool = False

    def result(self, rounds: Rounds) -> float | None:
        """The median over all rounds."""
        count = max((len(found) for found in rounds.values()), default=0)
        values = [self.measured(rounds, number) for number in range(count)]
        there = [value for value in values if value is not None]
        return statistics.median(there) if there else None

    def is_reached(self, value: float) -> bool:
        """Whether this value is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


def _one(rounds: Rounds, case: str, contender: str, number: int) -> Measurement | None:
    found = rounds.get((case, contender), ())
    return found[number] if number < len(found) else None


def _cpu_ratio(
    what: str, limit: float, case: str, ours: str, other: str, *, other_case: str = ""
) -> Goal:
    def measured(rounds: Rounds, number: int) -> float | None:
        mine = _one(rounds, case, ours, number)
        theirs = _one(rounds, other_case or case, other, number)
        return mine.cpu_ms / theirs.cpu_ms if mine and theirs and theirs.cpu_ms else None

    return Goal(what, limit, "x", measured)


def _memory(what: str, limit: float, case: str, ours: str) -> Goal:
    def measured(rounds: Rounds, number: int) -> float | None:
        mine = _one(rounds, case, ours, number)
        return mine.peak_mb if mine else None

    return Goal(what, limit, "MB", measured)


def _rate(what: str, limit: float, case: str, ours: str) -> Goal:
    def measured(rounds: Rounds, number: int) -> float | None:
        mine, ideal = _one(rounds, case, ours, number), CASES[case].ideal_rate
        return 1000 / mine.wall_ms / ideal if mine and ideal else None

    return Goal(what, limit, "of the ideal", measured, at_least=True)


def _over_bare(what: str, limit: float, ours: str) -> Goal:
    def measured(rounds: Rounds, number: int) -> float | None:
        mine, bare = _one(rounds, "import", ours, number), _one(rounds, "import", BARE, number)
        return mine.cpu_ms - bare.cpu_ms if mine and bare else None

    return Goal(what, limit, "ms", measured)


_HASHED = "httpx2, to disk with SHA-256"
_STREAM = "httpx2, stream by hand"
_OVER_AIOHTTP = "client.run, httpx-aiohttp"
_FILM_HASHED = "httpx2, stream by hand with SHA-256"

GOALS = (
    _cpu_ratio("client.run / httpx2 in memory", 1.5, "picture", "client.run", "httpx2"),
    _cpu_ratio("the same / httpx2 to disk with SHA-256", 1.5, "picture", "client.run", _HASHED),
    _cpu_ratio("tool.invoke / httpx2 in memory", 2.5, "picture", "tool.invoke", "httpx2"),
    _cpu_ratio("the same / httpx2 to disk with SHA-256", 2.5, "picture", "tool.invoke", _HASHED),
    _cpu_ratio("the same / visioncraftapi", 0.2, "picture", "tool.invoke", "visioncraftapi"),
    _cpu_ratio("4 MB upload: client.run / stream by hand", 1.3, "upload", "client.run", _STREAM),
    _cpu_ratio("200 MB upload: client.run / by hand", 1.3, "recording", "client.run", _STREAM),
    _memory("200 MB upload: client.run, peak RSS", 16, "recording", "client.run"),
    _memory("200 MB upload: tool.invoke, peak RSS", 16, "recording", "tool.invoke"),
    _cpu_ratio("200 MB answer: client.run / by hand", 1.3, "film", "client.run", _STREAM),
    _cpu_ratio("the same / by hand with SHA-256", 1.3, "film", "client.run", _FILM_HASHED),
    _memory("200 MB answer: client.run, peak RSS", 16, "film", "client.run"),
    _memory("200 MB answer: tool.invoke, peak RSS", 16, "film", "tool.invoke"),
    _rate("64 in flight: client.run, rate", 0.9, "fan-out-64", "client.run"),
    _cpu_ratio("64 in flight: client.run / httpx2", 1.5, "fan-out-64", "client.run", "httpx2"),
    _rate("64 in flight: client.run, httpx-aiohttp, rate", 0.9, "fan-out-64", _OVER_AIOHTTP),
    _cpu_ratio("the same / httpx2", 1.5, "fan-out-64", _OVER_AIOHTTP, "httpx2"),
    _rate("64 in flight: tool.abatch, rate", 0.9, "fan-out-64", "tool.abatch"),
    _cpu_ratio("64 in flight: tool.abatch / httpx2", 1.5, "fan-out-64", "tool.abatch", "httpx2"),
    _cpu_ratio("the same / kept by hand", 1.5, "fan-out-64", "tool.abatch", "httpx2, kept by hand"),
    _rate("64 in flight: loader, pictures, rate", 0.9, "fan-out-64", "loader, pictures"),
    _cpu_ratio("64 in flight: the same / httpx2", 1.5, "fan-out-64", "loader, pictures", "httpx2"),
    _cpu_ratio(
        "client.run: 512 / 64 in flight, per call",
        1.1,
        "fan-out-512",
        "client.run",
        "client.run",
        other_case="fan-out-64",
    ),
    _cpu_ratio(
        "tool.abatch: 512 / 64 in flight, per call",
        1.1,
        "fan-out-512",
        "tool.abatch",
        "tool.abatch",
        other_case="fan-out-64",
    ),
    _cpu_ratio("chat invoke / ChatOpenAI", 1.1, "chat", "ChatVisionCraft", "ChatOpenAI"),
    _cpu_ratio("chat stream / ChatOpenAI", 1.1, "chat-stream", "ChatVisionCraft", "ChatOpenAI"),
    _cpu_ratio(
        "chat stream, tools in plain text / ChatOpenAI",
        1.5,
        "chat-stream",
        "ChatVisionCraft, tools in plain text",
        "ChatOpenAI",
    ),
    _over_bare("import langchain_visioncraft, over bare", 50, "langchain_visioncraft"),
    _over_bare("import of a tool class, over bare", 350, "VisionCraftTextToImage"),
    _cpu_ratio(
        "the same / StructuredTool itself",
        1.25,
        "import",
        "VisionCraftTextToImage",
        "StructuredTool of langchain_core",
    ),
    _cpu_ratio(
        "import of ChatVisionCraft / langchain_openai",
        1.05,
        "import",
        "ChatVisionCraft",
        "langchain_openai",
    ),
    _cpu_ratio("store: add, 100,000 / empty", 1.1, "store", "add, 100,000 there", "add, empty"),
    _cpu_ratio(
        "store: find, 100,000 / few", 1.1, "store", "find, 100,000 there", "find, few there"
    ),
)
