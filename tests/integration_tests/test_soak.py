"""The soak finds leaks, finds none where there are none, and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import Sample, as_text, grown, sandbox_process, soak


def samples(**slopes: float) -> list[Sample]:
    """Figures that shake a little, and grow by this much in a thousand turns."""
    flat = {"memory": 150, "sandbox_memory": 160, "files": 12, "threads": 5, "temporary": 0}
    found = []
    for number in range(75):
        turns = 24 * (number + 1)
        warm = min(number, 20)  # caches fill at the beginning
        figures = {name: value + slopes.get(name, 0) * turns / 1000 for name, value in flat.items()}
        figures["memory"] += warm + number % 3
        found.append(Sample(turns=turns, **figures))  # type: ignore[arg-type]
    return found


def test_a_warm_up_is_no_leak() -> None:
    assert grown(samples()) == []


@pytest.mark.parametrize(
    ("name", "slope"),
    [("memory", 15), ("sandbox_memory", 15), ("files", 5), ("threads", 3), ("temporary", 0.5)],
)
def test_a_leak_is_found(name: str, slope: float) -> None:
    assert grown(samples(**{name: slope})) == [name]
    lines = [line.split() for line in as_text(samples(**{name: slope})).splitlines()]
    [figures] = [line for line in lines if line[0] == name]
    assert float(figures[-1]) == pytest.approx(slope, abs=0.1)


def test_a_few_turns_of_each_kind_leave_nothing(tmp_path: Path) -> None:
    with sandbox_process() as (process, url):
        found, told, strange = soak(8, url, process, tmp_path, every=4)
    assert strange == []
    assert sum(told.values()) == 8
    assert len(told) == 8
    assert [sample.turns for sample in found] == [4, 8]
    assert found[-1].temporary == 0
    assert found[-1].threads <= found[0].threads + 2
