"""What LangChain does with a stream of any length takes work that grows with it, not its square."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from chat_service import Service, ask
from langchain_core.messages import AIMessageChunk

from langchain_visioncraft._redact import redactor_of
from langchain_visioncraft.chat_models import streams, structured
from langchain_visioncraft.chat_models.completions import CutOffStreamError, WholeStreams
from langchain_visioncraft.chat_models.streams import NormalizedStream
from langchain_visioncraft.chat_models.structured import AnswerParser
from langchain_visioncraft.client.watching import Watch
from langchain_visioncraft.errors import UnexpectedAnswerError


def call(*pieces: str) -> list[dict[str, Any]]:
    """The deltas of a stream with one call."""
    first = {"index": 0, "id": "a", "function": {"name": "draw", "arguments": ""}}
    more = ({"index": 0, "function": {"arguments": piece}} for piece in pieces)
    return [{"tool_calls": [each]} for each in (first, *more)]


def chunks_of(deltas: list[dict[str, Any]], **beside: Any) -> list[dict[str, Any]]:
    stream = NormalizedStream()
    chunks: list[dict[str, Any]] = []
    for delta in deltas:
        chunks += stream.read({"choices": [{"index": 0, "delta": delta, **beside}]})
    return [*chunks, *stream.end()]


def saying(service: Service, deltas: list[dict[str, Any]]) -> None:
    choices = [*({"delta": delta} for delta in deltas), {"delta": {}, "finish_reason": "stop"}]
    events = "".join(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices)
    service.says(200, text=events, headers={"content-type": "text/event-stream"})


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the texts that LangChain tries to parse as JSON."""
    lengths: list[int] = []

    def loads(text: str, **options: Any) -> Any:
        lengths.append(len(text))
        return json.loads(text, **options)

    counting = SimpleNamespace(loads=loads, JSONDecodeError=json.JSONDecodeError)
    monkeypatch.setattr("langchain_core.utils.json.json", counting)
    return lengths


