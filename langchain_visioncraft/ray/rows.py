"""What an actor does: rows in, the same rows out, with what was seen or heard in them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from ray.exceptions import RayError

from langchain_visioncraft._driving import adrive
from langchain_visioncraft._flows import Steps, work
from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.base import VisionCraftParser
from langchain_visioncraft.document_loaders.reports import ErrorPolicy, OnError, Skipped
from langchain_visioncraft.document_loaders.sources import Item, blob_of
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.paths import local_path
from langchain_visioncraft.media.urls import is_url
from langchain_visioncraft.ray.columns import Kind, added, check_columns, values_of
from langchain_visioncraft.ray.limits import Permits


@dataclass(kw_only=True, repr=False, eq=False)
class Job:
    """All that an actor needs to know. It travels pickled; only its name is shown.

    Ray writes what a dataset is made of into its logs and its dashboard, as `str` gives it, and
    finds the worker of a job by equality, after both were pickled.
    """

    name: str
    kind: Kind
    column: str
    output: str
    parser: VisionCraftParser
    """Makes one attempt at each call."""
    client: AsyncVisionCraftClient
    """Fetches URLs, and says what is tried again."""
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

    It has an event loop of its own. Ray's, on which it awaits this, stands still while the rows
    that are done wait to be taken; calls under way would then be cut off.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._permits = Permits(job.limiter, job.client)
        self._room = asyncio.Semaphore(job.max_concurrency)
        # Failures of the cluster are not failures of a row.
        on_error: OnError = "raise" if job.on_error == "raise" else "skip"
        self._error_policy = ErrorPolicy(on_error, raised=(RayError,))
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=job.name, daemon=True).start()
        heartbeats = self._permits.keep_alive(job.heartbeat_timeout / 3)
        asyncio.run_coroutine_threadsafe(heartbeats, self._loop)

    async def __call__(self, rows: pa.Table) -> pa.Table:
        """Add the columns.

        Raises:
            InvalidRequestError: If the dataset has no such column, or it holds something else.
            VisionCraftError: If something concerns all rows, or any row fails that may not.
        """
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
            blob = yield from blob_of(item, job.client, allow_private_urls=private)
            for part in (yield work(job.parser.parts_of, blob)):
                outputs += yield from job.parser.documents(part, job.parser.cache)
        except Exception as error:
            if self._error_policy.raises(error):
                raise
            name = content if isinstance(content, str) else "<data>"
            outputs.append(Skipped.because_of(error, name))
        return outputs


def _item_of(content: str | bytes | None, column: str) -> Item:
    if content is None:
        msg = f"Column {column!r} is empty in this row."
        raise MediaInputError(msg)
    if isinstance(content, bytes):
        return Blob.from_data(content)
    if is_url(content):
        return content
    return Blob.from_path(local_path(content), guess_type=False)
