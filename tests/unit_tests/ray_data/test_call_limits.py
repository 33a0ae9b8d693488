"""Limits of a cluster, without a cluster: the ledger, and an actor's slots in it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayError

from langchain_visioncraft import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.steps import CallEndpoint, Work, adrive
from langchain_visioncraft.errors import InvalidRequestError, ServerError
from langchain_visioncraft.ray import CallLimits
from langchain_visioncraft.ray.leasing import Leased, leased
from langchain_visioncraft.ray.ledger import Ledger
from langchain_visioncraft.ray.limits import Slots


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ledger(clock: Clock, in_flight: int = 3, per_second: float | None = None) -> Ledger:
    # A waiting lease looks at the clock this often.
    return Ledger(in_flight, per_second, lease_seconds=0.01, clock=clock)


async def until_all_wait() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_slots_are_leased_than_there_are(clock: Clock) -> None:
    book = ledger(clock)
    assert await book.lease("one", 2) == 2
    assert await book.lease("two", 5) == 1
    waiting = asyncio.create_task(book.lease("two", 5))
    await until_all_wait()
    assert not waiting.done()
    await book.give_back("one", 2)
    assert await waiting == 2
    assert book.held("two") == 3
    assert book.held("one") == 0


async def test_who_waits_longest_is_served_first(clock: Clock) -> None:
    book = ledger(clock, in_flight=1)
    await book.lease("first", 1)
    served: list[str] = []

    async def wait(name: str) -> None:
        await book.lease(name, 1)
        served.append(name)
        await book.give_back(name, 1)

    names = ["second", "third", "fourth"]
    waiting = [asyncio.create_task(wait(name)) for name in names]
    await until_all_wait()
    await book.give_back("first", 1)
    await asyncio.gather(*waiting)
    assert served == names


async def test_the_slots_of_one_that_is_lost_come_back(clock: Clock) -> None:
    book = ledger(clock)
    await book.lease("lost", 2)
    await book.lease("alive", 1)
    waiting = asyncio.create_task(book.lease("alive", 2))
    clock.now += 0.009
    await book.renew("alive", 1)
    clock.now += 0.005
    assert await waiting == 2
    assert book.held("lost") == 0
    assert book.held("alive") == 3


async def test_one_that_was_only_held_up_is_counted_again(clock: Clock) -> None:
    book = ledger(clock)
    await book.lease("slow", 3)
    clock.now += 1
    assert await book.lease("other", 3) == 3
    await book.renew("slow", 3)  # six calls are under way
    await book.give_back("other", 3)
    waiting = asyncio.create_task(book.lease("other", 1))
    await until_all_wait()
    assert not waiting.done()
    await book.give_back("slow", 3)
    assert await waiting == 1
    await book.give_back("slow", 3)  # told twice, it changes nothing
    assert await book.lease("third", 9) == 2


async def test_calls_begin_at_the_rate(clock: Clock) -> None:
    book = ledger(clock, in_flight=1000, per_second=100)
    begun = [await book.lease("one", 1000)]
    assert begun == [5]  # a twentieth of a second's worth
    for _ in range(50):
        waiting = asyncio.create_task(book.lease("one", 1000))
        await until_all_wait()
        assert not waiting.done()
        clock.now += 0.02
        begun.append(await waiting)
    assert set(begun[1:]) == {2}


async def test_a_slow_rate_lets_single_calls_through(clock: Clock) -> None:
    book = ledger(clock, in_flight=1000, per_second=50)
    assert await book.lease("one", 9) == 2
    clock.now += 0.01
    waiting = asyncio.create_task(book.lease("two", 9))
    clock.now += 0.03
    assert await waiting == 2


class Handle:
    """Of an actor that is here."""

    def __init__(self, book: Ledger) -> None:
        self.messages: list[tuple[str, Any]] = []
        for name in ("lease", "give_back", "renew"):
            remote = self._counted(name, getattr(book, name))
            setattr(self, name, SimpleNamespace(remote=remote))

    def _counted(self, name: str, method: Any) -> Any:
        async def call(holder: str, count: int) -> Any:
            self.messages.append((name, count))
            return await method(holder, count)

        return call


async def test_calls_of_one_actor_share_its_messages() -> None:
    book = Ledger(4, None, lease_seconds=60)
    handle = Handle(book)
    slots = Slots(handle, 60)
    now, most = 0, 0

    async def call() -> None:
        nonlocal now, most
        async with slots.slot():
            now += 1
            most = max(most, now)
            await until_all_wait()
            now -= 1

    await asyncio.gather(*(call() for _ in range(40)))
    await until_all_wait()
    assert most == 4
    assert await book.lease("other", 9) == 4  # all came back
    assert sum(count for name, count in handle.messages if name == "give_back") == 40
    assert len(handle.messages) < 40


async def test_who_gives_up_waiting_takes_no_slot() -> None:
    book = Ledger(1, None, lease_seconds=60)
    slots = Slots(Handle(book), 60)

    async def call() -> None:
        async with slots.slot():
            await asyncio.sleep(60)

    calls = [asyncio.create_task(call()) for _ in range(3)]
    await until_all_wait()
    for each in (calls[1], calls[0], calls[2]):
        each.cancel()
        await until_all_wait()
    await asyncio.gather(*calls, return_exceptions=True)
    await until_all_wait()
    assert await book.lease("other", 1) == 1


async def test_a_ledger_that_is_gone_is_told_to_all_who_wait() -> None:
    async def gone(*_: Any) -> int:
        raise RayError

    slots = Slots(SimpleNamespace(lease=SimpleNamespace(remote=gone)), 60)

    async def call() -> None:
        async with slots.slot():
            pass

    found = await asyncio.gather(call(), call(), return_exceptions=True)
    assert [type(error) for error in found] == [RayError, RayError]


class Failing(CallEndpoint):
    """Fails with 503, and then gives an answer."""

    async def ado(self) -> Any:
        self.arguments["during"].append(self.arguments["held"]())
        if len(self.arguments["during"]) < 3:
            raise ServerError("503", status=503, retry_after=0.01)
        return "seen"


async def test_an_attempt_has_a_slot_and_the_pause_before_the_next_has_none() -> None:
    book = Ledger(1, None, lease_seconds=60)
    handle = Handle(book)
    slots = Slots(handle, 60)
    during: list[int] = []
    arguments = {"during": during, "held": lambda: sum(x.slots for x in book._leases.values())}
    call = Failing(None, None, arguments)  # type: ignore[arg-type]

    def steps() -> Any:
        name = yield from Work(lambda: "work without a slot").ask()
        yield name
        yield (yield from call.ask())

    client = AsyncVisionCraftClient(api_key="any", max_retries=2)
    found = [output async for output in adrive(leased(steps(), client, slots))]
    assert found == ["work without a slot", "seen"]
    assert during == [1, 1, 1]
    await until_all_wait()
    assert [name for name, _ in handle.messages if name != "renew"] == ["lease", "give_back"] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"in_flight": 0},
        {"in_flight": 2.5},
        {"in_flight": True},
        {"per_second": 0},
        {"per_second": float("nan")},
        {"per_second": "2"},
        {"lease_seconds": None},
        {"lease_seconds": -1},
    ],
    ids=str,
)
def test_numbers_that_cannot_be_limits_are_refused(arguments: dict[str, Any]) -> None:
    [name] = arguments
    with pytest.raises(InvalidRequestError, match=f"{name}=.* is not valid"):
        CallLimits(**arguments)


def test_a_call_with_a_slot_says_what_drives_it() -> None:
    call: Any = CallEndpoint(None, None, {})  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="drive these steps by `adrive`"):
        Leased(call, None, None).do()  # type: ignore[arg-type]
