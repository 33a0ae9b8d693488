"""Every way in which models are known to write calls and thoughts, sound and damaged.

`test_written_calls.jsonl` holds an answer a line: what templates render, what the parsers of vLLM,
SGLang, llama.cpp and Ollama are tested with, and what is reported of hosts and models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answers import cut, is_broken, joined

from langchain_visioncraft._reasoning import split_reasoning
from langchain_visioncraft._schemas import coerced
from langchain_visioncraft.chat_models.bound_tools import PromptedTools
from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
from langchain_visioncraft.chat_models.prompted.formats import FORMATS, Format
from langchain_visioncraft.chat_models.prompted.reading import CallReader, Piece

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "get_weather": {"properties": {"city": TEXT, "days": NUMBER}, "required": ["city"]},
    "get_time": {"properties": {"zone": TEXT}, "required": ["zone"]},
    "limits": {"properties": {}},
}
SCHEMAS = {name: {"type": "object", **schema} for name, schema in SCHEMAS.items()}
OFFERED = Offered(SCHEMAS)
OSLO = Call("get_weather", {"city": "Oslo", "days": 2})
ROWS = pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.family)
LINES = Path(__file__).with_suffix(".jsonl").read_text("utf-8").strip().split("\n")
ANSWERS = [json.loads(line) for line in LINES]


def read(*texts: str) -> list[Piece]:
    """What is read of an answer, with arguments of the right types."""
    reader = CallReader(OFFERED)
    pieces = [piece for text in texts for piece in reader.feed(text)] + reader.finish()
    return [
        piece
        if isinstance(piece, str) or piece.problems
        else Call(piece.name, coerced(piece.arguments, SCHEMAS[str(piece.name)]))
        for piece in joined(pieces)
    ]


def prose_before(row: Format) -> list[Piece]:
    """A sample of ReAct begins with a thought."""
    return ["Thought: I need it."] if row.sample.startswith("Thought") else []


@ROWS
def test_the_sample_of_every_format_is_a_call(row: Format) -> None:
    assert read(row.sample) == [*prose_before(row), OSLO]


@ROWS
def test_a_call_after_prose_leaves_the_prose_alone(row: Format) -> None:
    found = read(f"I look it up.\n\n{row.sample}")
    assert found[-1] == OSLO
    assert "".join(map(str, found[:-1])).strip() == "\n\n".join(
        ["I look it up.", *map(str, prose_before(row))]
    )


@ROWS
def test_several_calls_in_a_row_are_several_calls(row: Format) -> None:
    if "Observation:" in row.sample:
        assert read(f"{row.sample}\n{row.sample}")[1:] == [OSLO]  # the rest is imagined
        return
    assert read(f"{row.sample}\n{row.sample}") == [OSLO, OSLO]


@ROWS
def test_a_call_is_the_same_however_it_is_cut(row: Format) -> None:
    text = f"I look it up.\n\n{row.sample}"
    whole = read(text)
    assert read(*text) == whole
    for place in range(len(text)):
        assert read(text[:place], text[place:]) == whole


def test_every_format_names_its_source_and_its_models() -> None:
    assert all(row.family and row.source for row in FORMATS)
    assert len({row.sample for row in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["name"])
def test_every_known_answer_is_read(answer: dict[str, Any]) -> None:
    thought, said = split_reasoning(answer["text"])
    if thought and not said.strip():
        tools = [{"name": name, "parameters": schema} for name, schema in SCHEMAS.items()]
        reading = PromptedTools(tools).reading(correct=False)
        reading.open_thought = thought
        whole = streamed = reading.finish()
    else:
        whole, streamed = read(said), read(*said)
    assert streamed == whole
    assert read(*cut(said, [len(said) // 3, len(said) // 2])) == read(said)
    calls = [piece for piece in whole if isinstance(piece, Call)]
    expected = [each and Call(*each) for each in answer["calls"]]
    assert [None if is_broken(call) else call for call in calls] == expected
    assert "".join(piece for piece in whole if isinstance(piece, str)).strip() == answer["prose"]
