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
OF_CALLS = {"langchain_core", "langsmith", "openai", "httpx", "httpx2", "tenacity"}
"""What a client needs for its first call, or never."""


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
        ("from langchain_visioncraft import MediaStore", OF_CALLS | {"fsspec", "starlette", "PIL"}),
        ("from langchain_visioncraft import VisionCraftClient", OF_CALLS | {"fsspec", "starlette"}),
        ("from langchain_visioncraft import AsyncVisionCraftClient", OF_CALLS | {"aiohttp"}),
        ("from langchain_visioncraft import VisionCraftTextToImage", {"openai", "tenacity", "PIL"}),
    ],
)
def test_a_part_does_not_import_what_other_parts_need(statement: str, unneeded: set[str]) -> None:
    assert modules_after(statement) & unneeded == set()


@pytest.mark.parametrize("before", ["gc.enable()", "gc.disable()", "gc.freeze()"])
def test_an_import_leaves_the_collector_as_it_was(before: str) -> None:
    state = "(gc.isenabled(), gc.get_freeze_count() > 0)"
    code = (
        f"import gc; {before}; before = {state}; from langchain_visioncraft import MediaStore; "
        f"assert {state} == before"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_sync_client_is_imported_without_asyncio_and_the_requests() -> None:
    code = (
        "import sys; from langchain_visioncraft import VisionCraftClient; "
        "modules = {'asyncio', 'langchain_visioncraft.client.schemas'}; "
        "assert not modules & set(sys.modules), modules & set(sys.modules); "
        "assert 'upscale' in dir(VisionCraftClient) and VisionCraftClient().capabilities; "
        "assert VisionCraftClient.text_to_image.request"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_an_import_makes_calls_at_any_depth_without_mapping_memory_for_each(
    tmp_path: Path,
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from langchain_visioncraft._lazy import lazy_names\n"
        "__getattr__, __dir__ = lazy_names(__name__, {'deep': 'deep'})\n"
    )
    (package / "deep.py").write_text(
        "def leaf(): pass\n"
        "def descend(rest):\n"
        "    if rest: return descend(rest - 1)\n"
        "    for _ in range(1000): leaf()\n"
        "for depth in range(200): descend(depth)\n"
    )
    code = (
        "import resource, package; faults = lambda: resource.getrusage(0).ru_minflt; "
        "before = faults(); package.deep; print(faults() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 500


def test_a_tool_is_imported_without_the_endpoints_of_others() -> None:
    code = (
        "import sys; from langchain_visioncraft import VisionCraftTextToImage as Tool; "
        "assert 'langchain_visioncraft.client.endpoints' not in sys.modules; "
        "assert Tool(api_key='key').endpoint().request"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
