"""Midjourney's tasks: an id at once, a picture after a while."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from visioncraft_sandbox.faults import Fault

_FIRST_ID = 75_435
_LONGEST_ID = 18
_TASKS_KEPT = 1000
_ASPECT = re.compile(r"--(?:ar|aspect)\s+(\d{1,3}):(\d{1,3})\b")
_SWITCH = re.compile(r"\s--[a-z]+(?:\s+(?!--)\S+)?")


@dataclass
class Task:
    """One submitted prompt, with its ``--`` switches.

    Attributes:
        submitted: Seconds on the monotonic clock.
        requested: The same moment, as a date.
        fate: The `Fault.task` injected into it.
        file: The name of the finished picture.
        lock: Held while the picture is drawn, so that it is drawn once.
    """

    number: int
    prompt: str
    submitted: float
    requested: datetime
    fate: str | None = None
    file: str | None = None
    engine: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Midjourney:
    """The tasks of one application, each of which takes this many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._numbers = itertools.count(_FIRST_ID)
        self._tasks: OrderedDict[int, Task] = OrderedDict()
        self._lock = threading.Lock()

    def submit(self, prompt: str, fault: Fault | None) -> Task:
        """Add a task for a prompt."""
        fate = fault.task if fault is not None else None
        with self._lock:
            task = Task(next(self._numbers), prompt, self._clock(), datetime.now(UTC), fate)
            if fate != "forgotten":
                self._tasks[task.number] = task
            while len(self._tasks) > _TASKS_KEPT:
                self._tasks.popitem(last=False)
        return task

    def find(self, task_id: str) -> Task | None:
        """The task of this id."""
        text = task_id.strip()
        with self._lock:
            # No more digits than an id has: Python refuses to parse thousands of them.
            is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID
            return self._tasks.get(int(text)) if is_number else None

    def is_due(self, task: Task) -> bool:
        """Whether it is finished."""
        return task.fate != "never" and self._clock() - task.submitted >= self._seconds

    def finished(self, task: Task, url: str) -> dict[str, Any]:
        """The answer for a finished task."""
        started = task.requested + timedelta(seconds=self._seconds / 4)
        return {
            "ImageID": task.number,
            "Status": "success",
            "StartTime": _stamp(started),
            "RequestTime": _stamp(task.requested),
            "FinishTime": _stamp(task.requested + timedelta(seconds=self._seconds)),
            "URL": url,
        }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def split_prompt(prompt: str) -> tuple[str, int, int]:
    """A prompt without its switches, and the width and height that ``--ar`` asks for.

    Pictures have about a million pixels, as Midjourney's own.
    """
    match = _ASPECT.search(prompt)
    across, down = (int(match[1]), int(match[2])) if match else (1, 1)
    if not down or not 1 / 4 <= across / down <= 4:
        across, down = 1, 1
    scale = (1024 * 1024 / (across * down)) ** 0.5
    text = _SWITCH.sub("", f" {prompt}").strip()
    return text or prompt, round(across * scale / 8) * 8, round(down * scale / 8) * 8
