"""The Typer application: which commands there are, and where each is found."""

from __future__ import annotations

from typing import Annotated

import typer

from langchain_visioncraft.cli.lazy import LazyCommand, LazyGroup
from langchain_visioncraft.version import __version__

_CLI = "langchain_visioncraft.cli"
_SANDBOX = "visioncraft_sandbox.commands"

COMMANDS = {
    "image": LazyCommand("Draw a picture from words.", f"{_CLI}.capabilities:image"),
    "edit": LazyCommand("Change a picture by words.", f"{_CLI}.capabilities:edit"),
    "gif": LazyCommand("Make an animated GIF from words.", f"{_CLI}.capabilities:gif"),
    "video": LazyCommand("Make a short video of a picture.", f"{_CLI}.capabilities:video"),
    "upscale": LazyCommand("Give a picture more pixels.", f"{_CLI}.capabilities:upscale"),
    "transcribe": LazyCommand(
        "Write down what is said in a recording.", f"{_CLI}.capabilities:transcribe"
    ),
    "caption": LazyCommand(
        "Describe a picture, or answer a question about it.", f"{_CLI}.capabilities:caption"
    ),
    "chat": LazyCommand("Ask a chat model once, or talk to it.", f"{_CLI}.chat:chat"),
    "models": LazyCommand("List the names that a host knows.", f"{_CLI}.host:models"),
    "limits": LazyCommand("Show the limits of each tier.", f"{_CLI}.host:limits"),
    "store": LazyCommand("Look into a media store.", f"{_CLI}.store:store"),
    "mcp": LazyCommand(
        "Serve the tools to MCP clients, over stdio or HTTP.",
        "langchain_visioncraft.cli.mcp:mcp",
        extra="mcp",
    ),
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
