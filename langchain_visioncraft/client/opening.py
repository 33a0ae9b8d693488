"""The HTTP clients of the sync and the async client, opened at their first call."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.request import getproxies

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.pools import LoopSafeAsyncClient
from langchain_visioncraft.client.transport import build, client_options
from langchain_visioncraft.config import Settings


def new_client(settings: Settings) -> httpx.Client:
    """The HTTP client of a host's sync client."""
    return build(httpx.Client, **client_options(settings.verify, settings.timeout))


def new_async_client(settings: Settings) -> Any:
    """The HTTP client of a host's async client: over aiohttp, where it can be."""
    options = client_options(settings.verify, settings.timeout)
    if not {"http", "https", "all"} & getproxies().keys():  # which httpx knows more of
        with contextlib.suppress(ImportError):
            from langchain_visioncraft.client.fast import AiohttpClient  # noqa: PLC0415 -- an extra

            return AiohttpClient(**options)
    return build(LoopSafeAsyncClient, **options)
