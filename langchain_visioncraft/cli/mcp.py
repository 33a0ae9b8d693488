"""``visioncraft mcp``, which answers first and imports its server afterwards."""

from __future__ import annotations

import contextlib
from typing import Any

from langchain_visioncraft._handshake import first_answer
from langchain_visioncraft.cli.base import load


def run(*, transport: str, **settings: Any) -> None:
    """Serve the tools; a client on stdio gets its first answer at once."""
    with first_answer() if transport == "stdio" else contextlib.nullcontext() as wire:
        # Only now: this takes longer than some clients wait.
        load("langchain_visioncraft.cli.serving:serve", "mcp")(wire, **settings)
