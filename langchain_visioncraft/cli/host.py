"""``visioncraft models`` and ``visioncraft limits``: what a host offers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from langchain_visioncraft.cli.inputs import connected
from langchain_visioncraft.cli.problems import in_a_line, note, print_json
from langchain_visioncraft.cli.results import say, working
from langchain_visioncraft.client.lists import LISTS, Family, ListKind
from langchain_visioncraft.errors import EndpointNotFoundError


def models(
    *,
    family: Family | None,
    kind: ListKind,
    base_model: str | None,
    contains: str | None,
    connection: Mapping[str, Any],
    as_json: bool,
) -> None:
    """List the models, samplers, schedulers, LoRAs or refiners that a host offers."""
    if base_model and not family:
        msg = "--base-model needs a family with lists for each base model: image or sd."
        raise click.UsageError(msg)
    with connected(connection) as client:
        lists = []
        offered: list[Any] = [each for each, listed in LISTS if listed == kind]
        for each in [family] if family else offered:
            with working(f"Asking for the {kind} of {each}"):
                try:
                    names = client.list_names(family=each, kind=kind, base_model=base_model)
                except EndpointNotFoundError as error:  # hosts differ in what they offer
                    if family:
                        raise
                    note(str(error))
                    continue
            found = [name for name in names if (contains or "").lower() in name.lower()]
            lists.append({"family": each, "kind": kind, "names": found})
    if as_json:
        print_json({"lists": lists})
        return
    for entry in lists:
        # With one family, a line is a name, for scripts; with several, the family precedes it.
        before = "" if family else f"{entry['family']}\t"
        for name in entry["names"]:
            say(f"{before}{in_a_line(name)}\n")


def limits(*, connection: Mapping[str, Any], as_json: bool) -> None:
    """Show the limits of each tier."""
    with connected(connection) as client, working("Asking for limits"):
        tiers = client.limits()
    if as_json:
        print_json(tiers)
        return
    for row in _leaves(tiers):
        line = "\t".join(map(in_a_line, row))
        say(f"{line.expandtabs(20) if sys.stdout.isatty() else line}\n")


def _leaves(tiers: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for tier, what in tiers.items():
        if isinstance(what, Mapping):
            yield from ((tier, str(name), str(limit)) for name, limit in what.items())
        else:
            yield tier, "", str(what)
