"""What an actor does: rows in, the same rows out, with what was seen or heard in them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from langchain_core.documents.base import Blob
from ray.exceptions import RayError

from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.base import VisionCraftParser
from langchain_visioncraft.document_loaders.fetching import Fetcher
from langchain_visioncraft.document_loaders.guarding import guarded
from langchain_visioncraft.document_loaders.sources import Item
from langchain_visioncraft.document_loaders.steps import Steps, adrive
from langchain_visioncraft.errors import MediaInputError
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
    that are done wait for whoever takes them; calls under way would then be cut off.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._permits = Permits(job.limiter, job.client)
        self._room = asyncio.Semaphore(job.max_concurrency)
        self._fetcher = Fetcher(job.client, allow_private_urls=job.allow_private_urls)
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
            steps = adrive(self._steps(content), self._permits.call)
            return values_of(self._job.kind, [output async for output in steps])

    def _steps(self, content: Any) -> Steps[None]:
        steps = self._documents(content)
        if self._job.on_error == "raise":
            return steps
        # The cluster's own troubles are no fault of a row.
        name = content if isinstance(content, str) else "<data>"
        return guarded(steps, name, raised=(RayError,))

    def _documents(self, content: str | bytes | None) -> Steps[None]:
        if content is None:
            msg = f"Column {self._job.column!r} is empty in this row."
            raise MediaInputError(msg)
        if isinstance(content, bytes):
            item = Item("<data>", Blob.from_data(content))
        elif "://" in content or "::" in content:
            item = Item(content, content)
        else:
            item = Item(content, Blob.from_path(content, guess_type=False))
        # What holds the bytes of a URL must live as long as the blob.
        blob, _holder = yield from self._fetcher.blob_of(item)
        yield from self._job.parser.steps(blob)
