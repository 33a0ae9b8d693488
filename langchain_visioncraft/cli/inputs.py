"""Interprets arguments: files, handles, links, ``-`` for stdin, and the connection."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import click

from langchain_visioncraft import client
from langchain_visioncraft.cli.base import load
from langchain_visioncraft.cli.streams import decoded
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.media.inputs import MediaSource, is_data_url, is_link, parse_source
from langchain_visioncraft.media.paths import local_path

STDIN = "-"


def read_arguments(
    given: Mapping[str, Any], *, media: Collection[str], store: MediaStore
) -> dict[str, Any]:
    """The parameters of an endpoint, with media and the prompt read from their sources."""
    from_stdin = [name for name in (*media, "prompt") if given.get(name) == STDIN]
    if len(from_stdin) > 1:
        msg = f"{' and '.join(from_stdin)} cannot both be read from stdin: name a file for one."
        raise click.UsageError(msg)
    meant = {**given}
    for name in meant.keys() & {*media}:
        meant[name] = medium(meant[name], store)
    if "prompt" in meant:
        meant["prompt"] = words_of(meant["prompt"], "prompt")
    return meant


def medium(name: str, store: MediaStore) -> MediaSource:
    """The source of a picture or recording: a file, a handle in the store, or a link."""
    if is_link(name) or is_data_url(name):
        return parse_source(name)
    path = local_path(name)
    if name == STDIN or path.is_fifo():  # or the pipe that a shell makes for <(…)
        data = sys.stdin.buffer.read() if name == STDIN else path.read_bytes()
        if not data:
            source = "stdin" if name == STDIN else name
            msg = f"Nothing came from {source}: pipe a picture or recording into it."
            raise MediaInputError(msg)
        return parse_source(data)
    if path.is_file():
        return parse_source(path)
    if name in store:
        return parse_source(store.get(name))
    msg = (
        f"There is no file {name[:200]!r}, and no such handle in the store {store.root!r}. "
        "Give a file, a handle, an http(s) URL, or - for stdin."
    )
    raise MediaInputError(msg)


def words_of(given: str, name: str) -> str:
    """A prompt or a message: as given, or all of stdin, without surrounding whitespace."""
    if given != STDIN:
        if not given.strip():
            msg = f"the {name} is empty."
            raise click.UsageError(msg)
        return given
    try:
        read = decoded(sys.stdin.buffer.read()).strip()
    except UnicodeError as error:
        msg = f"the {name} from stdin is not valid UTF-8 text; convert it to UTF-8."
        raise click.UsageError(msg) from error
    if not read:
        msg = f"nothing came from stdin for the {name}."
        raise click.UsageError(msg)
    return read


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
