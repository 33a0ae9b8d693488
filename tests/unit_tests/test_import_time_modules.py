"""`import langchain_visioncraft` brings nothing heavy along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "langchain", "langchain_core", "langchain_openai", "openai", "pydantic", "httpx", "httpx2",
    "tenacity", "PIL", "numpy", "fsspec", "starlette", "uvicorn", "asyncio", "ssl",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert modules_after("import langchain_visioncraft") & HEAVY == set()


def test_the_errors_import_nothing_heavy() -> None:
    assert modules_after("import langchain_visioncraft.errors") & HEAVY == set()


@pytest.mark.parametrize(
    ("statement", "unneeded"),
    [
        ("from langchain_visioncraft import MediaStore", {"openai", "fsspec", "starlette", "PIL"}),
        ("from langchain_visioncraft import VisionCraftClient", {"openai", "fsspec", "starlette"}),
    ],
)
def test_a_part_does_not_import_what_other_parts_need(statement: str, unneeded: set[str]) -> None:
    assert modules_after(statement) & unneeded == set()
