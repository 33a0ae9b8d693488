"""The command ``visioncraft``, and one clear line where its extra is not installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``visioncraft``.

    Args:
        arguments: Instead of those of the command line.
    """
    try:
        from langchain_visioncraft.sandbox.commands import app  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        sys.exit(
            f"visioncraft: the package {error.name!r} is not installed. "
            "Run: pip install 'langchain-visioncraft[sandbox]'"
        )
    app(args=None if arguments is None else list(arguments), prog_name="visioncraft")
