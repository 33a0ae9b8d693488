"""What a case is, and what is measured of it."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[int], Awaitable[Any] | Any]
"""Does so many calls; sync or async."""

CASES: dict[str, Case] = {}


@dataclass(frozen=True)
class Place:
    """Where a contender works.

    Attributes:
        url: The root of the host.
        folder: An empty folder of its own.
        shared: A folder that all contenders and rounds share.
        small: Whether everything is to be small, only to see that it runs.
    """

    url: str
    folder: Path
    shared: Path
    small: bool = False

    def file(self, name: str, head: bytes, size: int) -> Path:
        """A file of this many bytes."""
        path = self.folder / name
        size = min(size, 100_000) if self.small else size
        with path.open("wb") as file:
            file.write(head)
            while (rest := size - file.tell()) > 0:
                file.write(bytes(min(rest, 1 << 20)))
        return path


@dataclass(frozen=True)
class Contender:
    """One way of doing what a case asks for.

    Attributes:
        open: Gives a context with a `Run` in it, sync or async.
        needs: Modules without which it is left out.
    """

    name: str
    open: Callable[[Place], AbstractContextManager[Run] | AbstractAsyncContextManager[Run]]
    needs: tuple[str, ...] = ()

    @property
    def is_async(self) -> bool:
        """Whether it runs in an event loop."""
        return inspect.isasyncgenfunction(inspect.unwrap(self.open))

    def missing(self) -> list[str]:
        """Modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Case:
    """What all its contenders do.

    Attributes:
        calls: How many calls are measured in one round.
        warm_up: How many calls come before, in the same process.
        of_children: Whether the work is done by processes that a contender starts.
        ideal_rate: Calls a second that waiting alone would allow, if it is about waiting.
    """

    name: str
    title: str
    calls: int
    warm_up: int = 3
    of_children: bool = False
    ideal_rate: float | None = None
    contenders: dict[str, Contender] = field(default_factory=dict)

    def __post_init__(self) -> None:
        CASES[self.name] = self

    def contender(self, name: str, *needs: str) -> Callable[[Any], Any]:
        """Add a contender: a generator in a context manager that yields a `Run`."""

        def add(function: Any) -> Any:
            self.contenders[name] = Contender(name, function, needs)
            return function

        return add


def one_by_one(call: Callable[[], Any]) -> Run:
    """Make this call so many times, one after another."""

    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


def one_by_one_async(call: Callable[[], Awaitable[Any]]) -> Run:
    """The same for an async call."""

    async def run(count: int) -> None:
        for _ in range(count):
            await call()

    return run
