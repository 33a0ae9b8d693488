"""The command ``visioncraft``: the API, the chat model and the sandbox in a shell.

`commands` says which there are; each is imported when it is used. Those for capabilities are made
from the request models: `capabilities` says which, `parameters` how.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from langchain_visioncraft.cli.commands import COMMANDS
from langchain_visioncraft.cli.streams import prepare_streams


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``visioncraft``, and say in one line what to install where its extra is missing.

    Args:
        arguments: Instead of those of the command line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    prepare_streams()
    try:
        from langchain_visioncraft.cli.app import app  # noqa: PLC0415 -- click is an extra

        app.main(given, prog_name="visioncraft")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        extra = COMMANDS.get(given[0], ("", "", "cli"))[2] if given else "cli"
        sys.exit(
            f"visioncraft: the package {error.name!r} is not installed. "
            f"Run: pip install 'langchain-visioncraft[{extra}]'"
        )
    except KeyboardInterrupt:  # while it starts, or on the way out
        sys.exit(130)
