"""Tool calling in plain text, for models that know no other: the prompt, and what is read of it.

Nothing here does I/O. `PromptedTools` says what goes into the conversation; `ToolReading` reads an
answer, whole or in pieces, checks the calls, and says what to ask the model when one does not fit.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    ToolCall,
)

from langchain_visioncraft.chat_models.arguments import adjusted, known_of, problems
from langchain_visioncraft.chat_models.call_forms import (
    BrokenCall,
    Call,
    Offered,
    Prose,
    without_refrain,
)
from langchain_visioncraft.chat_models.call_reader import CallReader, Piece
from langchain_visioncraft.chat_models.prompted_history import (
    answered,
    as_text,
    call_text,
    key_of,
    with_instructions,
    with_reminder,
)
from langchain_visioncraft.chat_models.reading import NOT_VALID, Found, Reading
from langchain_visioncraft.chat_models.told_schemas import told, without_optional_objects
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
        functions = []
        for tool in options.get("tools") or ():
            function = tool.get("function") if isinstance(tool, Mapping) else None
            if not isinstance(function, Mapping):
                kind = tool.get("type") if isinstance(tool, Mapping) else type(tool).__name__
                msg = (
                    f"Nothing was sent: a tool of the kind {kind!r} cannot be described to a model "
                    "in words, only functions can. Use tool_calling='native' if the host knows it."
                )
                raise InvalidRequestError(msg)
            functions.append(function)
        names = [function["name"] for function in functions]
        return cls(
            tools=functions,
            choice=_choice(options.get("tool_choice"), names),
            parallel=options.get("parallel_tool_calls") is not False,
            strict=bool(options.get("strict"))
            or any(function.get("strict") for function in functions),
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

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as such a model understands it."""
        written = as_text(messages)
        if not self.tools or self.choice == "none":
            return written
        if self.choice != "auto":
            # Small models follow the last thing they read.
            name = "one of the functions" if self.choice == "required" else self.choice
            written = with_reminder(written, _REMINDER.format(name=name))
        return with_instructions(written, self.instructions())

    def instructions(self) -> str:
        """What the system message says of the tools."""
        tools = "\n".join(
            json.dumps({"type": "function", "function": self._described(tool)}, ensure_ascii=False)
            for tool in self.tools
        )
        return _INSTRUCTIONS.format(
            how_many="one or more functions" if self.parallel else "one function at a time",
            tools=tools,
            when=_WHEN.get(self.choice) or _NAMED.format(name=self.choice),
        )

    def told(self, schema: Mapping[str, Any]) -> Any:
        """What a model is told of a schema."""
        return told(without_optional_objects(schema) if self.simple else schema)

    def _described(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": tool["name"],
            "description": tool.get("description") or "",
            "parameters": self.told(tool.get("parameters") or {}),
        }

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        if not self.tools or self.choice == "none":
            return Reading()
        return ToolReading(self, correct=correct)


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


@dataclass(frozen=True)
class _Unfit:
    """A call that the model is to write again."""

    call: Call | BrokenCall
    reasons: Sequence[str]


