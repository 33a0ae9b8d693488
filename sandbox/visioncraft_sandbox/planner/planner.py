"""Decides which tools to call next, or writes the summary."""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import replace
from typing import Any

from langchain_visioncraft._schemas import problems
from visioncraft_sandbox.chat import Chat, Reply, count, form_instruction, plain_messages, text_of
from visioncraft_sandbox.engine_pool import PLANNER
from visioncraft_sandbox.engines.language import LanguageModel
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.planner.conversation import Conversation, read_conversation
from visioncraft_sandbox.planner.intents import Intent
from visioncraft_sandbox.planner.steps import next_calls, plan
from visioncraft_sandbox.planner.tools import Tool
from visioncraft_sandbox.planner.words import Words

SIGNATURE = "(This was written by the sandbox's rule-based planner, which is no language model.)"
_NOTHING = (
    "I found nothing in this request that one of the offered tools does. I understand plain "
    "requests such as 'draw a lighthouse', 'upscale the first picture', 'make a GIF of a cat', "
    "'turn the last picture into a video', 'describe it' or 'transcribe <file>'."
)
_MOST_CALLS = 40
_MOST_TOOLS = 128  # as at OpenAI
_MAX_TOKENS = 768
_Called = list[tuple[Tool, dict[str, Any], str]]


def answer(chat: Chat, writer: LanguageModel | None) -> Reply:
    """Tool calls, or a summary, for a chat request that offers tools.

    `writer` is a language model for free text, or ``None`` if models are off.
    """
    conversation = read_conversation(chat.messages)
    tools = [Tool(declared) for declared in chat.tools[:_MOST_TOOLS]]
    final = next((tool for tool in tools if tool.is_final), None)
    tools = [tool for tool in tools if tool is not final]
    if chat.named:
        final = None
        tools = [Tool(each) for each in chat.tools if each["function"]["name"] == chat.tool_choice]
    steps = plan(conversation, tools)
    # Stop a client that would loop without end.
    calls: _Called = (
        next_calls(conversation, steps) if len(conversation.calls) < _MOST_CALLS else []
    )
    engine = PLANNER
    must = chat.named or chat.tool_choice == "required"
    if not calls and final is None and must and tools:
        calls, engine = _forced(chat, conversation, tools, writer)
    if calls:
        return _calling(chat, calls if chat.parallel else calls[:1], engine)
    done = None
    if not steps and not conversation.calls and writer is not None:
        # Without its weights, the summary below does.
        with contextlib.suppress(EngineUnavailable):
            done = _talking(chat, writer)
    done = done or _summary(chat, conversation, [told for step in steps for told in step.told()])
    if final is None:
        return done
    return _calling(chat, [(final, *_final_answer(chat, final, done, writer))], done.engine)


def _forced(
    chat: Chat, conversation: Conversation, tools: list[Tool], writer: LanguageModel | None
) -> tuple[_Called, str]:
    """A call that is required although the request names none of the tools."""
    called = {call.name for call in conversation.calls}
    words = Words.of(conversation.request)
    intent = Intent("other", words, str(words))
    fresh = [tool for tool in tools if tool.name not in called] or tools
    # The tool for whose arguments the request says most.
    tool = min(fresh, key=lambda each: len(each.fill(intent, conversation.files)[1]))
    arguments, guessed = tool.fill(intent, conversation.files)
    if guessed or _is_form(tool):
        written = _fill_by_model(chat, tool, writer)
        if written is not None and writer is not None:
            return [(tool, written, "forced")], f"{PLANNER}, {writer.name}"
    return [(tool, arguments, "forced")], PLANNER


def _final_answer(
    chat: Chat, tool: Tool, done: Reply, writer: LanguageModel | None
) -> tuple[dict[str, Any], str]:
    """The arguments of a tool that ends the run with an answer."""
    text = done.text or ""
    texts = [name for name in tool.required or tool.parameters
             if tool.parameters.get(name, {}).get("type", "string") == "string"]  # fmt: skip
    if len(texts) == 1 and len(tool.required) < 2:
        return {texts[0]: text}, "final"
    written = _fill_by_model(chat, tool, writer)
    if written is None:
        words = Words.of(text)
        written = tool.fill(Intent("other", words, text), [])[0]
    return written, "final"


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
        read = json.loads(writer.generate(messages, sampling, schema=tool.schema).text)
    except (ValueError, EngineUnavailable):
        return None
    return read if isinstance(read, dict) and not problems(read, tool.schema) else None


def _is_form(tool: Tool) -> bool:
    """Whether it is a form for free text rather than an action."""
    kinds = [tool.parameters.get(name, {}).get("type") for name in tool.required]
    return kinds.count("string") > 1 or "array" in kinds or "object" in kinds


def _calling(chat: Chat, calls: _Called, engine: str) -> Reply:
    written = [
        {
            # The id names the step: the next request brings it back, and there is no other state.
            "id": f"call_{place}_{secrets.token_hex(6)}",
            "type": "function",
            "function": {"name": tool.name, "arguments": json.dumps(given, ensure_ascii=False)},
        }
        for tool, given, place in calls
    ]
    tokens = sum(count(str(call["function"])) for call in written)
    return Reply(None, engine, written, "tool_calls", _asked(chat), tokens)


def _talking(chat: Chat, writer: LanguageModel) -> Reply:
    """A plain answer of the language model, as there is nothing to plan."""
    done = writer.generate(plain_messages(chat.messages), chat.sampling, schema=chat.schema)
    tokens = done.prompt_tokens, done.completion_tokens
    return Reply(done.text, writer.name, [], done.finish_reason, *tokens)


def _summary(chat: Chat, conversation: Conversation, told: list[str]) -> Reply:
    """What was done, by handle, and that a planner wrote it."""
    results = [f"{call.name} {'failed' if call.failed else 'gave'}: {call.result[:1500]}"
               for call in conversation.calls if call.result is not None]  # fmt: skip
    text = "\n".join([*(told or results or [_NOTHING]), SIGNATURE])
    return Reply(text, PLANNER, prompt_tokens=_asked(chat), completion_tokens=count(text))


def _asked(chat: Chat) -> int:
    return sum(count(text_of(message)) for message in chat.messages)
