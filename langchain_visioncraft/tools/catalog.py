"""Tools that report what a host offers: names and limits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.client.fields import OptionalText
from langchain_visioncraft.client.flow import Flow
from langchain_visioncraft.client.lists import LISTS, ListRequest, near_names
from langchain_visioncraft.errors import UnknownNameError
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.jobs import Job

_MOST_NAMES = 100


class CatalogRequest(ListRequest):
    """A list of names, and the text to search for in it."""

    contains: OptionalText = Field(
        None, description="Only names that contain this text, e.g. 'dreamshaper'."
    )


@endpoints.endpoint(CatalogRequest)
def _catalog(request: CatalogRequest) -> Flow[list[str]]:
    """One of the lists of names, such as ``GET /sd/models``."""
    return endpoints.list_names(
        family=request.family, kind=request.kind, base_model=request.base_model
    )


class VisionCraftCatalog(VisionCraftTool):
    """Lists the models, samplers, schedulers, LoRAs and refiners that a host offers.

    The artifact is a dictionary with ``family``, ``kind`` and all matching ``names``.

    Attributes:
        cache_seconds: Seconds for which lists are cached; 0 requests them every time.
    """

    name: str = "visioncraft_catalog"
    description: str = (
        "List the names that the host knows: models, samplers, schedulers, LoRAs or refiners of "
        "one family. Use it before you name one, or when a name was refused."
    )
    cache_seconds: float = Field(default=600.0, ge=0)
    makes_media: ClassVar[bool] = False
    is_charged: ClassVar[bool] = False

    _lists: dict[str, tuple[float, list[str]]] = PrivateAttr(default_factory=dict)

    def _rebuild(self) -> None:
        super()._rebuild()
        self._lists = {}  # another host, or another key, may have other names

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """One of the lists, such as ``GET /sd/models``."""
        return _catalog

    def prepare(self, arguments: Mapping[str, Any]) -> Job:
        """Check the arguments; a list that is still fresh is not fetched again."""
        given = {name: value for name, value in arguments.items() if value is not None}
        name = " ".join(str(given.get(each)) for each in ("family", "kind", "base_model"))
        flow = self._remembered(_catalog(**given), name)
        return Job(work=flow, arguments=given)

    def _remembered(self, flow: Flow[list[str]], name: str) -> Flow[list[str]]:
        known = self._lists.get(name)
        if known is None or time.monotonic() - known[0] >= self.cache_seconds:
            known = time.monotonic(), (yield from flow)
            self._lists[name] = known
        return known[1]

    def finish(self, result: list[str], job: Job) -> tuple[str, dict[str, Any]]:
        """The names in one line, as many as are useful to a model."""
        family, kind = job.arguments["family"], job.arguments["kind"]
        part = str(job.arguments.get("contains") or "")
        names = [name for name in result if part.lower() in name.lower()]
        if not names:
            raise self._none_contains(part, result, job)
        shown = ", ".join(names[:_MOST_NAMES])
        more = len(names) - _MOST_NAMES
        rest = f", and {more} more: narrow it down with `contains`" if more > 0 else ""
        content = f"{len(names)} {kind} of the family {family!r}: {shown}{rest}."
        return content, {"family": family, "kind": kind, "names": names}

    @staticmethod
    def _none_contains(part: str, names: list[str], job: Job) -> UnknownNameError:
        family, kind = job.arguments["family"], job.arguments["kind"]
        near = near_names(part, names, cutoff=0.3) or names[:10]
        there = f"Some that there are: {', '.join(near)}." if near else "The list is empty."
        msg = f"None of the {len(names)} {kind} of {family!r} contains {part[:80]!r}. {there}"
        error = UnknownNameError(msg, endpoint=f"GET {LISTS[family, kind][0]}")
        error.name, error.suggestions = part, near
        return error


class VisionCraftLimits(VisionCraftTool):
    """Returns the limits of each subscription tier with ``GET /limits`` (2024-03)."""

    name: str = "visioncraft_limits"
    description: str = (
        "Tell how many calls each subscription tier allows, e.g. after a rate limit was reached."
    )
    makes_media: ClassVar[bool] = False
    is_charged: ClassVar[bool] = False
    endpoint_name = "limits"

    def finish(self, result: dict[str, Any], job: Job) -> tuple[str, dict[str, Any]]:  # noqa: ARG002 -- the contract of `finish`
        """The tiers as one line of JSON."""
        return json.dumps(result, ensure_ascii=False), result
