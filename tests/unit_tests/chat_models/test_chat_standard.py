"""LangChain's standard unit tests for chat models."""

from __future__ import annotations

from typing import Any

from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_visioncraft import ChatVisionCraft


class TestTextModel(ChatModelUnitTests):
    """A text model. ``test_serdes`` is skipped: `is_lc_serializable` is false, because LangChain
    loads classes only of packages in its own list; see ``test_chat_copies.py`` for what holds."""

    @property
    def chat_model_class(self) -> type[ChatVisionCraft]:
        return ChatVisionCraft

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "Llama-3.1-70B-Instruct", "api_key": "test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {"VISIONCRAFT_API_KEY": "the-key", "VISIONCRAFT_BASE_URL": "http://host.test/v1/"},
            {"model": "Llama-3.1-70B-Instruct"},
            {
                "visioncraft_api_key": "the-key",
                "visioncraft_api_base": "http://host.test",
                "model_name": "Llama-3.1-70B-Instruct",
            },
        )

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestVisionModel(TestTextModel):
    """LLaVA: images as well."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "llava-1.5-7b-hf", "api_key": "test"}

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        """Off: Anthropic's images are converted, its ``tool_use`` blocks are not."""
        return False
