"""Decides which tools to call next, or summarizes their results."""

from __future__ import annotations

import itertools
import json
import secrets
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_visioncraft.media.handles import HANDLE
from visioncraft_sandbox.answers import Refusal
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
from visioncraft_sandbox.planner.conversation import Call, Conversation, read_conversation
from visioncraft_sandbox.planner.phrases import after, is_picture, is_sound, sentences, tidy
from visioncraft_sandbox.planner.requests import NEEDS_PICTURE, PICTORIAL, Wish, read_wishes
from visioncraft_sandbox.planner.tools import Tool

SIGNATURE = "(This was written by the sandbox's rule-based planner, which is no language model.)"
_NOTHING = (
    "I found nothing in this request that one of the offered tools does. I understand plain "
    "requests such as 'draw a lighthouse', 'upscale the first picture', 'make a GIF of a cat', "
    "'turn the last picture into a video', 'describe it' or 'transcribe <file>'."
)
_MOST_CALLS = 40
_MOST_SPOKEN = 6
_LONGEST_ARGUMENTS = 1_000_000
"""Characters, of all calls in an answer: a schema can repeat a long value until it fills memory."""
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_MAX_TOKENS = 768
_LONGEST = 1500
_COUNTED = frozenset({"draw", "rework"})
"""The kinds that "the first picture" counts: neither GIFs nor enlargements."""
_DONE = {
    "draw": "I drew",
    "rework": "I changed it to",
    "upscale": "I enlarged it to",
    "gif": "I animated",
    "video": "I filmed",
}
_GREETING = r"\W*(?:hello|hi|hey|dear|good (?:morning|evening|day))"
_ONE_PICTURE = "page|cover|scene|picture"


@dataclass
class Step:
    """A wish, the tool for it, and its calls, made or not: one for each of its sources."""

    wish: Wish
    tool: Tool
    calls: list[Call] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """The handles in the results."""
        return [file for call in self.calls for file in call.files]

    @property
    def is_open(self) -> bool:
        """Whether a result of it is still to come."""
        return any(call.result is None for call in self.calls)


@dataclass(frozen=True)
class Draft:
    """What a language model has still to write: a plain answer, or the arguments of this tool."""

    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)  # if the model fails


def answer(chat: Chat, *, has_writer: bool) -> Reply | Draft:
    """Tool calls, or a summary, for a chat request that offers tools.

    With a language model, free text and forms are left to it: see `written`.
    """
    conversation = read_conversation(chat.messages)
    if chat.named:
        named = (each for each in chat.tools if each["function"]["name"] == chat.tool_choice)
        offered = [Tool(next(named))]
    else:
        counted = itertools.count()
        offered = [Tool(declared, counted) for declared in chat.tools]
    final = next((tool for tool in offered if tool.is_final and not chat.named), None)
    tools = [tool for tool in offered if tool is not final]
    steps = plan(conversation, tools)
    calls = [call for step in steps for call in step.calls if not call.made]
    handoffs = {tool.name for tool in tools if tool.is_handoff}
    # The agent that takes over continues alone.
    alone = next(([call] for call in calls if call.name in handoffs), calls)
    # Stop a client that would loop forever.
    calls = alone[: max(0, _MOST_CALLS - len(conversation.calls))]
    if calls:
        return _calling(chat, calls if chat.parallel else calls[:1])
    if final is None and tools and (chat.named or chat.tool_choice == "required"):
        called = {call.name for call in conversation.calls}
        fresh = [tool for tool in tools if tool.name not in called] or tools
        wish = Wish("other", conversation.request, conversation.request)
        # The tool with the fewest made-up arguments.
        tool = min(fresh, key=lambda each: len(each.fill(wish, conversation.files)[1]))
        return _forced(chat, tool, wish, conversation.files, has_writer=has_writer)
    is_plain = has_writer and not steps and not conversation.calls
    if final is None:
        return Draft() if is_plain else _summary(chat, conversation, steps)
    text = "" if is_plain else _summary(chat, conversation, steps).text or ""
    return _forced(chat, final, Wish("final", text, text), [], has_writer=has_writer)


# ---- steps ------------------------------------------------------------------------------------


def plan(conversation: Conversation, tools: list[Tool]) -> list[Step]:
    """The steps of the latest request that a tool can do, with the calls since and the next ones.

    Rules make the same calls in the same order each time, so earlier calls are matched by the names
    of their tools: there is no other state.
    """
    made: dict[str, deque[Call]] = defaultdict(deque)
    for call in conversation.calls:
        made[call.name].append(call)
    alone = len(tools) == 1 and after(conversation.request, "the tool") > 0
    steps: list[Step] = []
    for wish in read_wishes(conversation.request):
        tool = _tool_for(wish, tools, alone=alone)
        if tool is None or (tool.is_handoff and any(each.tool is tool for each in steps)):
            continue
        step = Step(wish, tool)
        for part, source in _parts_of(step, conversation, steps):
            earlier = made[tool.name]
            step.calls.append(
                earlier.popleft() if earlier else Call(tool.name, tool.fill(part, source)[0])
            )
        if not step.calls and any(each.is_open for each in steps):
            break  # it needs a result that is still to come
        steps.append(step)
        if sum(not call.made for each in steps for call in each.calls) >= _MOST_CALLS:
            break  # no answer has more
    return steps


