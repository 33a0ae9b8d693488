"""What a parser asks to have done, and the two drivers that do it.

As in the client, the logic is written once: a parser is a generator that yields `Step`s and is
sent what came of them. `drive` does them and waits; `adrive` does them without blocking. Whatever
else a parser yields (documents) is passed on to the caller.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from langchain_core.stores import BaseStore

from langchain_visioncraft._threads import in_thread
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Flow

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import HumanMessage

    from langchain_visioncraft.client.endpoints import Endpoint

OutputT = TypeVar("OutputT")
ResultT = TypeVar("ResultT")


class Step(ABC, Generic[ResultT]):
    """Something to be done."""

    @abstractmethod
    def do(self) -> ResultT:
        """Do it, and wait for it."""

    @abstractmethod
    async def ado(self) -> ResultT:
        """Do it without blocking."""

    def ask(self) -> Generator[Step[ResultT], Any, ResultT]:
        """Ask for it in a generator: ``result = yield from Work(read).ask()``."""
        result: ResultT = yield self
        return result


Steps: TypeAlias = Generator[Any, Any, ResultT]
"""Yields steps and outputs. After each yield it may go on in another thread and context."""


@dataclass(frozen=True)
class Work(Step[ResultT]):
    """Reading a file, decoding, encoding: what keeps a disk or a processor busy."""

    function: Callable[[], ResultT]

    def do(self) -> ResultT:
        """Do it here."""
        return self.function()

    async def ado(self) -> ResultT:
        """Do it in a thread, so that the event loop stays free."""
        return await in_thread(self.function)


class PaidCall(Step[ResultT]):
    """A call that counts against limits, and may cost money. It can be done again."""


@dataclass(frozen=True)
class CallEndpoint(PaidCall[ResultT]):
    """A call of the API."""

    clients: tuple[VisionCraftClient, AsyncVisionCraftClient]
    endpoint: Endpoint[..., Any, ResultT]
    arguments: dict[str, Any] = field(repr=False)

    def do(self) -> ResultT:
        """Call."""
        return self.clients[0].run(self.endpoint(**self.arguments))

    async def ado(self) -> ResultT:
        """Call without blocking."""
        return await self.clients[1].run(self.endpoint(**self.arguments))


@dataclass(frozen=True)
class AskChatModel(PaidCall[str]):
    """A message to a chat model; its answer as text."""

    chat_model: BaseChatModel
    message: HumanMessage = field(repr=False)

    def do(self) -> str:
        """Ask."""
        return str(self.chat_model.invoke([self.message]).text)

    async def ado(self) -> str:
        """Ask without blocking."""
        return str((await self.chat_model.ainvoke([self.message])).text)


@dataclass(frozen=True)
class Run(Step[ResultT]):
    """A flow of the client."""

    clients: tuple[VisionCraftClient, AsyncVisionCraftClient]
    flow: Flow[ResultT]

    def do(self) -> ResultT:
        """Run it."""
        return self.clients[0].run(self.flow)

    async def ado(self) -> ResultT:
        """Run it without blocking."""
        return await self.clients[1].run(self.flow)


@dataclass(frozen=True)
class Recall(Step[bytes | None]):
    """Look into a cache."""

    cache: BaseStore[str, bytes]
    key: str

    def do(self) -> bytes | None:
        """Give what is kept under the key, or `None`."""
        return self.cache.mget([self.key])[0]

    async def ado(self) -> bytes | None:
        """The same without blocking."""
        return (await self.cache.amget([self.key]))[0]


@dataclass(frozen=True)
class Remember(Step[None]):
    """Put something into a cache."""

    cache: BaseStore[str, bytes]
    key: str
    value: bytes = field(repr=False)

    def do(self) -> None:
        """Keep it."""
        self.cache.mset([(self.key, self.value)])

    async def ado(self) -> None:
        """Keep it without blocking."""
        await self.cache.amset([(self.key, self.value)])


_END = object()


def drive(steps: Steps[Any], stopped: Callable[[], bool] = lambda: False) -> Iterator[Any]:
    """Do the steps, and give the outputs.

    Args:
        steps: A parser's generator. What a step raises is thrown into it.
        stopped: Is asked before each step; true ends the work.
    """
    try:
        item = _next(steps)
        while item is not _END:
            if not isinstance(item, Step):
                yield item
                item = _next(steps)
            elif stopped():
                return
            else:
                item = _after(steps, item)
    finally:
        steps.close()


async def adrive(
    steps: Steps[Any], call: Callable[[PaidCall[Any]], Awaitable[Any]] = methodcaller("ado")
) -> AsyncIterator[Any]:
    """Do the steps without blocking, and give the outputs.

    Args:
        steps: A parser's generator. What a step raises is thrown into it.
        call: Makes the calls of the API.
    """
    try:
        item = _next(steps)
        while item is not _END:
            if isinstance(item, Work):
                stop = threading.Event()
                item = await in_thread(_after_work, steps, item, stop, on_cancel=stop.set)
            elif isinstance(item, Step):
                try:
                    result = await (call(item) if isinstance(item, PaidCall) else item.ado())
                except Exception as error:  # noqa: BLE001 -- it is the generator's to judge
                    item = _next(steps, error=error)
                else:
                    item = _next(steps, result)
            else:
                yield item
                item = _next(steps)
    finally:
        steps.close()


def _next(steps: Steps[Any], result: Any = None, error: Exception | None = None) -> Any:
    """Send in what came of a step; gives the next step or output, or `_END`."""
    try:
        return steps.send(result) if error is None else steps.throw(error)
    except StopIteration:
        return _END


def _after(steps: Steps[Any], step: Step[Any]) -> Any:
    """Do a step; gives what comes next."""
    try:
        result = step.do()
    except Exception as error:  # noqa: BLE001 -- it is the generator's to judge
        return _next(steps, error=error)
    return _next(steps, result)


def _after_work(steps: Steps[Any], item: Any, stop: threading.Event) -> Any:
    """Do some work and what work follows, for one visit to a thread; gives what comes next."""
    while isinstance(item, Work) and not stop.is_set():
        item = _after(steps, item)
    return item
