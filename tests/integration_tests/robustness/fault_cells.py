"""One cell of the fault matrix: one endpoint, sync or async, meets one fault."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from client_driving import KEY
from fault_callers import Caller
from fault_columns import Column
from fault_hosts import Door, keep_connections, open_connections, remembering_sandbox
from fault_table import CLOSED_PORT, NOT_APPLICABLE, UNKNOWN_CERTIFICATE, Row

from langchain_visioncraft import errors
from langchain_visioncraft.client import VisionCraftClient, endpoints
from langchain_visioncraft.errors import VisionCraftError

_PATIENCE, _IMPATIENCE = 300.0, 0.3
"""Seconds: as long as a busy machine may take, and as long as a silence is waited out."""
_IMPATIENCE_AFTER_AN_ANSWER = 3.0
"""Seconds: where something has to come before the silence, it must come in time."""
_LONG_ENOUGH = 60.0
"""Seconds for a task."""


@dataclass
class Outcome:
    """What became of a call.

    Attributes:
        expected: As the table has it.
        found: The same in reality.
        problems: What was left behind, or did not work afterwards.
    """

    expected: str
    found: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all is as it should be."""
        return self.found == self.expected and not self.problems

    def __str__(self) -> str:
        wrong = [] if self.found == self.expected else [f"{self.found}, not {self.expected}"]
        return "; ".join([*wrong, *self.problems]) or self.found


class Bench:
    """A sandbox on which one column is tried, row by row."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._sandbox = remembering_sandbox(models=column.models)
        self._stack = contextlib.ExitStack()
        self._task = ""
        self._whole: str | None = None
        self._path = column.place.split()[1]

    def __enter__(self) -> Self:
        self._stack.enter_context(self._sandbox)
        keep_connections(self._sandbox)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            self._warm_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _warm_up(self) -> None:
        """All is well once, and what is to be known of the host is known."""
        with VisionCraftClient(base_url=self._sandbox.url, api_key=KEY) as client:
            if self.column.kind == "poll":
                told: list[Any] = []
                client.run(endpoints.midjourney(prompt="a cat"), on_progress=told.append)
                self._task = str(told[0].details["task_id"])
        caller = self._caller("sync", base_url=self._sandbox.url, verify=None, timeout=_PATIENCE)
        self._whole = asyncio.run(self._asked(caller))
        if "*" in self._path:
            self._path = self._sandbox.requests[-1].path

    def outcome(self, row: Row, driver: str) -> Outcome | None:
        """Let the column meet a fault; ``None`` if that means nothing."""
        expected = row.expected.get(self.column.kind, NOT_APPLICABLE)
        if expected == NOT_APPLICABLE:
            return None
        outcome = Outcome(expected)
        if row.order in (CLOSED_PORT, UNKNOWN_CERTIFICATE):
            with Door(self._sandbox, tls=row.order == UNKNOWN_CERTIFICATE) as door:
                asyncio.run(self._meet(row, driver, outcome, door))
        else:
            port = int(self._sandbox.url.rpartition(":")[2])
            self._sandbox.faults.inject(row.fault(self.column.place, port=port, path=self._path))
            asyncio.run(self._meet(row, driver, outcome, None))
        return outcome

    async def _meet(self, row: Row, driver: str, outcome: Outcome, door: Door | None) -> None:
        caller = self._caller(
            driver,
            base_url=door.url if door else self._sandbox.url,
            verify=door.verify if door else None,
            timeout=(_PATIENCE, self._read_timeout(row)),
        )
        deadline = 1.0 if "Deadline" in outcome.expected else _LONG_ENOUGH
        calls = len(self._sandbox.requests)
        try:
            answer = await caller.ask(self._task, deadline)
            came = "ok" if answer == self._whole else "another answer"
        except VisionCraftError as error:
            came = " and ".join(_classes_of(error))
            if KEY in f"{error}{error.detail}":
                outcome.problems.append("the key is in the message")

        def made() -> int:
            if row.order.startswith("("):
                return 0
            fault = row.fault(self.column.place, port=0, path=self._path)
            asked = list(self._sandbox.requests)[calls:]
            return sum(fault.matches(one.method, one.path) for one in asked)

        # The host may note a call a moment after its client gave it up.
        await _soon(lambda: outcome.expected.endswith(f" x{made()}"))
        outcome.found = f"{came} x{made()}"
        self._sandbox.faults.clear()
        if door is not None:
            door.repair()
        await self._look_around(caller, outcome)

    def _read_timeout(self, row: Row) -> float:
        if not row.is_quiet:
            return _PATIENCE
        kind = self.column.kind
        after_an_answer = kind == "link" or (kind == "stream" and "stall" in row.order)
        return _IMPATIENCE_AFTER_AN_ANSWER if after_an_answer else _IMPATIENCE

    def _caller(self, driver: str, **settings: Any) -> Caller:
        return self.column.caller(driver, self._folder, api_key=KEY, **settings)

    async def _asked(self, caller: Caller) -> str | None:
        try:
            return await caller.ask(self._task, _LONG_ENOUGH)
        finally:
            await caller.close()

    async def _look_around(self, caller: Caller, outcome: Outcome) -> None:
        """What is left, and whether who asked can go on."""
        if self._temporary_files():
            gc.collect()
        if not await _soon(lambda: not self._temporary_files()):
            outcome.problems.append("a temporary file is left")
        try:
            await caller.ask_again()
        except VisionCraftError as error:
            outcome.problems.append(f"the next call fails: {error}")
        await self._expect_connections(1, "beside the pool's one", outcome)
        if not await _soon(lambda: len(asyncio.all_tasks()) == 1):
            outcome.problems.append("a task is left")
        await caller.close()
        await self._expect_connections(0, "after closing", outcome)

    def _temporary_files(self) -> list[Path]:
        """Those of this bench, and those of callers that take no folder."""
        shared = Path(tempfile.gettempdir()).glob(".visioncraft-*")
        return [*self._folder.iterdir(), *shared]

    async def _expect_connections(self, most: int, when: str, outcome: Outcome) -> None:
        if not await _soon(lambda: open_connections(self._sandbox) <= most):
            outcome.problems.append(f"{open_connections(self._sandbox)} connections {when}")


def _classes_of(error: VisionCraftError) -> list[str]:
    """The names of its classes in our tree: those of chat models join several into one."""
    kind = type(error)
    kinds = [kind] if vars(errors).get(kind.__name__) is kind else kind.__bases__
    return [each.__name__ for each in kinds if issubclass(each, VisionCraftError)]


async def _soon(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so: the host learns of an end a moment later, files go elsewhere too."""
    for _ in range(6000):
        if is_so():
            return True
        await asyncio.sleep(0.01)
    return is_so()
