"""The window in which files are worked on: how many at a time, and how far ahead."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from langchain_visioncraft._flows import Steps, call, run, work
from langchain_visioncraft.document_loaders import window
from langchain_visioncraft.document_loaders.window import AHEAD, _Window, aordered_map, ordered_map

WIDTH = 2


class Jobs:
    """Numbers to work on.

    The first waits for `behind`: until one of the others failed, or until as many are done as may
    be before it.
    """

    def __init__(self, count: int = 50, failing: int | None = None) -> None:
        self.behind = threading.Event()
        self.count = count
        self.failing = failing
        self.taken = 0
        self.done: list[int] = []
        self.most_at_once = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            self.taken += 1
            self.most_at_once = max(self.most_at_once, self.taken - len(self.done))
            yield number

    def finish(self, number: int) -> int:
        self.done.append(number)
        if len(self.done) == AHEAD * WIDTH - 1:
            self.behind.set()
        if number == self.failing:
            raise OSError(f"{number} cannot be read")
        return number

    def flow(self, number: int) -> Steps[int]:
        if number == 0:
            assert (yield work(self.behind.wait, 60))
        return self.finish(number)


class Watched(_Window):
    """Tells the first job of a failure only once its future has failed, not while it is raised."""

    def __init__(self, start: Callable[[Any], Any], jobs: Any, width: int) -> None:
        def watched(job: Any) -> Any:
            future = start(job)
            future.add_done_callback(ended)
            return future

        def ended(future: Any) -> None:
            if not future.cancelled() and future.exception():
                jobs.behind.set()

        super().__init__(watched, jobs, width)


def threads(jobs: Jobs, results: list[int]) -> None:
    results.extend(ordered_map(jobs.flow, jobs, WIDTH))


def tasks(jobs: Jobs, results: list[int]) -> None:
    async def main() -> None:
        async for result in aordered_map(jobs.flow, jobs, WIDTH):
            results.append(result)  # noqa: PERF401 -- those before a failure are kept

    asyncio.run(main())


@pytest.mark.parametrize("load", [threads, tasks])
def test_a_slow_job_holds_up_results_but_not_the_work(load: Any) -> None:
    jobs, results = Jobs(), []
    load(jobs, results)
    assert results == list(range(50))
    assert jobs.done.index(0) == AHEAD * WIDTH - 1
    assert jobs.most_at_once == WIDTH


@pytest.mark.parametrize("load", [threads, tasks])
def test_nothing_is_taken_behind_a_failure_and_what_is_before_it_is_given(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "_Window", Watched)
    jobs, results = Jobs(failing=3), []
    with pytest.raises(OSError, match="3 cannot be read"):
        load(jobs, results)
    assert results == [0, 1, 2]
    assert jobs.taken == 4


@pytest.mark.parametrize("load", [threads, tasks])
def test_without_jobs_there_are_no_results(load: Any) -> None:
    jobs, results = Jobs(count=0), []
    load(jobs, results)
    assert results == []


def test_who_stops_waits_for_the_step_under_way_and_not_for_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, stopped, done = threading.Event(), threading.Event(), []

    class Stop(threading.Event):
        def set(self) -> None:
            super().set()
            stopped.set()

    def slow() -> None:
        started.set()
        assert stopped.wait(60)
        done.append("slow")

    def flow(number: int) -> Steps[int]:
        if number:
            yield work(slow)
            yield work(done.append, "next")
        else:
            yield work(started.wait, 60)
        return number

    monkeypatch.setattr(window, "threading", SimpleNamespace(Event=Stop))
    results = ordered_map(flow, range(2), WIDTH)
    assert next(results) == 0
    results.close()
    assert done == ["slow"]


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
        self.all_taken = False
        self.pool = concurrent.futures.ThreadPoolExecutor(4 * width)
        self._running = 0
        self._released = 0
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[int]:
        yield from range(4 * self.width)
        self.all_taken = True
        self.release(self.width)

    def flow(self, number: int) -> Steps[int]:
        result: int = yield call(self.work, self.awork, number)
        return result

    async def awork(self, number: int) -> int:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.work, number)

    def work(self, number: int) -> int:
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
        if self.all_taken:  # what is left ends by itself
            return
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
    return list(ordered_map(held.flow, held, held.width))


def held_tasks(held: Held, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    wait = asyncio.wait

    async def looking(jobs: Any, **options: Any) -> Any:
        await asyncio.to_thread(held.look, jobs)
        return await wait(jobs, **options)

    async def main() -> list[int]:
        return [result async for result in aordered_map(held.flow, held, held.width)]

    monkeypatch.setattr(asyncio, "wait", looking)
    with held.pool:
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


def test_as_many_results_wait_behind_a_slow_job_as_may_be_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow, ready = (concurrent.futures.Future[int]() for _ in range(2))
    ready.set_result(1)
    taken: list[int] = []

    def start(number: int) -> Any:
        taken.append(number)
        return ready if number else slow

    def wait(jobs: Any, **_: Any) -> Any:
        assert list(jobs) == [slow]
        raise TimeoutError

    monkeypatch.setattr(concurrent.futures, "wait", wait)
    with pytest.raises(TimeoutError):
        run(_Window(start, range(50), WIDTH).next_result())
    assert len(taken) == AHEAD * WIDTH


@pytest.mark.parametrize(("at_once", "visits"), [(60, 2), (-1, 9)])
async def test_jobs_are_found_in_one_visit_to_a_thread_as_long_as_they_come_at_once(
    at_once: float, visits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, to_thread = [], asyncio.to_thread

    async def counted(*work: Any) -> Any:
        made.append(work)
        return await to_thread(*work)

    def flow(number: int) -> Steps[int]:
        yield work(lambda: None)
        return number

    monkeypatch.setattr(window, "_AT_ONCE", at_once)
    monkeypatch.setattr(asyncio, "to_thread", counted)
    assert [each async for each in aordered_map(flow, range(8), 8)] == list(range(8))
    assert len(made) == visits
