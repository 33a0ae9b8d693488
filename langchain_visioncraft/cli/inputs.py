"""What the arguments of a command mean: files, handles, links, and ``-`` for stdin."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.streams import decoded
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.media.encoded import is_data_url
from langchain_visioncraft.media.inputs import MediaSource, is_link, parse_source
from langchain_visioncraft.media.paths import is_file_url, local_path

STDIN = "-"


def read_arguments(
    given: Mapping[str, Any], *, media: Collection[str], store: MediaStore
) -> dict[str, Any]:
    """What an endpoint gets: what was given, with media and the prompt read from where they are."""
    from_stdin = [name for name in (*media, "prompt") if given.get(name) == STDIN]
    if len(from_stdin) > 1:
        msg = f"{' and '.join(from_stdin)} cannot both be read from stdin: name a file for one."
        raise click.UsageError(msg)
    meant = {**given}
    for name in meant.keys() & {*media}:
        meant[name] = medium(meant[name], store)
    if "prompt" in from_stdin:
        meant["prompt"] = text_from_stdin("prompt")
    return meant


def medium(text: str, store: MediaStore) -> MediaSource:
    """What a picture or recording on the command line means.

    Raises:
        MediaInputError: If it is neither a file, a handle in the store nor a link.
    """
    if text == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            msg = "Nothing came from stdin: pipe a picture or recording into it."
            raise MediaInputError(msg)
        return parse_source(data)
    if is_link(text) or is_data_url(text):
        return parse_source(text)
    path = local_path(text) if is_file_url(text) else Path(text)
    if path.is_file():
        return parse_source(path)
    if text in store:
        return parse_source(store.get(text))
    msg = (
        f"There is no file {text[:200]!r}, and no such handle in the store {store.root!r}. "
        "Give a file, a handle, an http(s) URL, or - for stdin."
    )
    raise MediaInputError(msg)


def text_from_stdin(name: str) -> str:
    """All of stdin, without the blanks around it.

    Raises:
        click.UsageError: If there is nothing, or no text.
    """
    try:
        text = decoded(sys.stdin.buffer.read()).strip()
    except UnicodeError as error:
        msg = f"the {name} from stdin is not valid UTF-8 text; convert it to UTF-8."
        raise click.UsageError(msg) from error
    if not text:
        msg = f"nothing came from stdin for the {name}."
        raise click.UsageError(msg)
    return text
