"""A chat model that calls tools by a script, for agents; what it was shown is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

Step = Callable[[Sequence[ToolMessage]], list[dict[str, Any]]]


class Scripted(BaseChatModel):
    """Calls tools as its steps say; each step sees the results so far. Then it is done."""

    steps: list[Any]
    bound: list[str] = []  # noqa: RUF012 -- a pydantic field
    shown: list[list[BaseMessage]] = []  # noqa: RUF012 -- likewise

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        self.bound = [tool.name for tool in tools]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.shown.append(messages)
        done = sum(isinstance(message, AIMessage) for message in messages)
        results = [message for message in messages if isinstance(message, ToolMessage)]
        calls = self.steps[done](results) if done < len(self.steps) else []
        message = AIMessage("" if calls else "Done.", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def ask(name: str, call_id: str = "", **arguments: Any) -> dict[str, Any]:
    """A call of one of our tools."""
    call_id = call_id or f"{name}-{len(arguments)}"
    return {"name": f"visioncraft_{name}", "args": arguments, "id": call_id}


def draw(*prompts: str, **arguments: Any) -> Step:
    """A step that draws small pictures at the same time."""
    small = {"width": 64, "height": 64, **arguments}
    return lambda done: [
        ask("text_to_image", f"draw-{len(done)}-{n}", prompt=prompt, **small)
        for n, prompt in enumerate(prompts)
    ]


def handle(message: ToolMessage) -> str:
    """The handle that a tool gave."""
    return message.text.split()[0]