class ToolReading(Reading):
    """Reads the calls of one answer.

    ```python
    from langchain_visioncraft.chat_models.prompted_tools import PromptedTools

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
        self._schemas = tools.offered.schemas
        self._reader = CallReader(tools.offered)
        self._correct = correct
        self._held: list[Call | _Unfit] = []
        self._calls = self._given = 0
        self._repeated: list[Call] = []
        self._answered = answered(tools.history)
        self._cut_off = False

    def feed(self, text: str) -> list[Found]:
        """Take a piece of the answer, and give what is certain by now."""
        self.text += text
        return self._checked(self._reader.feed(text))

    def finish(self, *, cut_off: bool = False) -> list[Found]:
        """Give what is left, but for calls that the model is to write again."""
        self._cut_off = cut_off
        return self._checked(self._reader.finish(cut_off=cut_off))

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """What to ask the model next; ``None`` if its answer is to be taken as it is."""
        if not self._correct:
            return None
        unfit = [each for each in self._held if isinstance(each, _Unfit)]
        if self._cut_off:
            # A small model repeats itself without end; it must not read that once more.
            name = next((each.call.name for each in unfit if each.call.name), None)
            return with_reminder(messages, _SHORT.format(name=name)) if name else None
        if unfit:
            complaint = "\n".join([*map(self._complaint, unfit), _AGAIN])
        elif self._repeated and not self._given and not self._held:
            # It does not know what to do next. Without tools, it tells what came of the others.
            return as_text(self._tools.history)
        elif not self._calls and self._must_call:
            names = ", ".join(self._schemas)
            example = call_text(next(iter(self._schemas)), {})
            complaint = f"You did not call one of {names}. Call it now, in this form:\n{example}"
        else:
            return None
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    @property
    def _must_call(self) -> bool:
        return self._tools.choice not in ("auto", "none")

    def _complaint(self, unfit: _Unfit) -> str:
        name = f"Your call of {unfit.call.name}" if unfit.call.name else "Your call"
        schema = self._schemas.get(unfit.call.name or "") or {}
        wanted = json.dumps(self._tools.told(schema), ensure_ascii=False)
        hint = f" Its arguments: {wanted}" if schema else ""
        return f"{name} does not fit: {'; '.join(unfit.reasons)}.{hint}"

    def settle(self, again: str | None = None, *, cut_off: bool = False) -> list[Found]:
        """Give the calls that were held back.

        Args:
            again: What the model answered when it was asked again.
            cut_off: Whether that was ended by its greatest length.
        """
        prose, better = self._read_again(again or "", cut_off)
        settled: list[Found] = []
        for each in self._held:
            if isinstance(each, Call):
                settled.append(_tool_call(each))
                continue
            found = next((call for call in better if call.name == each.call.name), None)
            found = found or next(iter(better), None)
            if found is None:
                settled.append(self._as_it_is(each))
            else:
                better.remove(found)
                settled.append(_tool_call(found))
        if self._repeated and not self._given and not settled:
            settled += [Prose(prose)] if prose else map(_tool_call, self._repeated[:1])
        elif not self._calls:
            settled += map(_tool_call, better if self._tools.parallel else better[:1])
        self._held = []
        return settled

    def _read_again(self, text: str, cut_off: bool) -> tuple[str, list[Call]]:
        reader = CallReader(self._tools.offered)
        pieces = [*reader.feed(text), *reader.finish(cut_off=cut_off)]
        checked = [self._fitted(piece) for piece in pieces if not isinstance(piece, Prose)]
        prose = "".join(piece.text for piece in pieces if isinstance(piece, Prose))
        return prose.strip(), [each for each in checked if isinstance(each, Call)]

    def _checked(self, pieces: Iterable[Piece]) -> list[Found]:
        found: list[Found] = []
        for piece in pieces:
            if isinstance(piece, Prose):
                found.append(piece)
                continue
            fitted = self._fitted(piece)
            if isinstance(fitted, Call) and self._is_repeated(fitted):
                continue
            self._calls += 1
            if self._calls > 1 and not self._tools.parallel:
                continue
            if self._correct and (isinstance(fitted, _Unfit) or self._held):
                self._held.append(fitted)
            else:
                self._given += 1
                found.append(
                    _tool_call(fitted) if isinstance(fitted, Call) else self._as_it_is(fitted)
                )
        return found

    def _is_repeated(self, call: Call) -> bool:
        """Whether this very call already has its result since the user spoke last."""
        if not self._correct or key_of(call.name, call.arguments) not in self._answered:
            return False
        self._repeated.append(call)
        return True

    def _fitted(self, piece: Call | BrokenCall) -> Call | _Unfit:
        if isinstance(piece, BrokenCall):
            mends = self._correct and self._cut_off
            whole = without_refrain(piece.text, self._tools.offered) if mends else None
            if whole is None or problems(whole.arguments, self._schemas[whole.name]):
                return _Unfit(piece, [piece.reason.rstrip(".")])
            return whole
        schema = self._schemas[piece.name]
        arguments = piece.arguments
        if not self._tools.strict:
            known = known_of(arguments, schema) if self._tools.simple else arguments
            arguments = adjusted(known, schema)
        reasons = problems(arguments, schema)
        call = Call(piece.name, arguments)
        return _Unfit(call, reasons) if reasons else call

    def _as_it_is(self, unfit: _Unfit) -> ToolCall | InvalidToolCall:
        """An unfit call: the tool says itself what is wrong with arguments, unless it is strict."""
        call = unfit.call
        if isinstance(call, Call) and not self._tools.strict:
            return _tool_call(call)
        return InvalidToolCall(
            type="invalid_tool_call",
            id=_new_id(),
            name=call.name,
            args=NOT_VALID + (json.dumps(call.arguments) if isinstance(call, Call) else call.text),
            error="; ".join(unfit.reasons),
        )


_SHORT = f"{_REMINDER} Keep its values short, and give only those that are needed."
_AGAIN = "Write only the call, corrected, with values of your own, between <tool_call> tags."


def _tool_call(call: Call) -> ToolCall:
    return ToolCall(type="tool_call", id=_new_id(), name=call.name, args=call.arguments)


def _new_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
