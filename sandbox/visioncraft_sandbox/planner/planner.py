"""Decides which tools to call next, or writes the summary."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from dataclasses import replace
from typing import Any

from visioncraft_sandbox.chat import (
    Chat,
    Reply,
    count,
    form_instruction,
    plain_messages,
    text_of,
)
from visioncraft_sandbox.engine_pool import PLANNER
from visioncraft_sandbox.engines.language import LanguageModel
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.planner.conversation import (
    Conversation,
    is_picture,
    is_sound,
    read_conversation,
)
from visioncraft_sandbox.planner.intents import (
    NEEDS_PICTURE,
    PICTORIAL,
    Intent,
    read_intents,
)
from visioncraft_sandbox.planner.patterns import (
    SENTENCE_END,
    means_one_picture,
    tidy,
    without_greeting,
)
from visioncraft_sandbox.planner.steps import Step
from visioncraft_sandbox.planner.summary import summary_text
from visioncraft_sandbox.planner.tools import Tool

_ID = re.compile(r"call_s(\d+)p(\d+)a(\d+)_")
_MOST_CALLS = 40
_MOST_SPOKEN = 6
_MAX_TOKENS = 768
_COUNTED = frozenset({"draw", "rework"})
"""The kinds that "the first picture" counts: neither GIFs nor enlargements."""


def answer(chat: Chat, writer: LanguageModel | None) -> Reply:
    """Tool calls, or a summary, for a chat request that offers tools.

    `writer` is a language model for free text, or ``None`` if models are off.
    """
    conversation = read_conversation(chat.messages)
    tools = [Tool(declared) for declared in chat.tools]
    if chat.named:
        tools = [tool for tool in tools if tool.name == chat.tool_choice]
    steps = plan(conversation, tools)
    assign(conversation, steps)
    # Stop a client that would loop without end.
    calls = next_calls(conversation, steps) if len(conversation.calls) < _MOST_CALLS else []
    engine = PLANNER
    if not calls and (chat.named or chat.tool_choice == "required"):
        calls, by_model = _forced(chat, conversation, tools, writer)
        engine = f"{PLANNER}, {writer.name}" if by_model and writer else PLANNER
    if not chat.parallel:
        calls = calls[:1]
    if calls:
        return _calling(chat, calls, engine)
    if not steps and not conversation.calls and writer is not None:
        # Without its weights, the summary below does.
        with contextlib.suppress(EngineUnavailable):
            return _talking(chat, writer)
    text = summary_text(conversation, steps)
    return Reply(text, engine, prompt_tokens=_asked(chat), completion_tokens=count(text))


def plan(conversation: Conversation, tools: list[Tool]) -> list[Step]:
    """The steps of the latest request that a tool can do."""
    steps: list[Step] = []
    alone = len(tools) == 1 and bool(
        re.search(r"\bthe tool\b", conversation.request, re.IGNORECASE)
    )
    for intent in read_intents(conversation.request):
        for needed in _with_what_it_needs(intent, conversation, steps):
            tool = _tool_for(needed, tools, alone=alone)
            if tool is not None:
                steps.append(Step(needed, tool))
    return steps


def _with_what_it_needs(
    intent: Intent, conversation: Conversation, steps: list[Step]
) -> list[Intent]:
    """An intent, preceded by a drawing if it needs a picture and there is none."""
    have = any(is_picture(file) for file in conversation.files) or any(
        step.intent.kind in PICTORIAL for step in steps
    )
    if intent.kind != "video" or intent.sources or have or not intent.prompt:
        return [intent]
    return [replace(intent, kind="draw", which=None), replace(intent, which="latest")]


def _tool_for(intent: Intent, tools: list[Tool], *, alone: bool) -> Tool | None:
    if intent.kind == "other":
        meant = [tool for tool in tools if alone or tool.is_meant(intent.text)]
        # The longest name that fits: "magic_function_no_args" contains "magic_function".
        return max(meant, key=lambda tool: len(tool.name), default=None)
    best = max(tools, key=lambda tool: tool.score(intent), default=None)
    if best is not None and best.score(intent) > 0:
        return best
    return _tool_for(replace(intent, kind="other"), tools, alone=alone)


def assign(conversation: Conversation, steps: list[Step]) -> None:
    """Assign the calls since the request to their steps."""
    for call in conversation.calls:
        match = _ID.match(call.id)
        if match and int(match[1]) < len(steps):
            number, part = int(match[1]), int(match[2])
            steps[number].parts.setdefault(part, []).append(call)
            continue
        # An id of somebody else: the first step of this tool without an attempt.
        for step in steps:
            if step.tool.name == call.name and not step.parts:
                step.parts[0] = [call]
                break


def next_calls(conversation: Conversation, steps: list[Step]) -> list[dict[str, Any]]:
    """The calls that can be made now, because they wait for no other."""
    calls: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        for part in sorted(step.parts):
            arguments = step.retry(part)
            if arguments is not None:
                calls.append(_call(step.tool.name, arguments, number, part, 1))
        if step.parts:
            continue
        before = steps[:number]
        intents = _made_definite(step.intent, before)
        sources = sources_of(step.intent, conversation, before) if intents else None
        if sources is None:
            if any(other.is_open() for other in before):
                break  # it needs a result that is still to come
            continue  # there is nothing for it to work on
        pairs = [(intent, source) for intent in intents for source in sources or [""]]
        for part, (intent, source) in enumerate(pairs):
            filled = step.tool.fill(intent, [source] if source else [])
            calls.append(_call(step.tool.name, filled.arguments, number, part, 0))
    return calls


def _made_definite(intent: Intent, before: list[Step]) -> list[Intent]:
    """An intent to draw what a recording says: one, or one for each of its sentences."""
    if intent.which != "transcript":
        return [intent]
    transcripts = [
        call.result or ""
        for step in before
        if step.intent.kind == "transcribe"
        for call in step.results()
    ]
    spoken = [part for text in transcripts[-1:] for part in SENTENCE_END.split(text) if tidy(part)]
    if spoken and means_one_picture(intent.prompt):
        spoken = [" ".join(without_greeting(spoken))]
    return [replace(intent, prompt=tidy(part)) for part in spoken[:_MOST_SPOKEN]]


def sources_of(intent: Intent, conversation: Conversation, before: list[Step]) -> list[str] | None:
    """The sources of a step; empty if it needs none, ``None`` if there is none (yet)."""
    if intent.kind == "transcribe":
        sounds = [
            *intent.sources,
            *(file for file in reversed(conversation.files) if is_sound(file)),
        ]
        return sounds[:1] or None
    if intent.kind not in NEEDS_PICTURE:
        return list(intent.sources) if intent.kind == "other" else []
    if intent.sources:
        return list(intent.sources)
    return _pictures_meant(intent, conversation, before)


def _pictures_meant(
    intent: Intent, conversation: Conversation, before: list[Step]
) -> list[str] | None:
    makers = [step for step in before if step.intent.kind in PICTORIAL]
    if any(not step.parts or step.is_open() for step in makers):
        return None
    drawn = [file for step in makers if step.intent.kind in _COUNTED for file in step.files()]
    made = [file for step in makers for file in step.files()]
    older = [file for file in conversation.files if is_picture(file)]
    # "Describe a.png and upscale it": the files that this request has named so far.
    named = [file for step in before for file in step.intent.sources if is_picture(file)]
    counted = drawn or made if makers else named or older
    if intent.which == "all":
        return counted or None
    if isinstance(intent.which, int) and intent.which >= 0:
        return counted[intent.which : intent.which + 1] or None
    if isinstance(intent.which, int):
        return counted[-1:] or None
    return (made or named or older)[-1:] or None


def _forced(
    chat: Chat, conversation: Conversation, tools: list[Tool], writer: LanguageModel | None
) -> tuple[list[dict[str, Any]], bool]:
    """A call that is required although the request names none of the tools."""
    called = {call.name for call in conversation.calls}
    intent = Intent("other", conversation.request, conversation.request)
    fresh = [tool for tool in tools if tool.name not in called] or tools
    # The tool for whose arguments the request says most.
    tool = min(fresh, key=lambda each: len(each.fill(intent, conversation.files).guessed))
    filled = tool.fill(intent, conversation.files)
    if filled.guessed or _is_form(tool):
        written = _fill_by_model(chat, tool, writer)
        if written is not None:
            return [_call(tool.name, written, 99, 0, 0)], True
    return [_call(tool.name, filled.arguments, 99, 0, 0)], False


def _fill_by_model(chat: Chat, tool: Tool, writer: LanguageModel | None) -> dict[str, Any] | None:
    """A tool's arguments as the model writes them; ``None`` without a model, or if it fails."""
    if writer is None or not tool.parameters:
        return None
    messages = [
        {"role": "system", "content": form_instruction(tool.schema, tool.description)},
        *plain_messages(message for message in chat.messages if message["role"] != "system"),
    ]
    sampling = replace(chat.sampling, max_tokens=_MAX_TOKENS, stop=())
    try:
        done = writer.generate(messages, sampling, schema=tool.schema)
        read = json.loads(done.text)
    except (ValueError, EngineUnavailable):
        return None
    return read if isinstance(read, dict) else None


def _is_form(tool: Tool) -> bool:
    """Whether it is a form for free text rather than an action."""
    texts = [
        name for name in tool.required if tool.parameters.get(name, {}).get("type") == "string"
    ]
    return len(texts) > 1 or any(
        tool.parameters.get(name, {}).get("type") in ("array", "object") for name in tool.required
    )


def _call(
    name: str, arguments: dict[str, Any], step: int, part: int, attempt: int
) -> dict[str, Any]:
    # The id names the step: the next request brings it back, and there is no other state.
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
    """A plain answer of the language model, as there is nothing to plan."""
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
