"""Every code block of the README and of the package's docstrings runs."""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_visioncraft.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "langchain_visioncraft"
FENCE = re.compile(r"^( *)```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[str]:
    """The Python blocks of a text, without their indentation."""
    for match in FENCE.finditer(text):
        yield textwrap.dedent(match[2])


def docstrings() -> Iterator[tuple[str, str]]:
    """Each block of each docstring, with where it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            for code in blocks(ast.get_docstring(node) or ""):
                name = getattr(node, "name", "module")
                yield f"{path.relative_to(PACKAGE)}:{name}", code


# What needs a cluster runs in test_ray_data.py, which has one.
README = [
    code
    for code in blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    if "langchain_visioncraft.ray" not in code
]
DOCSTRINGS = list(docstrings())


@pytest.fixture
def as_a_user(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a recording, and a shell that points at the sandbox."""
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "any")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", sandbox.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    shutil.copy(ROOT / "cookbook/assets/spoken_note.ogg", tmp_path / "recordings")
    return tmp_path


def run(code: str, name: str) -> None:
    exec(compile(code, name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("number", range(len(README)), ids=lambda number: f"block {number + 1}")
def test_block_of_the_readme_runs(number: int, as_a_user: Path) -> None:
    run(README[number], f"README block {number + 1}")


@pytest.mark.parametrize(("name", "code"), DOCSTRINGS, ids=[name for name, _ in DOCSTRINGS])
def test_block_of_a_docstring_runs(name: str, code: str, as_a_user: Path) -> None:
    run(code, name)


def test_the_readme_and_the_docstrings_have_code() -> None:
    assert len(README) >= 10
    assert len(DOCSTRINGS) >= 8
