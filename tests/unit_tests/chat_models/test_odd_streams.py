"""Streams of sloppy hosts: pieces go together as they are meant, and nothing is lost or doubled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service, ask
from langchain_core.messages import AIMessage

from langchain_visioncraft import errors

OSLO, ROME = {"city": "Oslo"}, {"city": "Rome"}
TEXT, OTHER = json.dumps(OSLO), json.dumps(ROME)
STREAMED = pytest.mark.parametrize("way", ["stream", "astream"])


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


def piece(arguments: Any = None, name: Any = None, **parts: Any) -> dict[str, Any]:
    """A delta with a piece of one tool call."""
    return {"tool_calls": [{"function": {"name": name, "arguments": arguments}, **parts}]}


def sse(*chunks: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    events = (c if isinstance(c, bytes) else f"data: {json.dumps(c)}\n\n".encode() for c in chunks)
    return b"".join([*events, end])


async def streamed(service: Service, way: str, content: bytes, **options: Any) -> AIMessage:
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    return await ask(service.model(**options), way)


async def calls_of(service: Service, way: str, *deltas: dict[str, Any]) -> list[Any]:
    chunks = [*map(chunk, deltas), chunk(finish="tool_calls")]
    answer = await streamed(service, way, sse(*chunks))
    assert not answer.invalid_tool_calls
    ids = [call["id"] for call in answer.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    return [(call["name"], call["args"]) for call in answer.tool_calls]


HALVES = (TEXT[:5], TEXT[5:])
ONE = {
    "as an object": [piece(OSLO, "f", index=0, id="a")],
    "in two pieces of one chunk": [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": HALVES[0]}},
                {"index": 0, "function": {"arguments": HALVES[1]}},
            ]
        }
    ],
    "encoded twice": [piece(json.dumps(TEXT), "f", index=0, id="a")],
    "encoded twice, in pieces": [
        piece("", "f", index=0, id="a"),
        *(piece(sign, index=0) for sign in json.dumps(TEXT)),
    ],
    "without index": [piece(HALVES[0], "f", id="a"), piece(HALVES[1])],
    "without index and id": [piece(HALVES[0], "f"), piece(HALVES[1])],
    "with nulls": [
        piece(None, "f", index=0, id="a"),
        *(piece(half, None, index=0, id=None, type=None) for half in HALVES),
    ],
    "with empty texts": [
        piece("", "f", index=0, id="a"),
        *(piece(half, "", index=0, id="") for half in HALVES),
    ],
    "with the name on every piece": [piece(half, "f", index=0, id="a") for half in HALVES],
    "with the name on every piece, and no id": [
        *(piece(half, "f", index=0) for half in ("", *HALVES)),
        piece("", "f", index=0),
        piece("\n", "f", index=0),
    ],
    "with a new id on every piece": [
        piece(HALVES[0], "f", index=0, id="a"),
        piece(HALVES[1], index=0, id="b"),
    ],
    "with name and a new id on every piece": [
        piece(HALVES[0], "f", index=0, id="a"),
        piece(HALVES[1], "f", index=0, id="b"),
    ],
    "with the name last": [piece(TEXT, index=0, id="a"), piece(None, "f", index=0)],
    "after an empty object": [
        piece("{}", "f", index=0, id="a"),
        *(piece(half, index=0) for half in HALVES),
    ],
    "told once more at the end": [
        *(piece(half, "f", index=0, id="a") for half in HALVES),
        piece(TEXT, "f", index=0, id="a"),
    ],
    "told once more without an id": [
        piece(TEXT, "f", index=0),
        piece(TEXT, "f", index=0),
    ],
    "as one object": [{"tool_calls": piece(OSLO, "f")["tool_calls"][0]}],
    "in the form of 2023": [
        {"function_call": {"name": "f", "arguments": ""}},
        *({"function_call": {"arguments": half}} for half in HALVES),
    ],
    "sign by sign": [
        piece("", "f", index=0, id="a"),
        *(piece(sign, index=0) for sign in TEXT),
    ],
}
TWO = {
    "in order": [
        piece("", "f", index=0, id="a"),
        *(piece(half, index=0) for half in HALVES),
        piece(OTHER, "f", index=1, id="b"),
    ],
    "side by side": [
        piece(HALVES[0], "f", index=0, id="a"),
        piece(OTHER[:5], "f", index=1, id="b"),
        piece(HALVES[1], index=0),
        piece(OTHER[5:], index=1),
    ],
    "all with index 0": [
        piece(TEXT, "f", index=0, id="a"),
        piece(OTHER, "f", index=0, id="b"),
    ],
    "all with index 0 and without ids": [
        piece(TEXT, "f", index=0),
        piece(OTHER, "f", index=0, id=""),
    ],
    "all with index 0, in pieces": [
        piece("", "f", index=0, id="a"),
        piece(TEXT, index=0),
        piece("", "f", index=0, id="b"),
        piece(OTHER, index=0),
    ],
    "without index": [piece(TEXT, "f", id="a"), piece(OTHER, "f", id="b")],
    "without index and id": [piece(TEXT, "f"), piece(OTHER, "f")],
    "in one delta, without index": [
        {"tool_calls": [*piece(OSLO, "f")["tool_calls"], *piece(ROME, "f")["tool_calls"]]}
    ],
    "with the same id": [
        piece(TEXT, "f", index=0, id="a"),
        piece(OTHER, "f", index=1, id="a"),
    ],
}


@STREAMED
@pytest.mark.parametrize("deltas", ONE.values(), ids=ONE)
async def test_pieces_of_one_call_go_together(service: Service, way: str, deltas: Any) -> None:
    assert await calls_of(service, way, *deltas) == [("f", OSLO)]


@STREAMED
@pytest.mark.parametrize("deltas", TWO.values(), ids=TWO)
async def test_pieces_of_two_calls_stay_apart(service: Service, way: str, deltas: Any) -> None:
    assert await calls_of(service, way, *deltas) == [("f", OSLO), ("f", ROME)]


@STREAMED
async def test_a_name_in_pieces_is_one(service: Service, way: str) -> None:
    deltas = [
        piece("", "get_", index=0, id="a"),
        piece("", "weather", index=0),
        piece(TEXT, index=0),
    ]
    assert await calls_of(service, way, *deltas) == [("get_weather", OSLO)]


@STREAMED
@pytest.mark.parametrize("arguments", [None, "", "{}", [], {}, '"{}"', "{ }"])
async def test_no_arguments_are_an_empty_object(service: Service, way: str, arguments: Any) -> None:
    assert await calls_of(service, way, piece(arguments, "f", index=0)) == [("f", {})]


@STREAMED
async def test_two_calls_without_arguments_are_two(service: Service, way: str) -> None:
    deltas = [piece("", "f", index=0, id="a"), piece("", "f", index=0, id="b")]
    assert await calls_of(service, way, *deltas) == [("f", {}), ("f", {})]


@STREAMED
async def test_brackets_within_texts_end_nothing(service: Service, way: str) -> None:
    arguments = {"city": 'a "}" \\', "more": ["{", "\\"]}
    deltas = [piece(sign, "f", index=0) for sign in json.dumps(arguments)]
    assert await calls_of(service, way, *deltas) == [("f", arguments)]


async def test_arguments_stream_as_they_come(service: Service) -> None:
    content = sse(*(chunk(piece(sign, "f", index=0)) for sign in TEXT), chunk(finish="tool_calls"))
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    chunks = list(service.model().stream("Hi"))
    pieces = [each["args"] for c in chunks for each in getattr(c, "tool_call_chunks", ())]
    assert "".join(pieces) == TEXT
    assert len(pieces) >= len(TEXT) - 1


@STREAMED
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("version", [None, "v1"])
async def test_reasoning_streams_beside_the_answer(
    service: Service, way: str, field: str, version: Any
) -> None:
    deltas = [{field: "H"}, {field: "m."}, {"content": "Hel", field: None}, {"content": "lo"}]
    content = sse(*map(chunk, deltas), chunk(finish="stop"))
    answer = await streamed(service, way, content, output_version=version)
    assert answer.text == "Hello"
    assert answer.additional_kwargs["reasoning_content"] == "Hm."
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.content_blocks[0]["reasoning"] == "Hm."


@STREAMED
@pytest.mark.parametrize("prompted", [False, True])
async def test_text_after_finish_reason_is_not_lost(
    service: Service, way: str, prompted: bool
) -> None:
    content = sse(*(chunk({"content": each}, "stop") for each in ("He", "llo ", "there")))
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    model = service.model(tool_calling="prompted" if prompted else "native")
    answer = await ask(
        model.bind_tools([{"title": "f", "description": "F.", "type": "object"}]), way
    )
    assert answer.text == "Hello there"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == "m"


@STREAMED
@pytest.mark.parametrize(
    "reasons", [("stop", "length"), ("length", "stop"), (None, "length"), ("length", None)]
)
async def test_the_reason_that_says_most_counts(service: Service, way: str, reasons: Any) -> None:
    chunks = [chunk({"content": "Hello"}), *(chunk(None, reason) for reason in reasons)]
    answer = await streamed(service, way, sse(*chunks))
    assert answer.response_metadata["finish_reason"] == "length"


@STREAMED
async def test_a_delta_that_is_null_does_not_hide_the_reason(service: Service, way: str) -> None:
    last = chunk(finish="length")
    last["choices"][0]["delta"] = None
    answer = await streamed(service, way, sse(chunk({"content": "Hello"}), last))
    assert answer.response_metadata["finish_reason"] == "length"


def counted(number: int) -> dict[str, Any]:
    details = {"cached_tokens": number}
    usage = {"prompt_tokens": 10, "completion_tokens": number, "prompt_tokens_details": details}
    return {"usage": usage}


@STREAMED
@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "Hello"}, **counted(n)) for n in (1, 2, 3)],
        [
            chunk({"content": "Hello"}),
            chunk(None, "stop", **counted(3)),
            {"choices": [], **counted(3)},
        ],
        [chunk({"content": "Hello"}, **counted(3)), chunk(usage={"prompt_tokens": 0})],
        [chunk({"content": "Hello"}), {"choices": [], "x_groq": counted(3)}],
        [chunk({"content": "Hello"}), {"choices": None, **counted(3)}],
    ],
)
async def test_usage_that_is_told_several_times_counts_once(
    service: Service, way: str, chunks: Any
) -> None:
    answer = await streamed(service, way, sse(*chunks))
    usage = answer.usage_metadata
    assert usage
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (10, 3, 13)
    assert usage["input_token_details"] == {"cache_read": 3}


HEL, LO = chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"})
END = chunk(None, "stop")
EVENTS = {
    "an empty data": sse(HEL, b"data:\n\n", b"data: \n\n", LO, END),
    "retry alone": sse(b"retry: 3000\n\n", HEL, b"retry: 1\n\n", LO, END),
    "an event alone": sse(HEL, b"event: ping\n\n", LO, END),
    "an id that stays": sse(b"id: 1\n", HEL, b": ping\n\n", b"\n", LO, END),
    "comments": sse(b": ping\n\n", HEL, b": OPENROUTER PROCESSING\n\n", LO, END),
    "words of life": sse(HEL, b"data: ping\n\n", b"data: [KEEP-ALIVE]\n\n", LO, END),
    "objects of life": sse({"type": "ping"}, HEL, b"data: {}\n\n", b"data: null\n\n", LO, END),
    "a byte order mark": b"\xef\xbb\xbf" + sse(HEL, LO, END),
    "no blank after the colon": sse(HEL, LO, END).replace(b"data: ", b"data:"),
    "carriage returns": sse(HEL, LO, END).replace(b"\n", b"\r\n"),
    "one line break between events": sse(HEL, LO, END).replace(b"\n\n", b"\n"),
    "no line break at the end": sse(HEL, chunk({"content": "lo"}, "stop"), end=b"").rstrip(),
}


@STREAMED
@pytest.mark.parametrize("content", EVENTS.values(), ids=EVENTS)
async def test_legal_and_sloppy_events_are_read(service: Service, way: str, content: bytes) -> None:
    assert (await streamed(service, way, content)).text == "Hello"


@STREAMED
@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
async def test_marks_and_ends_of_lines_may_arrive_in_pieces(
    service: Service, way: str, size: int, ending: bytes
) -> None:
    content = b"\xef\xbb\xbf" + sse(HEL, LO, END).replace(b" {", b" {\ndata: ")  # two lines each
    content = content.replace(b"\n", ending)
    parts = [content[at : at + size] for at in range(0, len(content), size)]

    async def later() -> Any:
        for part in parts:
            yield part

    body = iter(parts) if way == "stream" else later()
    service.says(200, content=body, headers={"content-type": "text/event-stream"})
    assert (await ask(service.model(), way)).text == "Hello"


@STREAMED
async def test_a_character_that_was_cut_in_two_is_whole(service: Service, way: str) -> None:
    chunks = [chunk({"content": half}) for half in ("a\ud83d", "\ude00b", "\ud83d")]
    answer = await streamed(service, way, sse(*chunks, chunk(finish="stop")))
    assert answer.text == "a😀b\ufffd"


@STREAMED
@pytest.mark.parametrize(
    "choice", [{"message": {"content": "Hello"}}, {"text": "Hello"}, {"delta": "Hello"}]
)
async def test_what_is_said_elsewhere_in_a_choice_is_found(
    service: Service, way: str, choice: Any
) -> None:
    assert (await streamed(service, way, sse({"choices": [choice]}))).text == "Hello"
    assert (await streamed(service, way, sse({"choices": choice}))).text == "Hello"


@STREAMED
async def test_of_several_answers_one_is_read(service: Service, way: str) -> None:
    other = chunk({"content": "Other"})
    other["choices"][0]["index"] = 1
    assert (await streamed(service, way, sse(HEL, other, LO, END))).text == "Hello"


@STREAMED
@pytest.mark.parametrize(
    "odd",
    [
        *([], "x", 7, {"choices": 7}, {"choices": ["x"]}, {"choices": [{"delta": 7}]}),
        *(chunk({"content": value}) for value in (7, True, [7])),
        *(chunk({"tool_calls": value}) for value in (7, [7])),
        chunk(piece("{}", None)),
    ],
)
async def test_what_means_nothing_is_an_error_of_this_package(
    service: Service, way: str, odd: Any
) -> None:
    content = sse(HEL, odd, LO, END)
    with pytest.raises(errors.UnexpectedAnswerError):
        await streamed(service, way, content)


@STREAMED
@pytest.mark.parametrize("events", [[{}], [{"choices": []}], [{"usage": {"prompt_tokens": 1}}]])
async def test_a_stream_without_a_choice_is_no_empty_answer(
    service: Service, way: str, events: Any
) -> None:
    with pytest.raises(errors.UnexpectedAnswerError, match="the choice of a stream is missing"):
        await streamed(service, way, sse(*events))


@STREAMED
@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
async def test_a_stream_that_the_host_broke_off_is_truncated(
    service: Service, way: str, reason: str
) -> None:
    with pytest.raises(errors.TruncatedAnswerError, match=reason):
        await streamed(service, way, sse(HEL, chunk(finish=reason)))


@STREAMED
async def test_an_error_inside_a_choice_is_an_error(service: Service, way: str) -> None:
    last = chunk(finish="error")
    last["choices"][0]["error"] = {"code": 502, "message": "The provider went away"}
    with pytest.raises(errors.ServerError, match="The provider went away"):
        await streamed(service, way, sse(HEL, last))


@STREAMED
async def test_an_error_event_without_words_is_an_error(service: Service, way: str) -> None:
    with pytest.raises(errors.UnexpectedAnswerError):
        await streamed(service, way, sse(HEL, b"event: error\n\n", LO, END))


@STREAMED
async def test_a_call_that_max_tokens_cut_off_is_not_made(service: Service, way: str) -> None:
    chunks = [chunk(piece('{"path": "/ho', "delete", index=0, id="a")), chunk(finish="length")]
    with pytest.raises(errors.TruncatedAnswerError, match="raise max_tokens"):
        await streamed(service, way, sse(*chunks))


@STREAMED
async def test_bytes_that_are_not_utf8_are_an_error(service: Service, way: str) -> None:
    with pytest.raises(errors.TruncatedAnswerError, match="not UTF-8"):
        await streamed(service, way, sse(HEL, b"data: \xff\n\n", LO, END))


@STREAMED
async def test_structured_output_streams_from_a_sloppy_host(service: Service, way: str) -> None:
    schema = {"title": "Person", "type": "object", "properties": {"name": {"type": "string"}}}
    deltas = [{"reasoning": "Hm."}, {"content": '{"name": '}, {"content": [{"text": '"Ann"}'}]}]
    content = sse(*(chunk(delta, "stop", **counted(3)) for delta in deltas))
    service.says(200, content=content, headers={"content-type": "text/event-stream"})
    form = {"type": "json_schema", "json_schema": {"name": "Person", "schema": schema}}
    answer = await ask(service.model(), way, response_format=form)
    assert answer.text == '{"name": "Ann"}'
    assert answer.additional_kwargs["reasoning_content"] == "Hm."
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] == 3
    assert answer.response_metadata["finish_reason"] == "stop"


async def test_arguments_that_are_null_are_none_in_a_stream_too(service: Service) -> None:
    deltas = ('"null"', '"n"', '"ull"')
    for pieces in (deltas[:1], deltas[1:]):
        call = '{"index": 0, "id": "1", "function": {"name": "look", "arguments": %s}}'
        chunk = '{"choices": [{"index": 0, "delta": {"tool_calls": [%s]}}]}'
        lines = [f"data: {chunk % (call % piece)}\n\n" for piece in pieces]
        end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}\n\n'
        kind = {"content-type": "text/event-stream"}
        service.says(200, content="".join([*lines, end]).encode(), headers=kind)
        for way in ("stream", "astream"):
            [made] = (await ask(service.model(), way)).tool_calls
            assert (made["name"], made["args"]) == ("look", {})


@STREAMED
@pytest.mark.parametrize("text", ["<think></think>", "</think>", "<think>", "</think><think>"])
async def test_a_stream_of_marks_of_thought_alone_is_an_empty_answer(
    service: Service, way: str, text: str
) -> None:
    pieces = [chunk({"content": text[at : at + 3]}) for at in range(0, len(text), 3)]
    answer = await streamed(service, way, sse(*pieces), tool_calling="prompted")
    assert answer.content == ""


@STREAMED
@pytest.mark.parametrize("data", ["[]", "{}", "0", '""', "false"])
async def test_an_error_event_that_says_nothing_is_an_error(
    service: Service, way: str, data: str
) -> None:
    with pytest.raises(errors.VisionCraftError):
        await streamed(service, way, b"event: error\ndata: " + data.encode() + b"\n\n")
