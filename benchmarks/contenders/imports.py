"""What imports and commands cost, each in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cases import Case, Place, Run, one_by_one

imports = Case("import", "Imports", calls=1, warm_up=1, of_children=True)
commands = Case("command", "Commands", calls=1, warm_up=1, of_children=True)


def _add(case: Case, name: str, statement: str, *needs: str, **environment: str) -> None:
    @case.contender(name, *needs)
    @contextmanager
    def _run(place: Place) -> Iterator[Run]:
        env = {**os.environ, **environment, "VISIONCRAFT_API_KEY": "key"}
        line = [sys.executable, "-c", statement.replace("<url>", place.url)]

        def run() -> None:
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL, cwd=place.folder, env=env)

        yield one_by_one(run)


_add(imports, "a bare interpreter", "pass")
for _name in ("MediaStore", "VisionCraftClient", "VisionCraftTextToImage", "ChatVisionCraft"):
    _add(imports, _name, f"from langchain_visioncraft import {_name}")
_add(imports, "StructuredTool", "from langchain_core.tools import StructuredTool")
_add(imports, "ChatOpenAI", "from langchain_openai import ChatOpenAI", "langchain_openai")
_add(imports, "httpx, pydantic", "import httpx; from pydantic import BaseModel", "httpx")
_add(imports, "VisionCraftAPI", "import VisionCraftAPI", "VisionCraftAPI", "aiohttp")
for _package in ("langchain_google_genai", "langchain_anthropic", "langchain_mistralai"):
    _add(imports, _package, f"import {_package}", _package)

_add(commands, "Typer, imported", "import typer", "typer")
for _name in ("--help", "image --help", "store list"):
    _main = f"from langchain_visioncraft.cli import main; main({_name.split()})"
    _add(commands, f"visioncraft {_name}", _main, "click")
_add(
    commands,
    "completion",
    "from langchain_visioncraft.cli import main; main([])",
    "click",
    _VISIONCRAFT_COMPLETE="bash_complete",
    COMP_WORDS="visioncraft image --wi",
    COMP_CWORD="2",
)
_DRAW = ["image", "a fox", "-o", "fox.png", "--base-url", "<url>/small"]
_add(
    commands,
    "visioncraft image",
    f"from langchain_visioncraft.cli import main; main({_DRAW})",
    "click",
)
