"""The media store as resources: ``visioncraft://media/<handle>``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import ValidationError
from fastmcp.resources import Resource, ResourceContent, ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp import types
from pydantic import AnyUrl, Field

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.media.media import readable_size

LARGEST_RESOURCE = 50_000_000
"""Bytes. A resource is one JSON message, which both sides hold in memory."""

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


def add_resources(server: FastMCP[Any], store: MediaStore) -> None:
    """Let the clients of a server list and read a store."""

    @server.resource(
        f"{ROOT}{{handle}}",
        name="medium",
        title="A picture, GIF, video or recording",
        description="The bytes of a medium by the handle that a tool gave.",
        mime_type="application/octet-stream",
    )
    def read(handle: str) -> ResourceResult:
        try:
            media = store.get(handle)
        except MediaInputError as error:
            raise _refused(str(error)) from error
        if media.size > LARGEST_RESOURCE:
            raise _refused(
                f"{media.handle} has {readable_size(media.size)}, more than the "
                f"{readable_size(LARGEST_RESOURCE)} that are sent. Take the file from the store's "
                "folder on the server."
            )
        return ResourceResult([ResourceContent(media.read(), media.mime_type)])

    server.add_middleware(_Listing(store))


def _refused(message: str) -> ValidationError:
    """An error of the protocol: invalid parameters. A client's mistake is not worth a log line."""
    return ValidationError(message, log_level=logging.DEBUG)


class _Medium(Resource):
    """A medium in the list."""

    media: Media = Field(exclude=True)

    def to_mcp_resource(self, **_: Any) -> types.Resource:
        return types.Resource(**described(self.media))


class _Listing(Middleware):
    """Lists what is in the store at that moment."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    async def on_list_resources(
        self,
        context: MiddlewareContext[types.ListResourcesRequest],
        call_next: CallNext[types.ListResourcesRequest, Sequence[Resource]],
    ) -> list[Resource]:
        return [*await call_next(context), *await asyncio.to_thread(self._listed)]

    def _listed(self) -> list[Resource]:
        # Oldest first: what is made meanwhile comes after the pages that were seen.
        return [
            _Medium(uri=AnyUrl(uri_of(media.handle)), name=media.handle, media=media)
            for media in self._store
        ]
