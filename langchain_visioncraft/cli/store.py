"""``visioncraft store``: what is in a media store, and where it came from."""

from __future__ import annotations

import dataclasses
import sys

import click

from langchain_visioncraft.cli.base import STORE, Argument, Group, option, print_json
from langchain_visioncraft.cli.pictures import show_picture
from langchain_visioncraft.cli.results import JSON
from langchain_visioncraft.errors import UnknownHandleError
from langchain_visioncraft.media import MediaStore

HANDLE = Argument("handle", "A handle, such as a1b2c3d4e5f6.png.")

store = Group("store")


@store.command("list", params=[STORE, JSON])
def _list(store: str, as_json: bool) -> None:
    """List the media, oldest first."""
    media = list(MediaStore(store))
    if as_json:
        print_json({"media": [medium.model_dump(exclude_none=True) for medium in media]})
        return
    for medium in media:
        click.echo(medium.describe())


@store.command("show", params=[HANDLE, STORE])
def _show(handle: str, store: str) -> None:
    """Show a picture and its facts."""
    medium = MediaStore(store).get(handle)
    show_picture(medium, show=True)
    click.echo(medium.describe())


@store.command("path", params=[HANDLE, STORE])
def _path(handle: str, store: str) -> None:
    """Print the path or URL of a medium."""
    click.echo(MediaStore(store).get(handle).location)


@store.command("provenance", params=[HANDLE, STORE])
def _provenance(handle: str, store: str) -> None:
    """Print as JSON what made a medium, of what, with which arguments."""
    print_json(MediaStore(store).provenance(handle))


@store.command(
    "rm",
    params=[
        Argument("handles", "What to remove.", metavar="HANDLE...", nargs=-1, required=True),
        option("--yes -y", "Do not ask.", is_flag=True),
        STORE,
        JSON,
    ],
)
def _rm(handles: tuple[str, ...], yes: bool, store: str, as_json: bool) -> None:
    """Remove media, after a question if in a terminal."""
    media = MediaStore(store)
    for handle in handles:
        if handle not in media:
            msg = f"There is no {handle!r} in the media store {store!r}; nothing was removed."
            raise UnknownHandleError(msg)
    if not yes and sys.stdin.isatty():
        # Not by click.confirm, whose older versions write a blank into a pipe.
        click.echo(f"Remove {', '.join(handles)} for good? [y/N] ", err=True, nl=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise click.exceptions.Exit(1)
    for handle in handles:
        media.remove(handle)
        if not as_json:
            click.echo(handle)
    if as_json:
        print_json({"removed": handles})


@store.command(
    "verify",
    params=[
        option("--quick", "Compare only sizes and sidecars.", is_flag=True),
        option("--repair", "Rewrite sidecars, remove leftovers.", is_flag=True),
        STORE,
        JSON,
    ],
)
def _verify(quick: bool, repair: bool, store: str, as_json: bool) -> None:
    """Look for damage; the exit code is 1 if any is left."""
    problems = []
    for problem in MediaStore(store).verify(contents=not quick, repair=repair):
        problems.append(problem)
        if not as_json:
            click.echo(problem)
    if as_json:
        print_json({"problems": [dataclasses.asdict(problem) for problem in problems]})
    if any(not problem.repaired for problem in problems):
        raise click.exceptions.Exit(1)


@store.command("sweep", params=[STORE])
def _sweep(store: str) -> None:
    """Remove what interrupted saves left behind, never media."""
    click.echo(f"{MediaStore(store).sweep()} leftovers removed.")
