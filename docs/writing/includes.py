"""Sections of the repository's own documents, as parts of the site's pages.

A page says ``<!-- include: README.md#chat -->`` and gets the text under that heading, without the
heading itself; ``own`` before the closing mark leaves out what stands under deeper headings, and a
name without ``#`` takes the whole document. Links are led to where their targets are on the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

COMMENT = re.compile(r"<!-- include: (?P<file>[\w./-]+)(?:#(?P<slug>[\w-]+))?(?P<own> own)? -->")
_FENCE = re.compile(r"^\s*```")
_HEADING = re.compile(r"^(#+) +(.*)$")
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)")
_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "NOTICE": "notice.md",
    "sandbox/NOTICE": "notice.md",
    "README.md": "index.md",
    "cookbook": "recipes/index.md",
}
"""Where documents, as other documents name them, are on the site."""


class Section(NamedTuple):
    """A heading and where its text is, in lines."""

    slug: str
    level: int
    start: int
    end: int


def sections(text: str) -> list[Section]:
    """All sections of a document; what stands under deeper headings belongs to the upper, too."""
    found: list[tuple[str, int, int]] = []
    fenced = False
    lines = text.splitlines()
    for number, line in enumerate(lines):
        fenced ^= bool(_FENCE.match(line))
        match = _HEADING.match(line)
        if match and not fenced:
            found.append((slug_of(match[2]), len(match[1]), number))
    whole = []
    for index, (slug, level, number) in enumerate(found):
        later = (start for _, other, start in found[index + 1 :] if other <= level)
        whole.append(Section(slug, level, number + 1, next(later, len(lines))))
    return whole


def slug_of(heading: str) -> str:
    """The anchor of a heading, as code hosts and Python-Markdown make it."""
    kept = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
    return re.sub(r"[\s-]+", "-", kept)


class Includes:
    """Puts sections into pages, and knows which page has which section."""

    def __init__(self, root: Path, copied: Mapping[str, str]) -> None:
        self.root = root
        self.copied = copied
        self.homes: dict[str, dict[str, str]] = {}

    def learn(self, pages: Mapping[str, str]) -> None:
        """See which page includes what, so that links to a section can be led there."""
        for page, text in sorted(pages.items()):
            for match in COMMENT.finditer(text):
                if match["slug"]:
                    self._learn_section(page, match)

    def _learn_section(self, page: str, match: re.Match[str]) -> None:
        home = self.homes.setdefault(match["file"], {})
        section = self._section(match)
        home[section.slug] = page
        inner = [] if match["own"] else sections(self._text(match["file"]))
        for other in inner:
            if section.start < other.start and other.end <= section.end:
                home.setdefault(other.slug, f"{page}#{other.slug}")

    def resolve(self, markdown: str, page: str) -> str:
        """A page with its includes put in."""
        return COMMENT.sub(lambda match: self._included(match, page), markdown)

    def _included(self, match: re.Match[str], page: str) -> str:
        text = self._text(match["file"])
        if match["slug"]:
            section = self._section(match)
            lines = text.splitlines()[section.start : section.end]
            text = _promoted(lines, section.level - 1, own=bool(match["own"]))
        return _outside_fences(text, lambda prose: self._led(prose, match["file"], page))

    def _led(self, prose: str, document: str, page: str) -> str:
        def lead(link: re.Match[str]) -> str:
            target = self._target(link["target"], document, page)
            if target is None:
                return f"{link['text']} (`{link['target']}` in the repository)"
            return f"{link['image']}[{link['text']}]({target})"

        return _LINK.sub(lead, prose)

    def _target(self, link: str, document: str, page: str) -> str | None:
        """Where a link leads on the site; `None` for a file of the repository alone."""
        if "://" in link:
            return link
        path, _, anchor = link.partition("#")
        if path in self.copied:
            return _relative(self.copied[path], page)
        if not path:
            home = self.homes.get(document, {})
            return _relative(home[anchor], page) if anchor in home else link
        if path in _PAGES:
            return _relative(_PAGES[path] + (f"#{anchor}" if anchor else ""), page)
        if (self.root / path).exists():
            return None
        msg = f"{document} links to {path}, which is not there."
        raise ValueError(msg)

    def _section(self, match: re.Match[str]) -> Section:
        known = {section.slug: section for section in sections(self._text(match["file"]))}
        if match["slug"] not in known:
            msg = f"{match['file']} has no section {match['slug']!r}, only {', '.join(known)}"
            raise ValueError(msg)
        return known[match["slug"]]

    def _text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")


def _promoted(lines: list[str], levels: int, *, own: bool) -> str:
    kept: list[str] = []
    fenced = False
    for line in lines:
        fenced ^= bool(_FENCE.match(line))
        if _HEADING.match(line) and not fenced:
            if own:
                break
            kept.append(line[levels:])
        else:
            kept.append(line)
    return "\n".join(kept)


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))


def _relative(target: str, page: str) -> str:
    path, _, anchor = target.partition("#")
    relative = posixpath.relpath(path, posixpath.dirname(page) or ".")
    return f"{relative}#{anchor}" if anchor else relative
