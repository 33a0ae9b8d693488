"""Midjourney: submit, then ask until the picture is there. No clock: time passes in pauses."""

from __future__ import annotations

from typing import Any

import pytest
from client_driving import PNG, Host, drive, given, play

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    RateLimitError,
    ServerError,
    TaskDeadlineError,
    TaskFailedError,
    TimedOutError,
    UnexpectedAnswerError,
)

LINK = "https://cdn.example.com/m.png"


def submitted(task_id: Any = 75435) -> Any:
    return given({"statusCode": 200, "message": "Success", "data": task_id})


def generating() -> Any:
    return given({"ImageID": 75435, "Status": "generating"})


def success() -> Any:
    return given({"ImageID": 75435, "Status": "success", "URL": LINK})


def test_polling_slows_down_from_2_to_15_seconds() -> None:
    played = play(
        endpoints.midjourney(prompt="x"),
        submitted(),
        *[generating() for _ in range(7)],
        success(),
        given(PNG),
    )
    assert played.pauses == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0, 15.0]
    assert played.links == [LINK]
    assert played.result[0].mime_type == "image/png"


@pytest.mark.parametrize("task_id", [75435, "75435", 0])
def test_the_id_of_a_task_may_be_a_number_or_a_text(task_id: Any) -> None:
    played = play(endpoints.midjourney(prompt="x"), submitted(task_id), success(), given(PNG))
    assert [call.body for call in played.calls[1:]] == [{"task_id": str(task_id)}]


@pytest.mark.parametrize(
    "body",
    [
        *({"statusCode": 200}, {"data": ""}, {"data": None}, {"data": {}}, [], "ok"),
        *({"data": "1" * 1001}, {"data": "1\n2"}),
    ],
)
def test_an_answer_without_a_task_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="no task id"):
        play(endpoints.midjourney(prompt="x"), given(body))


def test_a_refused_prompt_is_not_polled_for() -> None:
    with pytest.raises(BadRequestError, match="Banned prompt"):
        play(
            endpoints.midjourney(prompt="x"), given({"statusCode": 400, "message": "Banned prompt"})
        )


def test_progress_is_told_at_the_start_and_at_every_look() -> None:
    played = play(
        endpoints.midjourney(prompt="x"), submitted(), generating(), success(), given(PNG)
    )
    assert [(step.elapsed, dict(step.details)) for step in played.progress] == [
        (0.0, {"task_id": "75435"}),
        (2.0, {"task_id": "75435", "status": "generating"}),
    ]


@pytest.mark.parametrize("job", ["1" * 1001, "\ud800", "1\n2"])
def test_an_id_that_is_too_long_or_not_printable_is_none(job: str) -> None:
    with pytest.raises(TaskFailedError, match="accepted no job"):
        play(endpoints.text_to_gif(prompt="x"), given({"job_id": job}))


def test_a_long_status_is_shortened() -> None:
    said = given({"Status": "x" * 100_000})
    played = play(endpoints.midjourney(prompt="x"), submitted(), said, success(), given(PNG))
    assert len(str(played.progress[1])) < 1000


@pytest.mark.parametrize("words", ["message", "reason", "description"])
@pytest.mark.parametrize("status", ["failed", "FAILED", "error", "cancelled", "banned"])
def test_a_task_that_the_service_gives_up_is_recoverable_by_another_prompt(
    status: str, words: str
) -> None:
    with pytest.raises(TaskFailedError, match="75435") as caught:
        play(
            endpoints.midjourney(prompt="x"),
            submitted(),
            given({"Status": status, words: "blood is not allowed"}),
        )
    assert "blood is not allowed" in str(caught.value)
    assert caught.value.recoverable


def test_the_deadline_ends_the_wait_and_says_how_to_go_on() -> None:
    replies = [generating() for _ in range(3)]
    with pytest.raises(TaskDeadlineError, match=r"midjourney_result\(task_id='75435'\)"):
        play(endpoints.midjourney(prompt="x", deadline=6), submitted(), *replies)


