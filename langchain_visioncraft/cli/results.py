"""What a command leaves behind: files where ``-o`` says, lines, JSON, pictures in the terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from langchain_visioncraft.cli.inputs import STDIN
from langchain_visioncraft.cli.options import Output
from langchain_visioncraft.cli.pictures import show_picture
from langchain_visioncraft.cli.problems import harmless, note
from langchain_visioncraft.media import Media

STDOUT = STDIN


def check(output: Output, *, binary: bool) -> None:
    """Refuse what cannot be done, before it costs anything.

    Raises:
        typer.BadParameter: If stdout is wanted twice, bytes would go to a terminal, or the folder
            for the result is not there.
    """
    if output.out is None:
        return
    if output.out != STDOUT:
        folder = Path(output.out).parent
        if not _is_folder(output.out) and not folder.is_dir():
            msg = f"there is no folder {str(folder)!r}: make it first."
            raise typer.BadParameter(msg, param_hint="--out")
        return
    if output.as_json:
        msg = "--json and -o - both want stdout: name a file."
        raise typer.BadParameter(msg)
    if binary and sys.stdout.isatty():
        msg = "stdout is a terminal, which bytes would spoil: pipe it, or name a file with -o."
        raise typer.BadParameter(msg)


def deliver_media(media: Sequence[Media], output: Output, show: bool | None) -> None:
    """Write media where they are wanted, and say where they are.

    Raises:
        OSError: If a file cannot be written.
    """
    if output.out == STDOUT:
        for medium in media:
            with medium.open() as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if output.out is not None:
        media = _save(media, output.out)
    if output.as_json:
        print_json({"media": [medium.model_dump(exclude_none=True) for medium in media]})
        return
    console = Console()
    for medium in media:
        show_picture(medium, console, show)
        # A pipe gets the path alone, so that `open $(visioncraft image …)` works.
        facts = medium.describe().removeprefix(medium.handle) if console.is_terminal else ""
        console.print(medium.location, markup=False, highlight=False, soft_wrap=True, end="")
        console.print(facts, style="dim", markup=False, highlight=False, soft_wrap=True)


def _save(media: Sequence[Media], out: str) -> list[Media]:
    target = Path(out)
    if _is_folder(out):
        target.mkdir(parents=True, exist_ok=True)
    saved = []
    for number, medium in enumerate(media, 1):
        path = target
        if len(media) > 1 and not target.is_dir():
            path = target.with_name(f"{target.stem}-{number}{target.suffix}")
        path = medium.save(path)
        _note_other_type(path, medium)
        saved.append(medium.at(str(path)))
    return saved


def _is_folder(out: str) -> bool:
    return out.endswith(("/", os.sep))


def _note_other_type(path: Path, medium: Media) -> None:
    true, same = Path(medium.handle).suffix, {".jpeg": ".jpg", ".mpeg": ".mp4"}
    named = path.suffix.lower()
    if named and same.get(named, named) != true:
        note(f"{path} holds {medium.mime_type}: the service chose the type, not the name.")


def deliver_text(text: str, facts: dict[str, Any], output: Output) -> None:
    """Write a text where it is wanted.

    Args:
        text: For people.
        facts: For scripts.
        output: Where.

    Raises:
        OSError: If a file cannot be written.
    """
    if output.out not in (None, STDOUT):
        path = Path(str(output.out))
        if path.is_dir() or _is_folder(str(output.out)):
            path.mkdir(parents=True, exist_ok=True)
            path /= "text.txt"
        path.write_text(f"{text}\n", encoding="utf-8")
        facts = {**facts, "location": str(path)}
        if not output.as_json:
            typer.echo(path)
            return
    if output.as_json:
        print_json(facts)
    else:
        say(f"{text}\n")


def say(text: str) -> None:
    """Write a text that came from a host to stdout: as it is, but harmless to a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def print_json(value: Any) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, ensure_ascii=False))
