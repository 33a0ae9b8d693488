"""LangChain's standard integration tests, for each of the tools, against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests
from tool_service import ARGUMENTS, PICTURE, RECORDING, TOOLS, medium, name_of
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore, VisionCraftMidjourney
from langchain_visioncraft.tools import VisionCraftTool

NOTE = Path(__file__).parents[3] / "cookbook" / "assets" / "spoken_note.ogg"


def _standard_tests(kind: type[VisionCraftTool]) -> type[ToolsIntegrationTests]:
    class Standard(ToolsIntegrationTests):
        @pytest.fixture(autouse=True)
        def _connect(self, sandbox: Sandbox, polled_sandbox: Sandbox, store: MediaStore) -> None:
            host = polled_sandbox if kind is VisionCraftMidjourney else sandbox
            self.connection = {"api_key": "any", "base_url": host.url, "store": store}
            self.placed = {
                PICTURE: store.add(medium("cat.jpg")).handle,
                RECORDING: store.add(NOTE).handle,
            }

        @property
        def tool_constructor(self) -> type[VisionCraftTool]:
            return kind

        @property
        def tool_constructor_params(self) -> dict[str, Any]:
            return self.connection

        @property
        def tool_invoke_params_example(self) -> dict[str, Any]:
            asked = ARGUMENTS[name_of(kind)]
            return {name: self.placed.get(value, value) for name, value in asked.items()}

    Standard.__name__ = Standard.__qualname__ = f"Test{kind.__name__}"
    return Standard


for _kind in TOOLS:
    globals()[f"Test{_kind.__name__}"] = _standard_tests(_kind)


def test_every_tool_has_the_standard_tests() -> None:
    tested = [name for name in globals() if name.startswith("TestVisionCraft")]
    assert len(tested) == len(set(TOOLS))