def _tool_for(wish: Wish, tools: list[Tool], *, alone: bool) -> Tool | None:
    best = max(tools, key=lambda tool: tool.score(wish), default=None)
    if best is not None and best.score(wish) > 0:
        return best
    # The longest name that fits: "magic_function_no_args" contains "magic_function".
    meant = [tool for tool in tools if alone or tool.is_meant(wish.text)]
    return max(meant, key=lambda tool: len(tool.name), default=None)


def _parts_of(
    step: Step, conversation: Conversation, before: list[Step]
) -> Iterable[tuple[Wish, list[str]]]:
    """The wish and the source of each call; none if there is nothing for it to work on (yet)."""
    if step.tool.is_handoff:
        return [(step.wish, [])]
    wishes = _made_definite(step.wish, before)
    found = _sources_of(step, conversation, before)
    if found is None:
        return []
    pairs = itertools.product(wishes, [[each] for each in found] or [[]])
    return itertools.islice(pairs, _MOST_CALLS)


def _made_definite(wish: Wish, before: list[Step]) -> list[Wish]:
    """A wish to draw what a recording says: one, or one for each of its sentences."""
    if wish.which != "transcript":
        return [wish]
    heard = [call.result for step in before if step.wish.kind == "transcribe"
             for call in step.calls if call.result and not call.failed]  # fmt: skip
    spoken = [each for text in heard[-1:] for each in map(tidy, sentences(text)) if each]
    if spoken and after(wish.prompt, _ONE_PICTURE):
        said = [each for each in sentences(heard[-1]) if not after(each[:20], _GREETING)]
        spoken = [tidy("".join(said or spoken))]
    return [replace(wish, prompt=each) for each in spoken[:_MOST_SPOKEN]]


def _sources_of(step: Step, conversation: Conversation, before: list[Step]) -> list[str] | None:
    """The sources of a step; empty if it needs none, ``None`` if there is none (yet)."""
    wish = step.wish
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
    chat: Chat, tool: Tool, wish: Wish, files: list[str], *, has_writer: bool
) -> Reply | Draft:
    """A call whose arguments need not all be in the request: a model may write them."""
    arguments, guessed = tool.fill(wish, files)
    calling = _calling(chat, [Call(tool.name, arguments)])  # refused if it is too long
    return Draft(tool.name, arguments) if has_writer and (guessed or tool.is_form) else calling


def written(chat: Chat, draft: Draft, model: LanguageModel) -> Reply:
    """A planned answer that the model writes."""
    if draft.tool is None:
        return _talking(chat, model)
    named = (each for each in chat.tools if each["function"]["name"] == draft.tool)
    arguments = _fill_by_model(chat, next(named)["function"], model)
    engine = PLANNER if arguments is None else f"{PLANNER}, {model.name}"
    return _calling(chat, [Call(draft.tool, arguments or draft.arguments)], engine)


def _fill_by_model(
    chat: Chat, tool: Mapping[str, Any], model: LanguageModel
) -> dict[str, Any] | None:
    """A tool's arguments as the model writes them; ``None`` if it fails."""
    schema = tool.get("parameters") or {}
    if not schema.get("properties"):
        return None
    purpose = str(tool.get("description") or "")
    messages = [
        {"role": "system", "content": form_instruction(schema, purpose)},
        *plain_messages(message for message in chat.messages if message["role"] != "system"),
    ]
    sampling = replace(chat.sampling, max_tokens=_MAX_TOKENS, stop=())
    try:
        read = json.loads(model.generate(messages, sampling, schema=schema).text)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _calling(chat: Chat, calls: list[Call], engine: str = PLANNER) -> Reply:
    written, length = [], 0
    for call in calls:
        pieces = []
        for piece in _ENCODER.iterencode(call.arguments):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST_ARGUMENTS:
                most = f"{_LONGEST_ARGUMENTS:,} characters"
                raise Refusal(400, f"The arguments of the planned calls have more than {most}.")
        written.append({"name": call.name, "arguments": "".join(pieces)})
    tokens = sum(count(str(each)) for each in written)
    made = [{"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": each}
            for each in written]  # fmt: skip
    return Reply(None, engine, made, "tool_calls", _asked(chat), tokens)


def _talking(chat: Chat, model: LanguageModel) -> Reply:
    """A plain answer of the language model, since there is nothing to plan."""
    done = model.generate(plain_messages(chat.messages), chat.sampling, schema=chat.schema)
    tokens = done.prompt_tokens, done.completion_tokens
    return Reply(done.text, model.name, [], done.finish_reason, *tokens)


def _summary(chat: Chat, conversation: Conversation, steps: list[Step]) -> Reply:
    """A summary of the tools' results, which says that a planner wrote it."""
    kinds = {id(call): step.wish.kind for step in steps for call in step.calls}
    told = [_told(call, kinds.get(id(call), "other"))
            for call in conversation.calls if call.result is not None]  # fmt: skip
    told += [f"I skipped “{step.wish.text[:_LONGEST]}”: there was nothing to work on."
             for step in steps if not step.calls]  # fmt: skip
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
