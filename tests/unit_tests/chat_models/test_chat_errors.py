"""Failures: translated at one boundary, with their facts, and catchable as before."""

from __future__ import annotations

import asyncio
import json
import pickle
import ssl
from typing import Any

import openai
import pytest
from chat_service import KEY, Service, ask, events, httpx
from langchain_core import exceptions
from langchain_core.callbacks import BaseCallbackHandler
from langchain_openai.chat_models import base as langchain_openai_base
from pydantic import BaseModel

from langchain_visioncraft import errors
from langchain_visioncraft.chat_models.errors import Boundary, both

BASE = "http://service.test"
ALLOWED = "You can make 5 requests per minute"
STATUSES: list[tuple[int, str, type[Exception], type[Exception]]] = [
    (400, "No messages", errors.BadRequestError, openai.BadRequestError),
    (401, "Invalid key", errors.AuthenticationError, openai.AuthenticationError),
    (402, "Pay first", errors.SubscriptionError, openai.APIStatusError),
    (403, "Subscribe to our channel", errors.SubscriptionError, openai.PermissionDeniedError),
    (
        403,
        "Free users can make 5 requests per 5 minutes",
        errors.RateLimitError,
        openai.PermissionDeniedError,
    ),
    (404, "Not Found", errors.EndpointNotFoundError, openai.NotFoundError),
    (413, "Subscribe to premium", errors.SubscriptionError, openai.APIStatusError),
    (422, "Bad field", errors.BadRequestError, openai.UnprocessableEntityError),
    (429, "Too many requests", errors.RateLimitError, openai.RateLimitError),
    (500, "Boom", errors.ServerError, openai.InternalServerError),
    (503, "Down", errors.ServerError, openai.InternalServerError),
]


async def failure(service: Service, way: str, **options: Any) -> Any:
    with pytest.raises(errors.VisionCraftError) as caught:
        await ask(service.model(**options), way)
    return caught.value


@pytest.mark.parametrize(("status", "words", "ours", "theirs"), STATUSES)
@pytest.mark.parametrize("shape", ["error", "message", "detail", "beside"])
async def test_every_status_is_an_error_of_both_trees(  # noqa: PLR0917 -- one a parameter
    service: Service,
    way: str,
    shape: str,
    status: int,
    words: str,
    ours: type[Exception],
    theirs: type[Exception],
) -> None:
    bodies = {
        "error": {"error": words},
        "message": {"error": {"message": words}, "code": status},
        "detail": {"detail": words},
        "beside": {"error": "Forbidden", "message": words},
    }
    service.says(status, json=bodies[shape])
    error = await failure(service, way)
    assert isinstance(error, ours)
    assert isinstance(error, theirs)
    assert (error.status, error.status_code) == (status, status)
    assert error.detail == words
    assert (error.endpoint, error.base_url) == ("POST /v1/chat/completions", BASE)
    assert words in str(error)
    assert isinstance(error.__cause__, theirs)
    assert error.response.status_code == status


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({"retry-after": "7"}, "Too many requests", 7),
        ({}, "Try again in 42 seconds", 42),
        ({}, "Free users can make 10 requests per 5 minutes", 300),
        ({}, "Slow down", None),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait(
    service: Service, way: str, headers: dict[str, str], words: str, seconds: float | None
) -> None:
    service.says(429, json={"error": words}, headers=headers)
    error = await failure(service, way)
    assert error.retry_after == seconds
    assert error.recoverable


async def test_classes_of_langchain_still_catch(service: Service, way: str) -> None:
    service.says(429, json={"error": "Slow down"})
    error = await failure(service, way)
    expected = getattr(langchain_openai_base, "OpenAIRateLimitError", openai.RateLimitError)
    assert isinstance(error, expected)


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens, however you requested 9000",
        "context_length_exceeded",
        "prompt is too long",
    ],
)
async def test_a_conversation_that_is_too_long_is_langchains_overflow(
    service: Service, way: str, words: str
) -> None:
    service.says(400, json={"error": words})
    error = await failure(service, way)
    assert isinstance(error, getattr(exceptions, "ContextOverflowError", Exception))
    assert isinstance(error, errors.BadRequestError)


@pytest.mark.parametrize("status", [400, 404])
async def test_an_unknown_model_is_named(service: Service, way: str, status: int) -> None:
    service.says(status, json={"error": "The model gpt-9 does not exist"})
    error = await failure(service, way, model="gpt-9")
    assert isinstance(error, errors.UnknownNameError)
    assert error.name == "gpt-9"
    assert "list_models()" in str(error)


