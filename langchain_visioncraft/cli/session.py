"""A client for the duration of a command, and progress on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from langchain_visioncraft.cli.options import Connection
from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.tools import PROGRESS_EVENT


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
    from langchain_visioncraft.sandbox import Sandbox  # noqa: PLC0415  # an extra

    with Sandbox() as sandbox:
        yield {**given, "base_url": sandbox.url, "api_key": SecretStr("sandbox")}


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[VisionCraftClient]:
    """A client by these options, as `settings_of` says."""
    with settings_of(connection) as settings, VisionCraftClient(**settings) as client:
        yield client


@contextlib.contextmanager
def working(what: str) -> Iterator[BaseCallbackHandler]:
    """Show that something is being done, and for how long: on stderr, if it is a terminal.

    Args:
        what: What is being done, until a tool tells more.

    Yields:
        A callback handler for the tool, which shows what it reports.
    """
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield _Reported(progress, progress.add_task(what, total=None))


class _Reported(BaseCallbackHandler):
    """Shows the progress events of a tool."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        """Show the message of a progress event."""
        if name == PROGRESS_EVENT:
            self._progress.update(self._task, description=str(data["message"]))
