"""Which tools to call next, or what to say at the end."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from dataclasses import replace
from typing import Any

from visioncraft_sandbox.chat import Chat, Reply, count, plain_messages, text_of
from visioncraft_sandbox.engines.language import LanguageModel
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.planner.closing import closing_text
from visioncraft_sandbox.planner.forced import fill_by_model
from visioncraft_sandbox.planner.patterns import (
    SENTENCE_END,
    means_one_picture,
    tidy,
    without_greeting,
)
from visioncraft_sandbox.planner.repair import repaired
from visioncraft_sandbox.planner.steps import Step
from visioncraft_sandbox.planner.talk import (
    Call,
    Talk,
    is_picture,
    is_sound,
    read_talk,
)
from visioncraft_sandbox.planner.tools import Tool
from visioncraft_sandbox.planner.wishes import (
    NEEDS_PICTURE,
    PICTORIAL,
    Wish,
    read_wishes,
)
from visioncraft_sandbox.workshop import PLANNER

_ID = re.compile(r"call_s(\d+)p(\d+)a(\d+)_")
_MOST_CALLS = 40
_MOST_SPOKEN = 6
_COUNTED = frozenset({"draw", "rework"})
"""What "the first picture" counts: neither GIFs nor enlargements."""


def answer(chat: Chat, writer: LanguageModel | None) -> Reply:
    """Answer a chat request that offers tools.

    Args:
        chat: The request.
        writer: A language model for what needs free text; ``None`` if models are switched off.

    Returns:
        Tool calls, or a closing text.
    """
    talk = read_talk(chat.messages)
    tools = [Tool(declared) for declared in chat.tools]
    if chat.named:
        tools = [tool for tool in tools if tool.name == chat.tool_choice]
    steps = plan(talk, tools)
    assign(talk, steps)
    # A client that loops without end must not be kept going by the planner.
    calls = next_calls(talk, steps) if len(talk.calls) < _MOST_CALLS else []
    engine = PLANNER
    if not calls and (chat.named or chat.tool_choice == "required"):
        calls, by_model = _forced(chat, talk, tools, writer)
        engine = f"{PLANNER}, {writer.name}" if by_model and writer else PLANNER
    if not chat.parallel:
        calls = calls[:1]
    if calls:
        return _calling(chat, calls, engine)
    if not steps and not talk.calls and writer is not None:
        # Without its weights the planner still has something to say.
        with contextlib.suppress(EngineUnavailable):
            return _talking(chat, writer)
    text = closing_text(talk, steps)
    return Reply(text, engine, prompt_tokens=_asked(chat), completion_tokens=count(text))


def plan(talk: Talk, tools: list[Tool]) -> list[Step]:
    """The steps of the latest request for which there is a tool."""
    steps: list[Step] = []
    alone = len(tools) == 1 and bool(re.search(r"\bthe tool\b", talk.request, re.IGNORECASE))
    for wish in read_wishes(talk.request):
        for needed in _with_what_it_needs(wish, talk, steps):
            tool = _tool_for(needed, tools, alone=alone)
            if tool is not None:
                steps.append(Step(needed, tool))
    return steps


def _with_what_it_needs(wish: Wish, talk: Talk, steps: list[Step]) -> list[Wish]:
    """A wish, with a picture drawn before it if it needs one and there is none."""
    have = any(is_picture(file) for file in talk.files) or any(
        step.wish.kind in PICTORIAL for step in steps
    )
    if wish.kind != "video" or wish.sources or have or not wish.prompt:
        return [wish]
    return [replace(wish, kind="draw", which=None), replace(wish, which="latest")]


def _tool_for(wish: Wish, tools: list[Tool], *, alone: bool) -> Tool | None:
    if wish.kind == "other":
        meant = [tool for tool in tools if alone or tool.is_meant(wish.text)]
        # The longest name that fits: "magic_function_no_args" contains "magic_function".
        return max(meant, key=lambda tool: len(tool.name), default=None)
    best = max(tools, key=lambda tool: tool.score(wish), default=None)
    if best is not None and best.score(wish) > 0:
        return best
    return _tool_for(replace(wish, kind="other"), tools, alone=alone)


def assign(talk: Talk, steps: list[Step]) -> None:
    """Sort the calls since the request to the steps that they belong to."""
    for call in talk.calls:
        match = _ID.match(call.id)
        if match and int(match[1]) < len(steps):
            number, part = int(match[1]), int(match[2])
            steps[number].parts.setdefault(part, []).append(call)
            continue
        # Another's id: the first step of this tool that has not been tried yet.
        for step in steps:
            if step.tool.name == call.name and not step.parts:
                step.parts[0] = [call]
                break


def next_calls(talk: Talk, steps: list[Step]) -> list[dict[str, Any]]:
    """The calls that can be made now: those that wait for no other."""
    calls: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        for part, attempts in sorted(step.parts.items()):
            arguments = _second_try(attempts, step.tool)
            if arguments is not None:
                calls.append(_call(step.tool.name, arguments, number, part, 1))
        if step.parts:
            continue
        before = steps[:number]
        wishes = _made_definite(step.wish, before)
        sources = sources_of(step.wish, talk, before) if wishes else None
        if sources is None:
            if any(_is_open(other) for other in before):
                break  # it needs what is still being made
            continue  # there is nothing that it could work on
        pairs = [(wish, source) for wish in wishes for source in sources or [""]]
        for part, (wish, source) in enumerate(pairs):
            filled = step.tool.fill(wish, [source] if source else [])
            calls.append(_call(step.tool.name, filled.arguments, number, part, 0))
    return calls


def _second_try(attempts: list[Call], tool: Tool) -> dict[str, Any] | None:
    """Arguments for the one more try that a step gets if its error says how to repair it."""
    return repaired(attempts[0], tool) if len(attempts) == 1 and attempts[0].failed else None


def _made_definite(wish: Wish, before: list[Step]) -> list[Wish]:
    """A wish for a drawing of what a recording says: one, or one for each of its sentences."""
    if wish.which != "transcript":
        return [wish]
    heard = [
        call.result or ""
        for step in before
        if step.wish.kind == "transcribe"
        for call in step.results()
    ]
    spoken = [part for text in heard[-1:] for part in SENTENCE_END.split(text) if tidy(part)]
    if spoken and means_one_picture(wish.prompt):
        spoken = [" ".join(without_greeting(spoken))]
    return [replace(wish, prompt=tidy(part)) for part in spoken[:_MOST_SPOKEN]]


def _is_open(step: Step) -> bool:
    """Whether a step before has not been tried, or may be tried again."""
    if not step.parts:
        return step.wish.kind in PICTORIAL | {"other", "transcribe"}
    return any(
        attempts[-1].result is None or _second_try(attempts, step.tool) is not None
        for attempts in step.parts.values()
    )


def sources_of(wish: Wish, talk: Talk, before: list[Step]) -> list[str] | None:
    """What a step works on; empty if it needs nothing, ``None`` if that is not there (yet)."""
    if wish.kind == "transcribe":
        sounds = [*wish.sources, *(file for file in reversed(talk.files) if is_sound(file))]
        return sounds[:1] or None
    if wish.kind not in NEEDS_PICTURE:
        return list(wish.sources) if wish.kind == "other" else []
    if wish.sources:
        return list(wish.sources)
    return _pictures_meant(wish, talk, before)


def _pictures_meant(wish: Wish, talk: Talk, before: list[Step]) -> list[str] | None:
    makers = [step for step in before if step.wish.kind in PICTORIAL]
    if any(not step.parts or _is_open(step) for step in makers):
        return None
    drawn = [file for step in makers if step.wish.kind in _COUNTED for file in step.files()]
    made = [file for step in makers for file in step.files()]
    older = [file for file in talk.files if is_picture(file)]
    # "Describe a.png and upscale it": what this request has named so far.
    named = [file for step in before for file in step.wish.sources if is_picture(file)]
    counted = drawn or made if makers else named or older
    if wish.which == "all":
        return counted or None
    if isinstance(wish.which, int) and wish.which >= 0:
        return counted[wish.which : wish.which + 1] or None
    if isinstance(wish.which, int):
        return counted[-1:] or None
    return (made or named or older)[-1:] or None


def _forced(
    chat: Chat, talk: Talk, tools: list[Tool], writer: LanguageModel | None
) -> tuple[list[dict[str, Any]], bool]:
    """A call that must be made although the request names none of the tools."""
    called = {call.name for call in talk.calls}
    wish = Wish("other", talk.request, talk.request)
    fresh = [tool for tool in tools if tool.name not in called] or tools
    # First one that the request has something to say for.
    tool = min(fresh, key=lambda each: len(each.fill(wish, talk.files).guessed))
    filled = tool.fill(wish, talk.files)
    if filled.guessed or _is_form(tool):
        told = fill_by_model(chat, tool, writer)
        if told is not None:
            return [_call(tool.name, told, 99, 0, 0)], True
    return [_call(tool.name, filled.arguments, 99, 0, 0)], False


def _is_form(tool: Tool) -> bool:
    """Whether it is a form to fill in with free text rather than something to do."""
    texts = [
        name for name in tool.required if tool.parameters.get(name, {}).get("type") == "string"
    ]
    return len(texts) > 1 or any(
        tool.parameters.get(name, {}).get("type") in ("array", "object") for name in tool.required
    )


def _call(
    name: str, arguments: dict[str, Any], step: int, part: int, attempt: int
) -> dict[str, Any]:
    # The id says which step it is: the next request brings it back, and nothing else is kept.
    return {
        "id": f"call_s{step}p{part}a{attempt}_{secrets.token_hex(6)}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
    }


def _calling(chat: Chat, calls: list[dict[str, Any]], engine: str) -> Reply:
    written = sum(count(call["function"]["arguments"]) + 1 for call in calls)
    return Reply(
        None,
        engine,
        tool_calls=calls,
        finish_reason="tool_calls",
        prompt_tokens=_asked(chat),
        completion_tokens=written,
    )


def _talking(chat: Chat, writer: LanguageModel) -> Reply:
    """Nothing to plan: a plain answer by the language model."""
    done = writer.generate(plain_messages(chat.messages), chat.sampling, schema=chat.schema)
    return Reply(
        done.text,
        writer.name,
        finish_reason=done.finish_reason,
        prompt_tokens=done.prompt_tokens,
        completion_tokens=done.completion_tokens,
    )


def _asked(chat: Chat) -> int:
    return sum(count(text_of(message)) for message in chat.messages)