async def test_a_redirect_is_not_followed(service: Service, way: str) -> None:
    service.says(301, headers={"location": "https://elsewhere.test/v1/chat/completions"})
    error = await failure(service, way)
    assert isinstance(error, errors.UnexpectedAnswerError)
    assert "https://elsewhere.test" in str(error)
    assert "not sent on" in str(error)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("raised", "ours", "theirs"),
    [
        (httpx.ConnectError("refused"), errors.ConnectionFailedError, openai.APIConnectionError),
        (httpx.ReadError("reset"), errors.ConnectionFailedError, openai.APIConnectionError),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            errors.ConnectionFailedError,
            openai.APIConnectionError,
        ),
        (httpx.ConnectTimeout("slow"), errors.TimedOutError, openai.APITimeoutError),
        (httpx.ReadTimeout("slow"), errors.TimedOutError, openai.APITimeoutError),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] expired"),
            errors.CertificateError,
            openai.APIConnectionError,
        ),
    ],
)
async def test_transport_errors_are_errors_of_both_trees(
    service: Service,
    way: str,
    raised: Exception,
    ours: type[Exception],
    theirs: type[Exception],
) -> None:
    def respond(_: Any) -> Any:
        raise raised

    service.respond = respond
    error = await failure(service, way)
    assert isinstance(error, ours)
    assert isinstance(error, theirs)
    assert (error.endpoint, error.base_url) == ("POST /v1/chat/completions", BASE)
    if isinstance(error, errors.TimedOutError):
        assert error.phase == type(raised).__name__.removesuffix("Timeout").lower()


def test_a_certificate_problem_below_is_found() -> None:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "certificate has expired"
    error = openai.APIConnectionError(request=httpx.Request("POST", BASE))
    error.__cause__ = cause
    found = Boundary(base_url=BASE, key=KEY).translate(error)
    assert isinstance(found, errors.CertificateError)


class _Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that breaks off."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = parts

    def __iter__(self) -> Any:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    async def __aiter__(self) -> Any:
        for part in self:
            yield part


def _start_of_stream() -> bytes:
    return events("Hel", "lo").split(b"data: [DONE]")[0]


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (httpx.ReadTimeout("slow"), errors.TimedOutError),
        (
            httpx.RemoteProtocolError("peer closed connection (incomplete chunked read)"),
            errors.ConnectionFailedError,
        ),
    ],
)
async def test_a_stream_that_breaks_off_is_translated_too(
    service: Service, way: str, raised: Exception, ours: type[Exception]
) -> None:
    headers = {"content-type": "text/event-stream"}
    service.respond = lambda _: httpx.Response(
        200, headers=headers, stream=_Broken(_start_of_stream(), raised)
    )
    error = await failure(service, way)
    assert isinstance(error, ours)
    if isinstance(error, errors.ConnectionFailedError):
        assert error.answered


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    ("data", "ours", "status"),
    [
        ('{"error": {"message": "Out of memory", "code": 500}}', errors.ServerError, 500),
        ('{"error": {"message": "Slow down", "code": 429}}', errors.RateLimitError, 429),
        ('{"error": {"message": "No such thing"}}', errors.BadRequestError, 200),
        ('{"choices": [{', errors.TruncatedAnswerError, None),
    ],
)
async def test_an_error_within_a_stream_is_an_error(
    service: Service, way: str, data: str, ours: type[Exception], status: int | None
) -> None:
    content = _start_of_stream() + f"data: {data}\n\n".encode()
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    error = await failure(service, way)
    assert isinstance(error, ours)
    assert error.status == status


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    "event",
    [
        f'data: {{"error": "Forbidden", "message": "{ALLOWED}"}}',
        f'data: {{"error": true, "message": "{ALLOWED}"}}',
        f'data: {{"error": {{"message": "Forbidden"}}, "detail": "{ALLOWED}"}}',
        f'data: {{"detail": "{ALLOWED}"}}',
        f'data: {{"success": false, "message": "{ALLOWED}"}}',
        f'data: {{"statusCode": 403, "message": "{ALLOWED}"}}',
        f'data: {{"choices": [], "error": "Forbidden", "message": "{ALLOWED}"}}',
        f'data: [{{"code": 0, "message": "{ALLOWED}"}}]',
        f'event: error\ndata: {{"message": "{ALLOWED}"}}',
        f"event: error\ndata: {ALLOWED}",
        f"data: {ALLOWED}",
    ],
)
async def test_no_words_of_an_error_within_a_stream_are_lost(
    service: Service, way: str, event: str
) -> None:
    for start in (b"", _start_of_stream()):
        content = start + f"{event}\n\ndata: [DONE]\n\n".encode()
        service.says(200, content=content, headers={"content-type": "text/event-stream"})
        error = await failure(service, way)
        assert isinstance(error, errors.RateLimitError)
        assert isinstance(error, openai.APIError)
        assert (error.detail, error.retry_after) == (ALLOWED, 60)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_says_that_there_is_no_error_has_none(
    service: Service, way: str
) -> None:
    content = events('"error": "or', ' not"').replace(b'"choices"', b'"error": null, "choices"')
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    assert (await ask(service.model(), way)).text == '"error": "or not"'


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_an_empty_stream_is_an_error(service: Service, way: str) -> None:
    service.says(200, content=b"", headers={"content-type": "text/event-stream"})
    error = await failure(service, way)
    assert isinstance(error, errors.TruncatedAnswerError)
    assert "streamed nothing" in str(error)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("cut", [b'"finish_reason": "stop"', b'"lo"', b'"content": ""'])
