"""``visioncraft usage``: the ledger of a media store, added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import click

from langchain_visioncraft.cli.base import STORE, Choice, Command, option, print_json
from langchain_visioncraft.cli.results import JSON
from langchain_visioncraft.media import MediaStore, Usage

_BY: dict[str, Callable[[Usage], str]] = {
    "tool": lambda call: call.tool.removeprefix("visioncraft_"),
    "endpoint": lambda call: call.endpoint,
    "model": lambda call: call.model or "-",
    "user": lambda call: call.user or "-",
    "day": lambda call: call.time[:10],
}


def _usage(by: str, user: str | None, store: str, as_json: bool) -> None:
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
            f"{name!s:28} {sums['calls']:5} calls {sums['media']:5} media "
            f"{sums['pixels'] / 1e6:8.1f} megapixels {sums['seconds']:8.1f} s"
            f"{sums['cached']:5} cached"
        )


def _sums(calls: list[Usage]) -> dict[str, float]:
    """Media and time of the calls that were made, and how many were not."""
    made = [call for call in calls if not call.cached]
    return {
        "calls": len(made),
        "media": sum(call.media for call in made),
        "pixels": sum(call.pixels for call in made),
        "seconds": round(sum(call.seconds for call in made), 3),
        "cached": len(calls) - len(made),
    }


usage = Command(
    None,
    params=[
        option("--by", "What to add up by.", type=Choice(_BY), default="tool"),
        option("--user", "The store of this user of a context, inside of the store."),
        STORE,
        JSON,
    ],
    callback=_usage,
)
