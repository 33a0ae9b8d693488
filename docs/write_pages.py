"""Writes the site's sources: the pages, with what they include and what is generated.

``python docs/write_pages.py FOLDER`` fills the folder, from which the site is then built.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from writing import tables, tool_pages
from writing.includes import Includes

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

COPIED = {
    "cookbook/assets/demo-page.jpg": "assets/demo-page.jpg",
    "cookbook/assets/sandbox-page.jpg": "assets/sandbox-page.jpg",
    "cookbook/assets/command-line.png": "assets/command-line.png",
    "cookbook/assets/spoken_note.ogg": "assets/spoken_note.ogg",
    "benchmarks/results.svg": "assets/results.svg",
}
"""Files of the repository that pages show, where they are there."""

GENERATED: dict[str, Callable[[], str]] = {
    "endpoints": tables.endpoints,
    "lists": tables.lists,
    "errors": tables.errors,
    "gallery": tool_pages.gallery,
    "parameters": tool_pages.parameters,
    "tools": tool_pages.table,
    "benchmark chart": lambda: tables.chart(ROOT),
}
"""What stands for ``<!-- generated: NAME -->`` in a page."""


def pages() -> dict[str, str]:
    """Path → Markdown of each page, complete."""
    written = {
        str(path.relative_to(DOCS)): path.read_text(encoding="utf-8")
        for path in sorted(DOCS.rglob("*.md"))
    }
    written |= {f"tools/{name}.md": text for name, text in tool_pages.pages().items()}
    includes = Includes(ROOT, copied())
    includes.learn(written)
    return {name: includes.resolve(_generated(text), name) for name, text in written.items()}


def copied() -> dict[str, str]:
    """Files from elsewhere in the repository, and where they are on the site."""
    notebooks = {
        f"cookbook/{path.name}": f"notebooks/{path.name}"
        for path in sorted((ROOT / "cookbook").glob("*.ipynb"))
    }
    there = {**COPIED, **notebooks}
    return {source: target for source, target in there.items() if (ROOT / source).exists()}


def _generated(text: str) -> str:
    for name, write in GENERATED.items():
        comment = f"<!-- generated: {name} -->"
        if comment in text:
            text = text.replace(comment, write())
    return text


def main(folder: Path) -> None:
    """Write everything into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS / "pictures", folder / "pictures", ignore=shutil.ignore_patterns("*.txt"))
    shutil.copy(DOCS / "site.css", folder)
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for source, target in copied().items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
