"""``make faults``: the fault matrix of endpoints and chat models, sync and async.

Arguments are names of columns, such as ``text_to_image``; without any, all are tried.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from client_driving import DRIVERS
from fault_callers import WAYS
from fault_cells import Bench, Outcome
from fault_columns import COLUMNS, Column
from fault_hosts import elsewhere_is_here, little_room, short_waits
from fault_table import Row, rows
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

WORKERS = 4
Found = dict[tuple[str, str, str], Outcome]
"""What became, by row, column and driver."""


def try_column(column: Column, table: list[Row], tell: Callable[[], Any]) -> Found:
    """One column, sync and async over each transport, with each fault in turn."""
    found: Found = {}
    ways = DRIVERS if column.name.startswith("Chat") else WAYS
    with Bench(column) as bench:
        for row, driver in itertools.product(table, ways):
            outcome = bench.outcome(row, driver)
            if outcome is not None:
                found[row.name, column.name, driver] = outcome
            tell()
    return found


def show(console: Console, table: list[Row], columns: int, found: Found) -> None:
    """A line a fault: what happens, and in how many cells; then what is not as expected."""
    shown = Table("fault", "what happens", "cells", "good", title="Fault matrix")
    for row in table:
        cells = [found[key] for key in found if key[0] == row.name]
        told = dict.fromkeys(cell.found for cell in cells)
        good = sum(cell.is_good for cell in cells)
        style = None if good == len(cells) else "red"
        shown.add_row(row.name, ", ".join(told), str(len(cells)), str(good), style=style)
    console.print(shown)
    for (row_name, column, driver), outcome in found.items():
        if not outcome.is_good:
            console.print(f"{row_name} | {column} | {driver}: {outcome}", style="red", markup=False)
    good = sum(outcome.is_good for outcome in found.values())
    console.print(f"{good} of {len(found)} cells are good ({columns} columns, sync and async).")


def try_all(columns: list[Column], table: list[Row], tell: Callable[[], Any]) -> Found:
    """All columns, some at a time: much of it is waiting."""
    # Those with models first: they take longest.
    ordered = sorted(columns, key=lambda column: not column.models)
    with short_waits(), little_room(), elsewhere_is_here(), ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(lambda column: try_column(column, table, tell), ordered)
        return {key: outcome for part in parts for key, outcome in part.items()}


def main(names: list[str]) -> int:
    """Try what was asked for; 1 if anything is not as expected."""
    columns = [column for column in COLUMNS if not names or column.name in names]
    table = rows()
    console = Console(width=None if sys.stdout.isatty() else 140)
    descriptors = _descriptors()
    with Progress(console=console, transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("faults", total=len(columns) * len(table) * len(WAYS))
        found = try_all(columns, table, lambda: progress.advance(bar))
    show(console, table, len(columns), found)
    console.print(f"{_descriptors() - descriptors} file descriptors more than before.")
    return 0 if all(outcome.is_good for outcome in found.values()) else 1


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