async def test_a_stream_that_ends_too_early_is_an_error(
    service: Service, way: str, cut: bytes
) -> None:
    content = events("Hel", "lo").partition(cut)[0]
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    error = await failure(service, way)
    assert isinstance(error, errors.TruncatedAnswerError)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("missing", [b'"finish_reason": "stop"', b"data: [DONE]\n\n"])
async def test_either_sign_of_the_end_is_enough(service: Service, way: str, missing: bytes) -> None:
    content = events("Hel", "lo").replace(
        missing, b'"finish_reason": null' * missing.startswith(b'"')
    )
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    assert (await ask(service.model(), way)).text == "Hello"


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain"])
async def test_a_stream_under_another_type_is_read(service: Service, way: str, kind: str) -> None:
    service.says(200, content=events("Hel", "lo"), headers={"content-type": kind})
    assert (await ask(service.model(), way)).text == "Hello"


@pytest.mark.parametrize("content", [b"", b" \n", b'{"choices": [{"mess', b'[{"a"'])
async def test_an_answer_that_is_empty_or_cut_off_is_truncated(
    service: Service, way: str, content: bytes
) -> None:
    service.says(200, content=content, headers={"content-type": "application/json"})
    error = await failure(service, way)
    assert isinstance(error, errors.TruncatedAnswerError)
    assert error.status == 200


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_host_that_does_not_stream_is_told_apart(service: Service, way: str) -> None:
    from chat_service import completion

    service.says(200, json=completion())
    error = await failure(service, way)
    assert "does not stream" in str(error)
    assert "disable_streaming=True" in str(error)
    answer = await ask(service.model(disable_streaming=True), way)
    assert answer.text == "Hello!"


async def test_html_under_200_is_an_unexpected_answer(service: Service, way: str) -> None:
    page = b"<html><head><title>Just a moment...</title></head></html>"
    service.says(200, content=page, headers={"content-type": "text/html"})
    error = await failure(service, way)
    assert isinstance(error, errors.UnexpectedAnswerError)
    assert isinstance(error, openai.APIError)
    assert "Just a moment" in str(error)
    assert error.status == 200


@pytest.mark.parametrize(
    ("answer", "also", "retry_after"),
    [
        ({"error": "The model crashed"}, errors.BadRequestError, None),
        ({"error": {"message": "The model crashed"}}, errors.BadRequestError, None),
        ({"detail": "The model crashed"}, errors.BadRequestError, None),
        ({"error": "Limit: 10 requests per 5 minutes"}, errors.RateLimitError, 300),
        ({"error": "No such user", "code": 401}, errors.AuthenticationError, None),
        ({"error": "Forbidden", "message": ALLOWED}, errors.RateLimitError, 60),
        ({"success": False, "message": ALLOWED}, errors.RateLimitError, 60),
        ([{"code": 0, "message": ALLOWED}], errors.RateLimitError, 60),
    ],
)
async def test_an_error_under_200_is_an_unexpected_answer(
    service: Service, way: str, answer: Any, also: type[Exception], retry_after: float | None
) -> None:
    service.says(200, json=answer)
    error = await failure(service, way)
    assert isinstance(error, errors.UnexpectedAnswerError)
    assert isinstance(error, also)
    assert error.retry_after == retry_after
    assert error.detail in json.dumps(answer)


