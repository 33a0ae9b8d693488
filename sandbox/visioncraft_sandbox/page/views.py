"""Entries as HTML, and their changes as server-sent events."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.journal import Entry, Journal
from visioncraft_sandbox.page.reading import Reading, is_read, read

_READ_AT_ONCE = 1 << 18
"""Bytes of bodies that a page reads before it answers."""
_PAUSE = 0.15
"""Seconds between updates: a burst of requests becomes one."""
_HEARTBEAT = 100
"""Updates without a change, after which a comment is sent, to notice if the browser left."""
_MOST_CHANGES = 40
"""With more changes than this the whole list is sent."""
_LATER = Reading(later=True, path="…", notes=("Its large bodies are being read.",))


@dataclass(frozen=True)
class Filter:
    """Selects entries of an endpoint such as ``GET /files/{name}``, or failures only."""

    endpoint: str = ""
    failed: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether this entry is shown."""
        if self.failed and not entry.failed:
            return False
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


class Writer:
    """Writes entries of one journal as HTML. Its methods read bodies: call them in threads."""

    def __init__(self, journal: Journal, files: FileStore) -> None:
        self._journal = journal
        self._files = files

    def read(self, entry: Entry) -> Reading:
        """The readable part of an entry."""
        found = read(entry, self._files)
        self._journal.make_room()
        return found

    def items(self, entries: Iterable[Entry]) -> Markup:
        """Items of a list; a browser loads those later whose bodies take long to read."""
        left, written = _READ_AT_ONCE, []
        for entry in entries:
            size = 0 if is_read(entry) else entry.to_read
            fits = size <= left
            left -= size if fits else 0
            written.append(self.item(entry) if fits else self._write(entry, _LATER))
        return Markup("").join(written)

    def listed(self, entries: Iterable[Entry]) -> str:
        """The list of entries."""
        return render("list.html", items=functools.partial(self.items, entries))

    def item(self, entry: Entry) -> Markup:
        """One item of the list, written again only if its entry has changed."""
        item = entry.item
        if item is None or item[0] != entry.version:
            item = entry.item = entry.version, self._write(entry, self.read(entry))
        return Markup(item[1])  # noqa: S704  # a template wrote it, and escaped every value

    def _write(self, entry: Entry, reading: Reading) -> Markup:
        text = render("item.html", entry=entry, reading=reading, mark=self._journal.mark)
        return Markup(text)  # noqa: S704  # as above


def summary(entries: Sequence[Entry]) -> str:
    """The numbers of all, failed and unfinished entries, as text."""
    failed = sum(entry.failed for entry in entries)
    under_way = sum(not entry.done for entry in entries)
    parts = [f"{len(entries)} request{'s' if len(entries) != 1 else ''}"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{under_way} under way"] if under_way else []
    return " · ".join(parts)


def events(
    journal: Journal,
    writer: Writer,
    wanted: Filter,
    known: str,
    run: Callable[[Callable[[], str]], Awaitable[str]],
) -> AsyncIterator[str]:
    """The changes from now on.

    There are four kinds: ``list`` (the whole list), ``entry`` (a new one), ``entry-N`` (number N
    has changed) and ``summary``. `known` is the id of the last event, or of the list, that the
    browser has: unless it is the latest, the whole list is sent. `run` runs a task in a thread.
    """
    # Decided before the answer begins, so that nothing is missed.
    listed = {entry.number for entry in journal.entries() if wanted.takes(entry)}
    seen = journal.version if known == f"{journal.mark}-{journal.version}" else None

    async def updates(entries: list[Entry]) -> list[tuple[str, str]]:
        changed = [each for each in reversed(entries) if seen is None or each.version > seen]
        if seen is None or len(changed) > _MOST_CHANGES:
            shown = [entry for entry in entries if wanted.takes(entry)]
            listed.update(entry.number for entry in shown)
            return [("list", await run(functools.partial(writer.listed, shown)))]
        found = []
        for entry in changed:
            is_listed = entry.number in listed
            if is_listed or wanted.takes(entry):
                listed.add(entry.number)
                name = f"entry-{entry.number}" if is_listed else "entry"
                found.append((name, await run(functools.partial(writer.item, entry))))
        return found

    async def written() -> AsyncIterator[str]:
        nonlocal seen
        yield "retry: 1000\n\n"
        quiet = 0
        while not journal.closed:
            version, entries = journal.version, journal.entries()
            quiet += 1
            if version != seen:
                quiet = 0
                for name, text in (*await updates(entries), ("summary", summary(entries))):
                    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
                    yield f"event: {name}\nid: {journal.mark}-{version}\n{lines}\n"
                seen = version
            elif quiet % _HEARTBEAT == 0:
                yield ": still here\n\n"
            await asyncio.sleep(_PAUSE)

    return written()
