"""Requests of several steps, told to a very small model one step at a time.

Told what was done and asked what is next, a model of half a billion parameters says either what it
just read or the name of every function. But it can split a request into its steps, and it calls
the right function for one step. So that is what it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatResult

from langchain_visioncraft.chat_models.prompted.answers import (
    Asking,
    Task,
    count_usage,
    usage_of,
    whole_result,
)
from langchain_visioncraft.chat_models.prompted.history import (
    Done,
    blocks_of,
    done_in,
    earlier,
    human,
    start_of_turn,
)
from langchain_visioncraft.chat_models.prompted.tools import PromptedTools

_SPLIT = "Split the request into its steps."
_EXAMPLES = (
    ("Read the file notes.txt, then send it to Ann.", "Read the file notes.txt", "Send it to Ann"),
    ("Find a flight to Rome.", "Find a flight to Rome"),
    ("Translate this letter and print it.", "Translate this letter", "Print it"),
    ("What is the weather in Oslo?", "Tell the weather in Oslo"),
    (
        "Write a story about a dog in the rain, for a boy.",
        "Write a story about a dog in the rain, for a boy",
    ),
    ("Look up the price. After that, buy two.", "Look up the price", "Buy two"),
)
_STEP = re.compile(r"^\s*\d+[.)]\s*(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Opening:
    """What to ask, and how to read the answer.

    Attributes:
        task: Reads the answer.
        messages: The conversation as it is sent.
        usage: Of the question that came before, if there was one.
    """

    task: Task
    messages: list[BaseMessage]
    usage: UsageMetadata | None = None


def answer(task: Task, messages: Sequence[BaseMessage], *, correct: bool) -> Asking[ChatResult]:
    """Ask and read a whole answer.

    Args:
        task: What is asked.
        messages: The conversation.
        correct: Whether the model may be asked again about an answer that does not fit.
    """
    opened = yield from opening(task, messages)
    first = yield opened.messages
    result = yield from whole_result(opened.task, opened.messages, first, correct=correct)
    if opened.usage is not None:
        count_usage(result, opened.usage)
    return result


def opening(task: Task, messages: Sequence[BaseMessage]) -> Asking[Opening]:
    """Find out what to ask, which takes a question of its own for a request of several steps."""
    start = start_of_turn(messages)
    if not isinstance(task, PromptedTools) or not task.simple or start is None:
        return Opening(task, task.messages(messages))
    request, done = messages[start], done_in(messages[start:])
    if not done or not task.tools or task.choice != "auto" or not request.text.strip():
        return Opening(task, task.messages(messages))
    split = yield [*_examples(), HumanMessage(request.text)]
    steps, usage = _steps(split), usage_of(split)
    results = [each for each in done if not each.failed]
    if not steps:
        return Opening(task, task.messages(messages), usage)
    before = earlier(messages[:start])
    if len(results) >= len(steps):
        ended = replace(task, tools=())
        told = _with(request, _last_words(request.text, results), done)
        return Opening(ended, ended.messages([*before, told]), usage)
    told = _with(request, _next_step(steps, results, done[-1]), done)
    return Opening(task, task.messages([*before, told]), usage)


def _examples() -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage(_SPLIT)]
    for request, *steps in _EXAMPLES:
        written = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
        messages += [HumanMessage(request), AIMessage(written)]
    return messages


def _steps(split: ChatResult) -> list[str]:
    return _STEP.findall(split.generations[0].message.text)


def _next_step(steps: Sequence[str], results: Sequence[Done], latest: Done) -> str:
    lines = [f"{step} gave {each.text}." for step, each in zip(steps, results, strict=False)]
    lines.append(("\n" if lines else "") + f"{steps[len(results)].rstrip('.')}.")
    if latest.failed:
        lines.append(f"\n{latest.name} was called for this, but failed: {latest.text}")
        lines.append("Call it again without what failed.")
    return "\n".join(lines)


def _last_words(request: str, results: Sequence[Done]) -> str:
    lines = "\n".join(f"- {each.name} gave: {each.text}" for each in results)
    return f"{request}\n\nResults:\n{lines}\n\nEverything is done. Answer in one or two sentences."


def _with(request: BaseMessage, text: str, done: Sequence[Done]) -> HumanMessage:
    """The text instead of the request's, with its pictures and those of the results."""
    others = [
        block
        for block in blocks_of(request.content)
        if isinstance(block, dict) and block.get("type") != "text"
    ]
    others += [block for each in done for block in each.others]
    return human(text, others)
