"""Every endpoint against the sandbox, and what happens when it fails in every way it can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from client_driving import KEY, drive
from samples import MAKES_MEDIA, SAMPLES
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft.client import VisionCraftClient, endpoints
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    AuthenticationError,
    ConnectionFailedError,
    EndpointNotFoundError,
    LinkExpiredError,
    RateLimitError,
    ServerError,
    SubscriptionError,
    TaskDeadlineError,
    TaskFailedError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
    UnknownNameError,
    VisionCraftError,
)
from langchain_visioncraft.media.sniff import sniff


@pytest.fixture
def client(driver: Any, drawing_sandbox: Sandbox) -> Iterator[Any]:
    """A client of either kind that talks to the sandbox."""
    made = driver(base_url=drawing_sandbox.url, api_key=KEY)
    yield made
    if isinstance(made, VisionCraftClient):
        made.close()


SMALL = {"prompt": "a cat", "model": "sdxl-base", "width": 64, "height": 64}


def draw() -> Any:
    return endpoints.text_to_image(**SMALL)


@pytest.mark.parametrize(
    "name", [name for name in MAKES_MEDIA if not SAMPLES[name].models], ids=str
)
def test_an_endpoint_gives_its_media(client: Any, name: str) -> None:
    sample = SAMPLES[name]
    media = drive(client, getattr(endpoints, name)(**sample.given, **sample.small))
    assert [medium.mime_type for medium in media] == [sniff(sample.answers[0])]


def links() -> Any:
    return endpoints.text_to_image_sd1("a cat", image_count=2, width=512, height=512)


def test_one_call_may_give_several_pictures(client: Any) -> None:
    media = drive(client, links())
    assert [medium.mime_type for medium in media] == ["image/png", "image/png"]


@pytest.fixture(autouse=True)
def _look_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.2)
    monkeypatch.setattr("langchain_visioncraft.client.tasks.LONGEST_PAUSE", 1.0)


def at(driver: Any, sandbox: Sandbox, flow: Any, **options: Any) -> Any:
    client = driver(base_url=sandbox.url, api_key=KEY)
    try:
        return drive(client, flow, **options)
    finally:
        if isinstance(client, VisionCraftClient):
            client.close()


def test_midjourney_is_polled_for(driver: Any, polled_sandbox: Sandbox) -> None:
    told: list[Any] = []
    [image] = at(
        driver, polled_sandbox, endpoints.midjourney(prompt="a cat"), on_progress=told.append
    )
    assert image.mime_type == "image/png"
    assert told[0].details["task_id"]


@pytest.mark.parametrize(
    ("task", "kind"), [("failed", TaskFailedError), ("never", TaskDeadlineError)]
)
def test_a_midjourney_task_may_fail(
    driver: Any, polled_sandbox: Sandbox, task: Any, kind: type[Exception]
) -> None:
    polled_sandbox.faults.inject(Fault(endpoint="POST /midjourney", task=task))
    with pytest.raises(kind):
        at(driver, polled_sandbox, endpoints.midjourney(prompt="a cat", deadline=1.0))


def test_lists_and_limits_are_served(client: Any) -> None:
    assert "sdxl-base" in drive(client, endpoints.list_names(family="sd", kind="models"))
    assert drive(client, endpoints.limits())


def test_a_name_that_the_host_does_not_know_comes_with_near_ones(client: Any) -> None:
    flow = endpoints.text_to_image(**{**SMALL, "sampler": "Eulr"})
    with pytest.raises(UnknownNameError) as caught:
        drive(client, flow)
    assert "Euler" in caught.value.suggestions


LASTING: list[tuple[dict[str, Any], type[VisionCraftError]]] = [
    ({"status": 401}, AuthenticationError),
    ({"status": 403}, SubscriptionError),
    ({"status": 404}, EndpointNotFoundError),
    ({"status": 413}, SubscriptionError),
    ({"status": 429}, RateLimitError),
    ({"status": 429, "retry_after": 3600}, RateLimitError),
    ({"html": True, "status": 200}, UnexpectedAnswerError),
    ({"html": True, "status": 403}, SubscriptionError),
    ({"redirect": "https://elsewhere.example/"}, UnexpectedAnswerError),
    ({"empty": True}, TruncatedAnswerError),
    ({"truncate": 0.5, "announce": False}, TruncatedAnswerError),
    ({"truncate": 0.5}, ConnectionFailedError),
    ({"hang_up": "mid-body"}, ConnectionFailedError),
    ({"body": {"error": "bad key", "code": 401}}, AuthenticationError),
    ({"body": {"images": ["http://169.254.169.254/latest/meta-data/x"]}}, VisionCraftError),
    ({"oversize": 8 << 20}, UnexpectedAnswerError),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "kind"), LASTING, ids=str)
def test_a_failure_is_told_by_its_own_name_after_one_call(
    client: Any, drawing_sandbox: Sandbox, fault: dict[str, Any], kind: type[Exception]
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", times=None, **fault))
    before = len(drawing_sandbox.requests)
    with pytest.raises(kind) as caught:
        drive(client, draw())
    assert KEY not in str(caught.value)
    assert len(drawing_sandbox.requests) - before <= 1


PASSING: list[dict[str, Any]] = [
    {"status": 408}, {"status": 429, "retry_after": 1}, {"status": 500}, {"status": 502},
    {"status": 503}, {"status": 504}, {"html": True}, {"hang_up": "before"},
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_a_failure_that_passes_is_waited_out(
    client: Any, drawing_sandbox: Sandbox, fault: dict[str, Any], no_waiting: None
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", times=2, **fault))
    assert drive(client, draw())


@pytest.mark.parametrize("fault", [{"content_type": "text/html"}, {"delay": 0.2}, {"stall": 0.2}])
def test_what_does_no_harm_does_none(
    client: Any, drawing_sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", **fault))
    assert drive(client, draw())[0].mime_type == "image/png"


def test_a_link_that_expired_is_told(client: Any, drawing_sandbox: Sandbox) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="GET /files/*", status=410))
    with pytest.raises(LinkExpiredError):
        drive(client, links())


def test_a_real_wait_is_waited(client: Any, drawing_sandbox: Sandbox) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=503))
    assert drive(client, draw())


def test_a_cap_is_kept_to(driver: Any, drawing_sandbox: Sandbox) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", oversize=8 << 20))
    client = driver(base_url=drawing_sandbox.url, api_key=KEY, max_answer_bytes=1 << 20)
    with pytest.raises(AnswerTooLargeError):
        drive(client, draw())
    if isinstance(client, VisionCraftClient):
        client.close()


def test_a_host_that_stays_down_is_told(
    client: Any, drawing_sandbox: Sandbox, no_waiting: None
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=503, times=None))
    with pytest.raises(ServerError):
        drive(client, draw())
