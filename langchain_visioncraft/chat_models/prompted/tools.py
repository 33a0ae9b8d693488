"""Tool calling for models without native support: how tools are described. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_visioncraft._schemas import schema_prompt
from langchain_visioncraft.chat_models.bound_tools import REMINDER, BoundTools
from langchain_visioncraft.chat_models.history import as_text, with_instructions, with_reminder

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
class PromptedTools(BoundTools):
    """The tools of one request, which the prompt describes."""

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
