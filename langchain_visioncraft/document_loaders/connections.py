"""The client behind a parser or a loader."""

from __future__ import annotations

from typing import Any

from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import SecretStr
from typing_extensions import TypedDict

from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.client.twins import AnyClient
from langchain_visioncraft.config import TimeoutTypes, VerifyTypes
from langchain_visioncraft.errors import InvalidRequestError

MAX_RETRIES = 6
"""A batch of hundreds meets every rare failure, and may well wait for a service to come back."""


class ConnectionSettings(TypedDict, total=False):
    """The settings of `VisionCraftClient`; `max_retries` is 6 here by default."""

    api_key: str | SecretStr | None
    base_url: str | None
    verify: VerifyTypes | None
    timeout: TimeoutTypes
    max_retries: int | None
    http_client: Any
    http_async_client: Any
    rate_limiter: BaseRateLimiter | None


def connect(client: AnyClient | None, settings: ConnectionSettings) -> AnyClient:
    """The client that was given, or one with these settings.

    Raises:
        InvalidRequestError: If both are given, or a setting cannot be used.
    """
    given: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    if client is None:
        return VisionCraftClient(**{"max_retries": MAX_RETRIES, **given})
    if given:
        msg = f"Give either client= or {', '.join(given)}=: the client has its own settings."
        raise InvalidRequestError(msg)
    return client
