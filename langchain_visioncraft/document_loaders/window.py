"""Many jobs, a few at a time, their results in the order of the jobs.

At most `width` jobs are taken and not done at a time. A slow one at the head holds up the results
behind it, not the work: others go on until `AHEAD` times as many wait to be taken. So memory does
not grow with the number of jobs, and whoever stops has paid for few that were not wanted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from typing import Generic, Protocol, TypeVar

from langchain_core.runnables.config import ContextThreadPoolExecutor

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

AHEAD = 4


class _Future(Protocol):
    """Of a thread or of an event loop."""

    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def exception(self) -> BaseException | None: ...


FutureT = TypeVar("FutureT", bound=_Future)


class _Window(Generic[FutureT]):
    """Jobs that were taken, in order, and whose results were not given yet."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.jobs: deque[FutureT] = deque()

    def busy(self) -> list[FutureT]:
        """Those that are not done."""
        return [job for job in self.jobs if not job.done()]

    def gives(self) -> bool:
        """Whether the first result is due before another job is taken."""
        return bool(self.jobs) and (
            self.jobs[0].done() or len(self.jobs) == AHEAD * self.width or self._failed()
        )

    def _failed(self) -> bool:
        # Nothing behind a failure will be asked for.
        return any(job.done() and (job.cancelled() or job.exception()) for job in self.jobs)


def in_threads(
    jobs: Iterable[JobT],
    work: Callable[[JobT, Callable[[], bool]], ResultT],
    width: int,
) -> Generator[ResultT, None, None]:
    """Do jobs in threads.

    When the caller stops, or a job fails, what is under way is told to stop and waited for.

    Args:
        jobs: Are taken one by one, when there is room.
        work: Takes a job, and a function that says whether to stop.
        width: How many at a time.
    """
    stop = threading.Event()
    window: _Window[concurrent.futures.Future[ResultT]] = _Window(width)
    with ContextThreadPoolExecutor(width, thread_name_prefix="visioncraft-loader") as executor:
        try:
            for job in jobs:
                window.jobs.append(executor.submit(work, job, stop.is_set))
                while window.gives() or len(busy := window.busy()) == width:
                    if window.gives():
                        yield window.jobs.popleft().result()
                    else:
                        concurrent.futures.wait(
                            busy, return_when=concurrent.futures.FIRST_COMPLETED
                        )
            while window.jobs:
                yield window.jobs.popleft().result()
        finally:
            stop.set()
            for future in window.jobs:
                future.cancel()


async def in_tasks(
    jobs: Iterable[JobT], work: Callable[[JobT], Awaitable[ResultT]], width: int
) -> AsyncGenerator[ResultT, None]:
    """Do jobs in tasks; when the caller stops, or a job fails, the others are cancelled.

    Args:
        jobs: Are taken one by one in a thread, since finding files may take time.
        work: Takes a job.
        width: How many at a time.
    """
    window: _Window[asyncio.Task[ResultT]] = _Window(width)
    iterator, done = iter(jobs), object()

    async def run(job: JobT) -> ResultT:
        return await work(job)

    try:
        while (job := await asyncio.to_thread(next, iterator, done)) is not done:
            window.jobs.append(asyncio.create_task(run(job)))  # type: ignore[arg-type]
            while window.gives() or len(busy := window.busy()) == width:
                if window.gives():
                    yield await window.jobs[0]
                    window.jobs.popleft()
                else:
                    await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
        while window.jobs:
            yield await window.jobs[0]
            window.jobs.popleft()
    finally:
        for task in window.jobs:
            task.cancel()
        await asyncio.gather(*window.jobs, return_exceptions=True)