def test_the_last_look_comes_at_the_deadline_and_not_after_it() -> None:
    played = play(
        endpoints.midjourney(prompt="x", deadline=6),
        submitted(), generating(), generating(), success(), given(PNG),
    )  # fmt: skip
    assert sum(played.pauses) == 6


def test_the_deadline_is_not_sent() -> None:
    played = play(endpoints.midjourney(prompt="x", deadline=6), submitted(), success(), given(PNG))
    assert played.calls[0].body == {"prompt": "x"}


@pytest.mark.parametrize(
    "trouble", [ConnectionFailedError("reset"), ServerError("503", status=503), RateLimitError("!")]
)
def test_a_bad_moment_does_not_lose_the_picture(trouble: Exception) -> None:
    played = play(
        endpoints.midjourney(prompt="x"), submitted(), trouble, trouble, success(), given(PNG)
    )
    assert played.result[0].mime_type == "image/png"


def test_a_bad_moment_is_forgotten_after_a_good_look() -> None:
    trouble = ServerError("503", status=503)
    replies = [*[trouble] * 3, generating(), *[trouble] * 3, success(), given(PNG)]
    assert play(endpoints.midjourney(prompt="x"), submitted(), *replies).result


def test_a_service_that_stays_down_ends_the_wait() -> None:
    trouble = ServerError("503", status=503)
    with pytest.raises(ServerError):
        play(endpoints.midjourney(prompt="x"), submitted(), *[trouble] * 4)


def test_a_limit_while_polling_is_waited_out() -> None:
    limit = RateLimitError("limit", status=429, retry_after=120)
    played = play(endpoints.midjourney(prompt="x"), submitted(), limit, success(), given(PNG))
    assert played.pauses == [2.0, 120]


def test_a_status_that_passes_is_waited_out_while_polling() -> None:
    slow = APIStatusError("408", status=408)
    played = play(endpoints.midjourney(prompt="x"), submitted(), slow, success(), given(PNG))
    assert len(played.pauses) == 2


def test_a_wrong_key_ends_the_wait_at_once() -> None:
    with pytest.raises(AuthenticationError):
        play(endpoints.midjourney(prompt="x"), submitted(), AuthenticationError("401", status=401))


def test_a_task_can_be_taken_up_again_by_its_id() -> None:
    played = play(endpoints.midjourney_result(task_id=75435), success(), given(PNG))
    assert played.calls[0].path == "/midjourney/result"
    assert played.result[0].mime_type == "image/png"


def test_both_drivers_wait_between_looks(driver: Any, naps: list[float]) -> None:
    host = Host(
        {"data": 7}, {"Status": "generating"}, {"Status": "success", "URL": "/m.png"}, PNG
    )  # fmt: skip
    told: list[Any] = []
    client = host.client(driver)
    [image] = drive(client, endpoints.midjourney(prompt="x"), on_progress=told.append)
    assert naps == [2.0, 3.0]
    assert [step.message for step in told] == [
        "submitted to Midjourney",
        "Midjourney is generating",
    ]
    assert image.mime_type == "image/png"


def test_both_drivers_keep_to_the_deadline(driver: Any, naps: list[float]) -> None:
    host = Host({"data": 7}, {"Status": "generating"})
    with pytest.raises(TaskDeadlineError):
        drive(host.client(driver), endpoints.midjourney(prompt="x", deadline=20))
    assert sum(naps) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(
    "trouble",
    [
        TimedOutError("slow"),
        given(b""),
        given(b'{"Status": "gen'),
        given(b"<html><title>502 Bad Gateway</title></html>"),
    ],
    ids=["timeout", "empty", "cut off", "proxy page"],
)
def test_no_passing_trouble_of_a_look_loses_the_picture(trouble: Any) -> None:
    played = play(endpoints.midjourney(prompt="x"), submitted(), trouble, success(), given(PNG))
    assert played.result[0].mime_type == "image/png"
