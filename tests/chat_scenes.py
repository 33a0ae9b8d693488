"""What is recorded of chat models: plain, with prompted tools, and over ``POST /llm``."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from scenes import MEDIA, Scene

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy, Media

FOX = "Draw a red fox in the snow."
ANNA = "Anna is 31 years old. Who is it?"
COLOUR = "Name a colour."
HANDLE = "a1b2c3d4e5f6.png"


@tool
def draw(prompt: str) -> str:
    """Draw a picture of what the prompt describes, and give its handle."""
    del prompt
    return f"{HANDLE} (image/png, 512x512, 303 kB)"


class Person(BaseModel):
    """A person."""

    name: str = Field(description="The first name.")
    age: int = Field(description="In years.")


def plain(**host: Any) -> ChatVisionCraft:
    return ChatVisionCraft(model="llava-1.5-7b-hf", temperature=0, max_tokens=128, **host)


def prompted(**host: Any) -> ChatVisionCraft:
    return ChatVisionCraft(
        model="Qwen2-72B-Instruct",
        tool_calling="prompted",
        temperature=0,
        max_tokens=128,
        **host,
    )


def legacy(**host: Any) -> ChatVisionCraftLegacy:
    return ChatVisionCraftLegacy(model="Mixtral-8x7B-Instruct-v0.1", **host)


def legacy_with_eyes(**host: Any) -> ChatVisionCraftLegacy:
    return ChatVisionCraftLegacy(model="llava-1.5-7b-hf", **host)


def prompted_with_tool(**host: Any) -> Runnable[Any, Any]:
    return prompted(**host).bind_tools([draw])


def prompted_agent(**host: Any) -> Runnable[Any, Any]:
    return create_agent(prompted(**host), [draw])


def prompted_person(**host: Any) -> Runnable[Any, Any]:
    return prompted(**host).with_structured_output(Person, method="prompted")


def legacy_until_a_comma(**host: Any) -> Runnable[Any, Any]:
    return legacy(**host).bind(stop=[","])


def legacy_with_tool(**host: Any) -> Runnable[Any, Any]:
    return legacy(**host).bind_tools([draw], tool_choice="any")


def legacy_person(**host: Any) -> Runnable[Any, Any]:
    return legacy(**host).with_structured_output(Person)


def _look() -> list[dict[str, Any]]:
    url = Media.from_path(MEDIA / "cat.jpg").data_url()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return [{"role": "user", "content": parts}]


def _says_something(message: AIMessage) -> bool:
    return bool(message.text)


def _streams_words(chunks: list[AIMessageChunk]) -> bool:
    return len([chunk for chunk in chunks if chunk.text]) > 1


def _draws_a_fox(message: AIMessage) -> bool:
    calls = message.tool_calls
    return (
        [call["name"] for call in calls] == ["draw"]
        and "fox" in calls[0]["args"]["prompt"].lower()
        and "draw" not in message.text
    )


def _streams_a_fox(chunks: list[AIMessageChunk]) -> bool:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return any(chunk.tool_call_chunks for chunk in chunks) and _draws_a_fox(whole)


def _draws_and_tells(state: dict[str, Any]) -> bool:
    _, call, result, last = state["messages"]
    return (
        _draws_a_fox(call)
        and result.type == "tool"
        and result.tool_call_id == call.tool_calls[0]["id"]
        and HANDLE in last.text
        and not last.tool_calls
    )


def _is_anna(person: Any) -> bool:
    return bool(person == Person(name="Anna", age=31))


def _ends_as_anna(people: list[Any]) -> bool:
    return _is_anna(people[-1])


CHAT_SCENES = [
    Scene("chat-model", chat=plain, ask=COLOUR, expect=_says_something),
    Scene("chat-model-stream", chat=plain, ask=COLOUR, stream=True, expect=_streams_words),
    Scene("chat-model-image", chat=plain, ask=_look(), expect=_says_something),
    Scene(
        "prompted-call",
        chat=prompted_with_tool,
        ask=FOX,
        expect=_draws_a_fox,
        writes_calls=True,
    ),
    Scene(
        "prompted-call-stream",
        chat=prompted_with_tool,
        ask=FOX,
        stream=True,
        expect=_streams_a_fox,
        writes_calls=True,
    ),
    Scene(
        "prompted-round-trip",
        chat=prompted_agent,
        ask={"messages": [("user", f"{FOX} What is the file of the picture?")]},
        expect=_draws_and_tells,
        writes_calls=True,
    ),
    Scene(
        "prompted-structured-output",
        chat=prompted_person,
        ask=ANNA,
        expect=_is_anna,
        writes_calls=True,
    ),
    Scene(
        "prompted-structured-output-stream",
        chat=prompted_person,
        ask=ANNA,
        stream=True,
        expect=_ends_as_anna,
        writes_calls=True,
    ),
    Scene("legacy", chat=legacy, ask=COLOUR, expect=_says_something),
    Scene("legacy-image", chat=legacy_with_eyes, ask=_look(), expect=_says_something),
    Scene(
        "legacy-stop",
        chat=legacy_until_a_comma,
        ask="Count from one to five, with commas.",
        expect=lambda message: bool(message.text) and "," not in message.text,
    ),
    Scene(
        "legacy-call",
        chat=legacy_with_tool,
        ask=FOX,
        expect=_draws_a_fox,
        writes_calls=True,
    ),
    Scene(
        "legacy-structured-output",
        chat=legacy_person,
        ask=ANNA,
        expect=_is_anna,
        writes_calls=True,
    ),
]
