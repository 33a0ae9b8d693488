"""Which module may import which: layers, and no circles."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "langchain_visioncraft"
SANDBOX = "visioncraft_sandbox"
LAYERS = [
    {
        "_compat",
        "_copying",
        "_driving",
        "_handshake",
        "_json",
        "_keywords",
        "_lazy",
        "_reasoning",
        "_redact",
        "_threads",
    }
    | {"version", "errors"},
    {"_flows", "_handshake", "_schemas", "config"},
    {"media"},
    {"client", "context"},
    {"chat_models", "document_loaders"},
    {"tools"},
    {"toolkit"},
    {"mcp", "middleware", "ray"},
    {"cli"},
    {"__main__"},
]
"""Each imports from those before it, and from itself."""
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in sorted(layer)}


def imported(tree: ast.AST, *, at_import: bool) -> Iterator[str]:
    """What a module imports; with `at_import` not inside functions or for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        else:
            yield from imported(node, at_import=at_import)


@functools.cache
def modules(folder: Path) -> dict[str, set[str]]:
    """Each module of a package, with what it imports of the modules that are here."""
    files = {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in sorted(folder.rglob("*.py"))
    }
    found = {
        name: set(imported(ast.parse(path.read_text("utf-8")), at_import=False))
        for name, path in files.items()
    }
    # `from package import module` names the module; the package itself is not meant then.
    return {
        name: {
            one
            for one in names & set(files)
            if not any(other.startswith(f"{one}.") for other in names & set(files))
        }
        - {name}
        for name, names in found.items()
    }


def part_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_every_part_has_its_layer() -> None:
    parts = {part_of(module) for module in modules(ROOT / PACKAGE)} - {""}
    assert parts == set(HEIGHT)


@pytest.mark.parametrize("part", sorted(HEIGHT))
def test_a_part_imports_only_what_lies_below(part: str) -> None:
    wrong = [
        f"{module} imports {other}"
        for module, names in modules(ROOT / PACKAGE).items()
        if part_of(module) == part
        for other in names
        if part_of(other) not in {part, ""} and HEIGHT[part_of(other)] >= HEIGHT[part]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [PACKAGE, f"sandbox/{SANDBOX}"])
def test_no_module_imports_itself_by_a_detour(folder: str) -> None:
    try:
        TopologicalSorter(modules(ROOT / folder)).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_package_does_not_import_the_sandbox_when_it_is_imported() -> None:
    for path in (ROOT / PACKAGE).rglob("*.py"):
        names = imported(ast.parse(path.read_text("utf-8")), at_import=True)
        assert not any(name.partition(".")[0] == SANDBOX for name in names), path


DECIDES = {"inspection.py", "sniff.py"}
OPENS = {"decoding.py", "pixels.py"}


@pytest.mark.parametrize("folder", [PACKAGE, f"sandbox/{SANDBOX}"])
def test_one_module_says_what_a_file_is_and_one_opens_it(folder: str) -> None:
    """What comes from outside is named by `media.inspection` and opened by `media.pixels`."""
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name not in DECIDES | {"images.py"}:  # which sees only the beginning of base64
            assert not re.search(r"\bsniff\(", text), path
        if folder == PACKAGE and path.name not in OPENS:
            assert not re.search(r"\b(?:Image|Pillow)\.open\(|\bav\.open\([^\n]*\bfile\b", text), (
                path
            )
