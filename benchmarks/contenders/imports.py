"""What an import costs, each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cases import Case, Place, Run, one_by_one

imports = Case("import", "Imports", calls=1, warm_up=1, of_children=True)

BARE = "a bare interpreter"


def _add(name: str, statement: str, *needs: str) -> None:
    @imports.contender(name, *needs)
    @contextmanager
    def _import(_place: Place) -> Iterator[Run]:
        command = [sys.executable, "-c", statement]
        yield one_by_one(lambda: subprocess.run(command, check=True))


_add(BARE, "pass")
_add("langchain_visioncraft", "import langchain_visioncraft")
_add("MediaStore", "from langchain_visioncraft import MediaStore")
_add("VisionCraftClient", "from langchain_visioncraft import VisionCraftClient")
_add("StructuredTool of langchain_core", "from langchain_core.tools import StructuredTool")
_add("VisionCraftTextToImage", "from langchain_visioncraft import VisionCraftTextToImage")
_add("ChatVisionCraft", "from langchain_visioncraft import ChatVisionCraft")
_add("httpx", "import httpx", "httpx")
_add("VisionCraftAPI", "import VisionCraftAPI", "VisionCraftAPI", "aiohttp")
for _package in (
    "langchain_openai",
    "langchain_google_genai",
    "langchain_anthropic",
    "langchain_mistralai",
):
    _add(_package, f"import {_package}", _package)
