"""Limits of a cluster, without a cluster: the limiter, and a process's permits from it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayError

from langchain_visioncraft import AsyncVisionCraftClient
from langchain_visioncraft._driving import adrive
from langchain_visioncraft._flows import Steps, call, paid, work
from langchain_visioncraft.errors import InvalidRequestError, ServerError
from langchain_visioncraft.ray import CallLimits
from langchain_visioncraft.ray.limits import Limiter, Permits

CLIENT = AsyncVisionCraftClient(api_key="any", max_retries=2)


class Clock:
    """Stands still until a test lets it go."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_limiter(clock: Clock, in_flight: int = 3, per_second: float | None = None) -> Limiter:
    # Waiting callers look at the clock this often.
    return Limiter(in_flight, per_second, heartbeat_timeout=0.01, clock=clock)


async def until_all_wait() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_permits_are_given_than_there_are(clock: Clock) -> None:
    limiter = new_limiter(clock)
    for holder in ("one", "one", "two"):
        await limiter.acquire(holder)
    waiting = asyncio.create_task(limiter.acquire("two"))
    await until_all_wait()
    assert not waiting.done()
    await limiter.release("one")
    await waiting
    assert limiter.in_flight() == 3


async def test_who_waits_longest_is_served_first(clock: Clock) -> None:
    limiter = new_limiter(clock, in_flight=1)
    await limiter.acquire("first")
    served: list[str] = []

    async def wait(name: str) -> None:
        await limiter.acquire(name)
        served.append(name)
        await limiter.release(name)

    names = ["second", "third", "fourth"]
    waiting = [asyncio.create_task(wait(name)) for name in names]
    await until_all_wait()
    await limiter.release("first")
    await asyncio.gather(*waiting)
    assert served == names


async def test_the_permits_of_one_that_is_lost_come_back(clock: Clock) -> None:
    limiter = new_limiter(clock)
    for holder in ("lost", "lost", "alive"):
        await limiter.acquire(holder)
    waiting = asyncio.create_task(limiter.acquire("alive"))
    clock.now += 0.009
    await limiter.heartbeat("alive")
    clock.now += 0.005
    await waiting
    assert limiter.in_flight() == 2  # both are with the one that is alive


async def test_one_that_was_only_held_up_is_counted_again(clock: Clock) -> None:
    limiter = new_limiter(clock)
    for _ in range(3):
        await limiter.acquire("slow")
    clock.now += 1
    for _ in range(3):
        await limiter.acquire("other")
    await limiter.heartbeat("slow")
    assert limiter.in_flight() == 6
    for _ in range(3):
        await limiter.release("other")
    waiting = asyncio.create_task(limiter.acquire("other"))
    await until_all_wait()
    assert not waiting.done()
    await limiter.release("slow")
    await waiting
    assert limiter.in_flight() == 3


async def test_calls_begin_at_the_rate(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = new_limiter(clock, in_flight=1000, per_second=50)
    begun: list[float] = []

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr("asyncio.sleep", sleep)
    for waited in (0, 0.005, 0, 1, 0):  # a pause earns nothing
        clock.now += waited
        await limiter.acquire("one")
        begun.append(round(clock.now - 1000, 6))
    assert begun == [0, 0.02, 0.04, 1.04, 1.06]


class Handle:
    """Of an actor that is here."""

    def __init__(self, limiter: Limiter) -> None:
        self.messages: list[str] = []
        for name in ("acquire", "release", "heartbeat"):
            remote = self._noted(name, getattr(limiter, name))
            setattr(self, name, SimpleNamespace(remote=remote))

    def _noted(self, name: str, method: Any) -> Any:
        async def call(holder: str) -> None:
            self.messages.append(name)
            await method(holder)

        return lambda holder: asyncio.create_task(call(holder))


async def test_calls_of_one_process_wait_for_permits() -> None:
    limiter = Limiter(4, None, heartbeat_timeout=60)
    permits = Permits(Handle(limiter), CLIENT)
    now, most = 0, 0

    async def call() -> None:
        nonlocal now, most
        async with permits.permit():
            now += 1
            most = max(most, now)
            for _ in range(10):
                await until_all_wait()
            now -= 1

    await asyncio.gather(*(call() for _ in range(40)))
    await until_all_wait()
    assert most == 4
    assert limiter.in_flight() == 0


async def test_who_gives_up_waiting_takes_no_permit() -> None:
    limiter = Limiter(1, None, heartbeat_timeout=60)
    permits = Permits(Handle(limiter), CLIENT)

    async def call() -> None:
        async with permits.permit():
            await asyncio.sleep(60)

    calls = [asyncio.create_task(call()) for _ in range(4)]
    await until_all_wait()
    for each in (calls[2], calls[1], calls[0], calls[3]):
        each.cancel()
        await until_all_wait()
    await asyncio.gather(*calls, return_exceptions=True)
    await until_all_wait()
    assert limiter.in_flight() == 0


async def test_a_process_that_calls_for_long_keeps_its_permits(clock: Clock) -> None:
    limiter = new_limiter(clock)
    permits = Permits(Handle(limiter), CLIENT)
    beats = asyncio.create_task(permits.keep_alive(0))
    async with permits.permit():
        clock.now += 60
        await until_all_wait()
        assert limiter.in_flight() == 1
    beats.cancel()


async def test_all_who_wait_hear_that_the_limiter_is_gone() -> None:
    async def gone(*_: Any) -> int:
        raise RayError

    permits = Permits(SimpleNamespace(acquire=SimpleNamespace(remote=gone)), CLIENT)

    async def call() -> None:
        async with permits.permit():
            pass

    found = await asyncio.gather(call(), call(), return_exceptions=True)
    assert [type(error) for error in found] == [RayError, RayError]


async def test_an_attempt_has_a_permit_and_the_pause_before_the_next_has_none() -> None:
    limiter = Limiter(1, None, heartbeat_timeout=60)
    handle = Handle(limiter)
    during: list[int] = []

    async def fail_twice() -> str:
        during.append(limiter.in_flight())
        if len(during) < 3:
            raise ServerError("503", status=503, retry_after=0.01)
        return "seen"

    def flow() -> Steps[list[Any]]:
        unpaid = yield work(limiter.in_flight)
        return [unpaid, (yield paid(call(str, fail_twice)))]

    assert await adrive(flow(), Permits(handle, CLIENT).do) == [0, "seen"]
    assert during == [1, 1, 1]
    await until_all_wait()
    assert [name for name in handle.messages if name != "heartbeat"] == ["acquire", "release"] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"in_flight": 0},
        {"in_flight": 2.5},
        {"in_flight": True},
        {"per_second": 0},
        {"per_second": float("nan")},
        {"per_second": "2"},
        {"heartbeat_timeout": None},
        {"heartbeat_timeout": -1},
    ],
    ids=str,
)
def test_numbers_that_cannot_be_limits_are_refused(arguments: dict[str, Any]) -> None:
    [name] = arguments
    with pytest.raises(InvalidRequestError, match=f"{name}=.* is not valid"):
        CallLimits(**arguments)
