"""Checks a built site: internal links and anchors lead somewhere, nothing comes from other hosts.

``python docs/check_site.py site`` prints what is wrong, and fails if anything is. It reads the
HTML, so that links in raw HTML and in docstrings are checked like those in Markdown. Links to
other hosts are not followed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "video": "src", "audio": "src", "source": "src"}
"""What a browser loads by itself; `link` is loaded unless it only names a page."""
_NAMES_ONLY = {"canonical", "next", "prev", "alternate", "edit"}


class Link(NamedTuple):
    """A link in a page, and whether a browser follows it by itself."""

    target: str
    loaded: bool


class Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and how it can be linked to."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(Link(given["href"], loaded=False))
        elif tag == "link" and "href" in given:
            loaded = not _NAMES_ONLY.intersection(given.get("rel", "").split())
            self.links.append(Link(given["href"], loaded=loaded))
        elif tag in LOADED and given.get(LOADED[tag]):
            self.links.append(Link(given[LOADED[tag]], loaded=True))


def problems(site: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    files = sorted(site.resolve().rglob("*.html"))
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in files}
    for path, page in pages.items():
        if path.name == "404.html":  # servers show it for any address, so its links are absolute
            continue
        for link in page.links:
            problem = _problem(link, path, pages)
            if problem:
                yield f"{path.relative_to(site.resolve())}: {link.target}: {problem}"


def _problem(link: Link, path: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(link.target)
    if parts.scheme or parts.netloc:
        foreign = link.loaded and parts.scheme != "data"
        return "is loaded from another host" if foreign else None
    if parts.path.startswith("/"):
        return "is absolute, and breaks in a folder or without a server"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return "leads to nothing"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "leads to a page without this anchor"
    return None


def main(site: Path) -> int:
    """Print all problems; 1 if there are any."""
    found = list(problems(site))
    print("\n".join(found) or f"All links within {site} lead somewhere.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
