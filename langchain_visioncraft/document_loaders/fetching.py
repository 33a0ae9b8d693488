"""From an item to its bytes: what is here is opened, what is a URL is fetched."""

from __future__ import annotations

import tempfile
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any, cast

from langchain_core.documents.base import Blob

from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Answer, fetch
from langchain_visioncraft.client.twins import AnyClient, both_kinds
from langchain_visioncraft.document_loaders.guarding import CONCERN_ALL
from langchain_visioncraft.document_loaders.sources import Item, origin_of
from langchain_visioncraft.document_loaders.steps import Run, Steps, Work
from langchain_visioncraft.errors import LinkExpiredError, MediaInputError, UnsafeLinkError
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.inputs import is_link
from langchain_visioncraft.media.urls import open_url

if TYPE_CHECKING:
    from langchain_visioncraft.client.spool import Spool


class Fetcher:
    """Makes blobs of items.

    Args:
        client: Fetches URLs. The key goes along with none of them.
        allow_private_urls: Whether URLs may lead to this machine or this network.
    """

    def __init__(self, client: AnyClient, *, allow_private_urls: bool = False) -> None:
        self._clients = both_kinds(client)
        self.allow_private_urls = allow_private_urls

    def blob_of(self, item: Item) -> Steps[tuple[Blob, Any]]:
        """The blob of an item, and what must live as long as the blob.

        Raises:
            MediaInputError: If it cannot be read or fetched.
            LinkExpiredError: If a URL leads to nothing any more.
            UnsafeLinkError: If a URL leads to an address that is not public.
        """
        content = item.content
        if isinstance(content, Blob):
            return content, None
        if isinstance(content, Media):
            metadata = {"source": item.name}
            if content.path is not None and content.held is None:
                return Blob.from_path(content.path, guess_type=False, metadata=metadata), None
            data: bytes = yield from Work(content.read).ask()
            return Blob.from_data(data, metadata=metadata), None
        if is_link(content):
            return (yield from self._fetched(content))
        return (yield from Work(lambda: _copied(content)).ask())

    def _fetched(self, url: str) -> Steps[tuple[Blob, Any]]:
        clients = self._clients
        if self.allow_private_urls:
            # A client whose own host is that of the link; the key goes along with no link.
            clients = self._clients_at(origin_of(url))
        try:
            answer: Answer = yield from Run(clients, fetch(url, f"GET {url}")).ask()
        except LinkExpiredError as error:
            msg = f"{url} leads to nothing any more ({error.status})."
            raise LinkExpiredError(msg, status=error.status) from error
        except UnsafeLinkError as error:
            reason = str(error).partition("not followed: ")[2] or str(error)
            msg = (
                f"{url} was not fetched: {reason} If all URLs are your own, pass "
                "allow_private_urls=True."
            )
            raise UnsafeLinkError(msg) from error
        except CONCERN_ALL as error:
            # Here it concerns the host of one link.
            msg = f"{url} cannot be fetched: {error}"
            raise MediaInputError(msg) from error
        spool = cast("Spool", answer)
        if spool.path is not None:
            metadata = {"source": url}
            return Blob.from_path(spool.path, guess_type=False, metadata=metadata), spool
        with spool.open() as file:
            return Blob.from_data(file.read(), metadata={"source": url}), None

    def _clients_at(self, origin: str) -> tuple[VisionCraftClient, AsyncVisionCraftClient]:
        client, async_client = self._clients
        settings = client.settings
        there = VisionCraftClient(
            base_url=origin,
            timeout=(settings.timeout.connect, settings.timeout.read),
            max_retries=settings.max_retries,
            http_client=client.http(),
            http_async_client=async_client.http(),
            max_answer_bytes=client.max_answer_bytes,
        )
        return both_kinds(there)


def _copied(url: str) -> tuple[Blob, Any]:
    """A file of any file system that fsspec opens, copied here: decoders seek to and fro in it."""
    holder = tempfile.NamedTemporaryFile(prefix="visioncraft-")  # noqa: SIM115 -- the caller holds it
    try:
        with open_url(url) as remote:
            copyfileobj(remote, holder, 1 << 20)
        holder.flush()
    except (OSError, ValueError) as error:
        holder.close()
        msg = f"{url} cannot be read: {error}"
        raise MediaInputError(msg) from error
    return Blob.from_path(holder.name, guess_type=False, metadata={"source": url}), holder
