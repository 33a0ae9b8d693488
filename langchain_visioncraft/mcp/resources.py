"""The media store as resources: ``visioncraft://media/<handle>``."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any
from urllib.parse import unquote

import pybase64

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.mcp.sdk import (
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND,
    Handler,
    Report,
    protocol_error,
)
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.media.media import readable_size

LARGEST_RESOURCE = 50_000_000
"""Bytes. A resource is one JSON message, which both sides hold in memory."""

PAGE = 100
"""Media on one page of the list."""

_ROOT = "visioncraft://media/"
_TEMPLATE = {
    "uriTemplate": f"{_ROOT}{{handle}}",
    "name": "medium",
    "title": "A picture, GIF, video or recording",
    "description": "The bytes of a medium by the handle that a tool gave.",
}


def uri_of(handle: str) -> str:
    """The resource that holds the bytes of a medium."""
    return f"{_ROOT}{handle}"


def handle_of(uri: str) -> str | None:
    """The handle that a resource stands for; ``None`` if it is no medium."""
    return unquote(uri.removeprefix(_ROOT)) if uri.startswith(_ROOT) else None


def described(media: Media) -> dict[str, Any]:
    """A medium as the protocol lists resources."""
    return {
        "uri": uri_of(media.handle),
        "name": media.handle,
        "title": media.describe(),
        "mimeType": media.mime_type,
        "size": media.size,
    }


def resource_handlers(store: MediaStore) -> dict[str, Handler]:
    """The methods by which clients list and read a store."""

    async def templates(_params: dict[str, Any], _report: Report | None) -> dict[str, Any]:
        return {"resourceTemplates": [_TEMPLATE]}

    async def listed(params: dict[str, Any], _report: Report | None) -> dict[str, Any]:
        return await asyncio.to_thread(_page, store, params.get("cursor", "0"))

    async def read(params: dict[str, Any], _report: Report | None) -> dict[str, Any]:
        return await asyncio.to_thread(_read, store, params["uri"])

    return {
        "resources/list": listed,
        "resources/read": read,
        "resources/templates/list": templates,
    }


def _page(store: MediaStore, cursor: str) -> dict[str, Any]:
    # Oldest first: what is made meanwhile comes after the pages that were seen.
    if not (cursor.isascii() and cursor.isdigit()):
        raise protocol_error(INVALID_PARAMS, f"{cursor[:80]!r} is no cursor of this server.")
    start = int(cursor)
    media = list(islice(store, start, start + PAGE + 1))
    page: dict[str, Any] = {"resources": [described(each) for each in media[:PAGE]]}
    if len(media) > PAGE:
        page["nextCursor"] = str(start + PAGE)
    return page


def _read(store: MediaStore, uri: str) -> dict[str, Any]:
    handle = handle_of(uri)
    if handle is None:
        message = f"{uri[:200]!r} is not a medium: {_TEMPLATE['uriTemplate']} is the form."
        raise protocol_error(RESOURCE_NOT_FOUND, message)
    try:
        media = store.get(handle)
    except MediaInputError as error:
        raise protocol_error(RESOURCE_NOT_FOUND, str(error)) from error
    if media.size > LARGEST_RESOURCE:
        message = (
            f"{media.handle} has {readable_size(media.size)}, more than the "
            f"{readable_size(LARGEST_RESOURCE)} that are sent. Take the file from the store's "
            "folder on the server."
        )
        raise protocol_error(INVALID_PARAMS, message)
    blob = pybase64.b64encode_as_string(media.read())
    return {"contents": [{"uri": uri, "mimeType": media.mime_type, "blob": blob}]}
