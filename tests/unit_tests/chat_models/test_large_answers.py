"""Answers with very many parts are an error of this package, which a fallback may catch."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from chat_service import KEY, WAYS, Service, ask, httpx
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from langchain_visioncraft.chat_models import completions, normalizing
from langchain_visioncraft.chat_models.answers import Reading
from langchain_visioncraft.chat_models.bound_tools import BoundTools, PromptedTools
from langchain_visioncraft.chat_models.constrained import ConstrainedTools
from langchain_visioncraft.chat_models.normalizing import normalized
from langchain_visioncraft.chat_models.structured import PromptedAnswer
from langchain_visioncraft.errors import (
    BadRequestError,
    UnexpectedAnswerError,
    VisionCraftError,
)

Deltas = list[dict[str, Any]]
"""What the choices of an answer say, in the order of their events."""


@tool
def draw(prompt: str) -> str:
    """Draw a picture."""
    return prompt


def call(number: int, **other: Any) -> dict[str, Any]:
    function = {"name": "draw", "arguments": '{"prompt": "a"}'}
    return {"index": number, "id": f"c{number}", "type": "function", "function": function, **other}


def said(deltas: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]


def counted(names: Iterable[str]) -> list[dict[str, Any]]:
    choice = {"index": 0, "delta": {"content": "a"}}
    return [{"choices": [choice], "usage": {"completion_tokens_details": {n: 1}}} for n in names]


STREAMS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "calls": lambda n: said({"tool_calls": [call(i)]} for i in range(n)),
    "calls in one event": lambda n: said([{"tool_calls": [call(i) for i in range(n)]}]),
    "calls with one id": lambda n: said({"tool_calls": [call(i, id="a")]} for i in range(n)),
    "calls at one place": lambda n: said({"tool_calls": [call(i, index=0)]} for i in range(n)),
    "choices": lambda n: [{"choices": [{"index": i, "delta": {"content": "a"}} for i in range(n)]}],
    "counts": lambda n: counted(f"k{i}" for i in range(n)),
}
WHOLE: dict[str, Callable[[int], dict[str, Any]]] = {
    "calls": lambda n: {"choices": [{"message": {"tool_calls": [call(i) for i in range(n)]}}]},
    "choices": lambda n: {"choices": [{"message": {"content": "a"}}] * n},
    "counts": lambda n: {
        "choices": [{"message": {"content": "a"}}],
        "usage": {f"k{i}": i for i in range(n)},
    },
}
WRITTEN: dict[str, Callable[[int], str]] = {
    "calls in tags": lambda n: '<tool_call>{"name": "draw", "arguments": {}}</tool_call>' * n,
    "a list of calls": lambda n: json.dumps([{"name": "draw", "arguments": {"prompt": "a"}}] * n),
}


def saying(service: Service, chunks: list[dict[str, Any]]) -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    events = "".join(f"data: {json.dumps(each)}\n\n" for each in [*chunks, end])
    service.says(200, text=events, headers={"content-type": "text/event-stream"})


def test_parts_of_an_answer_that_nobody_reads_are_neither_searched_nor_copied() -> None:
    choice = {"message": {"content": "a", "more": [1]}, "finish_reason": "stop", "more": [1]}
    answer = normalized({"model": "m", "choices": [choice], "more": [1]})
    assert "more" not in json.dumps(answer)


async def test_entries_of_logprobs_have_no_index_by_which_langchain_would_merge_them(
    service: Service,
) -> None:
    # The first "a" may begin a mark, and is held back; its log probability must not be lost.
    entries = [{"token": "a", "index": number} for number in range(3)]
    choice = {"index": 0, "delta": {"content": "a"}}
    saying(service, [{"choices": [{**choice, "logprobs": {"content": [e]}}]} for e in entries])
    answer = await ask(service.model(), "astream")
    assert answer.response_metadata["logprobs"]["content"] == [{"token": "a"}] * 3


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_of_very_many_parts_ends_with_an_error(
    service: Service, kind: str, way: str
) -> None:
    saying(service, STREAMS[kind](300))
    with pytest.raises(UnexpectedAnswerError, match=r"it has more than (256|128|64) "):
        await ask(service.model(), way)
    saying(service, STREAMS[kind](60))
    assert await ask(service.model(), way)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("kind", WHOLE)
async def test_a_whole_answer_of_very_many_parts_is_an_error(
    service: Service, kind: str, way: str
) -> None:
    service.says(200, json=WHOLE[kind](300))
    with pytest.raises(UnexpectedAnswerError, match=r"it has more than (256|128|64) "):
        await ask(service.model(), way)
    service.says(200, json=WHOLE[kind](60))
    assert await ask(service.model(), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", WRITTEN)
async def test_very_many_calls_in_words_are_an_error(service: Service, kind: str, way: str) -> None:
    def respond(request: Any) -> Any:
        text = WRITTEN[kind](300)
        if json.loads(request.content).get("stream"):
            event = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]})
            kinds = {"content-type": "text/event-stream"}
            return httpx.Response(200, text=f"data: {event}\n\ndata: [DONE]\n\n", headers=kinds)
        return httpx.Response(200, json={"choices": [{"message": {"content": text}}]})

    service.respond = respond
    model = service.model(tool_calling="prompted").bind_tools([draw])
    with pytest.raises(UnexpectedAnswerError, match="more than 256 tool calls in one answer"):
        await ask(model, way)


@pytest.fixture
def few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (normalizing, completions):
        monkeypatch.setattr(module, "MOST_VALUES", 200)


@pytest.mark.usefixtures("few_values")
@pytest.mark.parametrize("way", WAYS)
async def test_very_many_values_are_an_error_wherever_they_are(service: Service, way: str) -> None:
    model = service.model()
    for count in (10, 300):
        choices = [
            {"message": {"content": "a"}, "delta": {"content": "a"}, "finish_reason": "stop"}
        ]
        if way.endswith("stream"):
            saying(service, [{"choices": choices, "more": [[]] * 10}] * (count // 10))
        else:
            service.says(200, json={"choices": choices, "more": [{}] * count})
        if count == 10:
            assert await ask(model, way)
            continue
        with pytest.raises(UnexpectedAnswerError, match="it has more than 200 values"):
            await ask(model, way)


@pytest.mark.usefixtures("few_values")
async def test_the_values_of_ordinary_events_do_not_count(service: Service) -> None:
    saying(service, said([{"content": "a"}] * 300))
    assert (await ask(service.model(), "stream")).text == "a" * 300


@pytest.mark.parametrize("way", WAYS)
async def test_the_rest_of_a_long_error_is_not_decoded(service: Service, way: str) -> None:
    # Letters of two bytes: the text is shorter than the bytes, and its end is cut within the key.
    begun = '{"message": "No.", "more": [' + "{}," * 300_000 + '"'
    room = completions.MAX_ERROR_BYTES - len(begun) - 8
    service.says(400, text=begun + "ä" * (room // 2) + KEY + '"]}' + " " * 9)
    with pytest.raises(BadRequestError) as caught:
        await ask(service.model(), way)
    held: Any = caught.value
    assert len(held.response.content) < completions.MAX_ERROR_BYTES + 9
    assert isinstance(held.body, str)
    assert held.body.endswith("***")
    assert KEY[:7].encode() not in held.response.content


async def test_a_fallback_takes_over(service: Service) -> None:
    saying(service, STREAMS["calls in one event"](300))
    other = GenericFakeChatModel(messages=iter([AIMessage("Hello.")]))
    model = service.model().with_fallbacks([other], exceptions_to_handle=(VisionCraftError,))
    assert (await ask(model, "stream")).content == "Hello."


REPLY = '{"name": "reply", "arguments": {"text": "'
TOOLS = [{"name": "draw", "parameters": {"type": "object", "properties": {}}}]
READINGS: dict[str, Callable[[], Any]] = {
    "words": Reading,
    "answer of a schema": lambda: PromptedAnswer(TOOLS[0]).reading(correct=True),
    "native": lambda: BoundTools(TOOLS).reading(correct=False),
    "prompted": lambda: PromptedTools(TOOLS).reading(correct=False),
    "constrained": lambda: ConstrainedTools(TOOLS).reading(correct=False),
}


@pytest.mark.parametrize("begin", ["", REPLY, f'{REPLY}Hi"', f"{REPLY}\\x"])
@pytest.mark.parametrize("kind", READINGS)
def test_a_piece_is_not_copied_again_with_each_one_after_it(kind: str, begin: str) -> None:
    reading = READINGS[kind]()
    reading.feed(begin)
    most = 0
    tracemalloc.start()
    try:
        for number in range(800):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            reading.feed(f"{number % 10}" * 1000)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert most < 400_000, "a copy of all pieces takes 800,000 bytes"
