"""What the service says when it fails becomes the right error, with its words and its wait."""

from __future__ import annotations

import email.utils
import http
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_visioncraft.client import answers
from langchain_visioncraft.client.answers import service_message
from langchain_visioncraft.client.refusals import (
    error_under_200,
    retry_after,
    status_error,
    unknown_kind,
)
from langchain_visioncraft.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    EndpointNotFoundError,
    RateLimitError,
    ServerError,
    SubscriptionError,
)

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
TABLE_403 = (
    "You have exceeded your usage limits or are not subscribed to the required Telegram channel."
)
PYDANTIC = {
    "detail": [{"loc": ["body", "steps"], "msg": "value is not an integer", "type": "type_error"}]
}


def error_of(status: int, body: Any = b"", **headers: str) -> APIStatusError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_error(status, names, data, endpoint="POST /sd", base_url="https://h.example:8")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "no such thing"}, "no such thing"),
        ({"error": {"message": "no such thing"}, "code": 400}, "no such thing"),
        ({"detail": "no such thing"}, "no such thing"),
        ({"message": "no such thing"}, "no such thing"),
        ({"msg": "no such thing"}, "no such thing"),
        ({"error": {"code": "E1"}}, '{"code": "E1"}'),
        (PYDANTIC, "steps: value is not an integer"),
        ({"detail": ["a", "b"]}, "a; b"),
        ("no such thing", "no such thing"),
        (b"no\n  such thing ", "no such thing"),
        (HTML, "HTML page: 502 Bad Gateway"),
        (b"<html><body><h1>Oops &amp; <b>ouch</b></h1></body></html>", "HTML page: Oops & ouch"),
        (b"<p>plain</p>", "HTML page: plain"),
        (b"", None),
        (b"  \n", None),
        ({}, None),
        ([], None),
        (7, None),
    ],
)
def test_the_services_words_are_found(body: Any, words: str | None) -> None:
    assert service_message(body if isinstance(body, bytes) else json.dumps(body).encode()) == words


SAYS = "You can make 5 requests per minute"
SHAPES: list[Any] = [
    {"error": "Forbidden", "message": SAYS},
    {"detail": "Forbidden", "message": SAYS},
    {"detail": "FORBIDDEN.", "msg": SAYS},
    {"message": "Too Many Requests", "detail": SAYS},
    {"message": "error", "error": SAYS},
    {"error": "403 Forbidden", "reason": SAYS},
    {"error": "ForbiddenError", "description": SAYS},
    {"error": "ForbiddenError", "errors": SAYS},
    {"error": True, "message": SAYS},
    {"error": 1, "title": SAYS},
    {"error": True, "Message": SAYS},
    {"success": False, "message": SAYS},
    {"ok": False, "reason": SAYS},
    {"status": "error", "message": SAYS},
    {"status": "fail", "data": {"message": SAYS}},
    {"status": "Failure", "details": [{"description": SAYS}]},
    {"error": {"message": SAYS}, "code": 403},
    {"error": {"code": 429, "message": SAYS, "type": "rate_limit_error"}},
    {"error": {"error": {"message": "Forbidden", "error": SAYS}}},
    {"error": {"message": "Forbidden", "details": [SAYS]}},
    {"error": [SAYS]},
    {"error": ["Forbidden", {"message": SAYS}]},
    {"errors": [{"message": SAYS}]},
    {"errors": [{"message": SAYS, "path": ["x"]}, {"message": "Forbidden"}]},
    {"error": "access_denied: Forbidden", "error_description": f"access_denied: Forbidden: {SAYS}"},
    {"detail": {"error": "Forbidden", "message": SAYS}},
    {"detail": [{"msg": SAYS, "type": "forbidden"}]},
    {"statusCode": 403, "error": "Forbidden", "message": [SAYS]},
    {"error": json.dumps({"error": "Forbidden", "message": SAYS})},
    {"id": None, "error": {"message": SAYS}},
    [{"code": 0, "message": SAYS}],
    [{"error": "Forbidden", "message": SAYS}],
    {
        "type": "https://example.com/problems/forbidden",
        "title": "Forbidden",
        "status": 403,
        "detail": SAYS,
        "instance": "/sd",
    },
]


@pytest.mark.parametrize("answer", SHAPES, ids=repr)
def test_a_limit_is_one_in_every_shape(answer: Any) -> None:
    refused, under = error_of(403, answer), under_200(answer)
    for error in (refused, under):
        assert type(error) is RateLimitError
        assert error.retry_after == 60
        assert str(error.detail).endswith(SAYS)
        assert str(error).count(SAYS) == 1
        assert "Forbidden" not in str(error).replace("access_denied: Forbidden", "")


