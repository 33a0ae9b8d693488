"""Long-running work: a host returns an id at once, and the result when it is polled later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_visioncraft import errors
from langchain_visioncraft._redact import shortened
from langchain_visioncraft.client.answers import said_in
from langchain_visioncraft.client.decode import (
    facts_of,
    is_file,
    job_in,
    json_with_links,
    media_from,
    media_in,
)
from langchain_visioncraft.client.flow import (
    RETRY_STATUSES,
    Answer,
    Auth,
    Call,
    Flow,
    Pause,
    Progress,
)
from langchain_visioncraft.media.media import Media

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 15.0
"""Seconds before the first poll, and the most seconds between polls."""

DEADLINE = 900.0
"""Seconds that a task may take, unless the caller says otherwise."""

_PASSING = (
    errors.ConnectionFailedError,
    errors.TimedOutError,
    errors.ServerError,
    errors.RateLimitError,
    errors.UnexpectedAnswerError,
    errors.TruncatedAnswerError,
)
_POLL_FAILURES = 3
"""How many polls in a row may fail, beyond the driver's own retries, before a task is given up."""

_LINKS = ("URL", "url", "image", "image_url", "images")
"""The keys under which a task's result arrives."""

_FAILED = {
    *("failed", "failure", "error", "cancelled", "canceled", "banned", "rejected"),
}


@dataclass(frozen=True)
class _Task:
    """How to request the result of one task, and its name in messages.

    `again` is the code that requests it again.
    """

    maker: str
    subject: str
    name: str
    path: str
    body: Mapping[str, Any]
    again: str
    auth: Auth = "token"
    kinds: Sequence[str] = ("image",)


def made_by(answer: Answer, kinds: Sequence[str]) -> Flow[list[Media]]:
    """The media of an answer, or of the job that it promises."""
    job = job_in(answer)
    if job is None:
        return (yield from media_from(answer, kinds))
    yield Progress("submitted as a job", 0.0, {"job_id": job})
    return (yield from job_task(job, {}, DEADLINE))


def midjourney_task(task_id: str, deadline: float) -> Flow[list[Media]]:
    """Poll a Midjourney task until its result is ready."""
    task = _Task(
        "Midjourney",
        "Midjourney",
        f"task {task_id}",
        "/midjourney/result",
        {"task_id": task_id},
        f"endpoints.midjourney_result(task_id={task_id!r})",
    )
    return (yield from _await(task, deadline))


def job_task(job_id: str, options: Mapping[str, Any], deadline: float) -> Flow[list[Media]]:
    """Poll a job (2024-01) until its result is ready; this needs no key."""
    task = _Task(
        "The host",
        "The job",
        f"job {job_id}",
        "/job-status",
        {"job_id": job_id, **options},
        f"endpoints.job_result(job_id={job_id!r})",
        "none",
        ("image", "video"),
    )
    return (yield from _await(task, deadline))


def _await(task: _Task, deadline: float) -> Flow[list[Media]]:
    elapsed, interval, failures = 0.0, FIRST_PAUSE, 0
    while elapsed < deadline:
        elapsed = yield Pause(min(interval, deadline - elapsed))
        interval = min(interval * 1.5, LONGEST_PAUSE)
        try:
            answer: Answer = yield Call("POST", task.path, task.body, auth=task.auth)
            if is_file(answer):
                return (yield from media_from(answer, task.kinds))
            state = json_with_links(answer)
        except errors.VisionCraftError as error:
            # The picture is being made, and paid for: one bad moment must not lose it.
            failures += 1
            passing = isinstance(error, _PASSING) or error.status in RETRY_STATUSES
            if not passing or failures > _POLL_FAILURES:
                raise
            interval = max(interval, error.retry_after or 0.0)
            continue
        failures = 0
        state = state if isinstance(state, dict) else {"status": str(state)}
        links = {name: state[name] for name in _LINKS if state.get(name)}
        if links and (made := (yield from media_in(links, answer, task.kinds))):
            return made
        state = answer.redact.told(state)
        status = shortened(str(state.get("Status") or state.get("status") or "unknown"), 200)
        status = status.lower()
        if status in _FAILED:
            msg = f"{task.maker} abandoned {task.name}: {said_in(state).message or status}."
            msg += " Change the prompt and try again."
            raise errors.TaskFailedError(msg, detail=shortened(str(state), 500), **facts_of(answer))
        details = {**task.body, "status": status}
        yield Progress(f"{task.subject} is {status}", elapsed, details)
    msg = (
        f"{task.maker}: {task.name} is not ready after {deadline:g} seconds. It may still finish: "
        f"{task.again} asks for it again."
    )
    raise errors.TaskDeadlineError(msg, endpoint=f"POST {task.path}")
