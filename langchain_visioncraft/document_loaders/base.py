"""What the parsers share: the connection, the cache, sync and async, errors that name the file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from typing_extensions import Unpack

from langchain_visioncraft.client.twins import AnyClient, both_kinds
from langchain_visioncraft.document_loaders.blobs import Facts, measure, naming
from langchain_visioncraft.document_loaders.caching import Cache, CacheTypes, open_cache
from langchain_visioncraft.document_loaders.connections import ConnectionSettings, connect
from langchain_visioncraft.document_loaders.steps import Steps, Work, adrive, drive
from langchain_visioncraft.errors import InvalidRequestError, VisionCraftError


class VisionCraftParser(BaseBlobParser):
    """What both parsers share. A subclass says in `steps` what it does.

    Args:
        client: A ready client (sync or async), instead of the settings of the connection.
        cache: Where answers are kept: one of LangChain's byte stores, the path of a folder, or
            an fsspec URL such as ``s3://bucket/answers``.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    """Of which kinds of file it makes documents."""

    def __init__(
        self,
        *,
        client: AnyClient | None = None,
        cache: CacheTypes = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        self.client = connect(client, connection)
        self._clients = both_kinds(self.client)
        self.cache: Cache | None = open_cache(cache)

    @abstractmethod
    def documents(self, blob: Blob, facts: Facts, cache: Cache | None) -> Steps[None]:
        """Yield `Step`s and documents."""

    def steps(
        self, blob: Blob, *, facts: Facts | None = None, cache: Cache | None = None
    ) -> Steps[None]:
        """What to do for a blob; `drive` and `adrive` do it.

        Args:
            blob: A file.
            facts: Of the blob, if they are known.
            cache: Is used if this parser has none of its own.
        """
        if facts is None:
            facts = yield from Work(lambda: measure(blob, self.kinds)).ask()
        try:
            yield from self.documents(blob, facts, self.cache if self.cache is not None else cache)
        except VisionCraftError as error:
            raise naming(error, facts.source) from error.__cause__

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Give the documents of a blob, each when it is ready.

        Raises:
            MediaInputError: If it is no file of the right kind, empty or damaged; the message has
                its name.
            VisionCraftError: If a call fails.
        """
        return drive(self.steps(blob))

    def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """Give the documents of a blob without blocking: see `lazy_parse`."""
        return adrive(self.steps(blob))

    async def aparse(self, blob: Blob) -> list[Document]:
        """All documents of a blob, without blocking."""
        return [document async for document in self.alazy_parse(blob)]


def check_text(name: str, value: Any) -> None:
    """Refuse what is no text, or an empty one.

    Raises:
        InvalidRequestError: If it is.
    """
    if not isinstance(value, str) or not value.strip():
        msg = f"{name}={value!r} is not valid: give a text."
        raise InvalidRequestError(msg)


def check_number(name: str, value: Any, least: float, *, whole: bool = False) -> None:
    """Refuse what is no number, or less than `least`.

    Raises:
        InvalidRequestError: If it is.
    """
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not value >= least:
        msg = f"{name}={value!r} is not valid: give a {'whole ' * whole}number from {least}."
        raise InvalidRequestError(msg)
