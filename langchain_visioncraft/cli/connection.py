"""A client, or the settings for one, from the connection options."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from langchain_visioncraft import client
from langchain_visioncraft.cli.base import load


@contextlib.contextmanager
def settings_of(*, sandbox: bool, **settings: Any) -> Iterator[Mapping[str, Any]]:
    """Arguments for a client or chat model, with a sandbox around them if one is wanted."""
    given = {name: value for name, value in settings.items() if value is not None}
    if not sandbox:
        yield given
        return
    if "base_url" in given:
        msg = "--sandbox and --base-url cannot be combined: a sandbox has its own address."
        raise click.UsageError(msg)
    with load("visioncraft_sandbox:Sandbox", "sandbox")() as started:
        yield {**given, "base_url": started.url, "api_key": "sandbox"}


@contextlib.contextmanager
def connected(connection: Mapping[str, Any]) -> Iterator[client.VisionCraftClient]:
    """A client from the connection options."""
    with settings_of(**connection) as settings, client.VisionCraftClient(**settings) as opened:
        yield opened
