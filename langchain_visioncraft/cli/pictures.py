"""Pictures in the terminal: Kitty's protocol, Sixel, or half-blocks, as the terminal supports."""

from __future__ import annotations

import logging
import os
import sys

from langchain_visioncraft.cli.problems import note
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.colours import as_seen
from langchain_visioncraft.media.decoding import decode, open_picture

_MOST_COLUMNS = 60
_MOST_ROWS = 20


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
    # A cell is about twice as high as wide.
    most_columns = min(_MOST_COLUMNS, console.width)
    scale = min(most_columns / picture.width, 2 * _MOST_ROWS / picture.height)
    kind = HalfcellImage if Image is UnicodeImage else Image
    width = max(1, round(picture.width * scale))
    console.print(kind(picture.convert("RGBA"), width=width, height="auto"))
