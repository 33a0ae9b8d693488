"""Plans are made in a process of their own, which a request may occupy, fill or crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.chat import Chat, Reply
from visioncraft_sandbox.engines.stopping import StoppedError, until
from visioncraft_sandbox.planner import answer, answer_apart, process
from visioncraft_sandbox.planner.planner import Draft


@pytest.fixture(autouse=True)
def own() -> Iterator[process._Process]:
    """A process of the test's own."""
    process._process_of.cache_clear()
    made = process._process_of(os.getpid())
    yield made
    made.end()
    process._process_of.cache_clear()


def chat_of(text: str, *required: str, **more: Any) -> Chat:
    form = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in required},
        "required": list(required),
    }
    tool = {"type": "function", "function": {"name": "draw_picture", "parameters": form}}
    return Chat("any", [{"role": "user", "content": text}], tools=[tool], **more)


def calls(reply: Reply | Draft) -> list[Any]:
    assert isinstance(reply, Reply)
    return [call["function"] for call in reply.tool_calls]


@pytest.mark.parametrize(
    "content",
    [
        "Draw a cat.",
        "Draw \ud800 \0 \u2028 cats.\nThen draw a dog.",
        ["Draw a cat.", {"type": "text", "text": "Then draw a dog."}],
        [{"type": "text", "text": "Draw it"}, {"type": "image_url", "image_url": {"url": "x"}}],
    ],
)
def test_it_answers_as_the_planner_does(content: Any) -> None:
    chat = chat_of("", "prompt")
    chat.messages[0]["content"] = content
    there, here = (each(chat, has_writer=False) for each in (answer_apart, answer))
    assert calls(there)
    assert calls(there) == calls(here)
    assert isinstance(there, Reply)
    assert isinstance(here, Reply)
    assert (there.prompt_tokens, there.finish_reason) == (here.prompt_tokens, here.finish_reason)


def test_a_frozen_application_plans_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert calls(answer_apart(chat_of("Draw a cat.", "prompt"), has_writer=False))


def test_it_leaves_forms_to_the_model() -> None:
    chat = chat_of("Hello", "name", "place", tool_choice="draw_picture", named=True)
    draft = answer_apart(chat, has_writer=True)
    assert isinstance(draft, Draft)
    assert (draft.tool, [*draft.arguments]) == ("draw_picture", ["name", "place"])
    assert answer_apart(chat_of("Hello", "prompt"), has_writer=True) == Draft()


def test_pictures_are_not_sent(own: process._Process, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(own, "answer", lambda line: sent.append(line) or b'{"draft": {}}')
    chat = chat_of("", "prompt")
    picture = {"type": "image_url", "image_url": {"url": "data:,picture"}}
    chat.messages[0] |= {"content": ["hello", picture], "image": "data:,picture"}
    answer_apart(chat, has_writer=False)
    assert b"hello" in sent[0]
    assert b"picture" not in sent[0].replace(b"draw_picture", b"")


@pytest.mark.parametrize(("limit", "most"), [("_MOST_SECONDS", 0.001), ("_MOST_BYTES", 1 << 20)])
def test_a_plan_that_takes_too_much_is_refused(
    limit: str, most: float, own: process._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = chat_of("Draw a cat.", *(f"prompt {number}" for number in range(50_000)))
    with monkeypatch.context() as patch:
        patch.setattr(process, limit, most)
        with pytest.raises(Refusal, match="The planner would take more than"):
            answer_apart(heavy, has_writer=False)
    assert own._process.poll() is not None
    assert calls(answer_apart(chat_of("Draw a cat.", "prompt"), has_writer=False))


def test_a_process_that_ended_before_is_replaced(own: process._Process) -> None:
    chat = chat_of("Draw a cat.", "prompt")
    answer_apart(chat, has_writer=False)
    os.kill(own._process.pid, signal.SIGSTOP)  # as if it ended while it plans
    os.kill(own._process.pid, signal.SIGKILL)
    assert calls(answer_apart(chat, has_writer=False))


def test_a_plan_that_nobody_waits_for_is_ended(own: process._Process) -> None:
    answer_apart(chat_of("Draw a cat.", "prompt"), has_writer=False)
    os.kill(own._process.pid, signal.SIGSTOP)
    with pytest.raises(StoppedError), until(lambda: True):
        answer_apart(chat_of("Draw a cat.", "prompt"), has_writer=False)
    assert own._process.returncode == -signal.SIGKILL


def test_the_clock_ends_it_too(own: process._Process, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_apart(chat_of("Draw a cat.", "prompt"), has_writer=False)
    monkeypatch.setattr(process, "_LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(process, "_STEP_SECONDS", 0.01)
    os.kill(own._process.pid, signal.SIGSTOP)
    assert own._exchange(b"[]\n") == b""
    assert own._process.returncode == -signal.SIGKILL


def test_a_fault_of_the_planner_is_no_fault_of_the_chat(own: process._Process) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'function'"):
        answer_apart(Chat("any", [{"role": "user", "content": "x"}], tools=[{}]), has_writer=False)
    assert own._process.poll() is None


def test_a_refusal_passes(own: process._Process) -> None:
    chat = chat_of("Draw a cat.", "prompt", "deep")
    deep: dict[str, Any] = {"default": "x" * 1_000_001}
    chat.tools[0]["function"]["parameters"]["properties"]["deep"] = deep
    with pytest.raises(Refusal, match="more than 1,000,000 characters"):
        answer_apart(chat, has_writer=False)
    assert own._process.poll() is None
