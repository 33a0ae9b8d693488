"""The window in which files are worked on: how many at a time, and how far ahead."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from langchain_visioncraft.document_loaders.window import AHEAD, in_tasks, in_threads

WIDTH = 2


class Jobs:
    """Numbers to work on.

    The first waits for `behind`: until one of the others failed, or until as many are done as may
    be before it.
    """

    def __init__(self, behind: Any, failing: int | None = None) -> None:
        self.behind = behind
        self.failing = failing
        self.taken = 0
        self.done: list[int] = []
        self.most_at_once = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(50):
            self.taken += 1
            self.most_at_once = max(self.most_at_once, self.taken - len(self.done))
            yield number

    def finish(self, number: int) -> int:
        self.done.append(number)
        if number == self.failing or len(self.done) == AHEAD * WIDTH - 1:
            self.behind.set()
        if number == self.failing:
            raise OSError(f"{number} cannot be read")
        return number


def threads(failing: int | None = None) -> tuple[Jobs, list[int]]:
    jobs, results = Jobs(threading.Event(), failing), []

    def work(number: int, _: Any) -> int:
        if number == 0:
            assert jobs.behind.wait(60)
        return jobs.finish(number)

    with contextlib.suppress(OSError):
        results.extend(in_threads(jobs, work, WIDTH))
    return jobs, results


def tasks(failing: int | None = None) -> tuple[Jobs, list[int]]:
    jobs, results = Jobs(asyncio.Event(), failing), []

    async def work(number: int) -> int:
        if number == 0:
            await asyncio.wait_for(jobs.behind.wait(), 60)
        return jobs.finish(number)

    async def main() -> None:
        async for result in in_tasks(jobs, work, WIDTH):
            results.append(result)  # noqa: PERF401 -- those before a failure are kept

    with contextlib.suppress(OSError):
        asyncio.run(main())
    return jobs, results


@pytest.mark.parametrize("load", [threads, tasks])
def test_a_slow_job_holds_up_results_but_not_the_work(load: Any) -> None:
    jobs, results = load()
    assert results == list(range(50))
    assert jobs.done.index(0) == AHEAD * WIDTH - 1
    assert jobs.most_at_once == WIDTH


@pytest.mark.parametrize("load", [threads, tasks])
def test_nothing_is_taken_behind_a_failure_and_what_is_before_it_is_given(load: Any) -> None:
    jobs, results = load(failing=3)
    assert results == [0, 1, 2]
    assert jobs.taken == 4
