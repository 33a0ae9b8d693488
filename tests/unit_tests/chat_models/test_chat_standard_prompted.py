"""LangChain's standard unit tests for prompted tools, and for ``POST /llm``."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests
from test_chat_standard import TestTextModel as _TextModel

from langchain_visioncraft import ChatVisionCraftLegacy


class TestPromptedModel(_TextModel):
    """A model with prompted tools."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "Qwen2-72B-Instruct", "api_key": "test", "tool_calling": "prompted"}


class TestConstrainedModel(_TextModel):
    """A model whose host holds answers to a schema."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "Qwen2-72B-Instruct", "api_key": "test", "tool_calling": "constrained"}


@pytest.mark.filterwarnings("ignore:.*has no effect:UserWarning")
class TestLegacyModel(ChatModelUnitTests):
    """``test_serdes`` is skipped: LangChain loads only classes of packages in its own list."""

    @property
    def chat_model_class(self) -> type[ChatVisionCraftLegacy]:
        return ChatVisionCraftLegacy

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "llava-1.5-7b-hf", "api_key": "test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {"VISIONCRAFT_API_KEY": "the-key", "VISIONCRAFT_BASE_URL": "http://host.test/v1/"},
            {"model": "llava-1.5-7b-hf"},
            {"visioncraft_api_key": "the-key", "visioncraft_api_base": "http://host.test"},
        )

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def returns_usage_metadata(self) -> bool:
        """Off: the endpoint does not say what was used."""
        return False
