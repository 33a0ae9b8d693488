"""The language engine, with its real model: it stops where it has to, or its process ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
import xllamacpp
from visioncraft_sandbox.engines import language, language_process
from visioncraft_sandbox.engines.language import (
    LanguageModel,
    ProcessEndedError,
    PromptTooLongError,
    Sampling,
    shared_model,
)
from visioncraft_sandbox.engines.stopping import until

HELLO = [{"role": "user", "content": "Say hello."}]
PATIENCE = 120.0
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


def process_of(model: LanguageModel) -> subprocess.Popen[bytes]:
    assert model._process is not None
    process: subprocess.Popen[bytes] = model._process._process
    return process


def test_a_long_prompt_is_read_no_further_once_nobody_waits() -> None:
    long = [{"role": "user", "content": "One, two, three. " * 500}]
    with until(lambda: True):
        done = shared_model(None).generate(long, Sampling(max_tokens=2))
    assert done.text == ""
    assert done.prompt_tokens == 0


@pytest.mark.parametrize("name", ["content", "role"])
@pytest.mark.parametrize("text", ["<|im_start|>" * 9000, " " * 600_000], ids=["special", "blank"])
def test_a_prompt_that_cannot_fit_is_refused_before_it_is_split_into_tokens(
    text: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_model(None), "_running", lambda: pytest.fail("it is split"))
    with pytest.raises(PromptTooLongError, match="at most 8,192 fit"):
        shared_model(None).generate([{**HELLO[0], name: text}], Sampling())


def test_a_grammar_is_written_as_llama_cpps_own_function_writes_it() -> None:
    schema = {"properties": {'é"\n': {"pattern": r"^\d$"}}, "enum": [1e-7, True, None, 10**17]}
    [ours, theirs] = [language_process.grammar(schema), xllamacpp.json_schema_to_grammar(schema)]
    [start, *_] = theirs.partition('{"')
    assert ours.startswith(start)
    assert json.loads(ours.removeprefix(start)) == json.loads(theirs.removeprefix(start))


def test_the_model_reads_a_lone_surrogate_as_a_question_mark() -> None:
    [halved, asked] = [
        shared_model(None).generate([{"role": "user", "content": text}], Sampling(max_tokens=1))
        for text in ("Hi\ud800", "Hi?")
    ]
    assert halved.prompt_tokens == asked.prompt_tokens


@pytest.mark.parametrize("part", [{"type": "text"}, {"type": "input_audio"}])
def test_what_no_model_can_read_is_the_callers_to_correct(part: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"Failed to parse|not supported"):
        shared_model(None).generate([{"role": "user", "content": [part]}], Sampling())


def test_an_answer_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_LONGEST_SECONDS", 0.0)
    done = shared_model(None).generate(HELLO, Sampling(max_tokens=400))
    assert done.finish_reason == "length"
    assert done.completion_tokens <= 1


class Written:
    """In the place of llama.cpp's server, which ends or departs from a grammar past its bounds."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces

    def handle_chat_completions(self, _: Any, take: Any) -> None:
        any(take({"choices": [{"delta": {"content": piece}}]}) for piece in self.pieces)


@pytest.mark.parametrize(
    ("pieces", "said", "reason"),
    [
        (['{"a"'], ['{"a"'], "ended its answer too early"),
        (['{"a"', " prose", "!"], ['{"a"'], "fails parse"),
    ],
)
def test_an_answer_that_breaks_off_is_no_answer_to_a_schema(
    pieces: list[str], said: list[str], reason: str
) -> None:
    lines: list[dict[str, Any]] = []
    answer = language_process.Answer(lambda **line: lines.append(line))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    answer.write(Written(*pieces), {"stop": []}, schema)
    assert [line["text"] for line in lines[:-1]] == said
    kinds, message = lines[-1]["problem"]
    assert kinds[0] == "UnservedSchemaError"
    assert reason in message


@on_posix
def test_a_chat_whose_process_is_killed_fails_and_the_next_starts_another() -> None:
    model = shared_model(None)

    def kill(_: str) -> None:
        process_of(model).kill()

    with pytest.raises(ProcessEndedError, match="ended by signal 9; the next chat starts another"):
        model.generate(HELLO, Sampling(max_tokens=400, temperature=0), on_text=kill)
    killed = process_of(model)
    assert killed.returncode == -signal.SIGKILL  # it has been waited for
    assert model.generate(HELLO, Sampling(max_tokens=3, temperature=0)).completion_tokens == 3
    assert process_of(model) is not killed


@on_posix
def test_a_process_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, unwanted = shared_model(None), list[bool]()
    monkeypatch.setattr(language, "_STOP_SECONDS", 0.3)

    def hang(_: str) -> None:
        unwanted.append(True)
        process_of(model).send_signal(signal.SIGSTOP)

    with until(lambda: bool(unwanted)), pytest.raises(ProcessEndedError):
        model.generate(HELLO, Sampling(max_tokens=400, temperature=0), on_text=hang)
    assert process_of(model).returncode == -signal.SIGKILL
    assert model.generate(HELLO, Sampling(max_tokens=3, temperature=0)).completion_tokens == 3


@on_posix
def test_a_chat_goes_on_after_ctrl_c() -> None:
    model = shared_model(None)
    done = model.generate(
        HELLO,
        Sampling(max_tokens=9, temperature=0),
        on_text=lambda _: process_of(model).send_signal(2),
    )
    assert done.completion_tokens == 9


def test_a_model_that_is_closed_ends_its_chats_and_serves_again() -> None:
    model = shared_model(None)
    with pytest.raises(ProcessEndedError):
        model.generate(
            HELLO, Sampling(max_tokens=400, temperature=0), on_text=lambda _: model.close()
        )
    assert process_of(model).returncode is not None
    assert model.generate(HELLO, Sampling(max_tokens=3, temperature=0)).completion_tokens == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only there is memory limited")
def test_a_frozen_application_does_not_start_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ProcessEndedError, match="frozen application has no Python"):
        LanguageModel().generate([{"role": "user", "content": "Hi"}], Sampling())


def test_the_memory_of_the_process_is_limited() -> None:
    import resource

    model = shared_model(None)
    model.generate(HELLO, Sampling(max_tokens=1, temperature=0))
    assert 0 < resource.prlimit(process_of(model).pid, resource.RLIMIT_AS)[0] < 8 << 30


def test_what_llama_cpp_cannot_load_is_reported(tmp_path: Any) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF")
    model = LanguageModel(str(file))
    with pytest.raises(ProcessEndedError, match=r"llama.cpp could not load broken\.gguf: "):
        model.generate(HELLO, Sampling())
    model.close()


OWNER = """
import sys
from functools import partial
from visioncraft_sandbox.engines.language import Sampling, shared_model
hello = [{"role": "user", "content": "Say hello."}]
tokens, on_text = {"idle": (3, None), "writing": (2000, partial(print, flush=True))}[sys.argv[1]]
shared_model(None).generate(hello, Sampling(max_tokens=tokens, temperature=0), on_text=on_text)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["idle", "writing"])
def test_the_process_ends_with_the_one_that_started_it(state: str) -> None:
    command = [sys.executable, "-c", OWNER, state]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes) as owner:
        assert owner.stdout is not None
        assert (owner.stdout.readline() == b"done\n") == (state == "idle")
        owner.kill()
        owner.communicate(timeout=PATIENCE)  # until nobody holds its standard error
