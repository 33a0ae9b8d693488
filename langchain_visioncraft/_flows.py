"""Steps that can be done in two ways, sync and async, and the functions that run flows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

from langchain_visioncraft._driving import adrive, drive
from langchain_visioncraft._threads import in_thread, to_the_end
from langchain_visioncraft.errors import InvalidRequestError

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def needs_asyncio() -> None:
    """Raise an error that says what to do if another library, such as Trio, is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        msg = (
            "The async side of this package needs asyncio, but another library, such as Trio, is "
            "running. Use asyncio.run(), anyio.run(main, backend='asyncio') or the sync methods."
        )
        raise InvalidRequestError(msg) from None


@dataclass(frozen=True, repr=False)
class Step(Generic[ResultT]):
    """One piece of work, with both ways of doing it.

    Attributes:
        do: Does it, and blocks.
        ado: Does it without blocking.
        paid: Whether it counts against limits and may cost money. It can be done again.
        keeps: Whether it saves a paid result: it is done even after a stop.
    """

    do: Callable[[], ResultT]
    ado: Callable[[], Awaitable[ResultT]]
    paid: bool = False
    keeps: bool = False


Steps: TypeAlias = Generator[Step[Any], Any, ResultT]
"""A flow of steps: see `run` and `arun`."""


def work(function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> Step[ResultT]:
    """Work for a disk or a processor; in async code, it is done in a thread."""
    bound = partial(function, *args, **kwargs)
    return Step(bound, partial(in_thread, bound))


def call(
    function: Callable[P, Any],
    coroutine: Callable[P, Awaitable[Any]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Step[Any]:
    """A call of a function, or of its async counterpart."""
    return Step(partial(function, *args, **kwargs), partial(coroutine, *args, **kwargs))


def paid(step: Step[ResultT]) -> Step[ResultT]:
    """The same step, which counts against limits."""
    return replace(step, paid=True)


def keeps(step: Step[ResultT]) -> Step[ResultT]:
    """The same step, which is completed even after a stop."""

    async def ado() -> ResultT:
        return await to_the_end(asyncio.ensure_future(step.ado()))

    return replace(step, ado=ado, keeps=True)


def run(flow: Steps[ResultT], stopped: Callable[[], bool] = lambda: False) -> ResultT:
    """Do the steps of a flow, and wait for them.

    `CancelledError` is raised if `stopped` is true before a step, unless the step saves a paid
    result: a thread has no other way to end early.
    """

    def do(step: Step[Any]) -> Any:
        if stopped() and not step.keeps:
            raise asyncio.CancelledError
        return step.do()

    return drive(flow, do)


async def arun(flow: Steps[ResultT]) -> ResultT:
    """Do the steps of a flow without blocking."""
    needs_asyncio()
    return await adrive(flow, lambda step: step.ado())
