"""The tools of a request, and the calls in its answer: checked, and requested once more. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_visioncraft._flows import Steps
from langchain_visioncraft._schemas import coerced, problems, schema_prompt
from langchain_visioncraft.chat_models.answers import Ask, Reading, Task
from langchain_visioncraft.chat_models.history import (
    answered,
    as_text,
    key_of,
    with_instructions,
    with_reminder,
)
from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
from langchain_visioncraft.chat_models.prompted.formats import written_call
from langchain_visioncraft.chat_models.prompted.reading import CallReader, Piece
from langchain_visioncraft.errors import InvalidRequestError

OPTIONS = ("tools", "tool_choice", "parallel_tool_calls", "strict")
"""The parameters that `bind_tools` binds; they must not reach a host without native tools."""

REMINDER = (
    'Answer only with a call of {name}: a json object with "name" and "arguments" within '
    "<tool_call></tool_call> XML tags."
)
_SHORT = f"{REMINDER} Keep its values short, and give only those that are needed."
_AGAIN = "Write only the call, corrected, with values of your own, between <tool_call> tags."
# The wording of Qwen's and Hermes's own templates: models that were trained with them know what to
# do, and others have seen them often.
_INSTRUCTIONS = """\
# Tools

You may call {how_many} to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

{when}"""
_HOW_MANY = {True: "one or more functions", False: "one function at a time"}
_WHEN = {
    "auto": (
        "If one of the functions can do what the query asks for, call it; answer in plain words "
        "only if none can."
    ),
    "required": "You must call a function now, whatever is asked.",
}
_NAMED = "You must call the function {name} now, whatever is asked."
_NOT_CALLED = "You did not call one of {names}. Call it now, in this form:\n{example}"


@dataclass(frozen=True)
class BoundTools(Task):
    """The tools that `bind_tools` has bound to a request.

    In this class, the host takes the tools itself; only calls that it left in the text are read.

    Attributes:
        tools: As functions: ``name``, ``description``, ``parameters``.
        choice: ``auto``, ``required``, ``none`` or a tool's name.
        parallel: Whether several may be called at once; if ``False``, all but the first are
            dropped. A schema allows several only if it is ``True``.
        strict: Whether a call whose arguments do not fit is an invalid one.
        history: The conversation before it was written as text.
    """

    tools: Sequence[Mapping[str, Any]]
    choice: str = "auto"
    parallel: bool | None = None
    strict: bool = False
    history: Sequence[BaseMessage] = ()
    in_words: ClassVar[bool] = False
    """Whether the prompt describes the tools, and invalid calls are requested once more."""
    reader: ClassVar[type[CallReader]] = CallReader
    corrects_streams = True
    """Calls are returned only when complete, so an invalid one was not returned yet."""

    @classmethod
    def of(
        cls, options: Mapping[str, Any], history: Sequence[BaseMessage] = (), **more: Any
    ) -> Self:
        """Read what `bind_tools` has bound, in OpenAI's terms.

        Raises:
            InvalidRequestError: If a tool is not a function, or `tool_choice` names none of them.
        """
        functions = list(_functions(options.get("tools") or (), all_of_them=cls.in_words))
        return cls(
            tools=functions,
            choice=_choice(options.get("tool_choice"), functions) if cls.in_words else "auto",
            parallel=options.get("parallel_tool_calls"),
            strict=bool(options.get("strict")) or any(each.get("strict") for each in functions),
            history=history,
            **more,
        )

    @property
    def offered(self) -> Offered:
        """The tools that may be called: only the forced one, if there is one."""
        schemas = {tool["name"]: tool.get("parameters") or {} for tool in self.tools}
        if self.choice in schemas:
            schemas = {self.choice: schemas[self.choice]}
        is_forced = len(schemas) == 1 and self.choice not in ("auto", "none")
        return Offered(schemas, forced=next(iter(schemas)) if is_forced else None)

    @property
    def _is_offering(self) -> bool:
        return bool(self.tools) and self.choice != "none"

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        if not self._is_offering:
            return Reading()
        return ToolReading(self, correct=correct and self.in_words)


def _functions(tools: Sequence[Any], *, all_of_them: bool) -> Iterator[Mapping[str, Any]]:
    """The functions among the tools; others concern only a host that takes tools itself."""
    for tool in tools:
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
            yield tool["function"]
        elif all_of_them:
            kind = tool.get("type") if isinstance(tool, Mapping) else type(tool).__name__
            msg = (
                f"Nothing was sent: a tool of the kind {kind!r} cannot be described in a prompt; "
                "only functions can. Use tool_calling='native' if the host supports it."
            )
            raise InvalidRequestError(msg)


def _choice(choice: Any, functions: Sequence[Mapping[str, Any]]) -> str:
    names = [each["name"] for each in functions]
    if isinstance(choice, Mapping):
        choice = (choice.get("function") or {}).get("name") or choice.get("type")
    if choice in (None, False):
        return "auto"
    if choice in (True, "any"):
        return "required"
    if choice not in ("auto", "required", "none", *names):
        msg = f"Nothing was sent: tool_choice={choice!r} is not among the tools {', '.join(names)}."
        raise InvalidRequestError(msg)
    return str(choice)


@dataclass(frozen=True)
class PromptedTools(BoundTools):
    """The tools of one request, for models without native support: the prompt describes them."""

    in_words = True

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as such a model understands it."""
        written = as_text(messages)
        if not self._is_offering:
            return written
        if self.choice != "auto":
            # Small models follow the last thing they read.
            name = "one of the functions" if self.choice == "required" else self.choice
            written = with_reminder(written, REMINDER.format(name=name))
        instructions = _INSTRUCTIONS.format(
            how_many=_HOW_MANY[self.parallel is not False],
            tools="\n".join(map(_shown, self.tools)),
            when=_WHEN.get(self.choice) or _NAMED.format(name=self.choice),
        )
        return with_instructions(written, instructions)


