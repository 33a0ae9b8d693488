"""Many jobs, a few at a time, their results in the order of the jobs.

At most `width` jobs are under way or done and not yet taken, so that memory does not grow with
their number.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

from langchain_core.runnables.config import ContextThreadPoolExecutor

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


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
    waiting: deque[Future[ResultT]] = deque()
    with ContextThreadPoolExecutor(width, thread_name_prefix="visioncraft-loader") as executor:
        try:
            for job in jobs:
                waiting.append(executor.submit(work, job, stop.is_set))
                if len(waiting) == width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            stop.set()
            for future in waiting:
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
    waiting: deque[asyncio.Task[ResultT]] = deque()
    iterator, done = iter(jobs), object()

    async def run(job: JobT) -> ResultT:
        return await work(job)

    try:
        while True:
            job = await asyncio.to_thread(next, iterator, done)
            if job is done:
                break
            waiting.append(asyncio.create_task(run(job)))  # type: ignore[arg-type]
            if len(waiting) == width:
                yield await waiting[0]
                waiting.popleft()
        while waiting:
            yield await waiting[0]
            waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
