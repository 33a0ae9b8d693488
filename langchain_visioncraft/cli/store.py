"""``visioncraft store``: what is in a media store, and where it came from."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.console import Console

from langchain_visioncraft.cli.options import AsJSON, Store
from langchain_visioncraft.cli.parameters import command
from langchain_visioncraft.cli.pictures import show_picture
from langchain_visioncraft.cli.problems import explained
from langchain_visioncraft.cli.results import print_json
from langchain_visioncraft.media import Media, MediaStore

Handle = Annotated[str, typer.Argument(help="A handle, such as a1b2c3d4e5f6.png.")]

store = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


def _list(*, place: Store, output: AsJSON) -> None:
    """List the media, oldest first."""
    with explained(output.as_json):
        media = list(MediaStore(place.store))
        if output.as_json:
            print_json({"media": [_plain(medium) for medium in media]})
            return
        for medium in media:
            typer.echo(medium.describe())


def _show(handle: Handle, *, place: Store) -> None:
    """Show a picture in the terminal, and what it is."""
    with explained():
        medium = MediaStore(place.store).get(handle)
        show_picture(medium, Console(), show=True)
        typer.echo(medium.describe())


def _path(handle: Handle, *, place: Store) -> None:
    """Print where a medium lies."""
    with explained():
        typer.echo(MediaStore(place.store).get(handle).location)


def _provenance(handle: Handle, *, place: Store) -> None:
    """Print which tool made a medium, of what, with which arguments: one JSON object."""
    with explained():
        print_json(MediaStore(place.store).provenance(handle))


def _verify(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare sizes and sidecars only, not contents.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write damaged sidecars anew, remove leftovers.")
    ] = False,
    place: Store,
    output: AsJSON,
) -> None:
    """Look for damage, one line a problem; the exit code is 1 if any is left."""
    with explained(output.as_json):
        problems = []
        for problem in MediaStore(place.store).verify(contents=not quick, repair=repair):
            problems.append(problem)
            if not output.as_json:
                typer.echo(problem)
    if output.as_json:
        print_json({"problems": [dataclasses.asdict(problem) for problem in problems]})
    if any(not problem.repaired for problem in problems):
        raise typer.Exit(1)


def _sweep(*, place: Store) -> None:
    """Remove what interrupted saves left behind; media and sidecars are never touched."""
    with explained():
        typer.echo(f"{MediaStore(place.store).sweep()} leftovers removed.")


def _plain(medium: Media) -> dict[str, Any]:
    return medium.model_dump(exclude_none=True)


store.command("list")(command(_list, place=Store, output=AsJSON))
store.command("show")(command(_show, place=Store))
store.command("path")(command(_path, place=Store))
store.command("provenance")(command(_provenance, place=Store))
store.command("verify")(command(_verify, place=Store, output=AsJSON))
store.command("sweep")(command(_sweep, place=Store))
