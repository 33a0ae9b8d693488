"""Keeps the pages complete, and gathers the sources of the site.

``python docs/write_pages.py`` writes into ``docs/`` what follows from the code: the pages of the
tools, and the tables between ``<!-- generated: NAME -->`` and ``<!-- end -->``. So the pages can be
read anywhere. It also writes the table from which the command line takes its options.
``python docs/write_pages.py FOLDER`` copies everything that the site consists of into a folder,
with the notebooks as pages.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from writing import options, tables, tool_pages

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

GENERATED: dict[str, Callable[[], str]] = {
    "endpoints": tables.endpoints,
    "lists": tables.lists,
    "errors": tables.errors,
    "gallery": tool_pages.gallery,
    "parameters": tool_pages.parameters,
    "tools": tool_pages.table,
    "tools of the readme": tool_pages.readme_table,
    "reference of the tools": tool_pages.reference,
    "navigation of the tools": tool_pages.navigation,
}

ELSEWHERE = {
    "README.md": "index.md",
    "sandbox/README.md": "guides/sandbox.md",
    "cookbook": "recipes/index.md",
    "benchmarks/README.md": "measuring.md",
    "benchmarks/results.svg": "assets/results.svg",
    **dict.fromkeys(("NOTICE", "sandbox/NOTICE"), "licences.md"),
    **{f"{name}.md": f"{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")},
    **{f"cookbook/{path.name}": f"notebooks/{path.stem}.md"
       for path in sorted((ROOT / "cookbook").glob("*.ipynb"))},
    **{f"cookbook/{path.name}": f"scripts/{path.stem}.md"
       for path in sorted((ROOT / "cookbook").glob("*.py")) if "\ndef main()" in path.read_text()},
    **{f"cookbook/assets/{path.name}": f"assets/{path.name}"
       for path in sorted((ROOT / "cookbook/assets").glob("*.*"))},
}  # fmt: skip
"""Where files that lie outside of ``docs/`` are on the site."""

_SECTION = re.compile(
    r"((?:<!--|#) generated: ([a-z ]+?)(?: -->)?\n).*?(\n?^ *(?:<!--|#) end(?: -->)?$)",
    re.DOTALL | re.MULTILINE,
)
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"""(?P<before>\]\(|src=")(?P<path>[^)\s"#:]+)(?P<anchor>#[^)\s"]*)?(?=[)"])""")


def pages() -> dict[Path, str]:
    """The pages in ``docs/``, README and navigation, as they should be."""

    def generated(part: re.Match[str]) -> str:
        return f"{part[1]}{GENERATED[part[2]]()}\n{part[3].lstrip(chr(10))}"

    sources = [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "mkdocs.yml"]
    written = {path: _SECTION.sub(generated, path.read_text()) for path in sources}
    written |= {DOCS / f"tools/{n}.md": text for n, text in tool_pages.pages().items()}
    return written | {ROOT / "langchain_visioncraft/cli/options.json": options.table()}


def gather(folder: Path) -> None:
    """Write the sources of the site into a folder; what was in it is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.py", "*.txt", "*.yaml", "__pycache__")
    shutil.copytree(DOCS, folder, ignore=ignored, ignore_dangling_symlinks=True)
    for path in sorted(folder.rglob("*.md")):
        name = str(path.relative_to(folder))
        path.write_text(on_the_site(path.read_text(), DOCS / name, name))
    for source, target in ELSEWHERE.items():
        if source in ("README.md", "cookbook"):  # their pages are written for the site
            continue
        (folder / target).parent.mkdir(exist_ok=True)
        if source.endswith(".ipynb"):
            _notebook(ROOT / source, folder / target)
        elif source.endswith(".py"):
            _script(ROOT / source, folder / target)
        elif source.endswith(".md"):
            text = (ROOT / source).read_text()
            (folder / target).write_text(on_the_site(text, ROOT / source, target))
        else:
            shutil.copy(ROOT / source, folder / target)
    _licences(folder / "licences.md")


def on_the_site(text: str, source: Path, page: str) -> str:
    """A page's text, with links that lead out of ``docs/`` led to where things are on the site."""

    def lead(link: re.Match[str]) -> str:
        target = (source.parent / link["path"]).resolve()
        if target.is_relative_to(DOCS):
            place = str(target.relative_to(DOCS))
        else:
            place = ELSEWHERE.get(str(target.relative_to(ROOT)), "")
        if not place:
            why = "not in ELSEWHERE of docs/write_pages.py" if target.exists() else "missing"
            raise ValueError(f"{source.relative_to(ROOT)} links to {link['path']}: it is {why}.")
        relative = os.path.relpath(place, Path(page).parent)
        return f"{link['before']}{relative}{link['anchor'] or ''}"

    parts = _FENCE.split(text)
    return "".join(part if n % 2 else _LINK.sub(lead, part) for n, part in enumerate(parts))


def _notebook(source: Path, target: Path) -> None:
    from nbconvert import MarkdownExporter  # noqa: PLC0415 -- only the site needs it

    text, resources = MarkdownExporter().from_filename(source)
    for name, data in resources["outputs"].items():
        target.with_name(f"{target.stem}-{name}").write_bytes(data)
        text = text.replace(f"({name})", f"({target.stem}-{name})")
    target.write_text(text)


def _script(source: Path, target: Path) -> None:
    title, code = source.stem.replace("_", " ").capitalize(), source.read_text()
    target.write_text(
        f"# {title}\n\n`{source.relative_to(ROOT)}`\n\n```python\n{code}```\n", "utf-8"
    )


def _licences(page: Path) -> None:
    notices = [(ROOT / name).read_text() for name in ("sandbox/NOTICE", "NOTICE")]
    page.write_text("# Licences\n\n" + "\n".join(f"```text\n{text}```\n" for text in notices))


if __name__ == "__main__":
    if sys.argv[1:]:
        gather(Path(sys.argv[1]))
    else:
        for path, text in pages().items():
            path.write_text(text)
