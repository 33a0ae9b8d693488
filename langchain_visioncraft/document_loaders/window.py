"""Many jobs, a few at a time, with their results in the order of the jobs.

A slow job delays the results behind it, but not the work: others continue until `AHEAD` times as
many results as jobs under way wait for it. So memory does not grow with the number of jobs, and a
caller that stops has paid for few unwanted results.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent import futures
from functools import partial
from typing import Any, TypeAlias, TypeVar

from langchain_core.runnables.config import ContextThreadPoolExecutor

from langchain_visioncraft._flows import Step, Steps, arun, call, run

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
_Future: TypeAlias = futures.Future[Any] | asyncio.Future[Any]

AHEAD = 4
_END: Any = object()
_AT_ONCE = 0.001
"""Seconds. If finding jobs takes longer, they are started one by one."""


def ordered_map(
    flow_of: Callable[[JobT], Steps[ResultT]], jobs: Iterable[JobT], width: int
) -> Generator[ResultT, None, None]:
    """Run a flow for each job in `width` threads; yield the results in the order of the jobs.

    When the caller stops, or a job fails, running flows end after their present step.
    """
    stop = threading.Event()
    with ContextThreadPoolExecutor(width, thread_name_prefix="visioncraft-loader") as executor:
        window = _Window(lambda job: executor.submit(run, flow_of(job), stop.is_set), jobs, width)
        try:
            while (result := run(window.next_result())) is not _END:
                yield result
        finally:
            stop.set()
            window.cancel()


async def aordered_map(
    flow_of: Callable[[JobT], Steps[ResultT]], jobs: Iterable[JobT], width: int
) -> AsyncGenerator[ResultT, None]:
    """The same in tasks, which are cancelled when the caller stops or a job fails."""
    window = _Window(lambda job: asyncio.create_task(arun(flow_of(job))), jobs, width)
    try:
        while (result := await arun(window.next_result())) is not _END:
            yield result
    finally:
        await asyncio.gather(*window.cancel(), return_exceptions=True)


class _Window:
    """The jobs that were taken and whose results are still due, in order."""

    def __init__(self, start: Callable[[Any], _Future], jobs: Iterable[Any], width: int) -> None:
        self._start = start
        self._width = width
        self._taken: deque[Any] = deque()
        self._all_taken = False
        self._jobs = iter(jobs)

    def _take(self, most: int) -> list[Any]:
        """The next jobs: as many as are found quickly, perhaps followed by `_END`."""
        until, found = time.monotonic() + _AT_ONCE, []
        for job in self._jobs:
            found.append(job)
            if len(found) == most or time.monotonic() > until:
                return found
        return [*found, _END]

    def next_result(self) -> Steps[Any]:
        """The next result, as soon as it is due; `_END` after the last one."""
        while not self._is_due():
            busy = [each for each in self._taken if not each.done()]
            if len(busy) == self._width:
                yield _wait_for_one(busy)
                continue
            # In a thread, since finding files takes time; a stop does not wait for it.
            room = min(self._width - len(busy), AHEAD * self._width - len(self._taken))
            take = partial(self._take, room)
            for job in (yield Step(take, partial(asyncio.to_thread, take))):
                if job is _END:
                    self._all_taken = True
                else:
                    self._taken.append(self._start(job))
        if not self._taken:
            return _END
        if not self._taken[0].done():
            yield _wait_for_one([self._taken[0]])
        return self._taken.popleft().result()

    def _is_due(self) -> bool:
        """Whether the next result comes before another job is taken."""
        taken = self._taken
        return (
            self._all_taken
            or len(taken) == AHEAD * self._width
            # Results after a failure are not needed.
            or any(
                each.done() and (each is taken[0] or each.cancelled() or each.exception())
                for each in taken
            )
        )

    def cancel(self) -> deque[Any]:
        """Cancel the jobs, and return their futures."""
        for each in self._taken:
            each.cancel()
        return self._taken


def _wait_for_one(some: list[Any]) -> Step[Any]:
    return call(futures.wait, asyncio.wait, some, return_when=futures.FIRST_COMPLETED)
