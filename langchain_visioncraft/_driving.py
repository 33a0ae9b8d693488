"""Logic that is written once for sync and async: flows, and the one loop that runs them.

A *flow* is a generator. It yields what it needs done, is sent the outcome, and returns the result.
The driver of a flow decides how its steps are done: the client makes the calls of endpoints, chat
models ask their host, document loaders do a `Step` in one of its two ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

AskedT = TypeVar("AskedT")
ResultT = TypeVar("ResultT")


async def adrive(
    flow: Generator[AskedT, Any, ResultT], do: Callable[[AskedT], Awaitable[Any]]
) -> ResultT:
    """Do what a flow asks for, close it, and return its result.

    What `do` returns for a step is sent into the flow; what it raises is thrown into it.
    """
    try:
        asked = next(flow)
        while True:
            try:
                result = await do(asked)
            except Exception as error:  # noqa: BLE001 -- it is the flow's to judge
                asked = flow.throw(error)
            else:
                asked = flow.send(result)
    except StopIteration as done:
        value: ResultT = done.value
        return value
    finally:
        flow.close()


def drive(flow: Generator[AskedT, Any, ResultT], do: Callable[[AskedT], Any]) -> ResultT:
    """The same with a blocking `do`: the loop above then never waits, and ends at once."""

    async def at_once(asked: AskedT) -> Any:
        return do(asked)

    try:
        adrive(flow, at_once).send(None)
    except StopIteration as done:
        value: ResultT = done.value
        return value
    raise AssertionError  # it never waits
