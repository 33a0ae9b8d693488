"""Limits that hold for a whole cluster, and the part that an actor has in them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import uuid
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.ray.ledger import Ledger

DEFAULT_IN_FLIGHT = 32


class CallLimits:
    """How many calls are made at the same time, and how many a second, by a whole cluster.

    Pass the same object to several datasets, and they share the limits. Every attempt counts, also
    one that is made again after a failure; fetching the file behind a URL does not.

    ```python
    from langchain_visioncraft.ray import CallLimits

    limits = CallLimits(in_flight=64, per_second=20)
    ```

    Args:
        in_flight: How many calls may be under way, from 1.
        per_second: How many calls may begin a second; `None`: as many as `in_flight` lets through.
            Up to a twentieth of a second's worth may begin at once.
        lease_seconds: After how long the calls of a machine that is lost no longer count. A
            machine that only was held up for so long may exceed `in_flight` for a moment.

    Raises:
        InvalidRequestError: If a number cannot be used.
    """

    def __init__(
        self,
        in_flight: int = DEFAULT_IN_FLIGHT,
        per_second: float | None = None,
        *,
        lease_seconds: float = 30.0,
    ) -> None:
        if type(in_flight) is not int or in_flight < 1:
            msg = f"in_flight={in_flight!r} is not valid: give a whole number from 1."
            raise InvalidRequestError(msg)
        _check_positive("lease_seconds", lease_seconds)
        if per_second is not None:
            _check_positive("per_second", per_second)
        self.in_flight = in_flight
        self.per_second = per_second
        self.lease_seconds = lease_seconds
        self._ledger: Any = None
        self._job: Any = None

    def ledger(self) -> Any:
        """The handle of the actor that keeps the ledger; it lives as long as handles of it do.

        It runs where the job was started, so that losing another machine does not stop the job.
        """
        if not ray.is_initialized():
            ray.init()
        context = ray.get_runtime_context()
        if self._ledger is None or self._job != context.get_job_id():
            self._job = context.get_job_id()
            here = NodeAffinitySchedulingStrategy(context.get_node_id(), soft=False)
            actor = ray.remote(Ledger).options(num_cpus=0, scheduling_strategy=here)
            self._ledger = actor.remote(self.in_flight, self.per_second, self.lease_seconds)
        return self._ledger

    def __repr__(self) -> str:
        return f"CallLimits(in_flight={self.in_flight}, per_second={self.per_second})"


def _check_positive(name: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        msg = f"{name}={value!r} is not valid: give a number above 0."
        raise InvalidRequestError(msg)


class Slots:
    """What one actor has of the limits. It belongs to one event loop.

    All calls that wait are asked for with one message, and all that end at the same time are given
    back with one, so that the ledger hears less from each actor the more there is to do.

    Args:
        ledger: The handle of the ledger.
        lease_seconds: Of the ledger.
    """

    def __init__(self, ledger: Any, lease_seconds: float) -> None:
        self._ledger = ledger
        self._lease_seconds = lease_seconds
        self._name = uuid.uuid4().hex
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._held = 0
        self._done = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot, and have it for the time of a call."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._see_to("ask", self._ask)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            raise
        try:
            yield
        finally:
            self._give_back()

    def _see_to(self, name: str, work: Any) -> None:
        task = self._tasks.get(name)
        if task is None or task.done():
            self._tasks[name] = asyncio.get_running_loop().create_task(work())

    async def _ask(self) -> None:
        try:
            while wanted := sum(not turn.done() for turn in self._waiting):
                granted = await self._ledger.lease.remote(self._name, wanted)
                self._held += granted
                self._see_to("renew", self._renew)
                self._hand_out(granted)
        except Exception as error:  # noqa: BLE001 -- whoever waits is told
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_exception(error)

    def _hand_out(self, granted: int) -> None:
        while granted and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled while it waited
                turn.set_result(None)
                granted -= 1
        for _ in range(granted):
            self._give_back()

    def _give_back(self) -> None:
        self._done += 1
        self._see_to("give back", self._tell_what_is_done)

    async def _tell_what_is_done(self) -> None:
        while done := self._done:
            self._done = 0
            self._held -= done
            # A ledger that is gone is told to whoever asks it next.
            with contextlib.suppress(RayError):
                await self._ledger.give_back.remote(self._name, done)

    async def _renew(self) -> None:
        while self._held:
            with contextlib.suppress(RayError):
                await self._ledger.renew.remote(self._name, self._held)
            await asyncio.sleep(self._lease_seconds / 3)
