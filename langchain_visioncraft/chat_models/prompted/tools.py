"""Tool calling in plain text, for models that know no other: the prompt, and what is read of it.

Nothing here does I/O. `PromptedTools` says what goes into the conversation; `ToolReading` reads an
answer, whole or in pieces, checks the calls, and says what to ask the model when one does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_visioncraft.chat_models.prompted.answers import Reading
from langchain_visioncraft.chat_models.prompted.formats import (
    Call,
    Offered,
    call_text,
    without_repetition,
)
from langchain_visioncraft.chat_models.prompted.history import (
    answered,
    as_text,
    key_of,
    with_instructions,
    with_reminder,
)
from langchain_visioncraft.chat_models.prompted.reading import CallReader, Piece
from langchain_visioncraft.chat_models.prompted.schemas import (
    coerced,
    known_arguments,
    problems,
    schema_prompt,
)
from langchain_visioncraft.errors import InvalidRequestError

OPTIONS = ("tools", "tool_choice", "parallel_tool_calls", "strict")
"""What `bind_tools` binds, and what must not reach a host that knows no tools."""

# The words of Qwen's and Hermes's own templates: models that were trained with them know what to
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
_WHEN = {
    "auto": (
        "If one of the functions can do what the query asks for, call it; answer in plain words "
        "only if none can."
    ),
    "required": "You must call a function now, whatever is asked.",
}
_NAMED = "You must call the function {name} now, whatever is asked."
_REMINDER = (
    'Answer only with a call of {name}: a json object with "name" and "arguments" within '
    "<tool_call></tool_call> XML tags."
)
_SHORT = f"{_REMINDER} Keep its values short, and give only those that are needed."
_AGAIN = "Write only the call, corrected, with values of your own, between <tool_call> tags."
_NOT_CALLED = "You did not call one of {names}. Call it now, in this form:\n{example}"


@dataclass(frozen=True)
class PromptedTools:
    """The tools of one request.

    Attributes:
        tools: As functions: ``name``, ``description``, ``parameters``.
        choice: ``auto``, ``required``, ``none`` or a tool's name.
        parallel: Whether several may be called at once; if not, all but the first are dropped.
        strict: Whether a call whose arguments do not fit is an invalid one.
        history: The conversation before it was written as text.
        simple: Whether one step of a request is told at a time, and no optional argument that is
            an object; arguments that no tool has are left out of calls.
    """

    tools: Sequence[Mapping[str, Any]]
    choice: str = "auto"
    parallel: bool = True
    strict: bool = False
    history: Sequence[BaseMessage] = ()
    simple: bool = False
    corrects_streams = True
    """Calls are given when they are complete, so one that does not fit was not given yet."""

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        history: Sequence[BaseMessage] = (),
        *,
        simple: bool = False,
    ) -> PromptedTools:
        """Read what `bind_tools` has bound, in OpenAI's terms.

        Raises:
            InvalidRequestError: If a tool is no function, or `tool_choice` names none of them.
        """
        functions = [_function_of(tool) for tool in options.get("tools") or ()]
        return cls(
            tools=functions,
            choice=_choice(options.get("tool_choice"), [each["name"] for each in functions]),
            parallel=options.get("parallel_tool_calls") is not False,
            strict=bool(options.get("strict")) or any(each.get("strict") for each in functions),
            history=history,
            simple=simple,
        )

    @property
    def offered(self) -> Offered:
        """What may be called: if one must be called, only this."""
        schemas = {tool["name"]: tool.get("parameters") or {} for tool in self.tools}
        if self.choice in schemas:
            return Offered({self.choice: schemas[self.choice]}, forced=self.choice)
        forced = next(iter(schemas)) if self.choice == "required" and len(schemas) == 1 else None
        return Offered(schemas, forced=forced)

    @property
    def _is_offering(self) -> bool:
        return bool(self.tools) and self.choice != "none"

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as such a model understands it."""
        written = as_text(messages)
        if not self._is_offering:
            return written
        if self.choice != "auto":
            # Small models follow the last thing they read.
            name = "one of the functions" if self.choice == "required" else self.choice
            written = with_reminder(written, _REMINDER.format(name=name))
        tools = "\n".join(
            json.dumps({"type": "function", "function": self._shown(tool)}, ensure_ascii=False)
            for tool in self.tools
        )
        instructions = _INSTRUCTIONS.format(
            how_many="one or more functions" if self.parallel else "one function at a time",
            tools=tools,
            when=_WHEN.get(self.choice) or _NAMED.format(name=self.choice),
        )
        return with_instructions(written, instructions)

    def _shown(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": tool["name"],
            "description": tool.get("description") or "",
            "parameters": schema_prompt(tool.get("parameters") or {}, simple=self.simple),
        }

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        return ToolReading(self, correct=correct) if self._is_offering else Reading()


def _function_of(tool: Any) -> Mapping[str, Any]:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if isinstance(function, Mapping):
        return function
    kind = tool.get("type") if isinstance(tool, Mapping) else type(tool).__name__
    msg = (
        f"Nothing was sent: a tool of the kind {kind!r} cannot be described to a model in words, "
        "only functions can. Use tool_calling='native' if the host knows it."
    )
    raise InvalidRequestError(msg)


