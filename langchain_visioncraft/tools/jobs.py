"""One call of a tool: what to do, what to remember of it, and what it counts as."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.context import run_context
from langchain_visioncraft.media.ledger import Usage

_ROUTE = re.compile(r"``((?:GET|POST) /[^`]+)``")


@dataclass
class Job:
    """One call of a tool, prepared: what to do (mostly a flow), and what to remember of it."""

    work: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    call: Usage | None = None


def usage_of(tool: str, endpoint: Endpoint[..., Any, Any], model: Any, seconds: float) -> Usage:
    """A call as the ledger has it."""
    route = _ROUTE.search(endpoint.__doc__ or "")  # none under -OO
    context = run_context()
    return Usage(
        tool=tool,
        endpoint=route[1] if route else endpoint.__name__,
        model=str(model) if model else None,
        seconds=round(seconds, 3),
        user=context.user if context else None,
    )
