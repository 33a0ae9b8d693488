"""The command ``visioncraft``: the tools, the chat model and the sandbox in a shell.

`main` is the entry point. The commands for capabilities are made from the schemas of the tools:
`capabilities` says which, `parameters` how. Each is loaded when it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``visioncraft``, and say in one line what to install where its extra is missing.

    Args:
        arguments: Instead of those of the command line.
    """
    try:
        from langchain_visioncraft.cli.app import app  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        given = sys.argv[1:] if arguments is None else arguments
        extras = {"sandbox": "sandbox", "setup": "sandbox", "mcp": "mcp"}
        extra = extras.get(given[0], "cli") if given else "cli"
        sys.exit(
            f"visioncraft: the package {error.name!r} is not installed. "
            f"Run: pip install 'langchain-visioncraft[{extra}]'"
        )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    try:
        app(args=None if arguments is None else list(arguments), prog_name="visioncraft")
    except KeyboardInterrupt:  # during shell completion, or on the way out
        sys.exit(INTERRUPTED)
