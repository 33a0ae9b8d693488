"""The window in which files are worked on: how many at a time, and how far ahead."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from langchain_visioncraft.document_loaders.window import AHEAD, _Window, in_tasks, in_threads

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


PATIENCE = 60
"""Seconds, after which a test fails that would hang."""


class Held:
    """Jobs that end in order, one at a time, and only while the window waits for one of them.

    So whenever it waits, what it has taken is all under way.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.waited_for: list[int] = []
        self.running: list[int] = []
        self._running = 0
        self._released = 0
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[int]:
        yield from range(4 * self.width)
        self.release(self.width)  # for the last of them nobody waits in the window

    def work(self, number: int, _: Any = None) -> int:
        with self._changed:
            self._running += 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: number < self._released, PATIENCE)
            self._running -= 1
        return number

    def release(self, count: int) -> None:
        with self._changed:
            self._released += count
            self._changed.notify_all()

    def look(self, jobs: Any) -> None:
        """At the moment when the window waits for one of these."""
        with self._changed:
            wanted = min(len(jobs), self.width)
            assert self._changed.wait_for(lambda: self._running >= wanted, PATIENCE)
            self.waited_for.append(len(jobs))
            self.running.append(self._running)
        self.release(1)


def held_threads(held: Held, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    wait = concurrent.futures.wait

    def looking(jobs: Any, **options: Any) -> Any:
        held.look(jobs)
        return wait(jobs, **options)

    monkeypatch.setattr(concurrent.futures, "wait", looking)
    return list(in_threads(held, held.work, held.width))


def held_tasks(held: Held, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    wait = asyncio.wait

    async def looking(jobs: Any, **options: Any) -> Any:
        await asyncio.to_thread(held.look, jobs)
        return await wait(jobs, **options)

    async def main() -> list[int]:
        return [result async for result in in_tasks(held, work, held.width)]

    async def work(number: int) -> int:
        return await asyncio.get_running_loop().run_in_executor(pool, held.work, number)

    monkeypatch.setattr(asyncio, "wait", looking)
    with concurrent.futures.ThreadPoolExecutor(4 * held.width) as pool:
        return asyncio.run(main())


@pytest.mark.parametrize("load", [held_threads, held_tasks])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_as_many_jobs_as_the_window_is_wide_run_at_once(
    load: Any, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(width)
    assert load(held, monkeypatch) == list(range(4 * width))
    assert set(held.waited_for) == {width}
    assert set(held.running) == {width}


def test_as_many_results_wait_behind_a_slow_job_as_may_be_ahead() -> None:
    slow, ready = (concurrent.futures.Future[int]() for _ in range(2))
    ready.set_result(1)
    window = _Window[concurrent.futures.Future[int]](WIDTH)
    window.jobs.extend([slow, *[ready] * (AHEAD * WIDTH - 2)])
    assert not window.gives()
    window.jobs.append(ready)
    assert window.gives()
