"""Pictures in the terminal: Kitty's protocol, Sixel, or half-blocks, by what the terminal knows."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any

from rich.console import Console

from langchain_visioncraft.cli.problems import note
from langchain_visioncraft.media import Media

_MOST_COLUMNS = 60
_MOST_ROWS = 20


def show_picture(medium: Media, console: Console, show: bool | None = None) -> None:
    """Show a picture (of a GIF the first frame) if it can be shown.

    Args:
        medium: Anything; what is no picture is left out.
        console: Where.
        show: Whether to; by default if the console is a terminal that shows more than text.
    """
    if show is False or not medium.mime_type.startswith("image/"):
        return
    if show is None and (not console.is_terminal or console.is_dumb_terminal):
        return
    try:
        problem = None if _can_ask() else "stdin must be the terminal, too."
        if problem is None:
            console.print(_renderable(medium, console))
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
    """Whether the terminal may be asked what it shows: its answers come by stdin.

    A job in the background would be stopped by the attempt. Without a terminal nobody is asked.
    """
    if not sys.stdout.isatty():
        return True
    if not sys.stdin.isatty():
        return False
    return os.name == "nt" or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def _renderable(medium: Media, console: Console) -> Any:
    from PIL import Image as Pillow  # noqa: PLC0415  # an extra
    from textual_image.renderable import HalfcellImage, Image, UnicodeImage  # noqa: PLC0415

    # It logs how it fares with a terminal that tells no more than its columns.
    logging.getLogger("textual_image").setLevel(logging.CRITICAL)
    picture = Pillow.open(io.BytesIO(medium.read()))
    # A cell is about twice as high as wide.
    most_columns = min(_MOST_COLUMNS, console.width)
    scale = min(most_columns / picture.width, 2 * _MOST_ROWS / picture.height)
    kind = HalfcellImage if Image is UnicodeImage else Image
    return kind(picture.convert("RGBA"), width=max(1, round(picture.width * scale)), height="auto")
