"""The steps of a plan, the calls that can be made now, and what came of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_visioncraft.media.handles import HANDLE
from visioncraft_sandbox.planner.conversation import Call, Conversation
from visioncraft_sandbox.planner.intents import (
    NEEDS_PICTURE,
    PICTORIAL,
    Intent,
    means_one_picture,
    read_intents,
)
from visioncraft_sandbox.planner.tools import Tool
from visioncraft_sandbox.planner.words import Words, is_picture, is_sound

_COUNTED = frozenset({"draw", "rework"})
"""The kinds that "the first picture" counts: neither GIFs nor enlargements."""
_MOST_SPOKEN = 6
_WAIT = (
    "try again,rate limit,limit is reached,per … second*|minute*|hour*,overloaded,temporar*,"
    "429|502|503|504,timed out,timeout,hung up,connection"
)
_UNKNOWN = "does not know,doesn't have,unknown,no such,not known"
_GREETINGS = "hello|hi|hey|dear,good morning|evening|day"
_LONGEST = 1500
_DID = {"draw": "drew", "gif": "animated", "video": "made a video:", "upscale": "enlarged",
        "rework": "changed"}  # fmt: skip


@dataclass
class Step:
    """An intent, the tool for it, and the attempts so far.

    Attributes:
        parts: The attempts for each source, or for the one call that needs none.
    """

    intent: Intent
    tool: Tool
    parts: dict[int, list[Call]] = field(default_factory=dict)

    @property
    def results(self) -> list[Call]:
        """The calls that succeeded."""
        last = [attempts[-1] for _, attempts in sorted(self.parts.items())]
        return [call for call in last if call.result is not None and not call.failed]

    @property
    def files(self) -> list[str]:
        """The handles in their results."""
        return [file for call in self.results for file in call.files]

    def retry(self, part: int) -> dict[str, Any] | None:
        """Arguments for a second attempt, if the error says how to repair the first."""
        attempts = self.parts[part]
        can = len(attempts) == 1 and attempts[0].failed
        return repaired(attempts[0], self.tool) if can else None

    @property
    def is_open(self) -> bool:
        """Whether it has not been attempted, waits for a result, or can be attempted again."""
        if not self.parts:
            return self.intent.kind in PICTORIAL | {"other", "transcribe"}
        waits = (attempts[-1].result is None for attempts in self.parts.values())
        return any(waits) or any(self.retry(part) is not None for part in self.parts)

    def told(self) -> list[str]:
        """What came of it, a sentence for each call."""
        if not self.parts:
            return [f"I skipped “{_short(self.intent.words)}”: there was nothing to work on."]
        return [self._sentence(attempts[-1]) for _, attempts in sorted(self.parts.items())]

    def _sentence(self, call: Call) -> str:
        if call.result is None:
            return f"{call.name} has returned no result."
        if call.failed:
            return f"I could not do “{_short(self.intent.words)}”: {_short(call.result)}"
        values = (value for value in call.arguments.values() if isinstance(value, str))
        links = ("http://", "https://")
        source = next((v for v in values if HANDLE.fullmatch(v) or v.startswith(links)), None)
        did, files = _DID.get(self.intent.kind), ", ".join(call.files)
        if not files or did is None:
            about = f" of {source}" if source else ""
            return f"{call.name}{about} gave: {_short(call.result)}"
        if self.intent.kind in ("draw", "gif"):
            drawn = call.arguments.get(self.tool.prompt_parameter or "", self.intent.prompt)
            return f"I {did} {files}: {drawn}."
        return f"I {did} {files}, from {source}." if source else f"I {did} {files}."


def _short(text: Any) -> str:
    text = str(text).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def plan(conversation: Conversation, tools: list[Tool]) -> list[Step]:
    """The steps of the latest request that a tool can do, with the calls since."""
    steps: list[Step] = []
    alone = len(tools) == 1 and Words.of(conversation.request).after("the tool") > 0
    for intent in read_intents(conversation.request):
        for needed in _with_what_it_needs(intent, conversation, steps):
            tool = _tool_for(needed, tools, alone=alone)
            again = tool is not None and tool.is_handoff and any(s.tool is tool for s in steps)
            if tool is not None and not again:
                steps.append(Step(needed, tool))
    for call in conversation.calls:
        number, part = _place_in_plan(call)
        if number < len(steps) and steps[number].tool.name == call.name:
            steps[number].parts.setdefault(part, []).append(call)
            continue
        # An id of somebody else: the first step of this tool without an attempt.
        free = (step for step in steps if step.tool.name == call.name and not step.parts)
        for step in itertools.islice(free, 1):
            step.parts[0] = [call]
    return steps


def _place_in_plan(call: Call) -> tuple[int, int]:
    """The step and the part that the id of a call names."""
    kind, _, rest = call.id.partition("_")
    numbers = rest.partition("_")[0].lstrip("s").replace("p", " ").replace("a", " ").split()
    if kind == "call" and len(numbers) == 3 and all(n.isdecimal() and len(n) < 4 for n in numbers):
        return int(numbers[0]), int(numbers[1])
    return len(call.id) + 10**6, 0


def _with_what_it_needs(
    intent: Intent, conversation: Conversation, steps: list[Step]
) -> list[Intent]:
    """An intent, preceded by a drawing if it needs a picture and there is none."""
    have = any(map(is_picture, conversation.files)) or any(
        step.intent.kind in PICTORIAL for step in steps
    )
    if intent.kind != "video" or intent.sources or have or not intent.prompt:
        return [intent]
    return [replace(intent, kind="draw", which=None), replace(intent, which="latest")]


def _tool_for(intent: Intent, tools: list[Tool], *, alone: bool) -> Tool | None:
    if intent.kind != "other":
        best = max(tools, key=lambda tool: tool.score(intent), default=None)
        if best is not None and best.score(intent) > 0:
            return best
    meant = [tool for tool in tools if alone or tool.is_meant(intent.words)]
    # The longest name that fits: "magic_function_no_args" contains "magic_function".
    return max(meant, key=lambda tool: len(tool.name), default=None)


def next_calls(
    conversation: Conversation, steps: list[Step]
) -> list[tuple[Tool, dict[str, Any], str]]:
    """The calls that can be made now, because they wait for no other, and where they belong."""
    calls: list[tuple[Tool, dict[str, Any], str]] = []
    for number, step in enumerate(steps):
        for part in sorted(step.parts):
            arguments = step.retry(part)
            if arguments is not None:
                calls.append((step.tool, arguments, f"s{number}p{part}a1"))
        if step.parts:
            continue
        before = steps[:number]
        intents = _made_definite(step.intent, before)
        sources = _sources_of(step.intent, conversation, before) if intents else None
        if step.tool.is_handoff:
            sources = []
        if sources is None:
            if any(other.is_open for other in before):
                break  # it needs a result that is still to come
            continue  # there is nothing for it to work on
        pairs = itertools.product(intents, sources or [""])
        for part, (intent, source) in enumerate(pairs):
            arguments, _ = step.tool.fill(intent, [source] if source else [])
            calls.append((step.tool, arguments, f"s{number}p{part}a0"))
    # Whoever takes over goes on alone.
    return next(([call] for call in calls if call[0].is_handoff), calls)


def _made_definite(intent: Intent, before: list[Step]) -> list[Intent]:
    """An intent to draw what a recording says: one, or one for each of its sentences."""
    if intent.which != "transcript":
        return [intent]
    heard = [call.result or "" for step in before if step.intent.kind == "transcribe"
             for call in step.results]  # fmt: skip
    spoken = [each for text in heard[-1:] for each in Words.of(text).sentences if each.tidy]
    if spoken and means_one_picture(intent.prompt):
        said = [each for each in spoken if not each[:2].after(_GREETINGS)] or spoken
        spoken = [sum(said[1:], said[0])]
    return [replace(intent, prompt=each.tidy) for each in spoken[:_MOST_SPOKEN]]


def _sources_of(intent: Intent, conversation: Conversation, before: list[Step]) -> list[str] | None:
    """The sources of a step; empty if it needs none, ``None`` if there is none (yet)."""
    if intent.kind == "transcribe":
        sounds = [*intent.sources, *filter(is_sound, reversed(conversation.files))]
        return sounds[:1] or None
    if intent.kind not in NEEDS_PICTURE:
        return list(intent.sources) if intent.kind == "other" else []
    return list(intent.sources) or _pictures_meant(intent, conversation, before)


def _pictures_meant(
    intent: Intent, conversation: Conversation, before: list[Step]
) -> list[str] | None:
    makers = [step for step in before if step.intent.kind in PICTORIAL]
    if any(not step.parts or step.is_open for step in makers):
        return None
    made = [file for step in makers for file in step.files]
    drawn = [file for step in makers if step.intent.kind in _COUNTED for file in step.files]
    older = list(filter(is_picture, conversation.files))
    # "Describe a.png and upscale it": the files that this request has named so far.
    named = [file for step in before for file in filter(is_picture, step.intent.sources)]
    counted = (drawn or made) if makers else (named or older)
    if intent.which == "all":
        return counted or None
    if isinstance(intent.which, int):
        first = intent.which if intent.which >= 0 else len(counted) - 1
        return counted[max(first, 0) : first + 1] or None
    return (made or named or older)[-1:] or None


def repaired(call: Call, tool: Tool) -> dict[str, Any] | None:
    """Arguments for a second attempt, or ``None`` if the error does not suggest any."""
    words, arguments = Words.of(call.result or ""), dict(call.arguments)
    for at, key in enumerate(words.keys):
        spec = tool.parameters.get(key)
        if (
            spec is not None
            and key in arguments
            and words[at : at + 12].after("input should be … than")
        ):
            bounds = words[at : at + 12].numbers
            arguments[key] = bounds[0] if bounds else arguments[key]
            if bounds and spec.get("type") == "integer":
                arguments[key] = int(bounds[0])
        if key in arguments and words[at + 1 : at + 5].after("is not a parameter"):
            return {name: value for name, value in arguments.items() if name != key}
    if arguments != call.arguments:
        return arguments
    behind = words.after(_UNKNOWN)
    quoted = words[behind:].quoted if behind else []
    if quoted:
        return _with_known_name(arguments, words[behind:], quoted[0], tool)
    return arguments if words.after(_WAIT) else None


def _with_known_name(
    arguments: dict[str, Any], words: Words, refused: str, tool: Tool
) -> dict[str, Any] | None:
    """The arguments with a name that the host knows instead of the refused one."""
    if refused not in arguments.values():  # the tool's own default was refused
        arguments |= {key: refused for key in words.keys[:2] if key in tool.parameters}
    # A list's own name is quoted, too ("in the list 'sd', 'models'"): only what precedes it.
    near = words[: words.after("in the list,see get") or len(words)].quoted[1:]
    for name, value in arguments.items():
        if value == refused:
            if near:
                return {**arguments, name: near[0]}
            rest = {other: arguments[other] for other in arguments if other != name}
            return None if name in tool.required else rest
    return None
