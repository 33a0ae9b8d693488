"""``visioncraft store`` and ``visioncraft usage``: the media in a store, and what they cost."""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.problems import in_a_line, note, print_json
from langchain_visioncraft.cli.results import say, show_picture
from langchain_visioncraft.errors import UnknownHandleError
from langchain_visioncraft.media import MediaStore, Usage
from langchain_visioncraft.media.urls import is_url


def store_list(store: str, as_json: bool) -> None:
    """List the media, oldest first."""
    media = list(MediaStore(store))
    if not (media or is_url(store) or Path(store).is_dir()):
        note(f"There is no folder {store!r}.")
    if as_json:
        print_json({"media": [medium.model_dump(exclude_none=True) for medium in media]})
        return
    for medium in media:
        click.echo(medium.describe())


def store_show(handle: str, store: str) -> None:
    """Show a picture and its details."""
    medium = MediaStore(store).get(handle)
    show_picture(medium, show=True)
    click.echo(medium.describe())


def store_path(handle: str, store: str) -> None:
    """Print the path or URL of a medium."""
    click.echo(MediaStore(store).get(handle).location)


def store_provenance(handle: str, store: str) -> None:
    """Print the provenance of a medium as JSON: its tool, sources and arguments."""
    print_json(MediaStore(store).provenance(handle))


def store_rm(handles: tuple[str, ...], yes: bool, store: str, as_json: bool) -> None:
    """Remove media; in a terminal, ask first."""
    media = MediaStore(store)
    for handle in handles:
        if handle not in media:
            msg = f"There is no {handle!r} in the media store {store!r}; nothing was removed."
            raise UnknownHandleError(msg)
    if not yes and sys.stdin.isatty():
        # Not with click.confirm, whose older versions write a blank into a pipe.
        click.echo(f"Remove {', '.join(handles)} for good? [y/N] ", err=True, nl=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise click.exceptions.Exit(1)
    for handle in handles:
        media.remove(handle)
        if not as_json:
            click.echo(handle)
    if as_json:
        print_json({"removed": handles})


def store_verify(quick: bool, repair: bool, store: str, as_json: bool) -> None:
    """Check for damage; the exit code is 1 if any remains."""
    problems = []
    for problem in MediaStore(store).verify(contents=not quick, repair=repair):
        problems.append(problem)
        if not as_json:
            say(f"{in_a_line(problem)}\n")  # file names may come from others
    if as_json:
        print_json({"problems": [dataclasses.asdict(problem) for problem in problems]})
    if any(not problem.repaired for problem in problems):
        raise click.exceptions.Exit(1)


def store_sweep(store: str) -> None:
    """Remove leftovers of interrupted saves, never media."""
    click.echo(f"{MediaStore(store).sweep()} leftovers removed.")


_BY: dict[str, Callable[[Usage], str]] = {
    "tool": lambda call: call.tool.removeprefix("visioncraft_"),
    "endpoint": lambda call: call.endpoint,
    "model": lambda call: call.model or "-",
    "user": lambda call: call.user or "-",
    "day": lambda call: call.time[:10],
}


def usage(by: str, user: str | None, store: str, as_json: bool) -> None:
    """Add up the calls of the ledger."""
    place = MediaStore(store)
    groups: dict[str, list[Usage]] = defaultdict(list)
    for call in (place.of_user(user) if user is not None else place).usage():
        groups[_BY[by](call)].append(call)
    rows: list[dict[str, Any]] = [
        {by: name, **_sums(calls)} for name, calls in sorted(groups.items())
    ]
    if as_json:
        print_json({"usage": rows})
        return
    every = [call for calls in groups.values() for call in calls]
    for name, sums in [*((row[by], row) for row in rows), ("all", _sums(every))]:
        click.echo(
            f"{in_a_line(name):28} {sums['calls']:5} calls {sums['media']:5} media "
            f"{sums['pixels'] / 1e6:8.1f} megapixels {sums['seconds']:8.1f} s"
            f"{sums['cached']:5} cached"
        )


def _sums(calls: list[Usage]) -> dict[str, float]:
    """The media and time of real calls, and the number of cached ones."""
    made = [call for call in calls if not call.cached]
    return {
        "calls": len(made),
        "media": sum(call.media for call in made),
        "pixels": sum(call.pixels for call in made),
        "seconds": round(sum(call.seconds for call in made), 3),
        "cached": len(calls) - len(made),
    }