DAMAGED: dict[str, Callable[[int], list[str]]] = {
    "blanks": lambda n: ['{"a": 1,' + " " * n],
    "blanks, then a key": lambda n: ['{"a": 1,' + " " * n + '"b'],
    "brackets that nothing closes": lambda n: ["{" + '"k": 1,' * (n // 7) + '"b": 1 {{'],
    "brackets in pieces": lambda n: ["{", *['"k": 1,' * 50] * (n // 350), '"b": 1 {{'],
    "an escape and brackets": lambda n: ['{"a": 1, \\"' + " " * n + "[{[{"],
    "a text encoded twice": lambda n: [json.dumps('{"a": 1,' + " " * n + "[{")],
    "another value after it": lambda n: ['{"a": 1}', "[" + "1," * (n // 2) + " [["],
}
VALID: dict[str, Callable[[int], list[str]]] = {
    "blanks in a text": lambda n: ['{"a": "', " " * n, '"}'],
    "a list in a text": lambda n: ['{"a": "', "[1," + " " * n + "x", '"}'],
    "brackets in a text": lambda n: ['{"a": "', "[" + "1," * (n // 2) + " [[[", '"}'],
    "a long text": lambda n: ['{"a": "', *["abc " * 40] * (n // 160), '"}'],
}


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", DAMAGED)
async def test_long_damaged_arguments_are_an_invalid_call_and_not_repaired(
    service: Service, parsed: list[int], kind: str, way: str
) -> None:
    work = []
    for size in (1000, 4000):
        parsed.clear()
        saying(service, call(*DAMAGED[kind](size)))
        answer = await ask(service.model(tool_calling="native"), way)
        assert not answer.tool_calls
        assert answer.invalid_tool_calls[0]["name"] == "draw"
        work.append(sum(parsed))
    assert work[1] <= 5 * work[0] + 100_000


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", VALID)
async def test_no_long_piece_of_arguments_is_parsed_by_itself(
    service: Service, parsed: list[int], kind: str, way: str
) -> None:
    work = []
    for size in (24_000, 96_000):
        parsed.clear()
        saying(service, call(*VALID[kind](size)))
        answer = await ask(service.model(tool_calling="native"), way)
        text = "".join(VALID[kind](size))
        assert answer.tool_calls[0]["args"] == json.loads(text)
        work.append(sum(parsed))
    assert work[1] <= 5 * work[0] + 20_000


@pytest.mark.parametrize("kind", DAMAGED | VALID)
def test_arguments_that_are_parsed_with_all_before_them_are_completed_in_a_few_attempts(
    parsed: list[int], kind: str
) -> None:
    from langchain_core.utils.json import parse_partial_json

    text = ""
    pieces = [character for piece in (DAMAGED | VALID)[kind](500) for character in piece]
    for chunk in chunks_of(call(*pieces)):
        for each in chunk["choices"][0]["delta"].get("tool_calls", []):
            text += each["function"]["arguments"]
            parsed.clear()
            parse_partial_json(text or "{}")
            assert len(parsed) < 80
    assert text.startswith("".join(pieces)) or kind == "a text encoded twice"


def copied(chunks: list[dict[str, Any]], name: str) -> int:
    """How much of a part LangChain copies if it merges chunk after chunk."""
    size = total = 0
    for chunk in chunks:
        choice = chunk["choices"][0]
        part = (choice.get("logprobs") or {}).get("content") or choice["delta"].get(name)
        calls = choice["delta"].get("tool_calls") or []
        part = part or "".join(each["function"]["arguments"] for each in calls)
        size += len(part or "")
        total += size if part or name != "logprobs" else 0
    return total


MERGED: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "reasoning_content": lambda n: chunks_of([{"reasoning": "a" * 100}] * n),
    "refusal": lambda n: chunks_of([{"refusal": "a" * 100}] * n),
    "tool_calls": lambda n: chunks_of(call('{"a": "', *["a" * 100] * n, '"}')),
    "logprobs": lambda n: chunks_of([{"content": "a"}] * n, logprobs={"content": [{"token": "a"}]}),
    "content": lambda n: chunks_of([{"content": "a" * 100}] * n),
    "content of blocks": lambda n: chunks_of(
        [{"content": [{"type": "x"}]}, *[{"content": "a" * 100}] * n]
    ),
}


@pytest.mark.parametrize("name", MERGED)
def test_a_part_that_langchain_copies_with_each_piece_passes_in_growing_portions(name: str) -> None:
    few, many = (copied(MERGED[name](size), name.split(maxsplit=1)[0]) for size in (8000, 32_000))
    assert many <= 5 * few


def test_nothing_of_what_passes_in_portions_is_lost() -> None:
    said = "".join(f"{number} " for number in range(100_000))
    pieces = [said[at : at + 9] for at in range(0, len(said), 9)]
    for name in ("reasoning_content", "refusal", "content"):
        chunks = chunks_of([{name: piece} for piece in pieces])
        assert "".join(c["choices"][0]["delta"].get(name, "") for c in chunks) == said


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_thoughts_written_in_the_answer_pass_in_portions_too(
    service: Service, way: str
) -> None:
    pieces = [f"{number:07d} " for number in range(20_000)]
    saying(service, [{"content": text} for text in ("<think>", *pieces, "</think>", "Hi.")])
    model = service.model()
    chunks = list(model.stream("a")) if way == "stream" else [c async for c in model.astream("a")]
    thoughts = [t for c in chunks if (t := c.additional_kwargs.get("reasoning_content"))]
    assert "".join(thoughts).strip() == "".join(pieces).strip()
    assert len(thoughts) < 9000
    assert "".join(c.text for c in chunks) == "Hi."


def test_ordinary_pieces_pass_at_once() -> None:
    words = [f"word {number} " for number in range(3000)]
    pieces = ['{"prompt"', ': "', *words[:400], '", "n": 1', "2", "}"]
    passed = chunks_of([*({"reasoning": word} for word in words), *call(*pieces)])
    deltas = [chunk["choices"][0]["delta"] for chunk in passed]
    assert [d["reasoning_content"] for d in deltas if "reasoning_content" in d] == words
    calls = [each["function"]["arguments"] for d in deltas for each in d.get("tool_calls", [])]
    assert [each for each in calls if each] == pieces


async def test_a_stream_of_very_many_blocks_or_a_very_long_name_is_an_error(
    service: Service,
) -> None:
    blocks = [{"content": [{"type": "x", "index": number}]} for number in range(1100)]
    names = [
        {"tool_calls": [{"index": 0, "function": {"name": f"n{number}"}}]} for number in range(500)
    ]
    for deltas in (blocks, names):
        saying(service, deltas)
        with pytest.raises(UnexpectedAnswerError, match="it has more than 10"):
            await ask(service.model(tool_calling="native"), "stream")


def test_a_long_object_is_parsed_about_twice_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def noted(text: str, *_: Any, **__: Any) -> Any:
        sizes.append(len(text))
        return {"items": [len(text)]}

    monkeypatch.setattr(structured, "object_in", noted)
    pieces = [AIMessageChunk("1, " * 40)] * 4000
    found = [*AnswerParser(form={"parameters": {}}).transform(iter(pieces))]
    assert len(found) == len(sizes)
    assert sum(size <= 8192 for size in sizes) > 30  # short ones often
    assert sum(sizes) < 3 * 120 * len(pieces)


def test_of_the_empty_choices_of_an_event_one_passes() -> None:
    stream = NormalizedStream()
    assert len([*stream.read({"choices": [{}] * 128})]) == 1
    said = [*stream.read({"choices": [{}, {"text": "a"}, {}, {"text": "b"}]})]
    assert [each["choices"][0]["delta"].get("content") for each in said] == [None, "a", "b"]


async def test_a_stream_of_very_many_pieces_is_an_error(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MOST_PIECES", 100)
    for delta in ({"content": "a"}, {}):
        saying(service, [delta] * 99)
        await ask(service.model(), "stream")
        saying(service, [delta] * 101)
        with pytest.raises(UnexpectedAnswerError, match="it has more than 100 pieces"):
            await ask(service.model(), "stream")


def test_the_lines_of_a_stream_are_found_by_looking_at_each_byte_once() -> None:
    """The SDK's own way before 3 appends each line to all before it, until a line is empty."""
    lines: list[str] = []
    decoder = SimpleNamespace(decode=lines.append)
    reading = WholeStreams(decoder, Watch(), redactor_of(""))
    with pytest.raises(CutOffStreamError):
        list(reading.iter_bytes(iter([b":\n" * 1000, b": ", b"a\r", b"\n"])))
    assert lines == [":"] * 1000 + [": a", "", ""]
