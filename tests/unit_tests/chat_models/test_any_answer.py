"""Whatever JSON a host answers, it ends in a message or in an error of this package."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service, ask
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_visioncraft.errors import VisionCraftError

TEXTS = st.sampled_from(["", " ", "Hi", "{", "{}", '{"a": 1}', '"{}"', "[]", "null", "7", "stop"])
TEXTS |= st.text(max_size=5) | st.sampled_from(["\ud83d", "\ude00", "error", "length", "call_1"])
NUMBERS = st.integers() | st.floats(allow_nan=True) | st.booleans() | st.none()
VALUES = st.recursive(
    TEXTS | NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "name", "a"]) | TEXTS, inner, max_size=3)
    ),
    max_leaves=4,
)


def sometimes(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what is documented, sometimes anything."""
    return st.integers(0, 29).flatmap(lambda number: VALUES if number == 29 else usual)


def of(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object, of which some parts are missing, and some are odd."""
    return sometimes(
        st.builds(
            lambda whole, missing: {k: part for k, part in whole.items() if k not in missing},
            st.fixed_dictionaries({name: sometimes(part) for name, part in parts.items()}),
            st.sets(st.sampled_from(sorted(parts)), max_size=4),
        )
    )


FUNCTIONS = of(name=st.just("draw"), arguments=st.just('{"a": 1}'), parameters=st.none())
CALLS = of(
    index=st.integers(0, 1), id=st.sampled_from(["call_1", "call_2"]), type=st.just("function"),
    function=FUNCTIONS, name=st.just("draw"), arguments=st.none(),
)  # fmt: skip
BLOCKS = of(type=st.sampled_from(["text", "thinking", "image_url"]), text=TEXTS, thinking=TEXTS)
MESSAGES = of(
    id=TEXTS, name=TEXTS, role=st.just("assistant"),
    content=st.just("Hi") | st.lists(BLOCKS, max_size=2),
    tool_calls=st.lists(CALLS, max_size=3), function_call=FUNCTIONS, refusal=TEXTS, audio=st.none(),
    reasoning_content=TEXTS, reasoning=TEXTS, reasoning_details=st.none(),
)  # fmt: skip
USAGE = of(
    prompt_tokens=st.integers(0, 9), completion_tokens=st.integers(0, 9),
    total_tokens=st.integers(0, 9), prompt_tokens_details=of(cached_tokens=st.integers(0, 9)),
    completion_tokens_details=of(reasoning_tokens=st.integers(0, 9)),
)  # fmt: skip
CHOICES = of(
    index=st.integers(0, 1), message=MESSAGES, delta=MESSAGES, text=TEXTS, error=st.none(),
    finish_reason=st.sampled_from(["stop", "length", "tool_calls", None]),
    logprobs=of(content=st.lists(VALUES, max_size=2)), usage=USAGE,
)  # fmt: skip
ANSWERS = of(
    id=TEXTS, object=TEXTS, created=st.integers(), model=TEXTS, system_fingerprint=TEXTS,
    service_tier=st.sampled_from(["flex", "default"]), choices=st.lists(CHOICES, max_size=3),
    usage=USAGE, x_groq=of(usage=USAGE), error=st.none(), type=TEXTS, chunk=st.none(),
    status=st.none(),
)  # fmt: skip


LINES = st.sampled_from(
    [
        *(b"data:", b"data: {", b"event: x", b"event: error", b"id: 1", b"retry: 1", b":", b""),
        *(b"\xef\xbb\xbf", b"\xff", b"data: [DONE]", b"data: ping", b"data: null", b"data: []"),
        b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}',
    ]
)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@given(answer=ANSWERS)
async def test_any_whole_answer_ends_in_a_message_or_in_an_error_of_this_package(
    way: str, answer: Any
) -> None:
    service = Service()
    service.says(200, content=json.dumps(answer).encode())
    await _ends_well(service, way)


@pytest.mark.parametrize("way", ["stream", "astream"])
@settings(max_examples=25, deadline=None)
@given(chunks=st.lists(ANSWERS, max_size=4), done=st.booleans())
async def test_any_stream_ends_in_a_message_or_in_an_error_of_this_package(
    way: str, chunks: list[Any], done: bool
) -> None:
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
    service = Service()
    kind = {"content-type": "text/event-stream"}
    service.says(200, content="".join(events).encode(), headers=kind)
    await _ends_well(service, way)


@pytest.mark.parametrize("way", ["stream", "astream"])
@settings(max_examples=25, deadline=None)
@given(lines=st.lists(LINES | st.binary(max_size=5), max_size=8))
async def test_any_bytes_of_a_stream_end_in_a_message_or_in_an_error_of_this_package(
    way: str, lines: list[bytes]
) -> None:
    service = Service()
    kind = {"content-type": "text/event-stream"}
    service.says(200, content=b"\n".join(lines), headers=kind)
    await _ends_well(service, way)


async def _ends_well(service: Service, way: str) -> None:
    try:
        message = await ask(service.model(), way)
        ids = [call["id"] for call in message.tool_calls]
        assert all(ids)
        assert len(set(ids)) == len(ids)
        assert all(call["name"] for call in message.tool_calls)
        assert isinstance(message.content_blocks, list)
        # What came can be sent back, if it is no picture for a model that takes none.
        service.respond = service.answer
        history = [HumanMessage("Hi"), message, HumanMessage("Go on.")]
        again = await ask(service.model(), way, history)
    except VisionCraftError:
        return
    assert again.text == "Hello!"
    assert "reasoning_content" not in service.request.content.decode()
