"""The key is seen by the host and by nobody else."""

from __future__ import annotations

import gzip
import html
import json
import logging
import traceback
from typing import Any

import pytest
from chat_service import KEY, Service, ask, httpx
from langchain_core.callbacks import BaseCallbackHandler
from pydantic import ValidationError

from langchain_visioncraft import ChatVisionCraft, errors


class Recorder(BaseCallbackHandler):
    """Writes down everything that tracers get."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.seen.append(repr((error, error.__dict__, kwargs)))


def test_the_model_does_not_show_it(service: Service) -> None:
    model = service.model()
    for text in (repr(model), str(model), str(model.model_dump()), model.model_dump_json()):
        assert KEY not in text
    assert KEY not in str(model._identifying_params)
    assert KEY not in str(model._get_ls_params())


@pytest.mark.parametrize("wrong", [{"base_url": "x"}, {"temperature": -1}, {"model": ""}])
def test_a_model_that_cannot_be_built_does_not_show_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatVisionCraft(**{"api_key": KEY, "model": "m", **wrong})
    assert KEY[:8] not in str(caught.value)


async def test_logs_at_debug_do_not_show_it(
    service: Service, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    loggers = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "langchain_openai")
    for name in (None, *loggers):
        caplog.set_level(logging.DEBUG, logger=name)
    await ask(service.model(), way)
    assert caplog.records
    assert KEY not in caplog.text


async def test_callbacks_do_not_see_it(service: Service, way: str) -> None:
    recorder = Recorder()
    await ask(service.model(), way, config={"callbacks": [recorder]})
    assert recorder.seen
    assert KEY not in "".join(recorder.seen)


async def test_events_do_not_show_it(service: Service) -> None:
    found = [str(event) async for event in service.model().astream_events("Hi", version="v2")]
    assert found
    assert KEY not in "".join(found)


def escaped(form: str) -> str:
    return "".join(form % ord(letter) for letter in KEY)


@pytest.mark.parametrize("shape", ["json", "text", "message", "escaped", "page"])
@pytest.mark.parametrize("status", [200, 401, 500])
async def test_errors_do_not_show_it_even_if_the_host_repeats_it(
    service: Service, way: str, shape: str, status: int
) -> None:
    words = f"Invalid key {KEY}, sorry"
    answers: dict[str, dict[str, Any]] = {
        "json": {"json": {"error": words}},
        "text": {"content": words.encode()},
        "message": {"json": {"error": {"message": words, "token": [KEY]}}},
        "escaped": {"content": b'{"error": "' + escaped("\\u%04x").encode() + b'"}'},
        "page": {"content": f"<h1>{escaped('&#%d;')}</h1>".encode()},
    }
    service.says(status, **answers[shape])
    recorder = Recorder()
    if status == 200 and shape in ("text", "page"):
        service.says(200, **answers[shape], headers={"content-type": "text/html"})
    with pytest.raises(errors.VisionCraftError) as caught:
        await ask(service.model(), way, config={"callbacks": [recorder]})
    error: BaseException | None = caught.value
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in "".join(recorder.seen)
    while error is not None:
        assert KEY not in repr((error, error.__dict__))
        response = getattr(error, "response", None)
        if response is not None:
            assert KEY not in response.text + html.unescape(response.text)
            assert escaped("\\u%04x") not in response.text
            assert KEY not in str(response.request.headers.raw)
        error = error.__cause__ or error.__context__


async def test_what_a_host_says_of_itself_and_of_calls_does_not_show_it(
    service: Service, way: str
) -> None:
    call = {"index": 0, "id": KEY, "function": {"name": escaped("&#%d;"), "arguments": "{}"}}
    said = {"role": "assistant", "content": "Hi", "tool_calls": [call]}
    said |= {"audio": {"id": KEY, "transcript": "x"}, "annotations": [{KEY: KEY}]}
    said |= {"refusal": None, "function_call": None}
    streamed = way in ("stream", "astream")
    choice = {"index": 0, "delta" if streamed else "message": said, "finish_reason": KEY}
    token = {"token": "Hi", "logprob": 0, "bytes": None, "top_logprobs": [], "from": KEY}
    choice |= {"logprobs": {"content": [token], KEY: [{"deep": {"er": [KEY]}}]}, "stop_reason": KEY}
    answer = {"id": KEY, "model": KEY, "system_fingerprint": KEY, "choices": [choice]}
    service.says(200, json=answer)
    if streamed:
        kind = {"content-type": "text/event-stream"}
        service.says(200, content=f"data: {json.dumps(answer)}\n\n".encode(), headers=kind)
    answered = await ask(service.model(), way)
    assert answered.text == "Hi"
    assert [call["name"] for call in answered.tool_calls] == ["***"]
    assert answered.response_metadata["logprobs"]["content"][0]["token"] == "Hi"
    assert KEY not in repr(answered)


async def test_the_models_own_words_are_passed_on_unchanged(service: Service, way: str) -> None:
    call = {"index": 0, "id": "1", "function": {"name": "draw", "arguments": json.dumps([KEY])}}
    said = {"content": f"Your key is {KEY}.", "reasoning": KEY, "tool_calls": [call]}
    streamed = way in ("stream", "astream")
    choice = {"index": 0, "delta" if streamed else "message": said, "finish_reason": "stop"}
    service.says(200, json={"choices": [choice]})
    if streamed:
        kind = {"content-type": "text/event-stream"}
        body = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
        service.says(200, content=body, headers=kind)
    answered = await ask(service.model(), way)
    assert answered.text == f"Your key is {KEY}."
    assert answered.additional_kwargs["reasoning_content"] == KEY
    assert KEY in str(answered.invalid_tool_calls or answered.tool_calls)


async def test_headers_that_are_passed_on_do_not_show_it(service: Service, way: str) -> None:
    def respond(request: Any) -> Any:
        response = service.answer(request)
        response.headers["x-visioncraft-engine"] = f"vision {KEY}"
        response.headers[f"x-for-{KEY}"] = "1"
        return response

    service.respond = respond
    answered = await ask(service.model(include_response_headers=True), way)
    headers = answered.response_metadata["headers"]
    assert (headers["x-visioncraft-engine"], headers["x-for-***"]) == ("vision ***", "1")
    assert KEY not in repr(answered)


async def test_a_key_that_is_a_word_may_be_part_of_a_name(service: Service) -> None:
    call = {"id": "1", "function": {"name": "visioncraft_upscale", "arguments": "{}"}}
    service.says(200, json={"choices": [{"message": {"tool_calls": [call]}}]})
    answered = await ask(service.model(api_key="visioncraft"), "invoke")
    assert [call["name"] for call in answered.tool_calls] == ["visioncraft_upscale"]


async def test_an_answer_that_repeats_it_keeps_its_other_facts(service: Service, way: str) -> None:
    body = gzip.compress(json.dumps({"error": f"Too many requests for {KEY}"}).encode())
    service.says(
        429, headers={"retry-after": "7", "content-encoding": "gzip", "x-for": KEY}, content=body
    )
    with pytest.raises(errors.RateLimitError) as caught:
        await ask(service.model(), way)
    assert caught.value.retry_after == 7
    assert caught.value.detail == "Too many requests for ***"
    assert KEY not in str(caught.value.response.headers.raw)


async def test_a_redirect_that_repeats_it_is_named(service: Service, way: str) -> None:
    service.says(302, headers={"location": f"https://elsewhere.test/?key={KEY}"})
    with pytest.raises(errors.UnexpectedAnswerError, match=r"to https://elsewhere\.test\."):
        await ask(service.model(), way)


async def test_errors_of_the_transport_do_not_hold_it(service: Service, way: str) -> None:
    def respond(_: Any) -> Any:
        raise httpx.ConnectError(f"no route with {KEY}")

    service.respond = respond
    with pytest.raises(errors.ConnectionFailedError) as caught:
        await ask(service.model(), way)
    assert KEY not in str(caught.value)
    assert KEY not in str(caught.value.request.headers.raw)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("charset", ["base64", "idna", "punycode", "rot13", "undefined", "utf-16"])
async def test_the_charset_of_an_answer_is_not_the_hosts_to_choose(
    service: Service, way: str, charset: str, status: int
) -> None:
    kind = {"content-type": f"text/plain; charset={charset}"}
    service.says(status, content=b"sorry \xff" + b"a" * 9, headers=kind)
    with pytest.raises(errors.VisionCraftError):
        await ask(service.model(), way)


@pytest.mark.parametrize("target", ["http://[::1", "http://[", "//[x", "http://a:b/"])
async def test_a_redirect_to_no_url_is_named_as_one(
    service: Service, way: str, target: str
) -> None:
    service.says(302, headers={"location": target})
    with pytest.raises(errors.VisionCraftError, match="redirected"):
        await ask(service.model(), way)
