"""What the benchmarks call reached, and which results they keep. Nothing here is timed."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import benchmarks.contenders  # noqa: F401 -- makes the cases known
from benchmarks import chart, machine, results
from benchmarks.goals import Goal, Rounds
from benchmarks.machine import Probe
from benchmarks.measure import Measurement

OURS, THEIRS = ("chat", "ChatVisionCraft"), ("chat", "ChatOpenAI")


def measured(*cpu: float, wall: float = 1.0) -> list[Measurement]:
    return [Measurement(cpu_ms=each, wall_ms=wall, peak_mb=1.0) for each in cpu]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.0, 1.05, 1.1), "reached"),
        ((1.11, 1.2, 1.5), "missed"),
        ((1.0, 1.0, 1.2), "not decided"),  # although the median is good enough
        ((1.0, 1.2, 1.2), "not decided"),
        ((1.0, 1.0), "not decided"),  # too few
        ((), "not decided"),
    ],
)
def test_a_goal_is_reached_or_missed_only_if_all_rounds_agree(
    values: tuple[float, ...], verdict: str
) -> None:
    assert Goal("a ratio", 1.1, OURS, THEIRS).verdict(values) == verdict


def test_a_rate_is_reached_from_its_limit_upwards() -> None:
    goal = Goal("a rate", 0.6, ("fan-out-64", "client.run"), figure="rate")
    assert goal.verdict([0.6, 0.7, 0.9]) == "reached"
    assert goal.verdict([0.5, 0.7, 0.9]) == "not decided"
    assert goal.verdict([0.5, 0.5, 0.59]) == "missed"
    ideal = results.CASES["fan-out-64"].ideal_rate
    assert ideal
    rounds: Rounds = {("fan-out-64", "client.run"): measured(1, wall=2000 / ideal)}
    assert goal.values(rounds) == [pytest.approx(0.5)]


def test_a_ratio_is_of_the_same_round() -> None:
    goal = Goal("a ratio", 1.1, OURS, THEIRS)
    rounds: Rounds = {OURS: measured(2, 9, 4), THEIRS: measured(1, 3)}
    assert goal.values(rounds) == [2, 3]
    assert goal.values({OURS: measured(2)}) == []


@pytest.mark.parametrize(
    ("load", "probes", "words"),
    [
        (0.1, [Probe(0.1, 0.105), Probe(0.11, 0.115)], []),
        (0.9, [Probe(0.1, 0.1)], ["the load was 0.90 a processor"]),
        (0.1, [Probe(0.1, 0.1), Probe(0.1, 0.2)], ["got a processor 50% of the time"]),
        (0.1, [Probe(0.1, 0.1), Probe(0.2, 0.2)], ["took up to 2.00 times as long"]),
        (0.1, [], []),
    ],
)
def test_what_disturbs_a_measurement_is_found_and_named(
    load: float, probes: list[Probe], words: list[str]
) -> None:
    found = machine.disturbances(load, probes)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_a_quiet_result_is_replaced_only_by_a_quiet_one() -> None:
    def chat_of(held: dict[str, Any]) -> list[float]:
        cpu: list[float] = held["cases"]["chat"]["contenders"]["ChatOpenAI"]["cpu_ms"]
        return cpu

    busy = results.kept({}, {THEIRS: measured(9)}, ["it was busy"])
    assert (chat_of(busy), busy["cases"]["chat"]["quiet"]) == ([9], False)
    quiet = results.kept(busy, {THEIRS: measured(1)}, [])
    assert (chat_of(quiet), quiet["cases"]["chat"]["quiet"]) == ([1], True)
    later = results.kept(quiet, {THEIRS: measured(8), ("store", "find"): measured(5)}, ["busy"])
    assert chat_of(later) == [1]
    assert later["cases"]["store"]["disturbed"] == ["busy"]
    newest = results.kept(later, {THEIRS: measured(2)}, [])
    assert chat_of(newest) == [2]
    assert "store" in newest["cases"]  # what was not measured stays


@pytest.mark.parametrize(("disturbed", "verdict"), [([], "reached"), (["busy"], "not decided")])
def test_a_busy_machine_decides_nothing(disturbed: list[str], verdict: str) -> None:
    rounds: Rounds = {OURS: measured(1, 1, 1), THEIRS: measured(1, 1, 1)}
    held = results.kept({}, rounds, disturbed)
    [goal] = held["goals"]
    assert (goal["goal"], goal["verdict"]) == ("chat / ChatOpenAI", verdict)
    assert (goal["median"], goal["lowest"], goal["highest"], goal["rounds"]) == (1, 1, 1, 3)


def test_what_is_written_is_read_again() -> None:
    rounds: Rounds = {OURS: measured(1.5, 2, wall=3), THEIRS: measured(1, 1)}
    held = results.kept({}, rounds, [])
    read = json.loads(results.as_json(held))
    assert read == held
    assert results.rounds_of(read["cases"]) == rounds


def test_the_table_and_the_chart_show_the_spread_and_a_busy_machine() -> None:
    case = results.CASES["chat-stream"]
    rounds: Rounds = {
        ("chat-stream", "ChatOpenAI"): measured(1, 1, 2),
        ("chat-stream", "ChatVisionCraft"): measured(1, 3, 2),
    }
    text = results.as_text([case], rounds)
    assert "1.00 (1.00-3.00)" in text
    assert "not decided  chat, streamed / ChatOpenAI" in text
    agreed: Rounds = {key: measured(1, 1, 1) for key in rounds}
    assert "reached      chat, streamed / ChatOpenAI" in results.as_text([case], agreed)
    assert "not decided  chat, streamed / " in results.as_text([case], agreed, quiet=False)
    drawn = chart.draw(results.kept({}, rounds, ["busy"])["cases"])
    assert ">busy machine<" in drawn
    assert ">busy machine<" not in chart.draw(results.kept({}, rounds, [])["cases"])
    root = ET.fromstring(drawn)
    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("y")]
    assert [each.get("class") for each in bars] == ["o", "u"]


def test_every_row_of_the_chart_is_a_contender() -> None:
    for panel in chart.PANELS:
        assert {name for name, _ in panel.rows} <= {*results.CASES[panel.case].contenders}
