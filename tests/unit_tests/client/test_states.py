"""The states of a picture that is being made: several JSON objects in one body."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from client_driving import DRIVERS, KEY, PNG, Host, drive, failure_of, given, play

from langchain_visioncraft import errors
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import Progress
from langchain_visioncraft.client.states import StateWatch

WAITING = {"status": "WAITING", "queue_position": 3, "queue_total": 10}
RUNNING = {"status": "RUNNING", "progress": "41 %"}
SUCCESS = {"status": "SUCCESS", "image_url": "/m.png", "seed": 123456}


def body_of(*states: Any, between: str = "\n", indent: int | None = None) -> bytes:
    return between.join(json.dumps(state, indent=indent) for state in states).encode()


def asked(**more: Any) -> Any:
    return endpoints.image("a cat", model="DreamShaper-8", stream=True, **more)


@pytest.mark.parametrize("between", ["\n", "", "\r\n\r\n", ", "])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_last_success_counts_however_the_objects_are_divided(
    between: str, indent: int | None
) -> None:
    body = body_of(WAITING, RUNNING, SUCCESS, between=between, indent=indent)
    played = play(asked(), given(body), given(PNG))
    assert played.links == ["/m.png"]
    assert [medium.seed for medium in played.result] == [123456]


def test_a_stream_of_one_state_and_a_plain_answer_are_the_same() -> None:
    assert play(asked(), given(SUCCESS), given(PNG)).result[0].seed == 123456


def test_what_follows_a_success_does_not_undo_it() -> None:
    body = body_of(SUCCESS) + b'\n{"status": "RUN'
    assert play(asked(), given(body), given(PNG)).links == ["/m.png"]


@pytest.mark.parametrize(
    "body",
    [
        body_of(WAITING, RUNNING),
        body_of(WAITING),
        body_of(WAITING) + b'\n{"status": "SUCC',
        body_of(WAITING, RUNNING)[:-3],
    ],
)
def test_a_stream_that_ends_before_the_picture_is_cut_off(body: bytes) -> None:
    with pytest.raises(errors.TruncatedAnswerError):
        play(asked(), given(body))


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ({"status": "ERROR", "error": "The prompt is refused."}, errors.BadRequestError, "refused"),
        ({"status": "FAILED"}, errors.BadRequestError, "'FAILED'"),
        ({"status": "CANCELLED", "message": "No worker."}, errors.BadRequestError, "No worker"),
        (
            {"status": "REJECTED", "message": "Free users can make 10 images per 5 minutes."},
            errors.RateLimitError,
            "300 seconds",
        ),
        ({"status": "ERROR", "error": "Down", "code": 503}, errors.ServerError, "503: Down"),
    ],
)
def test_any_other_status_is_a_failure(
    state: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        play(asked(), given(body_of(WAITING, state)))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_progress_is_found_in_chunks_that_end_anywhere(size: int) -> None:
    body = body_of(WAITING, WAITING, {**RUNNING, "progress": "Öl"}, SUCCESS, indent=1)
    watch, told = StateWatch(), list[Progress]()
    for at in range(0, len(body), size):
        told += watch(body[at : at + size])
    assert [each.message for each in told] == ["waiting in the queue: 3 of 10", "running: Öl"]
    assert told[0].details == {"status": "waiting", "queue_position": 3, "queue_total": 10}


@pytest.mark.parametrize("body", [PNG, b"[[" * 200_000, b'{"a":"' + b"}" * 200_000, b"<html>{"])
def test_what_is_not_a_state_is_soon_left_alone(body: bytes) -> None:
    watch = StateWatch()
    assert [list(watch(body[at : at + 100])) for at in range(0, len(body), 100)] == [
        [] for _ in range(0, len(body), 100)
    ]
    assert not watch._reads
    assert len(watch._text) <= 4196


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in parts."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    def __iter__(self) -> Any:
        yield from self._parts

    async def __aiter__(self) -> Any:
        for part in self._parts:
            await asyncio.sleep(0)
            yield part


def streaming(*states: Any) -> Any:
    parts = [body_of(state) + b"\n" for state in states]
    return lambda _: httpx.Response(200, stream=Stream(*parts))


@pytest.mark.parametrize("driver", DRIVERS)
def test_progress_is_reported_while_the_answer_arrives(driver: str) -> None:
    host, told = Host(streaming(WAITING, RUNNING, SUCCESS), PNG), list[Progress]()
    [medium] = drive(host.client(DRIVERS[driver]), asked(), on_progress=told.append)
    assert [each.details["status"] for each in told] == ["waiting", "running"]
    assert all(each.elapsed is not None for each in told)
    assert medium.seed == 123456


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_key_is_not_in_progress_that_repeats_it(driver: str) -> None:
    told: list[Progress] = []
    host = Host(streaming({**RUNNING, "progress": f"for {KEY}"}, SUCCESS), PNG)
    drive(host.client(DRIVERS[driver]), asked(), on_progress=told.append)
    assert told[0].message == "running: for ***"
    assert KEY not in repr(told)


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_error_of_who_listens_stays_what_it_is(driver: str) -> None:
    def fail(_: Progress) -> None:
        raise BrokenPipeError("closed by the reader")

    client = Host(streaming(WAITING, SUCCESS), PNG).client(DRIVERS[driver])
    failure = failure_of(lambda: drive(client, asked(), on_progress=fail))
    assert type(failure) is BrokenPipeError


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_is_reported_where_nobody_asked_to_stream(driver: str) -> None:
    told: list[Progress] = []
    host = Host(streaming(WAITING, SUCCESS), PNG)
    flow = endpoints.image("a cat", model="DreamShaper-8")
    drive(host.client(DRIVERS[driver]), flow, on_progress=told.append)
    assert not told
