"""Limits for a whole cluster, and the permits of an actor under them."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from langchain_visioncraft._driving import adrive
from langchain_visioncraft._flows import Step
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.client.serving import Serving
from langchain_visioncraft.document_loaders.base import check_number


@dataclass(eq=False)
class CallLimits(KnownKeywords):
    """How many calls a whole cluster makes at the same time, and per second.

    To share the limits among several datasets, pass them the same object. Every attempt counts,
    including retries; fetching the file behind a URL does not.

    ```python
    from langchain_visioncraft.ray import CallLimits

    limits = CallLimits(in_flight=64, per_second=20)
    ```

    Args:
        in_flight: How many calls may be in flight, from 1.
        per_second: How many calls may begin per second, evenly spread; `None`: as many as
            `in_flight` allows.
        heartbeat_timeout: Seconds, from 1, after which the calls of a lost machine no longer count.
            If a machine was only delayed for so long, `in_flight` may be exceeded for a moment.

    Raises:
        InvalidRequestError: If a number is out of its bounds.
    """

    in_flight: int = 32
    per_second: float | None = None
    heartbeat_timeout: float = field(default=30.0, kw_only=True)

    def __post_init__(self) -> None:
        check_number("in_flight", self.in_flight, 1, whole=True)
        if self.per_second is not None:
            check_number("per_second", self.per_second, 0.001)
        check_number("heartbeat_timeout", self.heartbeat_timeout, 1)
        self._limiter: Any = None
        self._home: Any = None

    def limiter(self) -> Any:
        """The handle of the actor that counts; it lives as long as handles of it do.

        It runs where the job was started, so that losing another machine does not stop the job.
        """
        if not ray.is_initialized():
            ray.init()
        context = ray.get_runtime_context()
        home = (context.get_job_id(), context.get_node_id())
        if self._home != home:
            self._home = home
            actor = ray.remote(Limiter).options(
                num_cpus=0,
                max_concurrency=100_000,  # actors that wait must not keep others from releasing
                scheduling_strategy=NodeAffinitySchedulingStrategy(home[1], soft=False),
            )
            self._limiter = actor.remote(self.in_flight, self.per_second, self.heartbeat_timeout)
        return self._limiter


class Limiter:
    """Issues permits for calls, first come, first served, in one event loop. It does not use Ray.

    Permits of a holder whose heartbeat stopped do not count: a lost machine keeps none. If it was
    only delayed, they count again until they are released.
    """

    def __init__(
        self,
        in_flight: int,
        per_second: float | None,
        heartbeat_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._permits = in_flight
        self._interval = 1 / per_second if per_second else 0.0
        self._heartbeat_timeout = heartbeat_timeout
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._heard: dict[str, float] = {}
        self._last = 0.0
        self._turn = asyncio.Lock()
        self._released = asyncio.Event()

    async def acquire(self, holder: str) -> None:
        """Wait for a permit."""
        async with self._turn:
            while self.in_flight() >= self._permits:
                self._released.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat_timeout):
                        await self._released.wait()
            self._last = max(self._last + self._interval, self._clock())
            await asyncio.sleep(self._last - self._clock())
            self._held[holder] += 1
            await self.heartbeat(holder)

    async def release(self, holder: str) -> None:
        """Take a permit back."""
        self._held[holder] -= 1
        self._released.set()

    async def heartbeat(self, holder: str) -> None:
        """Record a heartbeat."""
        self._heard[holder] = self._clock()

    def in_flight(self) -> int:
        """How many permits are held."""
        since = self._clock() - self._heartbeat_timeout
        return sum(count for holder, count in self._held.items() if self._heard[holder] > since)


class Permits:
    """Makes the calls of one process, with permits of a limiter. It belongs to one event loop."""

    def __init__(self, limiter: Any, client: AsyncVisionCraftClient) -> None:
        self._limiter = limiter
        self._client = client
        # Not the id of the actor: Ray starts the same one again when a process is lost.
        self._holder = uuid.uuid4().hex
        self._asking = asyncio.Lock()

    async def do(self, step: Step[Any]) -> Any:
        """Do a step of a flow. A paid step holds a permit during each attempt, not between them."""
        if not step.paid:
            return await step.ado()

        async def once() -> Any:
            async with self.permit():
                return await step.ado()

        def attempt() -> Serving[Any]:
            return (yield once)

        return await adrive(self._client.retried(attempt), lambda work: work())

    @contextlib.asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait for a permit, and hold it during a call."""
        async with self._asking:
            given = asyncio.ensure_future(self._limiter.acquire.remote(self._holder))
            try:
                await asyncio.shield(given)
            except asyncio.CancelledError:
                given.add_done_callback(self._release)  # it arrives nevertheless
                raise
        try:
            yield
        finally:
            self._release()

    def _release(self, _: Any = None) -> None:
        self._limiter.release.remote(self._holder)

    async def keep_alive(self, seconds: float) -> None:
        """Send a heartbeat at regular intervals."""
        while True:
            self._limiter.heartbeat.remote(self._holder)
            await asyncio.sleep(seconds)
