"""Options that many commands share: the connection, and where results go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

_CONNECTION = "Connection"
_RESULT = "Result"


@dataclass(frozen=True)
class Connection:
    """Which host is asked, and how."""

    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Start a sandbox for this command: no key, no network.",
            rich_help_panel=_CONNECTION,
        ),
    ] = False
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The root of the host. Default: VISIONCRAFT_BASE_URL, else visioncraft.top.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Longest wait between two pieces of an answer. Default: 600.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            min=0, help="How often to try again. Default: 2.", rich_help_panel=_CONNECTION
        ),
    ] = None
    ca_bundle: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Certificates to trust for TLS.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class Store:
    """The media store."""

    store: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|URL",
            help="The media store, where handles are looked up and results are kept.",
            rich_help_panel=_RESULT,
        ),
    ] = "visioncraft-media"


@dataclass(frozen=True)
class Output:
    """Where a result goes."""

    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|FOLDER|-",
            help="Write the result here instead of into the store; - writes it to stdout.",
            rich_help_panel=_RESULT,
        ),
    ] = None
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object, errors included.", rich_help_panel=_RESULT
        ),
    ] = False


@dataclass(frozen=True)
class Display:
    """Whether pictures are shown."""

    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--no-show",
            help="Show pictures in the terminal. Default: if stdout is one.",
            rich_help_panel=_RESULT,
        ),
    ] = None


@dataclass(frozen=True)
class AsJSON:
    """Text for people, or for scripts."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, errors included.")
    ] = False
