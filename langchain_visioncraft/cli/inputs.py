"""What the arguments of a command mean: files, handles, links, and ``-`` for stdin."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import typer

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.media.inputs import is_link

STDIN = "-"


def read_arguments(
    given: Mapping[str, Any], *, media: Collection[str], texts: Collection[str], store: MediaStore
) -> dict[str, Any]:
    """What the tool gets for what the command got; what was not given is left out.

    Args:
        given: By name.
        media: Which name a picture or recording.
        texts: Which are texts that ``-`` reads from stdin.
        store: Where handles are looked up.

    Raises:
        MediaInputError: If a medium is not there.
    """
    from_stdin = [name for name in (*media, *texts) if given.get(name) == STDIN]
    if len(from_stdin) > 1:
        msg = f"{' and '.join(from_stdin)} cannot both be read from stdin: name a file for one."
        raise typer.BadParameter(msg)
    meant: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == []:
            continue
        if name in media:
            meant[name] = medium(value, store)
        elif value == STDIN and name in texts:
            meant[name] = text_from_stdin(name)
        elif isinstance(value, list):
            meant[name] = dict(_pair(name, each) for each in value)
        else:
            meant[name] = value
    return meant


def medium(text: str, store: MediaStore) -> Any:
    """What a picture or recording on the command line means.

    Raises:
        MediaInputError: If it is no file, no handle in the store and no link.
    """
    if text == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            msg = "Nothing came from stdin: pipe a picture or recording into it."
            raise MediaInputError(msg)
        return data
    if is_link(text) or text[:5].lower() == "data:":
        return text
    path = Path(text)
    if path.is_file():
        return path
    if text in store:
        return store.get(text)
    msg = (
        f"There is no file {text[:200]!r}, and no such handle in the store {store.root!r}. "
        "Give a file, a handle, an http(s) URL, or - for stdin."
    )
    raise MediaInputError(msg)


def text_from_stdin(name: str) -> str:
    """All of stdin, without the blanks around it.

    Raises:
        typer.BadParameter: If there is nothing.
    """
    text = sys.stdin.read().strip()
    if not text:
        msg = f"nothing came from stdin for the {name}."
        raise typer.BadParameter(msg)
    return text


def _pair(name: str, text: str) -> tuple[str, float]:
    key, _, number = text.rpartition("=")
    try:
        return key, float(number)
    except ValueError:
        msg = f"{text!r} is not NAME=NUMBER, such as detail=0.5."
        raise typer.BadParameter(msg, param_hint=f"--{name.removesuffix('s')}") from None
