"""Tasks: Midjourney's, and the jobs of 2024-01; a client asks for the result later."""

from __future__ import annotations

from pydantic import ConfigDict, Field
from starlette.responses import Response

from langchain_visioncraft.client import fields
from langchain_visioncraft.client.schemas import JobResultRequest, MidjourneyRequest
from visioncraft_sandbox.answers import ErrorStyle, Refusal, json_response, link_to
from visioncraft_sandbox.backends.images import ImageSpec
from visioncraft_sandbox.fault_gate import FAULT_KEY
from visioncraft_sandbox.faults import Fault
from visioncraft_sandbox.midjourney import Task, split_prompt
from visioncraft_sandbox.operations import Job, Operation
from visioncraft_sandbox.pictures import drawn


class MidjourneyResultRequest(fields.Request):
    """``POST /midjourney/result`` (2024-03); the id is text or a number."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    task_id: str = Field(min_length=1)


async def _submit(job: Job) -> Response:
    wanted: MidjourneyRequest = job.parameters
    fault: Fault | None = job.request.scope.get(FAULT_KEY)
    task = job.services.midjourney.submit(wanted.prompt, fault.task if fault else None)
    return json_response({"statusCode": 200, "message": "Success", "data": task.number}, "tasks")


async def _result(job: Job) -> Response:
    wanted: MidjourneyResultRequest = job.parameters
    services = job.services
    task = services.midjourney.find(wanted.task_id)
    if task is None:
        raise Refusal(400, f"There is no task with the id {wanted.task_id!r}.")
    if not services.midjourney.is_due(task):
        return json_response({"ImageID": task.number, "Status": "generating"}, "tasks")
    if task.fate == "failed":
        failed = {"Status": "failed", "message": "The prompt was refused."}
        return json_response({"ImageID": task.number, **failed}, "tasks")
    await _draw(job, task)
    url = link_to(job.request, task.file or "")
    return json_response(services.midjourney.finished(task, url), task.engine)


async def _draw(job: Job, task: Task) -> None:
    # Concurrent polls wait for the same picture.
    async with task.lock:
        if task.file is not None and job.services.files.get(task.file) is not None:
            return
        prompt, width, height = split_prompt(task.prompt)
        made = await drawn(job, ImageSpec(prompt, width, height, model="midjourney"))
        task.file, task.engine = job.services.files.add(made.files[0], made.engine), made.engine


async def submitted(job: Job, file: bytes, engine: str) -> Response:
    """The answer that promises this file as a job."""
    task = job.services.midjourney.submit("")
    task.file, task.engine = job.services.files.add(file, engine), engine
    return json_response({"job_id": str(task.number)}, "tasks")


async def _job_status(job: Job) -> Response:
    wanted: JobResultRequest = job.parameters
    task = job.services.midjourney.find(wanted.job_id)
    if task is None:
        raise Refusal(400, f"There is no job with the id {wanted.job_id!r}.")
    if not job.services.midjourney.is_due(task):
        return json_response({"status": "processing", "image": None}, "tasks")
    if task.file is None:  # one of Midjourney's
        await _draw(job, task)
    link = link_to(job.request, task.file or "")
    return json_response({"status": "success", "image": link}, task.engine)


OPERATIONS = (
    Operation("/midjourney", MidjourneyRequest, ErrorStyle.TEXT, _submit),
    Operation("/midjourney/result", MidjourneyResultRequest, ErrorStyle.TEXT, _result),
    Operation("/job-status", JobResultRequest, ErrorStyle.TEXT, _job_status, keyless=True),
)