@pytest.mark.parametrize("answer", SHAPES, ids=repr)
@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("You are not subscribed to the channel", SubscriptionError),
        ("This host doesn't have sampler Eulr", SubscriptionError),
    ],
)
def test_all_else_that_a_403_says_is_found_in_every_shape(
    answer: Any, says: str, kind: type[APIStatusError]
) -> None:
    text = json.dumps(answer).replace(SAYS, says).replace("Too Many", "").replace("429", "403")
    error = error_of(403, text.replace("rate_limit_error", "").encode())
    assert type(error) is kind
    assert says in str(error)
    assert unknown_kind(error.detail) == ("samplers" if "sampler" in says else None)


@pytest.mark.parametrize("form", ["{}", "{}.", "Error: {}", "HTTP {}", "error_{}"])
@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_the_name_of_a_status_gives_way_to_a_sentence(
    form: str, case: Callable[[str], str]
) -> None:
    for status in http.HTTPStatus:
        name = form.format(case(status.phrase))
        for answer in ({"message": name, "error": "No."}, {"message": "No.", "error": name}):
            assert service_message(json.dumps(answer).encode()) == "No."


@pytest.mark.parametrize("name", ["Forbidden", "error", "NotFoundError", "403", "Access denied"])
def test_the_name_of_a_status_is_better_than_nothing(name: str) -> None:
    assert service_message(json.dumps({"error": name, "code": 403}).encode()) == name


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "No such sampler.", "message": "See the list."},
         "See the list; No such sampler."),
        ({"detail": "A", "message": "B", "reason": "C"}, "B; A; C"),
        ({"error": "The key is banned", "message": "the key is banned!"}, "the key is banned!"),
        ({"error": "banned", "message": "The key is banned."}, "The key is banned."),
        ({"error": "ban", "message": "The key is banned."}, "The key is banned; ban"),
        ({"error": "Bad Request", "errors": {"steps": ["at most 35"]}},
         '{"steps": ["at most 35"]}'),
        ({"error": "Нет доступа", "message": "Подпишитесь"}, "Подпишитесь; Нет доступа"),
        ({"error": "<html><title>403 Forbidden</title></html>"}, "HTML page: 403 Forbidden"),
        ({"error": "[2] is odd"}, "[2] is odd"),
        ({"error": "{model} is unknown", "message": "See."}, "See; {model} is unknown"),
    ],
)  # fmt: skip
def test_different_sentences_are_all_told(answer: Any, words: str) -> None:
    assert service_message(json.dumps(answer).encode()) == words


def test_what_is_too_long_to_be_told_still_tells_what_it_is() -> None:
    answer = {"message": "It went wrong. " * 100, "error": SAYS}
    error = error_of(403, answer)
    assert type(error) is RateLimitError
    assert (len(error.detail or ""), error.retry_after) == (500, 60)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "Slowly, please", "type": "rate_limit_exceeded"}},
        {"error": {"message": "Slowly, please", "code": 429}},
    ],
)
def test_a_code_for_machines_tells_a_limit_too(answer: Any) -> None:
    assert type(error_of(403, answer)) is RateLimitError


def test_a_long_message_is_shortened() -> None:
    assert len(service_message(b"word " * 1000) or "") == 500


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "malformed"}, BadRequestError),
        (405, b"", BadRequestError),
        (415, b"", BadRequestError),
        (422, PYDANTIC, BadRequestError),
        (401, {"error": "bad key"}, AuthenticationError),
        (401, HTML, AuthenticationError),
        (402, b"", SubscriptionError),
        (403, b"", SubscriptionError),
        (403, HTML, SubscriptionError),
        (403, {"error": "You are not subscribed to the channel"}, SubscriptionError),
        (403, {"error": TABLE_403}, SubscriptionError),
        (403, {"error": "Free users can make 5 requests per 5 minutes"}, RateLimitError),
        (403, {"error": "You have exceeded your usage limits"}, RateLimitError),
        (
            403,
            {"error": "Subscribe to premium to make more than 10 images per 5 minutes"},
            RateLimitError,
        ),
        (413, {"error": "Subscribe to premium to use this"}, SubscriptionError),
        (404, {"detail": "Not Found"}, EndpointNotFoundError),
        (404, HTML, EndpointNotFoundError),
        (404, {"error": "model sdxl-base not found"}, BadRequestError),
        (408, b"", APIStatusError),
        (418, b"", APIStatusError),
        (429, b"", RateLimitError),
        (429, {"error": "Subscribe to premium"}, RateLimitError),
        (500, HTML, ServerError),
        (502, HTML, ServerError),
        (503, b"", ServerError),
        (504, b"", ServerError),
        (599, b"", ServerError),
    ],
)
def test_a_status_becomes_its_error(status: int, body: Any, kind: type[APIStatusError]) -> None:
    error = error_of(status, body)
    assert type(error) is kind
    assert (error.status, error.endpoint, error.base_url) == (
        status, "POST /sd", "https://h.example:8",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "VISIONCRAFT_API_KEY"),
        (403, "subscription"),
        (404, "h.example:8 does not offer POST /sd"),
        (429, "wait before you try again"),
        (500, "try again later"),
    ],
)
def test_a_message_says_where_what_and_what_to_do(status: int, advice: str) -> None:
    text = str(error_of(status, {"error": "the service's words"}))
    assert text.startswith(f"POST /sd on h.example:8 answered {status}: the service's words. ")
    assert advice in text


