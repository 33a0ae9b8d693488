"""The application: its commands as data.

A command declares its parameters, and names the function that does its work, which is imported when
it runs. So help, completion and usage errors cost little more than click.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from langchain_visioncraft._handshake import CONTENT_TYPES, first_answer
from langchain_visioncraft.cli.base import (
    Argument,
    Choice,
    Command,
    Group,
    Lazy,
    load,
    option,
    panel,
)
from langchain_visioncraft.cli.parameters import MEDIUM, parameters_of, variants_of

_HERE = "langchain_visioncraft.cli"


def _named(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Refuse an empty text, such as from an unset shell variable: it would mean something else."""
    if any(not each.strip() for each in ([value] if isinstance(value, str) else value or ())):
        raise click.BadParameter("it is empty.")
    return value


CONNECTION = panel(
    "Connection",
    option("--sandbox", "Start a sandbox for this command; no key is needed.", is_flag=True),
    option(
        "--base-url",
        "Root of the host. Default: VISIONCRAFT_BASE_URL.",
        metavar="URL",
        callback=_named,
    ),
    option("--timeout", "Longest wait for data. Default: 600.", type=float, metavar="SECONDS"),
    option("--retries max_retries", "How often to retry. Default: 2.", type=click.IntRange(0)),
    option("--ca-bundle verify", "Certificates to trust.", type=click.Path(), metavar="FILE"),
)
STORE, OUT, JSON, SHOW = panel(
    "Result",
    option(
        "--store",
        "Where to look up handles and keep results.",
        default="visioncraft-media",
        metavar="FOLDER|URL",
        callback=_named,
    ),
    option(
        "--out -o",
        "Write the result here instead of to the store; - is stdout.",
        type=click.Path(readable=False),
        metavar="FILE|FOLDER|-",
        callback=_named,
    ),
    option("--json as_json", "Print JSON, including errors.", is_flag=True),
    option("--show/--no-show", "Show pictures. Default: only in a terminal.", default=None),
)


HANDLE = Argument("handle", "A handle, such as a1b2c3d4e5f6.png.")
DEFAULT_CHAT_MODEL = "Llama-3.1-70B-Instruct"
_CONNECTION = [str(each.name) for each in CONNECTION]


def _command(work: str, *parameters: click.Parameter, first: str = "", **settings: Any) -> Command:
    """A command whose work is done by ``module:function`` next to this one.

    The parameters become its arguments; those of `CONNECTION` are one, ``connection``. `first` is
    the first argument of a function that does the work of several commands.
    """

    def run(**values: Any) -> None:
        if connection := {name: values.pop(name) for name in _CONNECTION if name in values}:
            values["connection"] = connection
        load(f"{_HERE}.{work}", "cli")(*([first] if first else []), **values)

    return Command(None, params=list(parameters), callback=run, **settings)


def _capability(name: str, variant: str | None = None) -> Command:
    """A command that calls an endpoint, with the parameters of its request."""
    shown = () if name in ("transcribe", "caption") else (SHOW,)
    parameters = [*parameters_of(name, variant), *CONNECTION, STORE, OUT, JSON, *shown]
    return _command("capabilities:run", *parameters, first=name)


def _again(way: str) -> Command:
    return _command("capabilities:again", HANDLE, *CONNECTION, STORE, OUT, JSON, SHOW, first=way)


def _chat() -> Command:
    return _command(
        "chat:run",
        Argument(
            "message",
            "What to say; - or a pipe reads stdin. In a terminal, leave it out for a conversation.",
            required=False,
        ),
        option("--model", f"Default: {DEFAULT_CHAT_MODEL}; with pictures, that of caption."),
        option("--system", "Instructions for the model."),
        option("--image images", "A picture to ask about; repeatable.", multiple=True, **MEDIUM),
        *parameters_of("chat"),
        *CONNECTION,
        STORE,
        JSON,
    )


def _models() -> Command:
    contains = option("--contains", "List only names with this text.", metavar="TEXT")
    return _command("host:models", *parameters_of("models"), contains, *CONNECTION, JSON)


def _store() -> Group:
    handles = Argument("handles", "What to remove.", metavar="HANDLE...", nargs=-1, required=True)
    commands: dict[str, tuple[str, list[click.Parameter]]] = {
        "list": ("List the media, oldest first.", [JSON]),
        "show": ("Show a picture and its details.", [HANDLE]),
        "path": ("Print the path or URL of a medium.", [HANDLE]),
        "provenance": (
            "Print the provenance of a medium as JSON: its tool, sources and arguments.",
            [HANDLE],
        ),
        "rm": (
            "Remove media; in a terminal, ask first.",
            [handles, option("--yes -y", "Do not ask.", is_flag=True), JSON],
        ),
        "verify": (
            "Check for damage; the exit code is 1 if any remains.",
            [
                option("--quick", "Compare only sizes and sidecars.", is_flag=True),
                option("--repair", "Rewrite sidecars, remove leftovers.", is_flag=True),
                JSON,
            ],
        ),
        "sweep": ("Remove leftovers of interrupted saves, never media.", []),
    }
    return Group(
        commands={
            name: _command(f"store:store_{name}", *parameters, STORE, help=text)
            for name, (text, parameters) in commands.items()
        }
    )