def _shown(tool: Mapping[str, Any]) -> str:
    """A function as it is described to a model."""
    shown = {
        "name": tool["name"],
        "description": tool.get("description") or "",
        "parameters": schema_prompt(tool.get("parameters") or {}),
    }
    return json.dumps({"type": "function", "function": shown}, ensure_ascii=False)


class ToolReading(Reading):
    """Reads the calls of one answer."""

    def __init__(self, tools: BoundTools, *, correct: bool) -> None:
        super().__init__()
        self._tools, self._offered, self._correct = tools, tools.offered, correct
        self._reader = tools.reader(self._offered)
        self._held: list[Call] = []
        """All calls from the first one that the model is asked to rewrite, to keep their order."""
        self._repeated: list[Call] = []
        self._count = 0
        self._answered = answered(tools.history) if correct else set()

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer, and return what is certain by now."""
        self._pieces.append(text)
        return self._reader.feed(text)

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Return what is left, except for calls that the model is asked to rewrite."""
        self.cut_off = cut_off
        pieces = self._reader.finish(cut_off=cut_off)
        if self.native:
            return [piece for piece in pieces if isinstance(piece, str)]
        if not self.text.strip() and self.open_thought:
            # The last calls in a thought without an end count; those before are drafts.
            pieces = self._read(self.open_thought, cut_off=cut_off)
            prose = [number for number, each in enumerate(pieces) if isinstance(each, str)]
            pieces = pieces[prose[-1] + 1 :] if prose else pieces
        return [each for piece in pieces for each in self._checked(piece)]

    def _read(self, text: str, *, cut_off: bool) -> list[Piece]:
        reader = self._tools.reader(self._offered)
        return [*reader.feed(text), *reader.finish(cut_off=cut_off)]

    def _checked(self, piece: Piece) -> list[Piece]:
        if isinstance(piece, str):
            return [piece]
        call = self._fitted(piece)
        if not call.problems and key_of(call.name, call.arguments) in self._answered:
            self._repeated.append(call)  # this call already has its result
            return []
        self._count += 1
        if self._count > 1 and self._tools.parallel is False:
            return []
        if self._correct and (call.problems or self._held):
            self._held.append(call)
            return []
        return [self._as_it_is(call)]

    def _fitted(self, call: Call) -> Call:
        """The call with arguments of the right types, or with its problems."""
        if call.problems:
            return call
        schema = self._offered.schemas.get(call.name or "") or {}
        arguments = call.arguments if self._tools.strict else coerced(call.arguments, schema)
        reasons = tuple(problems(arguments, schema))
        return replace(call, problems=reasons) if reasons else replace(call, arguments=arguments)

    def _as_it_is(self, call: Call) -> Call:
        """A call that was not corrected: the tool itself reports what is wrong with it."""
        return call if call.text or self._tools.strict else replace(call, problems=())

    # ---- the second request -------------------------------------------------------------------

    def held_back(self, messages: Sequence[BaseMessage], ask: Ask) -> Steps[list[Piece]]:
        """Return the calls that were held back, or what the model writes instead."""
        question = self._question(messages) if self._correct else None
        if question is None:
            return [*map(self._as_it_is, self._held)] if self._count else [*self._repeated[:1]]
        again, cut_off = self._second((yield from ask(question)))
        pieces = self._read(again, cut_off=cut_off)
        prose = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
        calls = [self._fitted(piece) for piece in pieces if isinstance(piece, Call)]
        better = [call for call in calls if not call.problems]
        if not self._count:
            if self._repeated:
                return [prose] if prose else [self._repeated[0]]
            return [*better[:1]] if self._tools.parallel is False else [*better]
        settled: list[Piece] = []
        for held in self._held:
            call = held
            if held.problems and better:
                call = next((each for each in better if each.name == held.name), better[0])
                better.remove(call)
            settled.append(self._as_it_is(call))
        return settled

    def _question(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """What to ask the model next; ``None`` if its answer is final."""
        unfit = [call for call in self._held if call.problems]
        if self.cut_off:
            # A small model repeats itself endlessly; it must not read the repetition again.
            name = next((call.name for call in unfit if call.name), None)
            return with_reminder(messages, _SHORT.format(name=name)) if name else None
        if unfit:
            complaint = "\n".join([*map(self._complaint, unfit), _AGAIN])
        elif self._repeated and not self._count:
            # It does not know what to do next. Without tools, it reports the results so far.
            return as_text(self._tools.history)
        elif not self._count and self._tools.choice != "auto":
            names = list(self._offered.schemas)
            example = written_call(names[0], {})
            complaint = _NOT_CALLED.format(names=", ".join(names), example=example)
        else:
            return None
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    def _complaint(self, call: Call) -> str:
        name = f"Your call of {call.name}" if call.name else "Your call"
        schema = schema_prompt(self._offered.schemas.get(call.name or ""))
        hint = f" Its arguments: {json.dumps(schema, ensure_ascii=False)}" if schema else ""
        return f"{name} does not fit: {'; '.join(call.problems)}.{hint}"
