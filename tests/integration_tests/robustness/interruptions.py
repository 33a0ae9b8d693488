"""Breaking a call off at a chosen step, and looking at what is left of it."""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from fault_hosts import open_connections
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore

WATCHED = ("langchain_visioncraft", "httpx", "httpcore")
"""Whose lines a Ctrl-C may hit, by the start of a package's folder."""


class Steps:
    """Counts the awaits of all tasks of a loop, and cancels a task at a chosen one.

    A task is cancelled while it goes to wait for something, so that each place where it can be
    cancelled has a number, whatever the clock does.
    """

    def __init__(self) -> None:
        self.count = 0
        self._chosen = 0
        self._victim: asyncio.Task[Any] | None = None

    def choose(self, chosen: int) -> None:
        """Begin to count; the task that starts next is cancelled at this await."""
        self.count, self._chosen, self._victim = 0, chosen, None

    def factory(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """For ``loop.set_task_factory``."""
        task = asyncio.Task(_Counted(work, self), loop=loop, **options)
        self._victim = self._victim or task
        return task

    def step(self) -> None:
        """One more await."""
        self.count += 1
        if self.count == self._chosen and self._victim is not None:
            self._victim.cancel()


class _Counted(Coroutine[Any, Any, Any]):
    def __init__(self, work: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._work, self._steps = work, steps

    def send(self, value: Any) -> Any:
        waiting = self._work.send(value)
        self._steps.step()
        return waiting

    def throw(self, *error: Any) -> Any:
        waiting = self._work.throw(*error)
        self._steps.step()
        return waiting

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Any:
        return self._work.__await__()


def lines_of(work: Callable[[], Any], interrupt_at: int = 0) -> int:
    """Do some work, with Ctrl-C at a line of the watched packages; how many lines there were.

    Raises:
        KeyboardInterrupt: As Python does for the signal, between two lines.
    """
    watched: dict[CodeType, bool] = {}
    count = 0

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in watched:
            parts = Path(code.co_filename).parts
            # A finalizer is not interrupted: Python would only print what it raised.
            watched[code] = code.co_name != "__del__" and any(
                part.startswith(WATCHED) for part in parts
            )
        return line if watched[code] else None

    def line(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if count == interrupt_at:
                raise KeyboardInterrupt
        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class Surroundings:
    """A store, a folder for temporary files and a sandbox; and what a call left in them."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.store = MediaStore(folder / "media")
        self._folders = (folder / "media", Path(tempfile.gettempdir()))
        self._threads = threading.active_count()
        self._kept = self._files()

    def keep(self) -> None:
        """What is there now may stay."""
        self._kept = self._files()

    def forget(self) -> None:
        """Remove what is new, so that the next call saves it again."""
        for path in self._files() - self._kept:
            path.unlink()

    def left(self, *, connections: int = 1) -> list[str]:
        """What should not be there: half a medium, temporary files, connections beyond a pool's."""
        for attempt in range(6000):  # the host learns of an end a moment later
            if open_connections(self.sandbox) <= connections:
                break
            if attempt == 100:
                gc.collect()
            time.sleep(0.01)
        new = {path.name for path in self._files() - self._kept} - {"usage.jsonl"}
        found = [name for name in new if ".part" in name or name.startswith((".", "tmp"))]
        found += [name for name in new if not name.endswith(".json") and f"{name}.json" not in new]
        found += [str(problem) for problem in self.store.verify()]
        many = open_connections(self.sandbox)
        return [*found, *([f"{many} connections"] if many > connections else [])]

    def _files(self) -> set[Path]:
        return {path for folder in self._folders for path in folder.rglob("*") if path.is_file()}
