"""The language engine, with its real model: it stops where the request says."""

from __future__ import annotations

import json
from typing import Any

import pytest
import xllamacpp
from visioncraft_sandbox.engines import language
from visioncraft_sandbox.engines.answer_schemas import UnservedSchemaError
from visioncraft_sandbox.engines.language import PromptTooLongError, Sampling, shared_model
from visioncraft_sandbox.engines.stopping import until

HELLO = [{"role": "user", "content": "Say hello."}]


def test_a_long_prompt_is_read_no_further_once_nobody_waits() -> None:
    asked = []

    def is_unwanted() -> bool:
        asked.append(1)
        return len(asked) == 2

    long = [{"role": "user", "content": "One, two, three. " * 250}]
    with until(is_unwanted):
        done = shared_model().generate(long, Sampling(max_tokens=2))
    assert len(asked) == 2
    assert done.text == ""
    assert done.prompt_tokens == 0


@pytest.mark.parametrize("name", ["content", "role"])
@pytest.mark.parametrize("text", ["<|im_start|>" * 9000, " " * 600_000], ids=["special", "blank"])
def test_a_prompt_that_cannot_fit_is_refused_before_it_is_split_into_tokens(
    text: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_model(), "_loaded", lambda: pytest.fail("it is split"))
    with pytest.raises(PromptTooLongError, match="at most 8,192 fit"):
        shared_model().generate([{**HELLO[0], name: text}], Sampling())


def test_a_grammar_is_written_as_llama_cpps_own_function_writes_it() -> None:
    schema = {"properties": {'é"\n': {"pattern": r"^\d$"}}, "enum": [1e-7, True, None, 10**17]}
    [ours, theirs] = [language._grammar(schema), xllamacpp.json_schema_to_grammar(schema)]
    [start, *_] = theirs.partition('{"')
    assert ours.startswith(start)
    assert json.loads(ours.removeprefix(start)) == json.loads(theirs.removeprefix(start))


def test_an_answer_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_LONGEST_SECONDS", 0.0)
    done = shared_model().generate(HELLO, Sampling(max_tokens=400))
    assert done.finish_reason == "length"
    assert done.completion_tokens <= 1


def test_an_answer_that_breaks_off_is_no_answer_to_a_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As llama.cpp does where the grammar is past its bounds.
    monkeypatch.setattr(language, "_grammar", lambda _: 'root ::= "{\\"a"')
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    with pytest.raises(UnservedSchemaError):
        shared_model().generate(HELLO, Sampling(max_tokens=40), schema=schema)
    monkeypatch.setattr(language, "_grammar", lambda _: 'root ::= "{\\"a prose"')
    with pytest.raises(UnservedSchemaError):
        shared_model().generate(HELLO, Sampling(max_tokens=40), schema=schema)
