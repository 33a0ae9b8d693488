"""What is to be reached, mostly as ratios of two contenders in one round, and whether it is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from benchmarks.cases import CASES
from benchmarks.measure import Measurement

Key: TypeAlias = tuple[str, str]
"""A case and a contender of it."""
Rounds: TypeAlias = Mapping[Key, Sequence[Measurement]]
Verdict: TypeAlias = Literal["reached", "missed", "not decided"]

FEWEST_ROUNDS = 3
"""With less there is no spread to speak of."""


class Spread(NamedTuple):
    """A figure over all rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """That of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


class Goal(NamedTuple):
    """One line of the table of goals.

    Attributes:
        limit: The most it may be, or the least, if it is a rate.
        ours: What is measured.
        other: What it is divided by, in the same round. Default: nothing.
        figure: Of a `Measurement`, or ``rate``: the share of the case's ideal rate.
    """

    what: str
    limit: float
    ours: Key
    other: Key | None = None
    figure: str = "cpu_ms"

    @property
    def unit(self) -> str:
        """What it is counted in."""
        if self.other:
            return "x"
        return {"rate": "of the ideal", "peak_mb": "MB"}.get(self.figure, "ms")

    def values(self, rounds: Rounds) -> list[float]:
        """One for each round in which all took part."""
        mine = [self._figure(each) for each in rounds.get(self.ours, ())]
        if self.other is None:
            return mine
        theirs = [self._figure(each) for each in rounds.get(self.other, ())]
        return [a / b for a, b in zip(mine, theirs, strict=False) if b]

    def _figure(self, measured: Measurement) -> float:
        if self.figure != "rate":
            return float(getattr(measured, self.figure))
        ideal = CASES[self.ours[0]].ideal_rate
        assert ideal is not None
        return 1000 / measured.wall_ms / ideal

    def verdict(self, values: Sequence[float]) -> Verdict:
        """Whether it is reached; not decided if rounds disagree, or are too few."""
        if self.figure == "rate":
            good = [value >= self.limit for value in values]
        else:
            good = [value <= self.limit for value in values]
        if len(good) < FEWEST_ROUNDS or len({*good}) > 1:
            return "not decided"
        return "reached" if good[0] else "missed"


def _group(case: str, *goals: tuple[str, float, str, str]) -> list[Goal]:
    """Ratios of processor time within a case; without the other contender, growth of memory."""
    return [
        Goal(what, limit, (case, ours), (case, other))
        if other
        else Goal(what, limit, (case, ours), figure="peak_mb")
        for what, limit, ours, other in goals
    ]


_HASHED = "httpx2, to disk with SHA-256"
_STREAM = "httpx2, stream by hand"

GOALS = (
    *_group(
        "picture",
        ("client.run / httpx2 in memory", 1.5, "client.run", "httpx2"),
        ("client.run / httpx2 to disk with SHA-256", 1.5, "client.run", _HASHED),
        ("tool.invoke / httpx2 in memory", 2.5, "tool.invoke", "httpx2"),
        ("tool.invoke / httpx2 to disk with SHA-256", 2.5, "tool.invoke", _HASHED),
        ("tool.invoke / visioncraftapi", 0.2, "tool.invoke", "visioncraftapi"),
    ),
    *_group("upload", ("4 MB upload: client.run / by hand", 1.3, "client.run", _STREAM)),
    *_group(
        "recording",
        ("200 MB upload: client.run / by hand", 1.3, "client.run", _STREAM),
        ("200 MB upload: memory of client.run", 16, "client.run", ""),
        ("200 MB upload: memory of tool.invoke", 16, "tool.invoke", ""),
    ),
    *_group(
        "film",
        (
            "200 MB answer: client.run / by hand with SHA-256",
            1.3,
            "client.run",
            f"{_STREAM} with SHA-256",
        ),
        ("200 MB answer: memory of client.run", 16, "client.run", ""),
        ("200 MB answer: memory of tool.invoke", 16, "tool.invoke", ""),
    ),
    *_group(
        "fan-out-64",
        ("64 in flight: client.run / httpx2", 0.5, "client.run", "httpx2"),
        ("64 in flight: tool.abatch / httpx2", 1.0, "tool.abatch", "httpx2"),
        ("64 in flight: tool.abatch / kept by hand", 1.5, "tool.abatch", "httpx2, kept by hand"),
        ("64 in flight: loader of pictures / httpx2", 1.5, "loader, pictures", "httpx2"),
    ),
    *(
        Goal(f"64 in flight: {ours}, rate", 0.6, ("fan-out-64", ours), figure="rate")
        for ours in ("client.run", "tool.abatch")
    ),
    *(
        Goal(f"{ours}: 512 / 64 in flight", 1.1, ("fan-out-512", ours), ("fan-out-64", ours))
        for ours in ("client.run", "tool.abatch")
    ),
    Goal(
        "captions: memory of 1,000 pictures / 100",
        1.2,
        ("captions", "1,000 pictures"),
        ("captions", "100 pictures"),
        figure="peak_mb",
    ),
    *_group("chat", ("chat / ChatOpenAI", 1.1, "ChatVisionCraft", "ChatOpenAI")),
    *_group(
        "chat-stream",
        ("chat, streamed / ChatOpenAI", 1.1, "ChatVisionCraft", "ChatOpenAI"),
        (
            "chat, streamed with tools in plain text / ChatOpenAI",
            1.5,
            "ChatVisionCraft, tools in plain text",
            "ChatOpenAI",
        ),
    ),
    *_group(
        "import",
        ("import of a client / of httpx and pydantic", 1.3, "VisionCraftClient", "httpx, pydantic"),
        ("import of a tool / of StructuredTool", 1.05, "VisionCraftTextToImage", "StructuredTool"),
        ("import of ChatVisionCraft / of ChatOpenAI", 1.0, "ChatVisionCraft", "ChatOpenAI"),
    ),
    *_group(
        "command",
        *(
            (f"visioncraft {name} / import of Typer", 2.5, f"visioncraft {name}", "Typer, imported")
            for name in ("--help", "image --help", "store list")
        ),
    ),
    Goal("completion in a shell", 200, ("command", "completion"), figure="wall_ms"),
    Goal("visioncraft image, from start to end", 600, ("command", "visioncraft image")),
    *_group(
        "store",
        ("store: add, 100,000 there / empty", 1.1, "add, 100,000 there", "add, empty"),
        ("store: find, 100,000 there / few", 1.1, "find, 100,000 there", "find, few there"),
    ),
)
