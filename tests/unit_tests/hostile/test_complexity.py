"""Whatever reads text that others wrote takes time that grows with its length."""

from __future__ import annotations

import pytest
from attack.complexity import problem_of
from attack.families import FAMILIES
from attack.readers import READERS

LONGEST = 16_000
"""Characters; ``make attack`` tries four times as many."""


@pytest.mark.parametrize("name", READERS)
def test_four_times_the_text_takes_at_most_six_times_as_long(name: str) -> None:
    work = READERS[name]
    problems = (problem_of(work, family, LONGEST) for family in FAMILIES)
    assert [problem for problem in problems if problem] == []


def test_quadratic_work_is_noticed() -> None:
    assert problem_of(lambda text: [text.count(letter) for letter in text], "one letter")


def test_there_are_twenty_families_of_any_length() -> None:
    assert len(FAMILIES) >= 20
    for make in FAMILIES.values():
        assert 900 <= len(make(1000)) <= 1200
