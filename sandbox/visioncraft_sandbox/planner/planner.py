"""Decides which tools to call next, or says what they gave."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_visioncraft._schemas import problems
from langchain_visioncraft.media.handles import HANDLE
from visioncraft_sandbox.chat import Chat, Reply, count, form_instruction, plain_messages, text_of
from visioncraft_sandbox.engine_pool import PLANNER
from visioncraft_sandbox.engines.language import LanguageModel
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.planner.conversation import Call, Conversation, read_conversation
from visioncraft_sandbox.planner.requests import NEEDS_PICTURE, PICTORIAL, Wish, read_wishes
from visioncraft_sandbox.planner.tools import Tool
from visioncraft_sandbox.planner.words import Words, is_picture, is_sound

SIGNATURE = "(This was written by the sandbox's rule-based planner, which is no language model.)"
_NOTHING = (
    "I found nothing in this request that one of the offered tools does. I understand plain "
    "requests such as 'draw a lighthouse', 'upscale the first picture', 'make a GIF of a cat', "
    "'turn the last picture into a video', 'describe it' or 'transcribe <file>'."
)
_SKIPPED = "I skipped “{}”: there was nothing to work on."
_MOST_CALLS = 40
_MOST_TOOLS = 128  # as at OpenAI
_MOST_SPOKEN = 6
_MAX_TOKENS = 768
_LONGEST = 1500
_COUNTED = frozenset({"draw", "rework"})
"""The kinds that "the first picture" counts: neither GIFs nor enlargements."""
_ID = re.compile(r"call_s(\d{1,3})p(\d{1,3})_")
"""The id of a call names its step: the next request brings it back, and there is no other state."""
_DONE = {
    "draw": "I drew",
    "rework": "I changed it to",
    "upscale": "I enlarged it to",
    "gif": "I animated",
    "video": "I filmed",
}
_GREETINGS = "hello|hi|hey|dear,good morning|evening|day"
_ONE_PICTURE = "page,cover,scene,picture"
_Called = list[tuple[Tool, dict[str, Any], str]]


@dataclass
class Step:
    """A wish, the tool for it, and the calls so far: one for each of its sources."""

    wish: Wish
    tool: Tool
    calls: dict[int, Call] = field(default_factory=dict)

    @property
    def done(self) -> list[Call]:
        """The calls that succeeded."""
        calls = [call for _, call in sorted(self.calls.items())]
        return [call for call in calls if call.result is not None and not call.failed]

    @property
    def files(self) -> list[str]:
        """The handles in their results."""
        return [file for call in self.done for file in call.files]

    @property
    def is_open(self) -> bool:
        """Whether a result of it is still to come."""
        if not self.calls:
            return self.wish.kind in PICTORIAL | {"other", "transcribe"}
        return any(call.result is None for call in self.calls.values())


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
        named = (each for each in chat.tools if each["function"]["name"] == chat.tool_choice)
        tools = [Tool(each) for each in itertools.islice(named, 1)]
    steps = plan(conversation, tools)
    # Stop a client that would loop without end.
    calls = next_calls(conversation, steps)[: max(0, _MOST_CALLS - len(conversation.calls))]
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
    done = done or _summary(chat, conversation, steps)
    if final is None:
        return done
    return _calling(chat, [(final, _final_answer(chat, final, done, writer), "final")], done.engine)


# ---- steps ------------------------------------------------------------------------------------


def plan(conversation: Conversation, tools: list[Tool]) -> list[Step]:
    """The steps of the latest request that a tool can do, with the calls since."""
    steps: list[Step] = []
    alone = len(tools) == 1 and Words.of(conversation.request).after("the tool") > 0
    for wish in read_wishes(conversation.request):
        tool = _tool_for(wish, tools, alone=alone)
        again = tool is not None and tool.is_handoff and any(each.tool is tool for each in steps)
        if tool is not None and not again:
            steps.append(Step(wish, tool))
    for call in conversation.calls:
        place = _ID.match(call.id)
        if place and int(place[1]) < len(steps) and steps[int(place[1])].tool.name == call.name:
            steps[int(place[1])].calls[int(place[2])] = call
        else:  # an id of somebody else: the first step of this tool without a call
            free = (each for each in steps if each.tool.name == call.name and not each.calls)
            for step in itertools.islice(free, 1):
                step.calls[0] = call
    return steps


def _tool_for(wish: Wish, tools: list[Tool], *, alone: bool) -> Tool | None:
    best = max(tools, key=lambda tool: tool.score(wish), default=None)
    if best is not None and best.score(wish) > 0:
        return best
    # The longest name that fits: "magic_function_no_args" contains "magic_function".
    meant = [tool for tool in tools if alone or tool.is_meant(wish.words)]
    return max(meant, key=lambda tool: len(tool.name), default=None)


def next_calls(conversation: Conversation, steps: list[Step]) -> _Called:
    """The calls that can be made now, because they wait for no other, and where they belong."""
    calls: _Called = []
    for number, step in enumerate(steps):
        if step.calls:
            continue
        before = steps[:number]
        wishes = _made_definite(step.wish, before)
        sources = _sources_of(step, conversation, before) if wishes else None
        if sources is None:
            if any(other.is_open for other in before):
                break  # it needs a result that is still to come
            continue  # there is nothing for it to work on
        for part, (wish, source) in enumerate(itertools.product(wishes, sources or [""])):
            arguments, _ = step.tool.fill(wish, [source] if source else [])
            calls.append((step.tool, arguments, f"s{number}p{part}"))
    # Whoever takes over goes on alone.
    return next(([call] for call in calls if call[0].is_handoff), calls)


def _made_definite(wish: Wish, before: list[Step]) -> list[Wish]:
    """A wish to draw what a recording says: one, or one for each of its sentences."""
    if wish.which != "transcript":
        return [wish]
    heard = [call.result or "" for step in before if step.wish.kind == "transcribe"
             for call in step.done]  # fmt: skip
    spoken = [each for text in heard[-1:] for each in Words.of(text).sentences if each.tidy]
    if spoken and Words.of(wish.prompt).after(_ONE_PICTURE):
        said = [each for each in spoken if not each[:2].after(_GREETINGS)] or spoken
        spoken = [Words.of(" ".join(map(str, said)))]
    return [replace(wish, prompt=each.tidy) for each in spoken[:_MOST_SPOKEN]]


def _sources_of(step: Step, conversation: Conversation, before: list[Step]) -> list[str] | None:
    """The sources of a step; empty if it needs none, ``None`` if there is none (yet)."""
    wish = step.wish
    if step.tool.is_handoff:
        return []
    if wish.kind == "transcribe":
        return [*wish.sources, *filter(is_sound, reversed(conversation.files))][:1] or None
    if wish.kind not in NEEDS_PICTURE:
        return list(wish.sources) if wish.kind == "other" else []
    return list(wish.sources) or _pictures_meant(wish, conversation, before)


def _pictures_meant(wish: Wish, conversation: Conversation, before: list[Step]) -> list[str] | None:
    makers = [step for step in before if step.wish.kind in PICTORIAL]
    if any(step.is_open for step in makers):
        return None
    made = [file for step in makers for file in step.files]
    drawn = [file for step in makers if step.wish.kind in _COUNTED for file in step.files]
    older = list(filter(is_picture, conversation.files))
    # "Describe a.png and upscale it": the files that this request has named so far.
    named = [file for step in before for file in filter(is_picture, step.wish.sources)]
    counted = (drawn or made) if makers else (named or older)
    if wish.which == "all":
        return counted or None
    if isinstance(wish.which, int):
        first = wish.which if wish.which >= 0 else len(counted) - 1
        return counted[max(first, 0) : first + 1] or None
    return (made or named or older)[-1:] or None


# ---- answers ----------------------------------------------------------------------------------


def _forced(
    chat: Chat, conversation: Conversation, tools: list[Tool], writer: LanguageModel | None
) -> tuple[_Called, str]:
    """A call that is required although the request names none of the tools."""
    called = {call.name for call in conversation.calls}
    wish = Wish("other", Words.of(conversation.request), conversation.request)
    fresh = [tool for tool in tools if tool.name not in called] or tools
    # The tool for whose arguments the request says most.
    tool = min(fresh, key=lambda each: len(each.fill(wish, conversation.files)[1]))
    arguments, guessed = tool.fill(wish, conversation.files)
    if guessed or tool.is_form:
        written = _fill_by_model(chat, tool, writer)
        if written is not None and writer is not None:
            return [(tool, written, "forced")], f"{PLANNER}, {writer.name}"
    return [(tool, arguments, "forced")], PLANNER


def _final_answer(
    chat: Chat, tool: Tool, done: Reply, writer: LanguageModel | None
) -> dict[str, Any]:
    """The arguments of a tool that ends the run with an answer."""
    text = done.text or ""
    texts = [name for name in tool.required or tool.parameters
             if tool.parameters.get(name, {}).get("type", "string") == "string"]  # fmt: skip
    if len(texts) == 1 and len(tool.required) < 2:
        return {texts[0]: text}
    written = _fill_by_model(chat, tool, writer)
    return tool.fill(Wish("other", Words.of(text), text), [])[0] if written is None else written


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


def _calling(chat: Chat, calls: _Called, engine: str) -> Reply:
    written = [
        {
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


def _summary(chat: Chat, conversation: Conversation, steps: list[Step]) -> Reply:
    """What the tools gave, and that a planner wrote it."""
    kinds = {call.id: step.wish.kind for step in steps for call in step.calls.values()}
    told = [_told(call, kinds.get(call.id, "other"))
            for call in conversation.calls if call.result is not None]  # fmt: skip
    told += [_SKIPPED.format(str(step.wish.words)[:_LONGEST]) for step in steps if not step.calls]
    text = "\n".join([*(told or [_NOTHING]), SIGNATURE])
    return Reply(text, PLANNER, prompt_tokens=_asked(chat), completion_tokens=count(text))


def _told(call: Call, kind: str) -> str:
    result = (call.result or "")[:_LONGEST]
    if call.failed:
        return f"{call.name} failed: {result}"
    if kind in _DONE and call.files:
        prompt = str(call.arguments.get("prompt") or "").strip(" .")
        about = f" ({prompt})" if prompt else ""
        return f"{_DONE[kind]} {', '.join(call.files)}{about}."
    [*given] = filter(HANDLE.fullmatch, map(str, call.arguments.values()))
    return f"{given[0]}: {result}" if given else f"{call.name} gave: {result}"


def _asked(chat: Chat) -> int:
    return sum(count(text_of(message)) for message in chat.messages)