def _usage() -> Command:
    by = ["tool", "endpoint", "model", "user", "day"]
    user = "Count only the calls of this user, whose folder is in the store."
    return _command(
        "store:usage",
        option("--by", "How to group the calls.", type=Choice(by), default=by[0]),
        option("--user", user),
        STORE,
        JSON,
    )


def _mcp() -> Command:
    engine = Choice(variants_of("image"))
    folders = {"type": click.Path(), "metavar": "FOLDER", "multiple": True}
    content = "What results contain: text, also pictures, or also links to the media."
    token = {"envvar": "VISIONCRAFT_MCP_TOKEN", "show_envvar": True}
    named = {"callback": _named}
    return _command(
        "app:serve_mcp",
        option(
            "--transport", "How clients connect.", type=Choice(["stdio", "http"]), default="stdio"
        ),
        option("--tools", "The tools, e.g. text_to_image,upscale. Default: all nine.", **named),
        option("--text-to-image", "The engine that draws.", type=engine, default="sd"),
        option(
            "--allow-dir allowed_dirs",
            "A folder that clients may read; repeatable.",
            **folders,
            **named,
        ),
        option("--content", content, type=Choice(CONTENT_TYPES), default="text"),
        *panel(
            "Streamable HTTP",
            option("--host", "Address to listen on.", default="127.0.0.1"),
            option(
                "--port", "Port; 0 takes a free one.", type=click.IntRange(0, 65535), default=8766
            ),
            option("--token", "The bearer token that clients must send.", **token, **named),
            option(
                "--allowed-host allowed_hosts",
                "Another host name to answer to; repeatable.",
                multiple=True,
                **named,
            ),
        ),
        *CONNECTION,
        STORE,
    )


def serve_mcp(*, transport: str, **settings: Any) -> None:
    """Serve the tools; a client on stdio gets its first answer at once."""
    with first_answer() if transport == "stdio" else contextlib.nullcontext() as wire:
        # Only now: importing the server takes longer than some clients wait.
        load(f"{_HERE}.serving:serve", "mcp")(wire, **settings)


def _sandbox(name: str) -> Any:
    return load(f"visioncraft_sandbox.commands:{name}", "sandbox")


_CAPABILITIES = {
    "image": "Draw a picture from a prompt.",
    "edit": "Edit a picture from a prompt.",
    "gif": "Make an animated GIF from a prompt.",
    "video": "Make a short video from a picture.",
    "upscale": "Enlarge a picture.",
    "transcribe": "Transcribe a recording.",
    "caption": "Describe a picture, or answer a question about it.",
}
COMMANDS: dict[str, tuple[str, Callable[..., click.Command]]] = {
    **{name: (text, partial(_capability, name)) for name, text in _CAPABILITIES.items()},
    "again": ("Make a stored picture again, with its seed.", partial(_again, "again")),
    "vary": ("Make a stored picture again, with another seed.", partial(_again, "vary")),
    "chat": ("Ask a chat model once, or start a conversation.", _chat),
    "models": ("List the models, samplers and other names that a host offers.", _models),
    "limits": (
        "Show the limits of each tier.",
        partial(_command, "host:limits", *CONNECTION, JSON),
    ),
    "store": ("List, show, check and remove stored media.", _store),
    "usage": ("Add up the calls that were made for a store.", _usage),
    "mcp": ("Serve the tools to MCP clients, over stdio or HTTP.", _mcp),
    "sandbox": ("Serve the API on this machine, without a key.", partial(_sandbox, "sandbox")),
    "setup": ("Install the weights of the sandbox's models.", partial(_sandbox, "setup")),
}
"""Name → its purpose, and how the command is made."""


@click.group(
    cls=Group,
    commands={name: Lazy(name, *facts) for name, facts in COMMANDS.items()},
    epilog=(
        "The key is read from VISIONCRAFT_API_KEY; --sandbox needs none. "
        "Exit codes: 1 other error, 2 wrong usage, 3 key or subscription, 4 rate limit, "
        "5 host not reached, 6 refusal or failure of the service, 130 interrupted."
    ),
)
@click.version_option(package_name="langchain-visioncraft", message="%(package)s %(version)s")
def app() -> None:
    """Pictures, GIFs, videos, transcripts and chat with the VisionCraft API."""
