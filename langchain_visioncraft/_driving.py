"""Logic that is written once for sync and async: flows, and the one loop that runs them.

A *flow* is a generator. It yields what it needs done, is sent the outcome, and returns the result.
The driver of a flow decides how its steps are done: the client makes the calls of endpoints, chat
models ask their host, document loaders do a `Step` in one of its two ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeAlias, TypeVar

AskedT = TypeVar("AskedT")
ResultT = TypeVar("ResultT")
_Moved: TypeAlias = tuple[Any, bool]


async def adrive(
    flow: Generator[AskedT, Any, ResultT],
    do: Callable[[AskedT], Awaitable[Any]],
    resume: Callable[[Callable[[Any], _Moved], Any], Awaitable[_Moved]] | None = None,
) -> ResultT:
    """Do what a flow asks for, close it, and return its result.

    What `do` returns for a step is sent into the flow; what it raises is thrown into it. If
    `resume` is given, it decides where the flow goes on with a result.
    """
    send = partial(_moved, flow.send)
    try:
        asked, ended = send(None)
        while not ended:
            try:
                result = await do(asked)
            except Exception as error:  # noqa: BLE001 -- it is the flow's to judge
                asked, ended = _moved(flow.throw, error)
            else:
                asked, ended = await resume(send, result) if resume else send(result)
        value: ResultT = asked
        return value
    finally:
        flow.close()


def _moved(move: Callable[[Any], Any], value: Any) -> _Moved:
    """What a flow asks for next, or its result, and whether it ended."""
    try:
        return move(value), False
    except StopIteration as done:
        return done.value, True


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
