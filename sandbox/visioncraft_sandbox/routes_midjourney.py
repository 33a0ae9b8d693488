"""Tasks: Midjourney's, and the jobs of 2024-01; a client requests the result later."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import ConfigDict, Field
from starlette.responses import Response

from langchain_visioncraft.client import fields
from langchain_visioncraft.client.schemas import JobResultRequest, MidjourneyRequest
from visioncraft_sandbox.answers import ErrorStyle, Refusal, json_response, link_to
from visioncraft_sandbox.backends.images import ImageSpec
from visioncraft_sandbox.fault_gate import FAULT_KEY
from visioncraft_sandbox.faults import Fault
from visioncraft_sandbox.operations import Job, Operation
from visioncraft_sandbox.pictures import drawn

_FIRST_ID = 75_435
_TASKS_KEPT = 1000
_PROMPT_BYTES = 16 << 20
_ASPECT = re.compile(r"--(?:ar|aspect)\s+(\d{1,3}):(\d{1,3})\b")
_SWITCH = re.compile(r"\s--[a-z]+(?:\s+(?!--)\S+)?")


@dataclass
class Task:
    """One submitted prompt, with its ``--`` switches.

    Attributes:
        seconds: How long it takes.
        fate: The `Fault.task` injected into it.
        submitted: Seconds on the monotonic clock.
        requested: The same moment, as a date.
        file: The name of the finished picture.
        lock: Held while the picture is drawn, so that it is drawn once.
    """

    number: int
    prompt: str
    seconds: float
    fate: str | None = None
    submitted: float = field(default_factory=time.monotonic)
    requested: datetime = field(default_factory=lambda: datetime.now(UTC))
    file: str | None = None
    engine: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_due(self) -> bool:
        """Whether it is finished."""
        return self.fate != "never" and time.monotonic() - self.submitted >= self.seconds

    def time(self, part: float) -> str:
        """When this part of it was done, from 0 to 1, as the service writes it."""
        moment = self.requested + timedelta(seconds=self.seconds * part)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Midjourney:
    """The latest tasks of one application, each of which takes this many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._numbers = itertools.count(_FIRST_ID)
        self._tasks: dict[str, Task] = {}

    def submit(self, prompt: str, fate: str | None = None) -> Task:
        """Add a task for a prompt."""
        task = Task(next(self._numbers), prompt, self._seconds, fate)
        if fate != "forgotten":
            self._tasks[str(task.number)] = task
        held = sum(sys.getsizeof(each.prompt) for each in self._tasks.values())
        while len(self._tasks) > _TASKS_KEPT or held > _PROMPT_BYTES:
            held -= sys.getsizeof(self._tasks.pop(next(iter(self._tasks))).prompt)
        return task

    def find(self, task_id: str, kind: str) -> Task:
        """The task of this id; refused with 400 if there is none."""
        task = self._tasks.get(task_id.strip())
        if task is None:
            raise Refusal(400, f"There is no {kind} with the id {task_id!r}.")
        return task


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


class MidjourneyResultRequest(fields.Request):
    """``POST /midjourney/result`` (2024-03); the id is text or a number."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    task_id: str = Field(min_length=1)


def _tasks(job: Job) -> Midjourney:
    tasks: Midjourney = job.request.app.state.midjourney
    return tasks


async def _submit(job: Job) -> Response:
    wanted: MidjourneyRequest = job.parameters
    fault: Fault | None = job.request.scope.get(FAULT_KEY)
    task = _tasks(job).submit(wanted.prompt, fault.task if fault else None)
    return json_response({"statusCode": 200, "message": "Success", "data": task.number}, "tasks")


async def _result(job: Job) -> Response:
    wanted: MidjourneyResultRequest = job.parameters
    task = _tasks(job).find(wanted.task_id, "task")
    if not task.is_due:
        return json_response({"ImageID": task.number, "Status": "generating"}, "tasks")
    if task.fate == "failed":
        failed = {"Status": "failed", "message": "The prompt was refused."}
        return json_response({"ImageID": task.number, **failed}, "tasks")
    answer = {
        "ImageID": task.number,
        "Status": "success",
        "StartTime": task.time(0.25),
        "RequestTime": task.time(0),
        "FinishTime": task.time(1),
        "URL": await _drawn(job, task),
    }
    return json_response(answer, task.engine)


async def _drawn(job: Job, task: Task) -> str:
    """A link to the picture of a task; concurrent polls wait for the same one."""
    async with task.lock:
        # Those of jobs are there from the beginning.
        if task.file is None or (task.prompt and job.services.files.get(task.file) is None):
            prompt, width, height = split_prompt(task.prompt)
            made = await drawn(job, ImageSpec(prompt, width, height, model="midjourney"))
            task.file = job.services.files.add(made.files[0], made.engine)
            task.engine = made.engine
    return link_to(job.request, task.file)


async def submitted(job: Job, file: bytes, engine: str) -> Response:
    """The answer that promises this file as a job."""
    task = _tasks(job).submit("")
    task.file, task.engine = job.services.files.add(file, engine), engine
    return json_response({"job_id": str(task.number)}, "tasks")


async def _job_status(job: Job) -> Response:
    wanted: JobResultRequest = job.parameters
    task = _tasks(job).find(wanted.job_id, "job")
    if not task.is_due:
        return json_response({"status": "processing", "image": None}, "tasks")
    link = await _drawn(job, task)
    return json_response({"status": "success", "image": link}, task.engine)


OPERATIONS = (
    Operation("/midjourney", MidjourneyRequest, ErrorStyle.TEXT, _submit),
    Operation("/midjourney/result", MidjourneyResultRequest, ErrorStyle.TEXT, _result),
    Operation("/job-status", JobResultRequest, ErrorStyle.TEXT, _job_status, keyless=True),
)
