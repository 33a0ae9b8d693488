"""Forms that a prompt asks for in words: JSON mode, DSPy's fields, smolagents' code."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from visioncraft_sandbox.chat_reading import form_of, object_schema

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
DSPY = (
    "[[ ## question ## ]]\nHow old?\n\nRespond with the corresponding output fields, starting with "
    "the field `[[ ## reasoning ## ]]`, then `[[ ## age ## ]]` (must be formatted as a valid "
    "Python int), and then ending with the marker for `[[ ## completed ## ]]`."
)


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    "around", ["{}", "Follow this schema:\n```json\n{}\n```\n{{not JSON", "{{}} {}"]
)
def test_json_mode_uses_a_schema_that_stands_in_the_prompt(around: str) -> None:
    assert object_schema(user(around.format(json.dumps(SCHEMA)))) == SCHEMA


def test_json_mode_without_a_schema_takes_the_quoted_words_as_keys() -> None:
    assert object_schema(user('Give "name" and `age`'))["required"] == ["name", "age"]
    assert object_schema(user("Hello"))["required"] == ["answer"]


def test_dspys_fields_are_asked_for_with_their_types_and_written_between_its_marks() -> None:
    form = form_of(user(DSPY))
    assert form is not None
    kinds = {name: spec["type"] for name, spec in form.schema["properties"].items()}
    assert kinds == {"reasoning": "string", "age": "integer"}
    written = form.write({"reasoning": "It is said.", "age": 34})
    assert written == (
        "[[ ## reasoning ## ]]\nIt is said.\n\n[[ ## age ## ]]\n34\n\n[[ ## completed ## ]]"
    )


@pytest.mark.parametrize(
    ("marks", "begin", "end"),
    [("<code> </code>", "<code>", "</code>"), ("Code:\n```py\n", "Code:\n```py", "```<end_code>")],
)
def test_smolagents_gets_a_thought_and_code_that_it_can_run(
    marks: str, begin: str, end: str
) -> None:
    system = {"role": "system", "content": f"Thought: … {marks} final_answer(x)"}
    form = form_of([system, *user("Hi")])
    assert form is not None
    written = form.write({"thought": "Easy.", "answer": 'It\'s "5"\n'})
    thought, _, code = written.partition(begin)
    assert thought == "Thought: Easy.\n"
    assert ast.literal_eval(code.strip()[len("final_answer(") : -len(end) - 2]) == 'It\'s "5"\n'


def test_a_plain_chat_has_no_form() -> None:
    assert form_of(user("Write about [[ ## x ## ]]")) is None


@pytest.mark.parametrize("levels", [101, 900, 980, 985])
def test_a_schema_in_a_prompt_is_no_deeper_than_one_in_a_request(levels: int) -> None:
    prompt = '{"properties": {"b": {}}, "x": ' + "[" * levels + "]" * levels + "}"
    assert object_schema(user(prompt))["required"] != ["b"]
    assert "x" not in object_schema(user(prompt))


@pytest.mark.parametrize("unit", ["{", '{"a":', "[[ ## ", "'", "[" * 10])
def test_hostile_prompts_have_no_form_and_cost_little(unit: str) -> None:
    asked = user(unit * 20_000)
    assert form_of(asked) is None
    assert object_schema(asked)["required"] in (["answer"], ["a"])
