"""The cookbook's notebooks run against the sandbox, and what is saved of them is fit to be read."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from canary_places import KEY, found_in
from nbclient import NotebookClient
from visioncraft_sandbox import Sandbox

ROOT = Path(__file__).parents[2]
COOKBOOK = ROOT / "cookbook"
NOTEBOOKS = sorted(COOKBOOK.glob("*.ipynb"))
MOST_BYTES = 1_500_000
PRIVATE = re.compile(r"127\.0\.0\.1|localhost|/home/|/r[o]ot/|/tmp/|/Users/|Traceback|vc-[\w-]{8}")

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the cookbook, so that a run changes nothing in it."""
    copied = tmp_path_factory.mktemp("notebooks") / "cookbook"
    shutil.copytree(COOKBOOK, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def test_there_are_six() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06"]


@by_name
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")  # of the Jupyter packages, which are not ours
def test_a_notebook_runs(
    path: Path, folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", sandbox.url)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("TMPDIR", str(folder.parent))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=200,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
    )
    client.execute()
    assert not found_in(nbformat.writes(notebook))
    assert shapes(notebook) == shapes(nbformat.read(path, as_version=4)), "save it again"


def shapes(notebook: Any) -> list[list[str]]:
    """Which kinds of output each cell has."""
    return [
        sorted({output.output_type for output in cell.outputs})
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@by_name
def test_what_is_saved_is_fit_to_be_read(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.get("text")
            texts = [output.get("text", "")]
            texts += [output.get("data", {}).get(kind, "") for kind in ("text/plain", "text/html")]
            for text in texts:
                assert not PRIVATE.search(re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))


@by_name
def test_a_notebook_begins_with_a_title_and_explains_itself(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    prose = sum(cell.cell_type == "markdown" for cell in notebook.cells)
    assert prose * 3 >= len(notebook.cells)