def _choice(choice: Any, names: Sequence[str]) -> str:
    if isinstance(choice, Mapping):
        choice = (choice.get("function") or {}).get("name") or choice.get("type")
    if choice in (None, False):
        return "auto"
    if choice in (True, "any"):
        return "required"
    if choice not in ("auto", "required", "none", *names):
        msg = f"Nothing was sent: tool_choice={choice!r} is none of the tools {', '.join(names)}."
        raise InvalidRequestError(msg)
    return str(choice)


class ToolReading(Reading):
    """Reads the calls of one answer.

    ```python
    from langchain_visioncraft.chat_models.prompted.tools import PromptedTools

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    tools = PromptedTools([{"name": "add", "parameters": schema}])
    reading = tools.reading(correct=True)
    assert reading.feed('{"name": "add", "arguments": {}}') == []
    assert "a is missing" in reading.again([])[-1].text
    ```
    """

    def __init__(self, tools: PromptedTools, *, correct: bool) -> None:
        super().__init__()
        self._tools = tools
        self._offered = tools.offered
        self._reader = CallReader(self._offered)
        self._correct = correct
        self._held: list[Call] = []
        """From the first call on that the model is to write again: calls keep their order."""
        self._calls = self._given = 0
        self._repeated: list[Call] = []
        self._answered = answered(tools.history) if correct else set()
        self._cut_off = False

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer, and give what is certain by now."""
        self.text += text
        return self._checked(self._reader.feed(text))

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Give what is left, but for calls that the model is to write again."""
        self._cut_off = cut_off
        return self._checked(self._reader.finish(cut_off=cut_off))

    def _checked(self, pieces: Sequence[Piece]) -> list[Piece]:
        found: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, str):
                found.append(piece)
                continue
            call = self._fitted(piece)
            if not call.problems and key_of(call.name, call.arguments) in self._answered:
                self._repeated.append(call)  # this very call has its result already
                continue
            self._calls += 1
            if self._calls > 1 and not self._tools.parallel:
                continue
            if self._correct and (call.problems or self._held):
                self._held.append(call)
            else:
                self._given += 1
                found.append(self._as_it_is(call))
        return found

    def _fitted(self, call: Call) -> Call:
        """The call with arguments of the right types, or with what is wrong with it."""
        schema = self._offered.schemas.get(call.name or "") or {}
        if call.problems:
            whole = None
            if self._correct and self._cut_off:
                whole = without_repetition(call.text, self._offered)
            if whole is None or problems(whole.arguments, self._offered.schemas[str(whole.name)]):
                return call
            return whole
        arguments = call.arguments
        if not self._tools.strict:
            known = known_arguments(arguments, schema) if self._tools.simple else arguments
            arguments = coerced(known, schema)
        reasons = tuple(problems(arguments, schema))
        return replace(call, problems=reasons) if reasons else replace(call, arguments=arguments)

    def _as_it_is(self, call: Call) -> Call:
        """A call that was not corrected: the tool itself says what is wrong with its arguments."""
        return call if call.text or self._tools.strict else replace(call, problems=())

    # ---- the second question ------------------------------------------------------------------

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """What to ask the model next; ``None`` if its answer is to be taken as it is."""
        if not self._correct:
            return None
        unfit = [call for call in self._held if call.problems]
        if self._cut_off:
            # A small model repeats itself without end; it must not read that once more.
            name = next((call.name for call in unfit if call.name), None)
            return with_reminder(messages, _SHORT.format(name=name)) if name else None
        if unfit:
            complaint = "\n".join([*map(self._complaint, unfit), _AGAIN])
        elif self._has_only_repeated:
            # It does not know what to do next. Without tools, it tells what came of the others.
            return as_text(self._tools.history)
        elif not self._calls and self._tools.choice != "auto":
            names = list(self._offered.schemas)
            example = call_text(names[0], {})
            complaint = _NOT_CALLED.format(names=", ".join(names), example=example)
        else:
            return None
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    @property
    def _has_only_repeated(self) -> bool:
        return bool(self._repeated) and not self._given and not self._held

    def _complaint(self, call: Call) -> str:
        name = f"Your call of {call.name}" if call.name else "Your call"
        schema = self._offered.schemas.get(call.name or "")
        shown = json.dumps(schema_prompt(schema, simple=self._tools.simple), ensure_ascii=False)
        hint = f" Its arguments: {shown}" if schema else ""
        return f"{name} does not fit: {'; '.join(call.problems)}.{hint}"

    def settle(self, again: str = "", *, cut_off: bool = False) -> list[Piece]:
        """Give the calls that were held back.

        Args:
            again: What the model answered when it was asked again.
            cut_off: Whether that was ended by its greatest length.
        """
        reader = CallReader(self._offered)
        pieces = [*reader.feed(again), *reader.finish(cut_off=cut_off)]
        prose = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
        calls = [self._fitted(piece) for piece in pieces if isinstance(piece, Call)]
        better = [call for call in calls if not call.problems]
        if self._has_only_repeated:
            return [prose] if prose else list(self._repeated[:1])
        if not self._calls:
            return list(better if self._tools.parallel else better[:1])
        settled: list[Piece] = []
        for held in self._held:
            same = [call for call in better if call.name == held.name]
            corrected = [*same, *better][:1] if held.problems else []
            for call in corrected:
                better.remove(call)
            settled.append(self._as_it_is(*(corrected or [held])))
        return settled