def test_a_message_without_words_is_still_a_sentence() -> None:
    assert str(error_of(503)) == (
        "POST /sd on h.example:8 answered 503. The service failed; try again later."
    )


@pytest.mark.parametrize(
    ("sentence", "seconds"),
    [
        ("Free users can make 10 images per 5 minutes", 300),
        ("Free users can make 10 images per minute", 60),
        ("10 requests every hour", 3600),
        ("one request each 30 s", 30),
        ("Too many requests, try again in 42 seconds", 42),
        ("Try again after 1.5 minutes", 90),
        ("please wait 2 hours", 7200),
        ("Wait for another 10 secs.", 10),
        ("Banned for 2 days", 172800),
        ("10 images per 5 minutes; try again in 12 seconds", 12),
        ("try again later", None),
        ("in 500 ms", None),
        ("", None),
        (None, None),
    ],
)
def test_the_wait_is_found_in_the_sentence(sentence: str | None, seconds: float | None) -> None:
    assert retry_after({}, sentence) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("0", 0), ("-5", 0), ("2.5", 2.5), ("soon", None), ("", None)]
)
def test_the_header_counts_seconds(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, None) == seconds


def test_the_header_may_be_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    date = email.utils.formatdate(1_700_000_090, usegmt=True)
    assert retry_after({"retry-after": date}, None) == 90
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None) == 0


def test_the_header_goes_before_the_sentence() -> None:
    error = error_of(429, {"error": "10 per 5 minutes"}, retry_after="9")
    assert error.retry_after == 9
    assert "try again in 9 seconds" in str(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_only_limits_and_failures_carry_a_wait(status: int) -> None:
    assert error_of(status, {"error": "subscribe"}, retry_after="9").retry_after is None


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("The server doesn't have sampler Eulr", "samplers"),
        ("We do not have the model x", "models"),
        ("Invalid scheduler: y", "schedulers"),
        ("no such refiner", "refiners"),
        ("Lora 'z' not found", "loras"),
        ("model sdxl does not exist", "models"),
        ("UNKNOWN MODEL", "models"),
        ("the model is tired", None),
        ("", None),
        (None, None),
    ],
)
def test_a_refused_name_is_recognised_by_its_kind(sentence: str | None, kind: str | None) -> None:
    assert unknown_kind(sentence) == kind


def under_200(answer: Any) -> APIStatusError | None:
    return error_under_200(answer, endpoint="POST /sd", base_url="http://h")


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        ({"error": "no"}, BadRequestError, 200),
        ({"detail": "no"}, BadRequestError, 200),
        ({"statusCode": 401, "message": "no"}, AuthenticationError, 401),
        ({"code": 500, "message": "no"}, ServerError, 500),
        ({"error": "limit: 3 per minute"}, RateLimitError, 429),
        ({"error": {"message": "no"}, "code": 9999}, BadRequestError, 200),
        ({"error": "Users can only try again after 30 seconds"}, RateLimitError, 429),
        ({"error": "The film is longer than 30 frames per second allow"}, BadRequestError, 200),
        ({"success": False}, BadRequestError, 200),
        ({"code": 0, "error": {"code": 401, "message": "no"}}, AuthenticationError, 401),
    ],
)
def test_an_error_under_200_is_classed_by_what_it_says(
    answer: Any, kind: type[Exception], status: int
) -> None:
    error = under_200(answer)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    "answer",
    [
        *({}, [], "error", None, {"error": None}, {"error": ""}, {"code": 200}),
        *(
            {"status": "error"},
            {"errors": []},
            {"error": False, "success": True},
            {"message": SAYS},
        ),
        *([{"name": "x"}], ["x"], {"status": "ok", "message": "Done"}),
    ],
)
def test_what_is_no_error_is_none(answer: Any) -> None:
    assert under_200(answer) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(
            [
                *("error", "detail", "message", "msg", "loc", "type", "code", "statusCode"),
                *("status", "errors", "title", "reason", "success", "data"),
            ]
        ),
        inner,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(status=st.integers(400, 599), body=st.binary(max_size=300), header=st.text(max_size=40))
