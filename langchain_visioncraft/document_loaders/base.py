"""The base of the parsers: the connection, the cache, sync and async."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, ClassVar

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from typing_extensions import Unpack

from langchain_visioncraft._flows import Steps, arun, run
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft._threads import in_thread
from langchain_visioncraft.client.pair import (
    AnyClient,
    ConnectionSettings,
    client_pair,
    connect,
    hide_key,
)
from langchain_visioncraft.document_loaders.caching import Cache, CacheTypes, open_cache
from langchain_visioncraft.document_loaders.sources import MediaFile, Source, read
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError

MAX_CALLS = 100
"""The limit of calls for one file: its headers may claim any length, and calls may cost money."""

MAX_RETRIES = 6
"""Large batches meet every rare failure, and can wait for a service to recover."""


class ParserSettings(ConnectionSettings, total=False):
    """The arguments of all parsers."""

    max_calls: int
    strict: bool
    client: AnyClient | None
    cache: CacheTypes


class VisionCraftParser(KnownKeywords, BaseBlobParser):
    """The base of both parsers. A subclass defines the `parts` of a file and their `documents`.

    Args:
        max_calls: A file that takes more calls is refused before the first.
        strict: Whether a file that is cut off or damaged is refused.
        client: A ready client (sync or async), instead of the settings of the connection.
        cache: Where answers are kept: a folder, an fsspec URL, or a byte store of LangChain.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds of file that it takes."""

    def __init__(
        self,
        *,
        max_calls: int = MAX_CALLS,
        strict: bool = False,
        client: AnyClient | None = None,
        cache: CacheTypes = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        hide_key(connection)
        check_number("max_calls", max_calls, 1, whole=True)
        self.max_calls = max_calls
        self.strict = strict
        self.client = connect(client, connection, max_retries=MAX_RETRIES)
        self._clients = client_pair(self.client)
        self.cache: Cache | None = open_cache(cache)

    @abstractmethod
    def parts(self, file: MediaFile) -> Sequence[Any]:
        """The parts of a file that documents are made of, in order. Blocks."""

    @abstractmethod
    def documents(self, part: Any, cache: Cache | None) -> Steps[list[Document]]:
        """The documents of a part, in order."""

    def parts_of(self, source: Source) -> Sequence[Any]:
        """The parts of a file. Blocks. A damaged one, or one of another kind, raises."""
        return self.parts(read(source, self.kinds))

    def check_damage(self, file: MediaFile, damage: str | None) -> None:
        """Raise `MediaInputError` if a file is damaged and `strict` is set."""
        if damage and self.strict:
            msg = f"{file.source}: {damage} Pass strict=False to use the part that is readable."
            raise MediaInputError(msg)

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield the documents of a blob, each when it is ready.

        Raises:
            MediaInputError: If it is not a file of the right kind, or is empty or damaged.
            VisionCraftError: If a call fails. All messages name the file.
        """
        for part in self.parts_of(Source.of(blob)):
            yield from run(self.documents(part, self.cache))

    async def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """Yield the documents of a blob without blocking: see `lazy_parse`."""
        for part in await in_thread(self.parts_of, Source.of(blob)):
            for document in await arun(self.documents(part, self.cache)):
                yield document

    async def aparse(self, blob: Blob) -> list[Document]:
        """All documents of a blob, without blocking."""
        return [document async for document in self.alazy_parse(blob)]


def require(what: str, package: str, *modules: str) -> None:
    """Raise `ImportError` that says what to install if one of the modules is missing."""
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        msg = f"{what} needs {package}: pip install 'langchain-visioncraft[media]'"
        raise ImportError(msg) from error


def check_text(name: str, value: Any) -> None:
    """Raise `InvalidRequestError` unless this is a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        msg = f"{name}={value!r} is not valid: give a string that is not empty."
        raise InvalidRequestError(msg)


def check_calls(source: str, what: str, calls: int, most: int) -> None:
    """Raise `MediaInputError` if a file would take too many calls; none was made."""
    if calls > most:
        msg = (
            f"{source} has {what}, which take up to {calls:,} calls: more than max_calls={most:,}. "
            "Nothing was sent. Raise max_calls if you want to pay for them."
        )
        raise MediaInputError(msg)


def check_number(name: str, value: Any, least: float, *, whole: bool = False) -> None:
    """Raise `InvalidRequestError` unless this is a number from `least`."""
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not value >= least:
        kind = "an integer" if whole else "a number"
        msg = f"{name}={value!r} is not valid: give {kind} of at least {least}."
        raise InvalidRequestError(msg)
