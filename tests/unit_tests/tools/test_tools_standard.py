"""LangChain's standard unit tests, for each of the tools."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.unit_tests import ToolsUnitTests
from tool_service import ARGUMENTS, TOOLS, name_of

from langchain_visioncraft.tools import VisionCraftTool


def _standard_tests(kind: type[VisionCraftTool]) -> type[ToolsUnitTests]:
    class Standard(ToolsUnitTests):
        @property
        def tool_constructor(self) -> type[VisionCraftTool]:
            return kind

        @property
        def tool_constructor_params(self) -> dict[str, Any]:
            return {"api_key": "test"}

        @property
        def tool_invoke_params_example(self) -> dict[str, Any]:
            return ARGUMENTS[name_of(kind)]

        @property
        def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
            # The key stays in the environment until it is sent; it is no attribute of a tool.
            return {"VISIONCRAFT_API_KEY": "the-key"}, {}, {"api_key": None}

    Standard.__name__ = Standard.__qualname__ = f"Test{kind.__name__}"
    return Standard


for _kind in TOOLS:
    globals()[f"Test{_kind.__name__}"] = _standard_tests(_kind)


def test_every_tool_has_the_standard_tests() -> None:
    tested = [name for name in globals() if name.startswith("TestVisionCraft")]
    assert len(tested) == len(set(TOOLS))


@pytest.mark.parametrize("kind", TOOLS, ids=name_of)
def test_the_key_and_the_host_come_from_the_environment(
    kind: type[VisionCraftTool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", " the-key ")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", "http://host.test/v1/")
    client = kind()._sync_client
    assert (client.key(), client.settings.base_url) == ("the-key", "http://host.test")
