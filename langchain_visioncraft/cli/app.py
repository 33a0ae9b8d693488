"""The Typer application: which commands there are, and where each is found."""

from __future__ import annotations

from typing import Annotated

import typer

from langchain_visioncraft.cli.lazy import LazyCommand, LazyGroup
from langchain_visioncraft.version import __version__

_SANDBOX = "langchain_visioncraft.sandbox.commands"

COMMANDS = {
    "sandbox": LazyCommand(
        "Serve the VisionCraft API on this machine, with no key and no network.",
        f"{_SANDBOX}:sandbox",
        extra="sandbox",
    ),
    "setup": LazyCommand(
        "Install the weights of the sandbox's models for chat and upscaling.",
        f"{_SANDBOX}:setup",
        extra="sandbox",
    ),
}

EPILOG = (
    "The key is read from VISIONCRAFT_API_KEY; --sandbox needs none. "
    "Exit codes: 1 other errors, 2 usage, 3 key or subscription, 4 rate limit, "
    "5 host not reached, 6 refused or failed by the service, 130 interrupted."
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"langchain-visioncraft {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="visioncraft",
    cls=LazyGroup.of(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


@app.callback()
def visioncraft(
    version: Annotated[  # its callback has done it
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Pictures, GIFs, videos, transcripts and chat by the VisionCraft API."""
