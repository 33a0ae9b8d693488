"""The results of a command: files for ``-o``, lines, JSON, pictures in the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.inputs import STDIN
from langchain_visioncraft.cli.problems import harmless, note, print_json
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.decoding import open_picture
from langchain_visioncraft.media.paths import local_path
from langchain_visioncraft.media.pixels import decode
from langchain_visioncraft.media.scaling import as_seen
from langchain_visioncraft.media.urls import is_url

STDOUT = STDIN
_MOST_COLUMNS = 60
_MOST_ROWS = 20


def check(out: str | None, *, as_json: bool, binary: bool, store: str | None = None) -> None:
    """Refuse a target that cannot work, before the call costs anything.

    The result goes to `out`, or else into the `store`, a folder or a URL.
    """
    if out is None:
        if store is not None and not is_url(store):
            _check_writable(local_path(store), "--store")
    elif out != STDOUT:
        _check_file(out)
    elif as_json:
        msg = "--json and -o - both write to stdout: name a file."
        raise click.UsageError(msg)
    elif binary and sys.stdout.isatty():
        msg = "refusing to write binary data to a terminal: pipe it, or name a file with -o."
        raise click.UsageError(msg)


def _check_file(out: str) -> None:
    path = local_path(out)
    folder = path if _is_folder(out) or path.is_dir() else path.parent
    if not _is_folder(out) and not folder.is_dir():
        msg = f"there is no folder {str(folder)!r}: create it first."
        raise click.BadParameter(msg, param_hint="--out")
    # A device or a pipe is written to; a file is replaced, so its folder must be writable.
    special = path.exists() and not path.is_file() and not path.is_dir()
    _check_writable(path if special else folder, "--out")


def _check_writable(path: Path, option: str) -> None:
    while not path.exists() and path != path.parent:  # it will be made
        path = path.parent
    if not os.access(path, os.W_OK) or path.is_file():
        msg = f"{str(path)!r} is not a folder that can be written to."
        raise click.BadParameter(msg, param_hint=option)


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done, and for how long; yields a function that changes the text.

    This goes to stderr, and only if nothing is piped: the next command may show its own progress.
    """
    if not (sys.stdout.isatty() and sys.stderr.isatty() and util.find_spec("rich")):
        yield lambda _: None
        return
    from rich import console, progress  # noqa: PLC0415 -- only for terminals

    text = progress.TextColumn("{task.description}", markup=False)
    columns = progress.SpinnerColumn(), text, progress.TimeElapsedColumn()
    stderr = console.Console(stderr=True)
    with progress.Progress(*columns, console=stderr, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda text: shown.update(task, description=harmless(text))


def deliver_media(
    media: Sequence[Media], *, out: str | None, as_json: bool, show: bool | None
) -> None:
    """Write media to their target, and print where they are."""
    if out == STDOUT:
        for medium in media:
            with medium.open() as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if out is not None:
        media = _save(media, out)
    if as_json:
        print_json({"media": [medium.model_dump(exclude_none=True) for medium in media]})
        return
    for medium in media:
        show_picture(medium, show)
        # A pipe gets the path alone, so that `open $(visioncraft image …)` works.
        facts = medium.describe().removeprefix(medium.handle) if sys.stdout.isatty() else ""
        click.echo(f"{medium.location}{click.style(facts, dim=True)}")


def _save(media: Sequence[Media], out: str) -> list[Media]:
    target = local_path(out)
    if _is_folder(out):
        target.mkdir(parents=True, exist_ok=True)
    saved = []
    for number, medium in enumerate(media, 1):
        path = target
        if len(media) > 1 and not target.is_dir():
            path = target.with_name(f"{target.stem}-{number}{target.suffix}")
        path = medium.save(path)
        true, named = Path(medium.handle).suffix, path.suffix.lower()
        if named and {".jpeg": ".jpg", ".mpeg": ".mp4"}.get(named, named) != true:
            note(f"{path} holds {medium.mime_type}: the service chose the type, not the name.")
        saved.append(medium.at(str(path)))
    return saved


def _is_folder(out: str) -> bool:
    return out.endswith(("/", os.sep))


def deliver_text(text: str, facts: dict[str, Any], *, out: str | None, as_json: bool) -> None:
    """Write a text to its target; `facts` are the same for scripts."""
    if out not in (None, STDOUT):
        path = local_path(str(out))
        if path.is_dir() or _is_folder(str(out)):
            path.mkdir(parents=True, exist_ok=True)
            path /= "text.txt"
        # A lone surrogate, which a host may send, must not lose a paid result.
        data = f"{text}\n".encode(errors="backslashreplace")
        try:
            path.write_bytes(data)
        except OSError:
            kept = Path(tempfile.mkdtemp(prefix="visioncraft-")) / "text.txt"
            kept.write_bytes(data)
            note(f"Kept: {kept}")
            raise
        facts = {**facts, "location": str(path)}
        if not as_json:
            click.echo(path)
            return
    if as_json:
        print_json(facts)
    else:
        say(f"{text}\n")


def say(text: str) -> None:
    """Write a host's text to stdout: unchanged, except for what could control a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def show_picture(medium: Media, show: bool | None = None) -> None:
    """Show a picture (of a GIF, the first frame), if stdout is a terminal that supports it.

    Other files are skipped. If `show` is true, the reason why a picture is not shown is printed.
    """
    if show is False or not medium.mime_type.startswith("image/"):
        return
    problem = None
    if not sys.stdout.isatty():
        problem = "stdout is not a terminal."
    elif not show and os.environ.get("TERM") in ("dumb", "unknown"):
        return
    elif not _can_ask():
        problem = "stdin must be the terminal, too."
    else:
        try:
            _print(medium)
        except ImportError as error:
            problem = (
                f"the package {error.name!r} is not installed. "
                "Run: pip install 'langchain-visioncraft[cli]'"
            )
        except Exception as error:  # noqa: BLE001  # whatever a terminal answers, the result stands
            problem = f"{type(error).__name__}: {error}"
    if problem and show:
        note(f"The picture is not shown: {problem}")


def _can_ask() -> bool:
    """Whether the terminal may be asked what it supports: its answers arrive on stdin.

    The attempt would stop a background job.
    """
    if not sys.stdin.isatty():
        return False
    return os.name == "nt" or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def _print(medium: Media) -> None:
    from rich.console import Console  # noqa: PLC0415
    from textual_image.renderable import HalfcellImage, Image, UnicodeImage  # noqa: PLC0415

    # It logs a warning for a terminal that reports only its columns.
    logging.getLogger("textual_image").setLevel(logging.CRITICAL)
    with open_picture(medium) as opened:
        picture = as_seen(decode(opened).image)
    console = Console()
    # A cell is about twice as high as it is wide.
    most_columns = min(_MOST_COLUMNS, console.width)
    scale = min(most_columns / picture.width, 2 * _MOST_ROWS / picture.height)
    kind = HalfcellImage if Image is UnicodeImage else Image
    width = max(1, round(picture.width * scale))
    console.print(kind(picture.convert("RGBA"), width=width, height="auto"))
