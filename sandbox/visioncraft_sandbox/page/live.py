"""Server-sent events: each change of the journal as HTML."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.page.views import Filter, Writer, summary

_PAUSE = 0.15
"""Seconds between updates: a burst of requests becomes one."""
_HEARTBEAT = 15.0
"""Seconds after which a silent connection sends a comment, and notices if nobody listens."""
_MOST = 40
"""With more changes than this the whole list is sent."""


async def events(
    journal: Journal,
    writer: Writer,
    wanted: Filter,
    known: str,
    run: Callable[[Callable[[], str]], Awaitable[str]],
) -> AsyncIterator[str]:
    """The changes from now on.

    There are four kinds: ``list`` (the whole list), ``entry`` (a new one), ``entry-N`` (number N
    has changed) and ``summary``. `known` is the id of the last event, or of the list, that the
    browser has, `run` runs a task in a thread.
    """
    mark, _, digits = known.partition("-")
    seen = int(digits) if mark == journal.mark and digits.isdecimal() and len(digits) < 19 else None
    listed = _listed_at(journal, wanted, seen) if seen is not None else set()
    yield "retry: 1000\n\n"
    while not journal.closed:
        version = journal.version
        changed = [
            entry for entry in reversed(journal.entries()) if seen is None or entry.version > seen
        ]
        updates = []
        if seen is None or len(changed) > _MOST:
            shown = [entry for entry in journal.entries() if wanted.takes(entry)]
            listed = {entry.number for entry in shown}
            updates.append(("list", await run(partial(writer.listed, shown))))
        else:
            for entry in changed:
                if entry.number in listed:
                    name = f"entry-{entry.number}"
                elif wanted.takes(entry):
                    name = "entry"
                    listed.add(entry.number)
                else:
                    continue
                updates.append((name, await run(partial(writer.item, entry))))
        if changed or seen is None:
            updates.append(("summary", summary(journal.entries())))
        seen = version
        for name, text in updates:
            yield _event(name, text, f"{journal.mark}-{version}")
        try:
            await asyncio.wait_for(journal.wait(version), _HEARTBEAT)
        except TimeoutError:
            yield ": still here\n\n"
        if not journal.closed:
            await asyncio.sleep(_PAUSE)


def _listed_at(journal: Journal, wanted: Filter, version: int) -> set[int]:
    """The entries that the list of this version holds."""
    return {
        entry.number
        for entry in journal.entries()
        if entry.born <= version
        and wanted.takes_endpoint(entry)
        # An entry that changed later was not done then, and so was no failure.
        and (wanted.takes(entry) if entry.version <= version else not wanted.failed)
    }


def _event(name: str, text: str, number: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\nid: {number}\n{lines}\n"
