"""The command ``visioncraft``: the API, the chat model and the sandbox in a shell.

`app` lists the commands. The work of each is in a module that is imported when it runs. Commands
for capabilities take the parameters of their request models, from a table: see `parameters`.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence

from langchain_visioncraft.cli.streams import prepare_streams

_EXTRAS = {"mcp": "mcp", "sandbox": "sandbox", "setup": "sandbox"}
"""Which extra brings click along, if it is not ``cli``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``visioncraft``, and say in one line what to install where its extra is missing.

    Args:
        arguments: Instead of those of the command line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    prepare_streams()
    # The final garbage collections find nothing, and take a sixth of the time of a short command.
    atexit.register(gc.freeze)
    try:
        from langchain_visioncraft.cli.app import app  # noqa: PLC0415 -- click is an extra

        app.main(given, prog_name="visioncraft")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        extra = _EXTRAS.get(given[0], "cli") if given else "cli"
        sys.exit(
            f"visioncraft: the package {error.name!r} is not installed. "
            f"Run: pip install 'langchain-visioncraft[{extra}]'"
        )
    except KeyboardInterrupt:  # at start-up, or at exit
        sys.exit(130)
