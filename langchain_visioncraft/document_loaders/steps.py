"""What a parser asks to have done, and the two drivers that do it.

As in the client, the logic is written once: a parser is a generator that yields `Step`s and is
sent what came of them. `drive` does them and waits; `adrive` does them without blocking. Whatever
else a parser yields (documents) is passed on to the caller.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from langchain_core.stores import BaseStore

from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Flow
from langchain_visioncraft.tools.base import VisionCraftTool

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
"""Yields steps and outputs."""


@dataclass(frozen=True)
class Work(Step[ResultT]):
    """Reading a file, decoding, encoding: what keeps a disk or a processor busy."""

    function: Callable[[], ResultT]

    def do(self) -> ResultT:
        """Do it here."""
        return self.function()

    async def ado(self) -> ResultT:
        """Do it in a thread, so that the event loop stays free."""
        return await asyncio.to_thread(self.function)


@dataclass(frozen=True)
class UseTool(Step[Any]):
    """A call of the API by a tool, with arguments that code gives."""

    tool: VisionCraftTool
    arguments: dict[str, Any] = field(repr=False)

    def do(self) -> Any:
        """Call."""
        return self.tool.execute(self.tool.prepare(self.arguments), {})

    async def ado(self) -> Any:
        """Call without blocking."""
        job = await asyncio.to_thread(self.tool.prepare, self.arguments)
        return await self.tool.aexecute(job, {})


@dataclass(frozen=True)
class Run(Step[ResultT]):
    """A flow of the client."""

    client: VisionCraftClient
    async_client: AsyncVisionCraftClient
    flow: Flow[ResultT]

    def do(self) -> ResultT:
        """Run it."""
        return self.client.run(self.flow)

    async def ado(self) -> ResultT:
        """Run it without blocking."""
        return await self.async_client.run(self.flow)


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


def drive(steps: Steps[Any], stopped: Callable[[], bool] = lambda: False) -> Iterator[Any]:
    """Do the steps, and give the outputs.

    Args:
        steps: A parser's generator. What a step raises is thrown into it.
        stopped: Is asked before each step; true ends the work.
    """
    try:
        item = next(steps)
        while True:
            if not isinstance(item, Step):
                yield item
                item = steps.send(None)
                continue
            if stopped():
                return
            try:
                result = item.do()
            except Exception as error:  # noqa: BLE001 -- it is the generator's to judge
                item = steps.throw(error)
            else:
                item = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()


async def adrive(steps: Steps[Any]) -> AsyncIterator[Any]:
    """Do the steps without blocking, and give the outputs."""
    try:
        item = next(steps)
        while True:
            if not isinstance(item, Step):
                yield item
                item = steps.send(None)
                continue
            try:
                result = await item.ado()
            except Exception as error:  # noqa: BLE001 -- it is the generator's to judge
                item = steps.throw(error)
            else:
                item = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()
