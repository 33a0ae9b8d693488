"""One call of a tool: its work, the facts to record, and the calls that it counts as."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.client.endpoint import Endpoint
from langchain_visioncraft.context import run_context
from langchain_visioncraft.media.handles import digest_of_text, is_handle
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.sidecar import Usage
from langchain_visioncraft.media.store import MediaStore

_ROUTE = re.compile(r"``((?:GET|POST) /[^`]+)``")


@dataclass
class Job:
    """One prepared call of a tool: its work (usually a flow), and the facts to record."""

    work: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    call: Usage | None = None
    made: list[Media] = field(default_factory=list)
    """The resulting media, in the store."""
    count: int = 1
    """How many calls of the engine it makes."""
    problems: list[str] = field(default_factory=list)

    def arguments_of(self, medium: Media) -> dict[str, Any]:
        """The arguments that differ for one medium: its own seed."""
        return self.arguments if medium.seed is None else {**self.arguments, "seed": medium.seed}


def cache_key(
    job: Job, endpoint: Endpoint[..., Any, Any], base_url: str, store: MediaStore
) -> str | None:
    """The cache key of a call; ``None`` for a call that is not cached.

    Not cached are calls whose seed the host chooses, and calls with a picture that is in no store:
    the target of a link may change.
    """
    seed = job.arguments.get("seed", -1) if "seed" in endpoint.request.model_fields else 0
    kept = all(is_handle(source) and source in store for source in job.sources)
    if seed is None or seed < 0 or not kept:
        return None
    asked = [endpoint.__name__, base_url, job.arguments, job.count]
    return digest_of_text(json.dumps(asked, sort_keys=True, default=str))


def route_of(endpoint: Endpoint[..., Any, Any]) -> str:
    """Such as ``POST /sd``."""
    route = _ROUTE.search(endpoint.__doc__ or "")  # none under -OO
    return route[1] if route else endpoint.__name__


def usage_of(tool: str, endpoint: Endpoint[..., Any, Any], model: Any, seconds: float) -> Usage:
    """A call as the ledger has it."""
    context = run_context()
    return Usage(
        tool=tool,
        endpoint=route_of(endpoint),
        model=str(model) if model else None,
        seconds=round(seconds, 3),
        user=context.user if context else None,
    )
