"""What an actor does: rows in, the same rows out, with what was seen or heard in them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from langchain_core.documents.base import Blob
from ray.exceptions import RayError

from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.base import VisionCraftParser
from langchain_visioncraft.document_loaders.fetching import Fetcher
from langchain_visioncraft.document_loaders.guarding import Skipped, guarded
from langchain_visioncraft.document_loaders.sources import Item
from langchain_visioncraft.document_loaders.steps import Steps, adrive
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.ray.columns import Columns, check_new, check_source
from langchain_visioncraft.ray.leasing import leased
from langchain_visioncraft.ray.limits import Slots


class Job:
    """All that an actor needs to know. It travels pickled; it shows nothing of itself.

    Ray writes what a dataset is made of into its logs and its dashboard, as `str` gives it.

    Args:
        name: For Ray's dashboard.
        parser: Makes one attempt at each call.
        client: Fetches URLs, and says what is tried again.
        column: Where paths, URLs or bytes are.
        columns: What is added.
        ledger: The handle of the ledger.
        lease_seconds: Of the ledger.
        max_concurrency: How many rows an actor works on at a time.
        raising: Whether a row that fails ends all.
        allow_private_urls: Whether URLs may lead to private addresses.
    """

    def __init__(
        self,
        *,
        name: str,
        parser: VisionCraftParser,
        client: AsyncVisionCraftClient,
        column: str,
        columns: Columns,
        ledger: Any,
        lease_seconds: float,
        max_concurrency: int,
        raising: bool,
        allow_private_urls: bool,
    ) -> None:
        self.name = name
        self.parser = parser
        self.client = client
        self.column = column
        self.columns = columns
        self.ledger = ledger
        self.lease_seconds = lease_seconds
        self.max_concurrency = max_concurrency
        self.raising = raising
        self.allow_private_urls = allow_private_urls

    def __repr__(self) -> str:
        return self.name

    # Ray finds the worker of a job by equality, after both were pickled.

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
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=job.name, daemon=True).start()
        self._slots = Slots(job.ledger, job.lease_seconds)
        self._room = asyncio.Semaphore(job.max_concurrency)
        self._fetcher = Fetcher(job.client, allow_private_urls=job.allow_private_urls)

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
        check_source(job.column, rows.schema.names, rows.schema.types)
        check_new(job.columns.schema().names, rows.schema.names)
        contents = rows.column(job.column).to_pylist()
        tasks = [asyncio.ensure_future(self._values(content)) for content in contents]
        try:
            return job.columns.added(rows, await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _values(self, content: Any) -> Mapping[str, Any]:
        async with self._room:
            outputs = [output async for output in adrive(self._steps(content))]
        for output in outputs:
            if isinstance(output, Skipped):
                return self._job.columns.failed(output)
        return self._job.columns.values(outputs)

    def _steps(self, content: Any) -> Steps[None]:
        steps = leased(self._documents(content), self._job.client, self._slots)
        if self._job.raising:
            return steps
        # The cluster's own troubles are no fault of a row.
        return guarded(steps, _name_of(content), raised=(RayError,))

    def _documents(self, content: Any) -> Steps[None]:
        if content is None:
            msg = f"Column {self._job.column!r} is empty in this row."
            raise MediaInputError(msg)
        # What holds the bytes of a URL must live as long as the blob.
        blob, _holder = yield from self._fetcher.blob_of(_item_of(content))
        yield from self._job.parser.steps(blob)


def _name_of(content: Any) -> str:
    return content if isinstance(content, str) else "<data>"


def _item_of(content: str | bytes) -> Item:
    if isinstance(content, bytes):
        return Item(_name_of(content), Blob.from_data(content))
    if "://" in content or "::" in content:
        return Item(content, content)
    return Item(content, Blob.from_path(content, guess_type=False))
