"""``visioncraft models`` and ``visioncraft limits``: what a host offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_visioncraft.cli.options import AsJSON, Connection
from langchain_visioncraft.cli.parameters import command
from langchain_visioncraft.cli.problems import explained, harmless, note
from langchain_visioncraft.cli.results import print_json, say
from langchain_visioncraft.cli.session import connected, working
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.schemas import LIST_PATHS, Family, ListKind, ListRequest
from langchain_visioncraft.errors import EndpointNotFoundError

_HELP = {name: field.description for name, field in ListRequest.model_fields.items()}


def _models(
    family: Annotated[
        Family | None, typer.Argument(help=f"{_HELP['family']} Default: all of them.")
    ] = None,
    kind: Annotated[ListKind, typer.Argument(help=_HELP["kind"])] = "models",
    contains: Annotated[str, typer.Option(metavar="TEXT", help="Only names with this text.")] = "",
    *,
    connection: Connection,
    output: AsJSON,
) -> None:
    with explained(output.as_json), connected(connection) as client:
        lists = []
        families = (
            [family]
            if family
            else [each for each in get_args(Family) if (each, kind) in LIST_PATHS]
        )
        for each in families:
            with working(f"Asking for the {kind} of {each}"):
                try:
                    names = client.run(endpoints.list_names(family=each, kind=kind))
                except EndpointNotFoundError as error:  # hosts differ in what they offer
                    if family:
                        raise
                    note(str(error))
                    continue
            found = [name for name in names if contains.lower() in name.lower()]
            lists.append({"family": each, "kind": kind, "names": found})
    if output.as_json:
        print_json({"lists": lists})
        return
    for entry in lists:
        # With one family a line is a name, for scripts; with several, the family stands before it.
        before = "" if family else f"{entry['family']}\t"
        for name in entry["names"]:
            say(f"{before}{name}\n")


def _limits(*, connection: Connection, output: AsJSON) -> None:
    with explained(output.as_json), connected(connection) as client, working("Asking for limits"):
        tiers = client.run(endpoints.limits())
    if output.as_json:
        print_json(tiers)
        return
    rows = list(_leaves(tiers))
    console = Console()
    if not console.is_terminal:
        for row in rows:
            say("\t".join(row) + "\n")
        return
    table = Table("tier", "what", "limit", box=None)
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console.print(table)


def _leaves(tiers: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for tier, what in tiers.items():
        if isinstance(what, Mapping):
            yield from ((tier, str(name), str(limit)) for name, limit in what.items())
        else:
            yield tier, "", str(what)


models = command(_models, connection=Connection, output=AsJSON)
limits = command(_limits, connection=Connection, output=AsJSON)
