"""`VisionCraftMediaLoader`: files, folders, globs and URLs become documents."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from typing_extensions import Unpack

from langchain_visioncraft.client.twins import AnyClient
from langchain_visioncraft.document_loaders.base import VisionCraftParser, check_number
from langchain_visioncraft.document_loaders.blobs import (
    Facts,
    document_id,
    local_path,
    measure,
    opened,
)
from langchain_visioncraft.document_loaders.caching import CacheTypes, open_cache
from langchain_visioncraft.document_loaders.connections import ConnectionSettings, connect
from langchain_visioncraft.document_loaders.fetching import Fetcher
from langchain_visioncraft.document_loaders.guarding import Skipped, guarded
from langchain_visioncraft.document_loaders.parsers import (
    VisionCraftCaptionParser,
    VisionCraftTranscriptParser,
)
from langchain_visioncraft.document_loaders.progress import progress_bar
from langchain_visioncraft.document_loaders.sources import (
    Item,
    SourceTypes,
    check_sources,
    count_items,
    items_of,
)
from langchain_visioncraft.document_loaders.steps import Steps, Work, adrive, drive
from langchain_visioncraft.document_loaders.window import in_tasks, in_threads
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media import Media, MediaStore

OnError: TypeAlias = Literal["raise", "skip", "document"]


@dataclass
class LoadReport:
    """What came of a run.

    Attributes:
        files: How many were looked at.
        documents: How many were made of them.
        skipped: Which were not loaded, and why.
    """

    files: int = 0
    documents: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.documents} documents of {self.files} files, {len(self.skipped)} skipped"]
        return "\n".join([*lines, *(f"- {each.reason}" for each in self.skipped)])


class VisionCraftMediaLoader(BaseLoader):
    """Captions of pictures and transcripts of recordings, of all that it is pointed at.

    ```python
    from langchain_visioncraft import VisionCraftMediaLoader

    loader = VisionCraftMediaLoader(
        "recordings",
        transcript_options={"by": "window", "window_seconds": 30},
        cache="answers",                    # a second run makes no call for what is done
        on_error="skip",
    )
    for document in loader.lazy_load():
        print(document.metadata["source"], document.metadata["start"], document.page_content)
    print(loader.report)
    ```

    Documents come in the order of the files, whatever the order in which they get ready, each once
    in a run; the same bytes give the same ids in every run. What a file is decides what becomes of
    it: pictures are captioned, recordings and the sound tracks of videos transcribed.

    Errors of the whole run (no key, a wrong key, a lapsed subscription, a rate limit that waiting
    does not lift, an endpoint that the host does not have, TLS) are raised whatever `on_error`
    says.

    Args:
        source: A file, a folder (with those in it; hidden files are left out), a glob
            (``photos/**/*.jpg``), an http(s) URL, a `Media`, a `MediaStore`, a `Blob`, a
            `BlobLoader`, or an iterable of these.
        suffixes: Which files of folders and globs, such as ``[".jpg", ".ogg"]``. Default: all.
        caption_parser: For pictures, instead of one built here.
        transcript_parser: For recordings, instead of one built here.
        caption_options: Arguments for the `VisionCraftCaptionParser`, such as ``{"prompt": "…"}``.
        transcript_options: Arguments for the `VisionCraftTranscriptParser`.
        max_concurrency: How many files are worked on at a time. Up to four times as many may be
            done before the one that is given next.
        on_error: What to do with a file that fails: `"raise"`, `"skip"` it, or give a `"document"`
            that says so (its metadata have `error`). See `report` for what was skipped.
        cache: Where answers are kept: one of LangChain's byte stores, the path of a folder, or
            an fsspec URL such as ``s3://bucket/answers``.
        store: Keeps a copy of every file; `media_of` then finds it by its handle.
        show_progress: Whether to show a progress bar (tqdm).
        allow_private_urls: Whether URLs may lead to this machine or this network. Give it only if
            all URLs are your own.
        client: A ready client (sync or async), instead of the settings of the connection.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.

    Raises:
        ImportError: If the extra is missing: ``pip install 'langchain-visioncraft[media]'``.
        InvalidRequestError: If an argument cannot be used.

    Attributes:
        report: Of the latest run, while it goes on and afterwards.
    """

    def __init__(
        self,
        source: SourceTypes,
        *,
        suffixes: Sequence[str] | None = None,
        caption_parser: VisionCraftCaptionParser | None = None,
        transcript_parser: VisionCraftTranscriptParser | None = None,
        caption_options: Mapping[str, Any] | None = None,
        transcript_options: Mapping[str, Any] | None = None,
        max_concurrency: int = 4,
        on_error: OnError = "raise",
        cache: CacheTypes = None,
        store: MediaStore | None = None,
        show_progress: bool = False,
        allow_private_urls: bool = False,
        client: AnyClient | None = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        if on_error not in ("raise", "skip", "document"):
            msg = f"on_error={on_error!r} is not valid: 'raise', 'skip' or 'document'."
            raise InvalidRequestError(msg)
        check_number("max_concurrency", max_concurrency, 1, whole=True)
        for name, parser, options in (
            ("caption", caption_parser, caption_options),
            ("transcript", transcript_parser, transcript_options),
        ):
            if parser is not None and options:
                msg = f"Give either {name}_parser= or {name}_options=: a parser has its own."
                raise InvalidRequestError(msg)
        self._sources = check_sources(source)
        self._suffixes = tuple(suffix.lower() for suffix in suffixes) if suffixes else None
        given = connect(client, connection)
        self._fetcher = Fetcher(given, allow_private_urls=allow_private_urls)
        self.cache = open_cache(cache)
        self.caption_parser = caption_parser or VisionCraftCaptionParser(
            client=given, **dict(caption_options or {})
        )
        self.transcript_parser = transcript_parser or VisionCraftTranscriptParser(
            client=given, **dict(transcript_options or {})
        )
        self.max_concurrency = max_concurrency
        self.on_error = on_error
        self.store = store
        self.show_progress = show_progress
        self.report = LoadReport()

    def lazy_load(self) -> Iterator[Document]:
        """Give the documents, in the order of the files; `max_concurrency` threads work on them.

        Raises:
            VisionCraftError: With ``on_error="raise"``, for the first file that fails, after the
                documents of those before it.
        """
        report = self.report = LoadReport()
        results = in_threads(self._items(), self._load, self.max_concurrency)
        with self._progress() as advance, closing(results):
            for outputs in results:
                yield from self._reported(outputs, report)
                advance()

    async def alazy_load(self) -> AsyncIterator[Document]:
        """Give the documents without blocking: see `lazy_load`. Tasks work on the files."""
        report = self.report = LoadReport()
        results = in_tasks(self._items(), self._aload, self.max_concurrency)
        with self._progress() as advance:
            async with aclosing(results):
                async for outputs in results:
                    for document in self._reported(outputs, report):
                        yield document
                    advance()

    def _items(self) -> Iterator[Item]:
        return items_of(self._sources, self._suffixes)

    def _progress(self) -> Any:
        count = functools.partial(count_items, self._sources, self._suffixes)
        return progress_bar(count if self.show_progress else None)

    def _load(self, item: Item, stopped: Callable[[], bool]) -> list[Document | Skipped]:
        return list(drive(self._guarded(item), stopped))

    async def _aload(self, item: Item) -> list[Document | Skipped]:
        return [output async for output in adrive(self._guarded(item))]

    def _reported(
        self, outputs: Sequence[Document | Skipped], report: LoadReport
    ) -> Iterator[Document]:
        report.files += 1
        for output in outputs:
            if isinstance(output, Document):
                report.documents += 1
                yield output
                continue
            report.skipped.append(output)
            if self.on_error == "document":
                yield _document_about(output)

    # One file, as steps

    def _guarded(self, item: Item) -> Steps[None]:
        steps = self._documents(item)
        return steps if self.on_error == "raise" else guarded(steps, item.name)

    def _documents(self, item: Item) -> Steps[None]:
        # What holds the bytes of a URL must live as long as the blob.
        blob, _holder = yield from self._fetcher.blob_of(item)
        facts: Facts = yield from Work(functools.partial(measure, blob)).ask()
        if self.store is not None:
            yield from Work(functools.partial(self._keep, self.store, blob, facts)).ask()
        parser: VisionCraftParser = (
            self.caption_parser if facts.kind == "image" else self.transcript_parser
        )
        yield from parser.steps(blob, facts=facts, cache=self.cache)

    @staticmethod
    def _keep(store: MediaStore, blob: Blob, facts: Facts) -> None:
        path = local_path(blob)
        if path is not None:
            media = Media.from_path(path)
        else:
            with opened(blob) as file:
                media = Media.from_bytes(file.read())
        store.add(media, tool="VisionCraftMediaLoader", sources=[facts.source])


def _document_about(skipped: Skipped) -> Document:
    return Document(
        f"[{skipped.reason}]",
        id=document_id("error", skipped.source, skipped.error),
        metadata={
            "source": skipped.source,
            "error": skipped.reason,
            "error_type": skipped.error,
        },
    )
