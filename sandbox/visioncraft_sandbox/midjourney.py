"""Midjourney's tasks: an id at once, a picture after a while."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST_ID = 75_435
_TASKS_KEPT = 1000
_ASPECT = re.compile(r"--(?:ar|aspect)\s+(\d{1,3}):(\d{1,3})\b")
_SWITCH = re.compile(r"\s--[a-z]+(?:\s+(?!--)\S+)?")


@dataclass
class Task:
    """One submitted prompt, with its ``--`` switches.

    Attributes:
        fate: The `Fault.task` injected into it.
        submitted: Seconds on the monotonic clock.
        requested: The same moment, as a date.
        file: The name of the finished picture.
        lock: Held while the picture is drawn, so that it is drawn once.
    """

    number: int
    prompt: str
    fate: str | None = None
    submitted: float = field(default_factory=time.monotonic)
    requested: datetime = field(default_factory=lambda: datetime.now(UTC))
    file: str | None = None
    engine: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Midjourney:
    """The tasks of one application, each of which takes this many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._numbers = itertools.count(_FIRST_ID)
        self._tasks: dict[str, Task] = {}

    def submit(self, prompt: str, fate: str | None = None) -> Task:
        """Add a task for a prompt."""
        task = Task(next(self._numbers), prompt, fate)
        if fate != "forgotten":
            self._tasks[str(task.number)] = task
        if len(self._tasks) > _TASKS_KEPT:
            del self._tasks[next(iter(self._tasks))]
        return task

    def find(self, task_id: str) -> Task | None:
        """The task of this id."""
        return self._tasks.get(task_id.strip())

    def is_due(self, task: Task) -> bool:
        """Whether it is finished."""
        return task.fate != "never" and time.monotonic() - task.submitted >= self._seconds

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
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def split_prompt(prompt: str) -> tuple[str, int, int]:
    """A prompt without its switches, and the width and height that ``--ar`` asks for.

    Pictures have about a million pixels, like Midjourney's own.
    """
    match = _ASPECT.search(prompt)
    across, down = (int(match[1]), int(match[2])) if match else (1, 1)
    if not down or not 1 / 4 <= across / down <= 4:
        across, down = 1, 1
    scale = (1024 * 1024 / (across * down)) ** 0.5
    text = _SWITCH.sub("", f" {prompt}").strip()
    return text or prompt, round(across * scale / 8) * 8, round(down * scale / 8) * 8