def test_no_bytes_of_an_error_raise_anything_else(status: int, body: bytes, header: str) -> None:
    assert isinstance(error_of(status, body, retry_after=header), APIStatusError)


@settings(max_examples=300, deadline=None)
@given(status=st.integers(400, 599), body=JSON)
def test_no_json_of_an_error_raises_anything_else(status: int, body: Any) -> None:
    assert isinstance(error_of(status, body), APIStatusError)
    assert under_200(body) is None or isinstance(under_200(body), APIStatusError)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"error":' * 60_000,
        b'{"detail": [{"loc": null, "msg": "x"}]}',
        b'{"detail": [{"loc": 5, "msg": "x"}]}',
        b'{"detail": [null, 5, [], "x"]}',
    ],
)
def test_a_message_that_is_odd_or_hostile_does_not_get_in_the_way(body: bytes) -> None:
    assert type(error_of(400, body)) is BadRequestError


class Noted:
    """A pattern that notes how long the texts are that it is given."""

    def __init__(self, pattern: Any, lengths: list[int]) -> None:
        self.pattern, self.lengths = pattern, lengths

    def search(self, text: str) -> Any:
        self.lengths.append(len(text))
        return self.pattern.search(text)

    def sub(self, by: str, text: str) -> Any:
        self.lengths.append(len(text))
        return self.pattern.sub(by, text)


@pytest.mark.parametrize(
    "header",
    [
        *("Mon, 01 Jan 99999 00:00:00 GMT", "inf", "nan", "1e999", "Mon, 99 Foo 0 99:99:99"),
        *("1 2 3", "1_0", "\u0663", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_header_that_is_no_wait_is_none(header: str) -> None:
    assert retry_after({"retry-after": header}, None) is None


@pytest.mark.parametrize("body", [b"<" * 65_536, b"<title>" * 9_000, b"<h1 " * 16_000])
def test_of_a_page_only_the_beginning_is_searched(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns that go back and forth in the whole of a hostile one would take seconds."""
    searched: list[int] = []
    for name in ("_TITLE", "_TAG"):
        monkeypatch.setattr(answers, name, Noted(getattr(answers, name), searched))
    service_message(body)
    assert searched == [4096, 4096]
    title = b"<title>502 Bad Gateway</title>"
    assert service_message(b"<" + b" " * 4000 + title) == "HTML page: 502 Bad Gateway"
    assert service_message(b"<" + b" " * 4096 + title) == "HTML page: <"


@pytest.mark.parametrize("name", ["statusCode", "code", "status"])
def test_the_status_inside_an_answer_counts_under_each_of_its_names(name: str) -> None:
    error = under_200({name: 401, "message": "no"})
    assert type(error) is AuthenticationError
    assert error.status == 401


def test_a_status_inside_the_error_counts_too() -> None:
    error = under_200({"error": {"message": "no", "code": 401}})
    assert type(error) is AuthenticationError


@pytest.mark.parametrize(
    "body", [{"error": "File too large"}, b"<h1>413 Request Entity Too Large</h1>"]
)
def test_a_request_that_is_too_large_is_not_told_as_a_lapsed_subscription(body: Any) -> None:
    assert type(error_of(413, body)) is BadRequestError


@pytest.mark.parametrize(
    ("date", "until", "wait"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 09:28:30 +0200", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:00", "Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
    ],
)
def test_a_date_to_wait_for_is_read_by_the_clock_of_the_host(
    date: str, until: str, wait: float
) -> None:
    assert retry_after({"retry-after": until, "date": date}, None) == wait


@pytest.mark.parametrize("text", ["9" * 400, "9" * 12, "inf", "1e300", "nan", "x", ""])
def test_a_wait_that_is_no_number_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}, None) is None
    assert retry_after({}, f"Try again in {text} days") is None
