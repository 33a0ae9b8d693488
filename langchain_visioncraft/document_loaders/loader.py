"""`VisionCraftMediaLoader`: files, folders, globs and URLs become documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from typing import Any, get_args

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from typing_extensions import Unpack

from langchain_visioncraft._flows import Steps, work
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.client.pair import AnyClient, ConnectionSettings, connect, hide_key
from langchain_visioncraft.document_loaders import base, sources
from langchain_visioncraft.document_loaders.caching import CacheTypes, open_cache
from langchain_visioncraft.document_loaders.captions import VisionCraftCaptionParser
from langchain_visioncraft.document_loaders.reports import CONCERN_ALL, LoadReport, OnError, Skipped
from langchain_visioncraft.document_loaders.transcripts import VisionCraftTranscriptParser
from langchain_visioncraft.document_loaders.window import aordered_map, ordered_map
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media import MediaStore


class VisionCraftMediaLoader(KnownKeywords, BaseLoader):
    """Loads captions of pictures and transcripts of recordings.

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

    Documents come in the order of the files, each once in a run, and the same bytes have the same
    ids in every run. Pictures are captioned; recordings and the sound tracks of videos are
    transcribed. The content of a file decides which it is.

    Errors of the whole run (no key, a wrong key, an expired subscription, a rate limit that waiting
    does not lift, an endpoint that the host lacks, TLS) are raised whatever `on_error` says.

    Args:
        source: A file, a folder (with its subfolders, without hidden files), a glob
            (``photos/**/*.jpg``), an http(s) URL, a `Media`, a `MediaStore`, a `Blob`, a
            `BlobLoader`, or an iterable of these.
        suffixes: The suffixes of files to load from folders and globs, such as
            ``[".jpg", ".ogg"]``. Default: all.
        caption_parser: Your own parser for pictures.
        transcript_parser: Your own parser for recordings.
        caption_options: Arguments for the `VisionCraftCaptionParser`, such as ``{"prompt": "…"}``.
        transcript_options: Arguments for the `VisionCraftTranscriptParser`.
        max_concurrency: How many files are loaded at a time. Up to four times as many results may
            wait for a slow file before them.
        on_error: What happens if a file fails: `"raise"` an error, `"skip"` the file (see
            `report`), or yield a `"document"` that reports the error (in the metadata `error`).
        cache: Where answers are kept: a folder, an fsspec URL, or a byte store of LangChain.
        strict: Whether a truncated or damaged file fails. Otherwise the part that can be decoded is
            loaded, and the metadata report the `damage`. Your own parser has its own setting.
        store: Keeps a copy of every file; `Media.from_document` then finds it by its handle.
        show_progress: Whether to show a progress bar (tqdm).
        allow_private_urls: Whether URLs may lead to this machine or this network. Give it only if
            all URLs are your own.
        client: A ready client (sync or async), instead of the settings of the connection.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.

    Raises:
        ImportError: If the extra is missing: ``pip install 'langchain-visioncraft[media]'``.
        InvalidRequestError: If an argument cannot be used.

    Attributes:
        report: The report on the latest run, during and after it.
    """

    def __init__(
        self,
        source: sources.SourceTypes,
        *,
        suffixes: Sequence[str] | None = None,
        caption_parser: VisionCraftCaptionParser | None = None,
        transcript_parser: VisionCraftTranscriptParser | None = None,
        caption_options: Mapping[str, Any] | None = None,
        transcript_options: Mapping[str, Any] | None = None,
        max_concurrency: int = 4,
        on_error: OnError = "raise",
        cache: CacheTypes = None,
        strict: bool = False,
        store: MediaStore | None = None,
        show_progress: bool = False,
        allow_private_urls: bool = False,
        client: AnyClient | None = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        hide_key(connection)
        if on_error not in get_args(OnError):
            msg = f"on_error={on_error!r} is not valid: give 'raise', 'skip' or 'document'."
            raise InvalidRequestError(msg)
        self.on_error = on_error
        base.check_number("max_concurrency", max_concurrency, 1, whole=True)
        for name, parser, options in (
            ("caption", caption_parser, caption_options),
            ("transcript", transcript_parser, transcript_options),
        ):
            if parser is not None and options:
                msg = f"Give either {name}_parser= or {name}_options=: a parser has its own."
                raise InvalidRequestError(msg)
        self._sources = sources.check_sources(source)
        self._suffixes = tuple(suffix.lower() for suffix in suffixes or [""])
        self.client = connect(client, connection, max_retries=base.MAX_RETRIES)
        self.allow_private_urls = allow_private_urls
        self.cache = open_cache(cache)
        self.caption_parser = caption_parser or VisionCraftCaptionParser(
            client=self.client, **{"strict": strict, **(caption_options or {})}
        )
        self.transcript_parser = transcript_parser or VisionCraftTranscriptParser(
            client=self.client, **{"strict": strict, **(transcript_options or {})}
        )
        self.max_concurrency = max_concurrency
        self.store = store
        self.show_progress = show_progress
        self.report = LoadReport()

    def lazy_load(self) -> Iterator[Document]:
        """Yield the documents in the order of the files, loaded by `max_concurrency` threads.

        Raises:
            VisionCraftError: With ``on_error="raise"``, for the first file that fails, after the
                documents of those before it.
        """
        report = self.report = LoadReport()
        results = ordered_map(
            self._outputs, sources.items_of(self._sources, self._suffixes), self.max_concurrency
        )
        with self._progress() as advance, closing(results):
            for outputs in results:
                yield from report.count(outputs, self.on_error)
                advance()

    async def alazy_load(self) -> AsyncIterator[Document]:
        """Yield the documents in the order of the files, loaded by `max_concurrency` tasks."""
        report = self.report = LoadReport()
        results = aordered_map(
            self._outputs, sources.items_of(self._sources, self._suffixes), self.max_concurrency
        )
        with self._progress() as advance:
            async with aclosing(results):
                async for outputs in results:
                    for document in report.count(outputs, self.on_error):
                        yield document
                    advance()

    def _outputs(self, item: sources.Item | Skipped) -> Steps[list[Document | Skipped]]:
        """The result of one file."""
        if isinstance(item, Skipped):
            return [item]
        outputs: list[Document | Skipped] = []
        try:
            source = yield from sources.source_of(
                item,
                self.client,
                allow_private_urls=self.allow_private_urls,
                spool_dir=self.store.spool_dir if self.store else None,
            )
            parser, parts = yield work(self._look_at, source)
            cache = self.cache if parser.cache is None else parser.cache
            for part in parts:
                outputs += yield from parser.documents(part, cache)
        except Exception as error:
            # Anything: parsers may call any chat model.
            if self.on_error == "raise" or isinstance(error, (*CONCERN_ALL, ImportError)):
                raise
            name = item if isinstance(item, str) else item.name or "<data>"
            outputs.append(Skipped.because_of(error, name))
        return outputs

    def _look_at(self, source: sources.Source) -> tuple[base.VisionCraftParser, Sequence[Any]]:
        file = sources.read(source)
        if self.store is not None:
            self.store.add(file.media, tool="VisionCraftMediaLoader", sources=[file.source])
        kinds = self.caption_parser.kinds
        parser = self.caption_parser if file.kind in kinds else self.transcript_parser
        return parser, parser.parts(file)

    @contextmanager
    def _progress(self) -> Iterator[Callable[[], Any]]:
        """Show a progress bar, if wanted; yields what to call after each file."""
        if not self.show_progress:
            yield lambda: None
            return
        base.require("show_progress=True", "tqdm", "tqdm")
        from tqdm import tqdm  # noqa: PLC0415 -- the extra `media`

        with tqdm(total=sources.count_items(self._sources, self._suffixes), unit="file") as bar:
            yield bar.update
