"""LangChain's standard integration tests for prompted tools, over both endpoints.

The host behind them is `text_model`: it knows no tools, reads the instructions, and writes calls
as text.
What the sandbox's own small model makes of it is tested below.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_tests.integration_tests import ChatModelIntegrationTests
from text_model import text_model_host
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy, Media

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def text_model() -> Iterator[str]:
    with text_model_host() as url:
        yield url


class _Standard(ChatModelIntegrationTests):
    kind: type[BaseChatModel] = ChatVisionCraft

    @pytest.fixture(autouse=True)
    def _against_a_text_model(self, text_model: str) -> None:
        self.url = text_model

    @pytest.fixture
    def model(self, request: Any) -> BaseChatModel:
        extra = getattr(request, "param", None) or {}
        return self.chat_model_class(
            **{**self.standard_chat_model_params, **self.chat_model_params, **extra}
        )

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return self.kind

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "Qwen2-72B-Instruct", "base_url": self.url, "api_key": "any"}

    @property
    def model_override_value(self) -> str:
        return "Yi-34B-Chat"

    @property
    def enable_vcr_tests(self) -> bool:
        """Off: it measures a stream from a recording; this host answers live."""
        return False


class TestPrompted(_Standard):
    """`ChatVisionCraft` with ``tool_calling="auto"``: this model is prompted."""

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """``max_tokens`` is 128 instead of 100: less is raised to that, with a warning."""
        return {**super().standard_chat_model_params, "max_tokens": 128}

    @property
    def supports_json_mode(self) -> bool:
        """Off: this host has no such mode; ``prompted`` is tested as structured output."""
        return False


class TestLegacy(_Standard):
    """`ChatVisionCraftLegacy`."""

    kind = ChatVisionCraftLegacy

    @property
    def returns_usage_metadata(self) -> bool:
        """Off: the endpoint does not say what was used."""
        return False


async def test_the_sandbox_answers_the_legacy_model(sandbox: Sandbox) -> None:
    model = ChatVisionCraftLegacy(
        model="Mixtral-8x7B-Instruct-v0.1", base_url=sandbox.url, api_key="any", stop=["."]
    )
    answer = await model.ainvoke("Say hello.")
    assert answer.text
    assert "." not in answer.text
    seeing = model.model_copy(update={"model_name": "llava-1.5-7b-hf", "stop": None})
    picture = Media.from_bytes(PNG).block()
    seen = seeing.invoke([HumanMessage([{"type": "text", "text": "What is it?"}, picture])])
    assert "1" in seen.text


def test_the_sandbox_does_not_break_prompted_calls(sandbox: Sandbox) -> None:
    """Its small model does not call tools that it is offered: it answers something, as prose."""

    @tool
    def draw(prompt: str) -> str:
        """Draw a picture."""
        return prompt

    model = ChatVisionCraft(
        model="Yi-34B-Chat", base_url=sandbox.url, api_key="any", max_tokens=128, temperature=0
    )
    chunks = list(model.bind_tools([draw]).stream("Draw a cat."))
    assert "<tool_call>" not in "".join(chunk.text for chunk in chunks)
