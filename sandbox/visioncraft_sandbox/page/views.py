"""Entries as HTML."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.journal import Entry, Journal
from visioncraft_sandbox.page.reading import Reading, read


@dataclass(frozen=True)
class Filter:
    """Selects entries of an endpoint such as ``GET /files/{name}``, or failures only."""

    endpoint: str = ""
    failed: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether this entry is shown."""
        return self.takes_endpoint(entry) and (entry.failed or not self.failed)

    def takes_endpoint(self, entry: Entry) -> bool:
        """Whether its endpoint fits."""
        if not self.endpoint:
            return True
        method, _, path = self.endpoint.partition(" ")
        head, brace, _ = path.partition("{")
        fits = entry.path.startswith(head) if brace else entry.path == path
        return method == entry.method and fits


@functools.cache
def environment() -> jinja2.Environment:
    """The templates; every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["duration"] = duration
    return made


def render(template: str, **values: Any) -> str:
    """Fill in a template, without lone surrogates that callers may have sent."""
    text = environment().get_template(template).render(**values)
    return text.encode("utf-8", "replace").decode()


def duration(seconds: float) -> str:
    """A duration as text: ``8 ms``, ``1.4 s``, ``2 min 5 s``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


@dataclass(frozen=True)
class Row:
    """An entry and its readable part."""

    entry: Entry
    reading: Reading


class Writer:
    """Writes entries of one journal as HTML. Its methods read bodies: call them in threads."""

    def __init__(self, journal: Journal, files: FileStore) -> None:
        self._mark = journal.mark
        self._files = files

    def row(self, entry: Entry) -> Row:
        """The row of an entry."""
        return Row(entry, read(entry, self._files))

    def rows(self, entries: Iterable[Entry]) -> list[Row]:
        """The rows of entries."""
        return [self.row(entry) for entry in entries]

    def listed(self, entries: Iterable[Entry]) -> str:
        """The list of entries."""
        return render("list.html", rows=self.rows(entries), mark=self._mark)

    def item(self, entry: Entry) -> str:
        """One item of the list."""
        row = self.row(entry)
        return render("item.html", entry=row.entry, reading=row.reading, mark=self._mark)


def summary(entries: Sequence[Entry]) -> str:
    """How many there are, failed, and are unfinished, as text."""
    failed = sum(entry.failed for entry in entries)
    under_way = sum(not entry.done for entry in entries)
    parts = [f"{len(entries)} request{'s' if len(entries) != 1 else ''}"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{under_way} under way"] if under_way else []
    return " · ".join(parts)
