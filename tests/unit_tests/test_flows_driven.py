"""Flows: one loop runs them all, for those who wait and for those who must not block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
from cancelling import cancel_thrice

from langchain_visioncraft._driving import adrive, drive
from langchain_visioncraft._flows import Steps, arun, call, keeps, paid, run, work

Run = Callable[[Generator[Any, Any, Any], Callable[[Any], Any]], Any]


def run_async(flow: Generator[Any, Any, Any], do: Callable[[Any], Any]) -> Any:
    async def ado(step: Any) -> Any:
        await asyncio.sleep(0)
        return do(step)

    return asyncio.run(adrive(flow, ado))


@pytest.fixture(params=[drive, run_async], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Run:
    way: Run = request.param
    return way


def divided(number: int) -> float:
    return 12 / number


def test_what_comes_of_a_step_is_sent_back_and_the_result_is_given(driver: Run) -> None:
    def flow() -> Any:
        return [(yield 2), (yield 3)]

    assert driver(flow(), divided) == [6, 4]


def test_a_flow_that_asks_for_nothing_gives_its_result(driver: Run) -> None:
    def flow() -> Any:
        yield from ()
        return "at once"

    assert driver(flow(), divided) == "at once"


def test_a_flow_may_catch_what_a_step_raises_and_go_on(driver: Run) -> None:
    def flow() -> Any:
        try:
            yield 0
        except ZeroDivisionError:
            return (yield 4)

    assert driver(flow(), divided) == 3


def test_an_error_of_a_step_reaches_the_caller_if_the_flow_does_not_catch_it(driver: Run) -> None:
    closed = []

    def flow() -> Any:
        try:
            yield 0
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError) as caught:
        driver(flow(), divided)
    assert closed == [True]
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interruption_is_no_answer_but_the_flow_is_closed(
    driver: Run, interruption: type[BaseException]
) -> None:
    seen = []

    def flow() -> Any:
        try:
            yield 1
        except BaseException as error:
            seen.append(type(error))
            raise

    def interrupted(_: Any) -> Any:
        raise interruption

    with pytest.raises(interruption):
        driver(flow(), interrupted)
    assert seen == [GeneratorExit]


async def test_a_flow_may_be_driven_by_those_who_wait_while_an_event_loop_runs() -> None:
    def flow() -> Any:
        return (yield 3)

    assert drive(flow(), divided) == 4


def test_the_steps_of_those_who_wait_are_done_in_their_own_thread() -> None:
    def flow() -> Any:
        return (yield None)

    assert drive(flow(), lambda _: threading.current_thread()) is threading.current_thread()


# Steps that say themselves how they are done


def here(*_: Any) -> str:
    return threading.current_thread().name


async def ahere(*_: Any) -> str:
    return f"async in {here()}"


async def test_work_is_done_in_a_thread_only_where_nothing_may_block() -> None:
    step = work(here)
    assert step.do() == here()
    assert await step.ado() != here()


async def test_of_a_call_the_twin_is_awaited() -> None:
    step = call(here, ahere, "argument")
    assert step.do() == here()
    assert await step.ado() == f"async in {here()}"


async def test_arguments_go_to_either_way() -> None:
    async def apower(base: int, *, exp: int) -> int:
        return pow(base, exp)

    step = call(pow, apower, 2, exp=5)
    assert step.do() == await step.ado() == work(pow, 2, exp=5).do() == 32


def test_a_paid_step_is_the_same_step() -> None:
    step = call(here, ahere)
    assert not step.paid
    assert paid(step).paid
    assert paid(step).do() == step.do()


def flow() -> Steps[list[Any]]:
    one = yield work(int, "1")
    try:
        yield work(int, "one")
    except ValueError as error:
        return [one, str(error)[:15]]
    raise AssertionError


async def test_a_flow_gives_the_same_in_both_ways() -> None:
    assert run(flow()) == await arun(flow()) == [1, "invalid literal"]


async def test_who_is_cancelled_waits_for_the_work_under_way_and_not_for_what_follows() -> None:
    started, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        started.set()
        go_on.wait(30)
        done.append("slow")

    def some() -> Steps[None]:
        try:
            yield work(slow)
            yield work(done.append, "next")
        finally:
            done.append("closed")

    task = asyncio.create_task(arun(some()))
    assert await asyncio.to_thread(started.wait, 30)
    await cancel_thrice(task, go_on)
    assert done == ["slow", "closed"]


def test_who_waits_may_stop_a_flow_before_its_next_step() -> None:
    done: list[str] = []

    def some() -> Steps[None]:
        try:
            yield work(done.append, "first")
            yield work(done.append, "next")
        finally:
            done.append("closed")

    with pytest.raises(asyncio.CancelledError):
        run(some(), lambda: bool(done))
    assert done == ["first", "closed"]


def test_what_was_paid_for_is_kept_although_the_flow_is_stopped() -> None:
    done: list[str] = []

    def some() -> Steps[None]:
        yield work(done.append, "answered")
        yield keeps(work(done.append, "kept"))
        yield work(done.append, "next")

    with pytest.raises(asyncio.CancelledError):
        run(some(), lambda: bool(done))
    assert done == ["answered", "kept"]


async def test_what_was_paid_for_is_kept_although_the_task_is_cancelled() -> None:
    started, go_on, done = threading.Event(), threading.Event(), []

    async def keep() -> None:
        started.set()
        await asyncio.to_thread(go_on.wait, 30)
        done.append("kept")

    def some() -> Steps[None]:
        yield keeps(call(done.append, keep))
        yield work(done.append, "next")

    task = asyncio.create_task(arun(some()))
    assert await asyncio.to_thread(started.wait, 30)
    await cancel_thrice(task, go_on)
    assert done == ["kept"]
