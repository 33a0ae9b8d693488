"""The sync and the async client with the same settings."""

from __future__ import annotations

import weakref
from typing import Any, TypeAlias

from langchain_visioncraft.client.drivers import AsyncVisionCraftClient, VisionCraftClient

AnyClient: TypeAlias = VisionCraftClient | AsyncVisionCraftClient

_TWINS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""The other driver of each client, so that all who were given this client share both."""


def both_kinds(client: AnyClient) -> tuple[VisionCraftClient, AsyncVisionCraftClient]:
    """A client and the one of the other kind, always the same for the same client."""
    if isinstance(client, VisionCraftClient):
        return client, _twin(client)
    return _twin(client), client


def _twin(client: AnyClient) -> Any:
    twin = _TWINS.get(client)
    if twin is None:
        twin = client.as_async() if isinstance(client, VisionCraftClient) else client.as_sync()
        twin = _TWINS.setdefault(client, twin)
    return twin
