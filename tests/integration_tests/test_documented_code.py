"""Every code block of the README, the site's pages and the package's docstrings runs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from visioncraft_sandbox import Sandbox

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


READMES = ("README.md", "sandbox/README.md")
DOCSTRINGS = list(docstrings())
DOCS = ROOT / "docs"
PAGES = [
    (f"{path.relative_to(DOCS).with_suffix('')} {number}", code)
    for path in sorted(DOCS.rglob("*.md"))
    for number, code in enumerate(blocks(path.read_text(encoding="utf-8")), 1)
    # What needs a cluster runs in test_ray_data.py, which has one, other frameworks in
    # `make interop`; a tool's example is run below.
    if path.stem not in ("ray", "frameworks")
    if path.parent.name != "tools" or path.stem == "index"
]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
SHELL = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def as_a_user(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recording in `recordings`, and a shell that points at the sandbox."""
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "any")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", sandbox.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    shutil.copy(ROOT / "cookbook/assets/spoken_note.ogg", tmp_path / "recordings")
    return tmp_path


def run(code: str, name: str) -> None:
    exec(compile(code, name, "exec", dont_inherit=True), {"__name__": "__main__"})


@pytest.mark.parametrize("readme", READMES)
def test_the_blocks_of_a_readme_run_one_after_another(readme: str, as_a_user: Path) -> None:
    """In a fresh environment, with what the README installs: `.ci/try-wheel`."""
    for number, code in enumerate(blocks((ROOT / readme).read_text(encoding="utf-8")), 1):
        run(code, f"{readme} block {number}")


@pytest.mark.parametrize(("name", "code"), PAGES, ids=[name for name, _ in PAGES])
def test_block_of_a_page_runs(name: str, code: str, as_a_user: Path) -> None:
    run(code, name)


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example_of_a_tool_prints_what_its_page_says(
    example: Path, as_a_user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(example.read_text(encoding="utf-8"), example.name)
    told = (DOCS / "pictures" / f"{example.stem}.txt").read_text(encoding="utf-8")
    assert without_handles(capsys.readouterr().out) == without_handles(told)


def without_handles(output: str) -> str:
    """Other versions of Pillow, FFmpeg and the engines give other bytes for the same picture."""
    return re.sub(r"[0-9a-f]{12}\.(?=\w+ \()|, [\d.]+ [kM]B(?=\))", "", output)


def test_the_shell_recipe_runs(as_a_user: Path) -> None:
    recipe = (DOCS / "recipes/scripts.md").read_text(encoding="utf-8")
    commands = str(Path(sys.executable).parent)
    result = subprocess.run(
        ["bash", "-euc", "\n".join(SHELL.findall(recipe))],
        env={**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"[0-9a-f]{12}\.png", result.stdout.splitlines()[-1])
    assert {path.name for path in as_a_user.glob("*.png")} == {"scene-1.png", "scene-2.png"}


@pytest.mark.parametrize(("name", "code"), DOCSTRINGS, ids=[name for name, _ in DOCSTRINGS])
def test_block_of_a_docstring_runs(name: str, code: str, as_a_user: Path) -> None:
    run(code, name)


def test_the_pages_and_the_docstrings_have_code() -> None:
    assert len(PAGES) >= 10
    assert len(EXAMPLES) >= 13
    assert len(DOCSTRINGS) >= 8
