"""The drivers of a parser's steps: the same outputs, and a thread for work alone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from cancelling import cancel_thrice

from langchain_visioncraft.document_loaders.steps import PaidCall, Steps, Work, adrive, drive


class Call(PaidCall[str]):
    """Says in which thread it was made."""

    def do(self) -> str:
        return threading.current_thread().name

    async def ado(self) -> str:
        return threading.current_thread().name


def here() -> str:
    return threading.current_thread().name


async def outputs_of(steps: Steps[None]) -> list[Any]:
    return [output async for output in adrive(steps)]


def broken() -> None:
    raise ValueError("broken")


def steps() -> Steps[None]:
    yield "first"
    one = yield from Work(lambda: 1).ask()
    two = yield from Work(lambda: one + 1).ask()
    yield two
    try:
        yield from Work(broken).ask()
    except ValueError as error:
        yield str(error)
    yield "last"


async def test_both_drivers_give_the_same() -> None:
    assert await outputs_of(steps()) == list(drive(steps())) == ["first", 2, "broken", "last"]


async def test_calls_may_be_made_by_somebody_else() -> None:
    def calling() -> Steps[None]:
        yield from Work(int).ask()
        yield (yield from Call().ask())

    async def call(call: PaidCall[Any]) -> str:
        return f"by somebody else: {await call.ado()}"

    assert [output async for output in adrive(calling(), call)] == [f"by somebody else: {here()}"]


async def test_steps_may_end_with_work() -> None:
    def ends_with_work() -> Steps[None]:
        yield from Work(int).ask()

    assert await outputs_of(ends_with_work()) == list(drive(ends_with_work())) == []


async def test_work_in_a_row_is_done_in_one_visit_to_a_thread() -> None:
    def some() -> Steps[None]:
        first = yield from Work(here).ask()
        between = here()
        second = yield from Work(here).ask()
        yield first, between, second
        yield (yield from Call().ask())

    [(first, between, second), called] = await outputs_of(some())
    assert first == between == second != here()
    assert called == here()


async def test_an_error_of_work_reaches_the_caller() -> None:
    def some() -> Steps[None]:
        yield from Work(int).ask()
        yield from Work(broken).ask()

    with pytest.raises(ValueError, match="broken"):
        await outputs_of(some())


async def test_who_is_cancelled_waits_for_the_work_under_way_and_not_for_what_follows() -> None:
    started, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        started.set()
        go_on.wait(30)
        done.append("slow")

    def some() -> Steps[None]:
        try:
            yield from Work(slow).ask()
            yield from Work(lambda: done.append("next")).ask()
        finally:
            done.append("closed")

    task = asyncio.create_task(outputs_of(some()))
    await asyncio.to_thread(started.wait)
    await cancel_thrice(task, go_on)
    assert done == ["slow", "closed"]
