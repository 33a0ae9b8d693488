"""A client for the duration of a command, and progress on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from langchain_visioncraft.cli.options import Connection
from langchain_visioncraft.cli.problems import harmless
from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.errors import InvalidRequestError


@contextlib.contextmanager
def settings_of(connection: Connection) -> Iterator[dict[str, Any]]:
    """Arguments for a client or chat model, with a sandbox around them if one is wanted.

    Raises:
        InvalidRequestError: If two options exclude each other.
        ImportError: If a sandbox is wanted and its extra is missing.
    """
    settings: dict[str, Any] = {
        "base_url": connection.base_url,
        "timeout": connection.timeout,
        "max_retries": connection.retries,
        "verify": connection.ca_bundle,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    if not connection.sandbox:
        yield given
        return
    if connection.base_url is not None:
        msg = "--sandbox and --base-url exclude each other: a sandbox has its own address."
        raise InvalidRequestError(msg)
    from visioncraft_sandbox import Sandbox  # noqa: PLC0415  # an extra

    with Sandbox() as sandbox:
        yield {**given, "base_url": sandbox.url, "api_key": SecretStr("sandbox")}


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[VisionCraftClient]:
    """A client by these options, as `settings_of` says."""
    with settings_of(connection) as settings, VisionCraftClient(**settings) as client:
        yield client


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something is being done, and for how long: on stderr, if it is a terminal.

    Args:
        what: What is being done.

    Yields:
        A function that shows another text instead.
    """
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=None)
        yield lambda text: progress.update(task, description=harmless(text))
