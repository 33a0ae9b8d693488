"""Tool calling for models without native support: how tools are described. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from langchain_core.messages import BaseMessage

from langchain_visioncraft._schemas import schema_prompt
from langchain_visioncraft.chat_models.answers import Reading, Task
from langchain_visioncraft.chat_models.checking import REMINDER, ToolReading
from langchain_visioncraft.chat_models.history import as_text, with_instructions, with_reminder
from langchain_visioncraft.chat_models.prompted.calls import Offered
from langchain_visioncraft.chat_models.prompted.reading import CallReader
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
_HOW_MANY = {True: "one or more functions", False: "one function at a time"}
_WHEN = {
    "auto": (
        "If one of the functions can do what the query asks for, call it; answer in plain words "
        "only if none can."
    ),
    "required": "You must call a function now, whatever is asked.",
}
_NAMED = "You must call the function {name} now, whatever is asked."


@dataclass(frozen=True)
class PromptedTools(Task):
    """The tools of one request.

    Attributes:
        tools: As functions: ``name``, ``description``, ``parameters``.
        choice: ``auto``, ``required``, ``none`` or a tool's name.
        parallel: Whether several may be called at once; if ``False``, all but the first are
            dropped. A schema allows several only if it is ``True``.
        strict: Whether a call whose arguments do not fit is an invalid one.
        history: The conversation before it was written as text.
        native: Whether the host takes the tools itself. Then the prompt says nothing of them,
            and what is read are calls that the host has left in the text.
    """

    tools: Sequence[Mapping[str, Any]]
    choice: str = "auto"
    parallel: bool | None = None
    strict: bool = False
    history: Sequence[BaseMessage] = ()
    native: bool = False
    reader: ClassVar[type[CallReader]] = CallReader
    corrects_streams = True
    """Calls are given when they are complete, so one that does not fit was not given yet."""

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        history: Sequence[BaseMessage] = (),
        *,
        native: bool = False,
        **more: Any,
    ) -> Self:
        """Read what `bind_tools` has bound, in OpenAI's terms.

        Raises:
            InvalidRequestError: If a tool is no function, or `tool_choice` names none of them.
        """
        functions = list(_functions(options.get("tools") or (), native=native))
        return cls(
            tools=functions,
            choice="auto" if native else _choice(options.get("tool_choice"), functions),
            parallel=options.get("parallel_tool_calls"),
            strict=bool(options.get("strict")) or any(each.get("strict") for each in functions),
            history=history,
            native=native,
            **more,
        )

    @property
    def offered(self) -> Offered:
        """What may be called: if one must be called, only this."""
        schemas = {tool["name"]: tool.get("parameters") or {} for tool in self.tools}
        if self.choice in schemas:
            schemas = {self.choice: schemas[self.choice]}
        is_forced = len(schemas) == 1 and self.choice not in ("auto", "none")
        return Offered(schemas, forced=next(iter(schemas)) if is_forced else None)

    @property
    def _is_offering(self) -> bool:
        return bool(self.tools) and self.choice != "none"

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as such a model understands it."""
        if self.native:
            return list(messages)
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

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        if not self._is_offering:
            return Reading()
        return ToolReading(self, correct=correct and not self.native)


def _functions(tools: Sequence[Any], *, native: bool) -> Iterator[Mapping[str, Any]]:
    """The functions among the tools; natively, what else there is concerns only the host."""
    for tool in tools:
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
            yield tool["function"]
        elif not native:
            kind = tool.get("type") if isinstance(tool, Mapping) else type(tool).__name__
            msg = (
                f"Nothing was sent: a tool of the kind {kind!r} cannot be described in a prompt; "
                "only functions can. Use tool_calling='native' if the host supports it."
            )
            raise InvalidRequestError(msg)


def _shown(tool: Mapping[str, Any]) -> str:
    """A function as it is described to a model."""
    shown = {
        "name": tool["name"],
        "description": tool.get("description") or "",
        "parameters": schema_prompt(tool.get("parameters") or {}),
    }
    return json.dumps({"type": "function", "function": shown}, ensure_ascii=False)


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