@pytest.mark.parametrize(
    "answer",
    [{}, [], "text", 42, {"choices": None}, {"choices": []}, {"choices": [{"message": None}]}],
    ids=repr,
)
async def test_json_that_is_no_completion_is_an_unexpected_answer(
    service: Service, way: str, answer: Any
) -> None:
    service.says(200, json=answer)
    error = await failure(service, way)
    assert isinstance(error, errors.UnexpectedAnswerError)


async def test_an_answer_that_reached_max_tokens_cannot_be_parsed(service: Service) -> None:
    class City(BaseModel):
        """A city."""

        name: str

    from chat_service import completion

    cut = completion('{"na')
    cut["choices"][0]["finish_reason"] = "length"
    service.says(200, json=cut)
    structured = service.model().with_structured_output(City, method="json_schema")
    for call in (structured.invoke, lambda text: asyncio.run(structured.ainvoke(text))):
        with pytest.raises(errors.TruncatedAnswerError, match="max_tokens") as caught:
            await asyncio.to_thread(call, "Which?")
        assert isinstance(caught.value, openai.LengthFinishReasonError)


@pytest.mark.parametrize(
    ("status", "says", "asked"),
    [
        *((status, None, 3) for status in (408, 429, 500, 502, 503, 504)),
        *((status, None, 1) for status in (400, 402, 409, 422, 501, 507, 599)),
        # What the host says of it counts only where it says no.
        (503, "false", 1),
        *((status, "true", 1) for status in (307, 400, 402, 409, 422, 501)),
    ],
)
async def test_only_what_passes_is_asked_again(  # noqa: PLR0917 -- one a parameter
    service: Service,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    says: str | None,
    asked: int,
) -> None:
    async def no_sleep(*_: Any) -> None: ...

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("anyio.sleep", no_sleep)
    headers = {"x-should-retry": says} if says else {}
    service.says(status, json={"error": "No"}, headers=headers)
    await failure(service, way, max_retries=2)
    assert len(service.requests) == asked


@pytest.mark.parametrize(("wait", "asked"), [("60", 3), ("61", 1), ("120", 1), ("86400", 1)])
async def test_a_wait_of_more_than_a_minute_is_reported_and_not_slept(
    service: Service, way: str, monkeypatch: pytest.MonkeyPatch, wait: str, asked: int
) -> None:
    async def no_sleep(*_: Any) -> None: ...

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("anyio.sleep", no_sleep)
    service.says(429, json={"error": "Slow down"}, headers={"retry-after": wait})
    error = await failure(service, way, max_retries=2)
    assert error.retry_after == int(wait)
    assert len(service.requests) == asked


async def test_errors_survive_a_pickle(service: Service, way: str) -> None:
    service.says(429, json={"error": "Slow down"}, headers={"retry-after": "5"})
    error = await failure(service, way)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.retry_after, again.status) == (str(error), 5, 429)
    assert KEY.encode() not in pickle.dumps(error)


async def test_an_error_is_shown_under_the_name_that_one_can_import(
    service: Service, way: str
) -> None:
    service.says(401, json={"error": "Invalid key"})
    error = await failure(service, way)
    assert type(error).__qualname__ == "AuthenticationError"
    assert type(error).__module__ == "langchain_visioncraft.errors"


def test_a_combined_class_is_made_once() -> None:
    first = both(errors.RateLimitError, openai.RateLimitError)
    assert first is both(errors.RateLimitError, openai.RateLimitError)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_errors_of_callbacks_are_not_taken_for_the_services(
    service: Service, way: str
) -> None:
    class Strict(BaseCallbackHandler):
        raise_error = True

        def on_llm_new_token(self, *_: Any, **__: Any) -> None:
            raise FileNotFoundError("mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        await ask(service.model(), way, config={"callbacks": [Strict()]})


async def test_list_models_translates_as_well(service: Service) -> None:
    service.says(404, json={"detail": "Not Found"})
    model = service.model()
    with pytest.raises(errors.EndpointNotFoundError) as caught:
        model.list_models()
    assert caught.value.endpoint == "GET /models-llm"
    with pytest.raises(errors.EndpointNotFoundError):
        await model.alist_models()
