"""The media store as resources: ``visioncraft://media/<handle>``."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import ValidationError
from fastmcp.resources import ResourceContent, ResourceResult
from mcp import MCPError, types

from langchain_visioncraft._redact import shortened
from langchain_visioncraft.errors import MediaInputError, VisionCraftError
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.media.handles import is_handle
from langchain_visioncraft.media.media import readable_size

LARGEST_RESOURCE = 50_000_000
"""Bytes. A resource is one JSON message, which both sides hold in memory."""

PAGE = 1000
"""Entries on a page of a list."""

ROOT = "visioncraft://media/"


def uri_of(handle: str) -> str:
    """The resource that holds the bytes of a medium."""
    return f"{ROOT}{handle}"


def described(media: Media) -> dict[str, Any]:
    """A medium as the protocol lists and links resources."""
    return {
        "uri": uri_of(media.handle),
        "name": media.handle,
        "title": media.describe(),
        "mime_type": media.mime_type,
        "size": media.size,
    }


class MediaServer(FastMCP[Any]):
    """A server whose clients list and read the media of a store."""

    def __init__(self, name: str, instructions: str, *, store: MediaStore, **more: Any) -> None:
        super().__init__(name, instructions, list_page_size=PAGE, **more)
        self._listing = _Listing(store)
        _add_reading(self, store)

    async def _on_list_resources(
        self, ctx: Any, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        # The framework would build the whole list again for each page.
        cursor = params.cursor if params else None
        page = await asyncio.to_thread(self._listing.page, cursor)
        if not cursor:
            others = await super()._on_list_resources(ctx, None)
            page.resources[:0] = others.resources
        return page


class _Listing:
    """The media of a store, page by page; each is read only once, however many there are."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._entries: list[tuple[float, str]] = []

    def page(self, cursor: str | None) -> types.ListResourcesResult:
        """The page after a cursor, or the first, as the store was at the first page."""
        # Oldest first: new media come after the pages that were already read.
        after = _place_of(cursor) if cursor else (-1.0, "")
        entries = self._entries
        if not cursor or not entries or after >= entries[-1]:
            self._entries = entries = sorted(self._store.entries())
        start = bisect.bisect_right(entries, after)
        chosen = entries[start : start + PAGE]
        listed = []
        for _, handle in chosen:
            with contextlib.suppress(VisionCraftError):  # damaged, or removed meanwhile
                listed.append(types.Resource(**described(self._store.get(handle))))
        more = start + PAGE < len(entries)
        next_cursor = f"{chosen[-1][0]!r} {chosen[-1][1]}" if more else None
        return types.ListResourcesResult(resources=listed, next_cursor=next_cursor)


def _place_of(cursor: str) -> tuple[float, str]:
    """The time and the handle of the medium that the last page ended with."""
    time, _, handle = cursor.partition(" ")
    with contextlib.suppress(ValueError):
        if is_handle(handle):
            return float(time), handle
    shown = shortened(cursor, 80)
    msg = f"Invalid cursor: {shown!r}. Send the nextCursor of the page before, or none."
    raise MCPError(types.INVALID_PARAMS, msg)


def _add_reading(server: FastMCP[Any], store: MediaStore) -> None:
    @server.resource(
        f"{ROOT}{{handle}}",
        name="medium",
        title="A picture, GIF, video or recording",
        description="The bytes of a medium, by the handle that a tool returned.",
        mime_type="application/octet-stream",
    )
    def read(handle: str) -> ResourceResult:
        try:
            media = store.get(handle)
        except MediaInputError as error:
            raise _refused(str(error)) from error
        if media.size > LARGEST_RESOURCE:
            raise _refused(
                f"{media.handle} has {readable_size(media.size)}, more than the limit of "
                f"{readable_size(LARGEST_RESOURCE)}. Take the file from the store's folder on the "
                "server."
            )
        return ResourceResult([ResourceContent(media.read(), media.mime_type)])


def _refused(message: str) -> ValidationError:
    """A protocol error for invalid parameters. A client's mistake is not logged."""
    return ValidationError(message, log_level=logging.DEBUG)
