"""The work of an actor: it returns its rows with captions or transcripts added."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from langchain_core.documents import Document
from ray.exceptions import RayError

from langchain_visioncraft._driving import adrive
from langchain_visioncraft._flows import Steps, work
from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.base import VisionCraftParser
from langchain_visioncraft.document_loaders.captions import VisionCraftCaptionParser
from langchain_visioncraft.document_loaders.reports import CONCERN_ALL, Skipped
from langchain_visioncraft.document_loaders.sources import Item, Source, source_of
from langchain_visioncraft.document_loaders.transcripts import VisionCraftTranscriptParser
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.paths import is_share, local_path
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.urls import is_url
from langchain_visioncraft.ray.limits import Permits

_READABLE = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.null())
_SEGMENTS = pa.list_(pa.struct({"start": pa.float64(), "end": pa.float64(), "text": pa.string()}))
_COMMON = {"_sha256": pa.string(), "_error": pa.string(), "_error_type": pa.string()}


def _captioned(documents: Sequence[Document]) -> dict[str, Any]:
    # Several frames or pages are separated by an empty line.
    return {"": "\n\n".join(document.page_content for document in documents)}


def _transcribed(documents: Sequence[Document]) -> dict[str, Any]:
    return {
        "": " ".join(document.page_content for document in documents),
        # Start and end are in the metadata; Arrow does not accept the others.
        "_segments": [{**each.metadata, "text": each.page_content} for each in documents],
        "_language": documents[0].metadata.get("language"),
    }


class Kind(NamedTuple):
    """How a file is processed: by which function and parser, into which columns."""

    function: str
    """The public function, as users call it."""
    parser: type[VisionCraftParser]
    types: Mapping[str, pa.DataType]
    """The types of the columns, by the ends of their names."""
    values: Callable[[Sequence[Document]], dict[str, Any]]


CAPTION = Kind("caption", VisionCraftCaptionParser, {"": pa.string(), **_COMMON}, _captioned)
TRANSCRIPT = Kind(
    "transcribe",
    VisionCraftTranscriptParser,
    {"": pa.string(), "_segments": _SEGMENTS, "_language": pa.string(), **_COMMON},
    _transcribed,
)


def values_of(kind: Kind, outputs: Sequence[Any]) -> dict[str, Any]:
    """The values of a row, from the result of its file; missing ones are null."""
    last: Document | Skipped = outputs[-1]
    if isinstance(last, Skipped):
        # Arrow takes no lone surrogate, which a chat model's error may quote.
        reason = last.reason.encode("utf-8", "replace").decode()
        return {"_error": reason, "_error_type": last.error}
    return {**kind.values(outputs), "_sha256": last.metadata["sha256"]}


def added(rows: pa.Table, kind: Kind, output: str, values: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows with the columns; their types do not depend on the values."""
    for ending, of_type in kind.types.items():
        column = pa.array([row.get(ending) for row in values], of_type)
        rows = rows.append_column(output + ending, column)
    return rows


def check_columns(kind: Kind, column: str, output: str, schema: Any) -> None:
    """Refuse to read a column that is missing or holds something else, and to write over columns.

    Other types than Arrow's are not checked.
    """
    types = dict(zip(schema.names, schema.types, strict=True))
    if column not in types:
        msg = f"The dataset has no column {column!r}. Its columns: {', '.join(types) or 'none'}."
        raise InvalidRequestError(msg)
    if isinstance(types[column], pa.DataType) and types[column] not in _READABLE:
        msg = (
            f"Column {column!r} holds {types[column]}: it must hold paths or URLs (texts), or the "
            "bytes of files, as ray.data.read_binary_files returns them."
        )
        raise InvalidRequestError(msg)
    if taken := [output + ending for ending in kind.types if output + ending in types]:
        msg = f"The dataset has {', '.join(taken)} already: name other columns with output=."
        raise InvalidRequestError(msg)


@dataclass(kw_only=True, repr=False, eq=False)
class Job:
    """The configuration of an actor. It travels as a pickle; only its name is shown.

    Ray writes the `str` of a dataset's parts into its logs and its dashboard, and finds the worker
    of a job by equality, after both were pickled.
    """

    name: str
    kind: Kind
    column: str
    output: str
    parser: VisionCraftParser
    """Makes one attempt at each call."""
    client: AsyncVisionCraftClient
    """Fetches URLs, and decides what is retried."""
    limiter: Any
    heartbeat_timeout: float
    max_concurrency: int
    on_error: Literal["column", "raise"]
    allow_private_urls: bool

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class RowWorker:
    """The callable class of `map_batches`. One lives in each actor.

    It has its own event loop. Ray's loop, on which Ray awaits this object, stops while finished
    rows wait to be taken, which would break running calls.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._permits = Permits(job.limiter, job.client)
        self._room = asyncio.Semaphore(job.max_concurrency)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=job.name, daemon=True).start()
        heartbeats = self._permits.keep_alive(job.heartbeat_timeout / 3)
        asyncio.run_coroutine_threadsafe(heartbeats, self._loop)

    async def __call__(self, rows: pa.Table) -> pa.Table:
        """Add the columns; errors that concern all rows raise."""
        done = asyncio.run_coroutine_threadsafe(self._with_columns(rows), self._loop)
        return await asyncio.wrap_future(done)

    async def _with_columns(self, rows: pa.Table) -> pa.Table:
        job = self._job
        check_columns(job.kind, job.column, job.output, rows.schema)
        contents = rows.column(job.column).to_pylist()
        tasks = [asyncio.ensure_future(self._values(content)) for content in contents]
        try:
            return added(rows, job.kind, job.output, await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _values(self, content: Any) -> dict[str, Any]:
        async with self._room:
            outputs = await adrive(self._outputs(content), self._permits.do)
        return values_of(self._job.kind, outputs)

    def _outputs(self, content: str | bytes | None) -> Steps[list[Document | Skipped]]:
        job, outputs = self._job, list[Document | Skipped]()
        try:
            item, private = _item_of(content, job.column), job.allow_private_urls
            source = yield from source_of(item, job.client, allow_private_urls=private)
            for part in (yield work(job.parser.parts_of, source)):
                outputs += yield from job.parser.documents(part, job.parser.cache)
        except Exception as error:
            # Failures of the cluster are not failures of a row.
            concerns_all = isinstance(error, (*CONCERN_ALL, ImportError, RayError))
            if job.on_error == "raise" or concerns_all:
                raise
            name = content if isinstance(content, str) else "<data>"
            outputs.append(Skipped.because_of(error, name))
        return outputs


def _item_of(content: str | bytes | None, column: str) -> Item:
    if content is None:
        msg = f"Column {column!r} is empty in this row."
        raise MediaInputError(msg)
    if isinstance(content, bytes):
        return Source("", HeldBytes(content))
    if is_url(content) or is_share(content):
        return content
    return Source.of(local_path(content))
