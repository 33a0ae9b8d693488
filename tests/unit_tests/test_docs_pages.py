"""The site's pages are written completely; its links are checked by what `make docs` runs."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import interop
import pytest
import yaml

import langchain_visioncraft
from langchain_visioncraft import errors, tools
from langchain_visioncraft.chat_models.errors import both

ROOT = Path(__file__).parents[2]


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script that writes the pages, with its modules, as if run from its own folder."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    before = set(sys.modules)
    yield importlib.import_module("write_pages")
    for name in set(sys.modules) - before:
        if name == "write_pages" or name.partition(".")[0] == "writing":
            del sys.modules[name]


@pytest.fixture
def pages(imported: ModuleType) -> dict[str, str]:
    both(errors.InvalidRequestError, ValueError)  # as calls make them: it is no row of its own
    written: dict[Path, str] = imported.pages()
    docs = ROOT / "docs"
    return {
        str(path.relative_to(docs)): text for path, text in written.items() if docs in path.parents
    }


def test_the_pages_are_complete(imported: ModuleType) -> None:
    stale = [str(path) for path, text in imported.pages().items() if path.read_text() != text]
    assert not stale, f"Run `python docs/write_pages.py`, which writes {stale}."


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("check_site")


def test_every_page_is_in_the_navigation_once(imported: ModuleType, pages: dict[str, str]) -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    copied = {page for page in imported.ELSEWHERE.values() if page.endswith(".md")}
    assert sorted(_files(nav)) == sorted({*pages, *copied, "licences.md"})


def _files(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
        return
    below = nav.values() if isinstance(nav, dict) else nav
    for each in below:  # type: ignore[attr-defined]
        yield from _files(each)


def test_each_tool_has_a_page_with_all_its_arguments(pages: dict[str, str]) -> None:
    kinds = [getattr(tools, name) for name in tools.__all__ if name.startswith("VisionCraft")]
    for kind in (kind for kind in kinds if kind is not tools.VisionCraftTool):
        name = kind.model_fields["name"].default.removeprefix("visioncraft_")
        text = pages[f"tools/{name}.md"]
        assert text.startswith(f"# {kind.__name__}\n")
        assert not [
            argument for argument in kind(api_key="any").args if f"`{argument}`" not in text
        ]


def test_bounds_stand_in_the_table_of_arguments(pages: dict[str, str]) -> None:
    rows = pages["tools/text_to_image.md"].splitlines()
    assert any(row.startswith("| `steps` | integer, 1 to 35 | `30` |") for row in rows)


def test_each_error_has_its_row(pages: dict[str, str]) -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    tree = [kind.__name__ for kind in kinds if issubclass(kind, errors.VisionCraftError)]
    assert len(tree) > 20
    assert not [name for name in tree if f"[`{name}`]" not in pages["errors.md"]]
    assert pages["errors.md"].count("[`InvalidRequestError`]") == 1


def test_links_lead_to_where_things_are_on_the_site(imported: ModuleType) -> None:
    text = (
        "[a](../errors.md#x) ![b](../../cookbook/assets/demo-page.jpg) [c](https://example.org)\n"
        '[d](../../SECURITY.md) <audio src="../../cookbook/assets/spoken_note.ogg">\n'
        "[e](../../cookbook/01_quickstart.ipynb) [f](#here)\n```\n[a](../gone.md)\n```\n"
    )
    page = imported.on_the_site(text, ROOT / "docs/guides/chat.md", "guides/chat.md")
    assert page == (
        "[a](../errors.md#x) ![b](../assets/demo-page.jpg) [c](https://example.org)\n"
        '[d](../security.md) <audio src="../assets/spoken_note.ogg">\n'
        "[e](../notebooks/01_quickstart.md) [f](#here)\n```\n[a](../gone.md)\n```\n"
    )


def test_a_link_to_nothing_is_named(imported: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"guides/chat\.md links to \.\./\.\./gone\.md"):
        imported.on_the_site("[x](../../gone.md)", ROOT / "docs/guides/chat.md", "guides/chat.md")
    with pytest.raises(ValueError, match=r"links to \.\./Makefile: it is not in ELSEWHERE"):
        imported.on_the_site("[x](../Makefile)", ROOT / "docs/start.md", "start.md")


def test_the_check_finds_broken_links_and_other_hosts(checker: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1><a href="folder/b.html#here">b</a><a href="#top">top</a>'
        '<a href="https://example.org">elsewhere</a><a href="gone.html">gone</a>'
        '<a href="folder/b.html#nowhere">nowhere</a><script src="https://example.org/a.js"></script>'
    )
    (tmp_path / "folder/b.html").write_text('<p id="here"><img src="/logo.png">')
    assert list(checker.problems(tmp_path)) == [
        "folder/b.html: /logo.png: is absolute, and breaks in a folder or without a server",
        "index.html: gone.html: leads to nothing",
        "index.html: folder/b.html#nowhere: leads to a page without this anchor",
        "index.html: https://example.org/a.js: is loaded from another host",
    ]


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()}
    assert max(sizes.values()) < 60_000
    assert sum(sizes.values()) < 700_000


def test_each_framework_has_one_example_and_a_row() -> None:
    """`make interop` runs them."""
    examples = interop.snippets()
    rows = re.findall(r"^\| \[(.+?)\]\(#", interop.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each.framework for each in examples] == rows
    assert {each.language for each in examples} == {"python", "js", "sh"}
    for each in examples:
        if each.language == "python":
            compile(each.code, each.framework, "exec")


def test_the_rows_for_langchains_lists_name_what_there_is() -> None:
    file = ROOT / "docs/writing/langchain-listing.yaml"
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    for kind in ("chat", "tools", "document_loaders"):
        for row in rows[kind]:
            assert row["pypi"] == "langchain-visioncraft"
            assert hasattr(langchain_visioncraft, row["name"])


def test_what_the_reference_shows_is_defined_where_it_says() -> None:
    shown = [
        name
        for page in (ROOT / "docs/reference").glob("*.md")
        for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(shown) > 30
    for name in shown:
        module, _, last = name.rpartition(".")
        if last[0].isupper():
            found = getattr(importlib.import_module(module), last)
            assert getattr(found, "__module__", module) == module, name
        else:
            found = importlib.import_module(module)
            assert hasattr(found, last) or importlib.import_module(name), name
