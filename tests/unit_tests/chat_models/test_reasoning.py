"""What a model thinks aloud is kept apart from its answer, whole and streamed."""

from __future__ import annotations

import pytest
from answers import cut
from chat_service import Service
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from prompted_service import UNKNOWN, says, sent
from pydantic import BaseModel

from langchain_visioncraft._reasoning import (
    _MARKS,
    _OPENED_BY_TEMPLATES,
    _TAGS,
    ReasoningSplitter,
    split_reasoning,
)

TAGS = pytest.mark.parametrize("tags", _TAGS, ids=lambda pair: pair[0])
DRAFT = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
CALL = DRAFT.replace("Paris", "Oslo")
PIECES = st.sampled_from(
    [
        *(each for pair in _TAGS for each in pair),
        *_MARKS,
        "```\n",
        "`",
        "\n",
        " ",
        "Hello",
        "<answer>",
    ]
)


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


class Person(BaseModel):
    """A person."""

    name: str


def streamed(pieces: list[str], *, holds: bool = False) -> tuple[str, str]:
    """The thought and the answer, as they come."""
    splitter = ReasoningSplitter(holds=holds)
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.finish()]
    thought, answer = zip(*parts, strict=True)
    return "".join(thought), "".join(answer)


@TAGS
def test_every_tag_holds_a_thought(tags: tuple[str, str]) -> None:
    opener, closer = tags
    text = f"{opener}\nA greeting.\n{closer}\n\nHello!"
    assert split_reasoning(text) == ("A greeting.", "Hello!")
    thought, answer = streamed(list(text))
    assert (thought.strip(), answer) == ("A greeting.", "Hello!")


@pytest.mark.parametrize("text", ["<|start|>assistantfunctools", "<|start|>assistantfinal Hello"])
def test_marks_that_overlap_are_read_alike_whole_and_streamed(text: str) -> None:
    assert streamed(list(text)) == streamed([text]) == ("", text.removeprefix("<|start|>assistant"))


@TAGS
def test_a_thought_without_an_end_is_one(tags: tuple[str, str]) -> None:
    splitter = ReasoningSplitter()
    splitter.feed(f"{tags[0]}\nA greeting.")
    assert splitter.in_thought
    assert split_reasoning(f"{tags[0]}\nA greeting.") == ("A greeting.", "")


@pytest.mark.parametrize("closer", sorted(_OPENED_BY_TEMPLATES))
def test_a_lone_closer_ends_the_thought_that_the_template_began(closer: str) -> None:
    assert split_reasoning(f"A greeting.{closer}\n\nHello!") == ("A greeting.", "Hello!")


@pytest.mark.parametrize(
    "text",
    [
        "Write `<think>` first.",
        "```xml\n<think>a</think>\n```",
        "The tag <think> opens a thought.",
        "  Hello",
        "\n\nHello\n",
        " ",
        "a < b",
    ],
)
def test_an_answer_may_speak_of_tags(text: str) -> None:
    assert split_reasoning(text) == ("", text)
    assert streamed(list(text)) == ("", text)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 500), max_size=8), st.booleans())
def test_pieces_equal_the_whole(parts: list[str], places: list[int], holds: bool) -> None:
    text = "".join(parts)
    whole = streamed([text], holds=holds)
    assert streamed(cut(text, places), holds=holds) == whole
    assert streamed(list(text), holds=holds) == whole


@TAGS
def test_a_draft_in_a_closed_thought_is_not_called(service: Service, tags: tuple[str, str]) -> None:
    says(service, f"{tags[0]}\nPerhaps {DRAFT}? No.{tags[1]}\n{CALL}")
    model = service.model(model=UNKNOWN, tool_calling="prompted").bind_tools([get_weather])
    whole = model.invoke("Weather in Oslo?")
    pieces: AIMessageChunk = sum(model.stream("Weather in Oslo?"), start=AIMessageChunk(""))
    for message in (whole, pieces):
        assert [call["args"] for call in message.tool_calls] == [{"city": "Oslo"}]
        assert message.text == ""
        assert "Perhaps" in message.additional_kwargs["reasoning_content"]


@pytest.mark.parametrize("opener", ["<think>", "[THINK]", "<|channel>thought\n"])
@pytest.mark.parametrize(
    ("thought", "cities"),
    [
        (f"I call it.\n{CALL}", ["Oslo"]),
        (f"Perhaps {DRAFT}? Better:\n{CALL}", ["Oslo"]),
        (f"Perhaps {DRAFT}? No.", []),
        ('I call it.\n{"name": "get_weather", "arguments": {"city": "Oslo"}}', ["Oslo"]),
    ],
)
def test_a_call_that_a_thought_without_an_end_leads_to_is_made(
    service: Service, opener: str, thought: str, cities: list[str]
) -> None:
    says(service, opener + thought)
    model = service.model(model=UNKNOWN, tool_calling="prompted").bind_tools([get_weather])
    assert [each["args"]["city"] for each in model.invoke("Weather?").tool_calls] == cities


def test_structured_output_takes_the_answer_and_not_the_draft(service: Service) -> None:
    says(service, '<think>{"name": "Bob"}?</think>{"name": "Ann"}')
    model = service.model(model=UNKNOWN).with_structured_output(Person)
    assert model.invoke("Who?") == Person(name="Ann")
    assert list(model.stream("Who?"))[-1] == Person(name="Ann")


@pytest.mark.parametrize("mode", ["native", "prompted"])
async def test_a_thought_is_a_content_block_of_its_own(service: Service, mode: str) -> None:
    says(service, "<think>A greeting.</think>\n\nHello!")
    model = service.model(model=UNKNOWN, tool_calling=mode)
    whole, pieces = model.invoke("Hi"), [each async for each in model.astream("Hi")]
    for message in (whole, sum(pieces, start=AIMessageChunk(""))):
        assert message.text == "Hello!"
        assert message.additional_kwargs["reasoning_content"] == "A greeting."
        kinds = [block["type"] for block in message.content_blocks]
        assert kinds == ["reasoning", "text"]


def test_a_thought_is_not_sent_back(service: Service) -> None:
    says(service, "<think>A greeting.</think>Hello!")
    model = service.model(model=UNKNOWN, tool_calling="prompted")
    model.invoke(["Hi", model.invoke("Hi"), "And now?"])
    assert "A greeting" not in str(sent(service))
