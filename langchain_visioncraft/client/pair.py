"""A client from its settings, and the sync and async client of a pair."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import SecretStr
from typing_extensions import TypedDict

from langchain_visioncraft.client.async_driver import AsyncVisionCraftClient
from langchain_visioncraft.client.drivers import VisionCraftClient
from langchain_visioncraft.config import TimeoutTypes, VerifyTypes, as_secret
from langchain_visioncraft.errors import InvalidRequestError

if TYPE_CHECKING:
    from langchain_core.rate_limiters import BaseRateLimiter

AnyClient: TypeAlias = VisionCraftClient | AsyncVisionCraftClient

_OTHERS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""The other client of each pair, so that all users of one client share both."""


def client_pair(client: AnyClient) -> tuple[VisionCraftClient, AsyncVisionCraftClient]:
    """The sync and the async client with the same settings; always the same for a client."""
    other = _OTHERS.get(client)
    if isinstance(client, VisionCraftClient):
        kind = AsyncVisionCraftClient
        return client, other or _OTHERS.setdefault(client, client.as_kind(kind))
    return other or _OTHERS.setdefault(client, client.as_kind(VisionCraftClient)), client


class ConnectionSettings(TypedDict, total=False):
    """The settings of `VisionCraftClient`, for callers that pass them on."""

    api_key: str | SecretStr | None
    base_url: str | None
    verify: VerifyTypes | None
    timeout: TimeoutTypes
    max_retries: int | None
    http_client: Any
    http_async_client: Any
    rate_limiter: BaseRateLimiter | None
    deadline: float | None


def hide_key(settings: ConnectionSettings) -> None:
    """Wrap the key: settings are locals, which a traceback may show."""
    settings["api_key"] = as_secret(settings.get("api_key"))


def connect(client: AnyClient | None, settings: ConnectionSettings, **defaults: Any) -> AnyClient:
    """The given client, or a new one with these settings and the caller's defaults.

    Raises `InvalidRequestError` if both are given, or a setting cannot be used.
    """
    given: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    if client is None:
        return VisionCraftClient(**{**defaults, **given})
    if given:
        msg = f"Give either client= or {', '.join(given)}=: the client has its own settings."
        raise InvalidRequestError(msg)
    return client
