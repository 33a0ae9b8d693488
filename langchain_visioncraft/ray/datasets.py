"""`caption` and `transcribe`, which add columns to a dataset."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Literal

import ray
from ray import cloudpickle
from ray.data import ActorPoolStrategy, Dataset
from typing_extensions import Unpack

from langchain_visioncraft._keywords import unknown_keyword
from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.client.pair import ConnectionSettings, client_pair, connect
from langchain_visioncraft.config import as_secret, environment_key
from langchain_visioncraft.document_loaders.base import MAX_RETRIES, check_number, check_text
from langchain_visioncraft.document_loaders.caching import CacheTypes
from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError
from langchain_visioncraft.ray.limits import CallLimits
from langchain_visioncraft.ray.rows import (
    CAPTION,
    TRANSCRIPT,
    Job,
    Kind,
    RowWorker,
    check_columns,
)


class DatasetSettings(ConnectionSettings, total=False):
    """How `caption` and `transcribe` work on a dataset.

    The settings of `VisionCraftClient` are also accepted, except HTTP clients and rate limiter.
    `max_retries` is 6 by default. The key (by default, that of this process) travels to the actors
    in a pickle; neither the dataset nor Ray's logs and dashboard show it.

    Attributes:
        limits: The limits of the calls of the whole cluster. Default: 32 in flight.
        cache: Where answers are kept: the path of a folder or an fsspec URL that all machines
            reach, such as ``s3://bucket/answers``, or one of LangChain's byte stores that does.
        on_error: `"column"` (default) reports a row that fails in its columns, `"raise"` ends the
            job.
        max_concurrency: How many rows an actor processes at a time, from 1. Default: 16.
        compute: How many actors to use. Default: from one to the number of machines that the
            cluster has now. Actors mostly wait, so one per machine is enough.
        ray_remote_args: Arguments for the actors, such as ``{"num_cpus": 0.5}``.
        allow_private_urls: Whether URLs may lead to private addresses. Give it only if all URLs
            are your own.
    """

    limits: CallLimits | None
    cache: CacheTypes
    on_error: Literal["column", "raise"]
    max_concurrency: int
    compute: ActorPoolStrategy | None
    ray_remote_args: Mapping[str, Any] | None
    allow_private_urls: bool


def caption(
    dataset: Dataset,
    column: str,
    *,
    output: str = "caption",
    options: Mapping[str, Any] | None = None,
    **settings: Unpack[DatasetSettings],
) -> Dataset:
    """Describe the pictures of a dataset.

    This is lazy, like Ray Data: calls are made when the rows are consumed. Every row is returned
    once, with these additional columns: ``caption`` (for several pages or frames, their captions
    separated by an empty line), ``caption_sha256`` (of the file), ``caption_error`` and
    ``caption_error_type`` (null without an error). The order of the rows is kept if Ray Data keeps
    it (``DataContext.execution_options.preserve_order``, off by default).

    A row that fails reports the error in its columns. An error that concerns all rows (a wrong key,
    an expired subscription, a rate limit that waiting does not lift, an endpoint that the host
    lacks, TLS) ends the job, even with ``on_error="column"``; Ray raises a `RayTaskError` with its
    message.

    If a machine is lost, its unfinished rows are processed on another one. With a `cache`, only
    calls without an answer are repeated, both then and when the job runs again.

    Args:
        dataset: A Ray Data dataset.
        column: The column with the pictures: paths that every machine can open, http(s) URLs, URLs
            that fsspec opens (``s3://…``), or the bytes of files.
        output: Another name for the column of captions, with which the other names begin.
        options: Arguments for the `VisionCraftCaptionParser`, such as ``{"prompt": "…"}``.
        **settings: See `DatasetSettings`.

    Raises:
        InvalidRequestError: If an argument cannot be used or sent to other machines, or a column is
            missing or taken (reported when the job runs if the columns are not known before).
        MissingKeyError: If there is no key.
    """
    return _mapped(dataset, column, CAPTION, output, dict(options or {}), **settings)


def transcribe(
    dataset: Dataset,
    column: str,
    *,
    output: str = "transcript",
    options: Mapping[str, Any] | None = None,
    **settings: Unpack[DatasetSettings],
) -> Dataset:
    """Transcribe the recordings and videos of a dataset.

    Like `caption`, with these columns in addition: ``transcript``, ``transcript_segments`` (a list
    of ``start`` and ``end`` in seconds and ``text``), ``transcript_language`` (if the host names
    it), ``transcript_sha256``, ``transcript_error`` and ``transcript_error_type``. A row with a
    recording without speech fails.

    Args:
        dataset: A Ray Data dataset.
        column: The column with the recordings: see `caption`.
        output: Another name for the column of transcripts, with which the other names begin.
        options: Arguments for the `VisionCraftTranscriptParser`, such as ``{"language": "en"}``,
            except those that divide a recording into documents.
        **settings: See `DatasetSettings`.

    Raises:
        InvalidRequestError: See `caption`.
        MissingKeyError: If there is no key.
    """
    given = dict(options or {})
    for name in ("by", "window_seconds", "overlap_seconds"):
        if name in given:
            msg = f"options={{{name!r}: …}} is not accepted: a row has one transcript, in segments."
            raise InvalidRequestError(msg)
    return _mapped(dataset, column, TRANSCRIPT, output, given, **settings)


def _mapped(
    dataset: Dataset,
    column: str,
    kind: Kind,
    output: str,
    options: dict[str, Any],
    *,
    limits: CallLimits | None = None,
    cache: CacheTypes = None,
    on_error: Literal["column", "raise"] = "column",
    max_concurrency: int = 16,
    compute: ActorPoolStrategy | None = None,
    ray_remote_args: Mapping[str, Any] | None = None,
    allow_private_urls: bool = False,
    **connection: Unpack[ConnectionSettings],
) -> Dataset:
    known = ("output", "options", *DatasetSettings.__annotations__)
    for name in connection.keys() - known:
        raise TypeError(unknown_keyword(kind.function, name, known))
    if not isinstance(dataset, Dataset):
        msg = f"{type(dataset).__name__} is not a Ray Data dataset: ray.data.from_items makes one."
        raise InvalidRequestError(msg)
    if on_error not in ("column", "raise"):
        msg = f"on_error={on_error!r} is not valid: give 'column' or 'raise'."
        raise InvalidRequestError(msg)
    check_number("max_concurrency", max_concurrency, 1, whole=True)
    check_text("column", column)
    check_text("output", output)
    schema = dataset.schema(fetch_if_missing=False)  # fetching it may read everything
    if schema is not None:
        check_columns(kind, column, output, schema)
    client = _client(connection, needs_key="chat_model" not in options)
    once = copy(client)  # each attempt takes a permit, so retries are made here and not there
    once.settings = replace(client.settings, max_retries=0)
    parser = kind.parser(client=once, cache=cache, **options)
    try:
        cloudpickle.dumps(parser)  # type: ignore[no-untyped-call]
    except Exception as error:
        # Any error of `verify`, `cache` or a chat model when pickled.
        msg = f"An argument cannot be sent to other machines: {error}"
        raise InvalidRequestError(msg) from error
    limits = limits or CallLimits()
    limiter = limits.limiter()
    machines = sum(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
    job = Job(
        name=f"{output} of {column} {uuid.uuid4().hex[:8]}",
        kind=kind,
        parser=parser,
        client=client,
        column=column,
        output=output,
        limiter=limiter,
        heartbeat_timeout=limits.heartbeat_timeout,
        max_concurrency=max_concurrency,
        on_error=on_error,
        allow_private_urls=allow_private_urls,
    )
    return dataset.map_batches(
        RowWorker,
        fn_constructor_args=(job,),
        compute=compute or ActorPoolStrategy(min_size=1, max_size=machines),
        batch_size=max_concurrency,
        batch_format="pyarrow",
        udf_modifying_row_count=False,
        **(ray_remote_args or {}),
    )


def _client(connection: ConnectionSettings, *, needs_key: bool) -> AsyncVisionCraftClient:
    for name in ("http_client", "http_async_client", "rate_limiter"):
        if connection.get(name) is not None:
            msg = f"{name}= is not accepted: it cannot be sent to other machines; see CallLimits."
            raise InvalidRequestError(msg)
    # Passed on, because other machines may not have it in their environment.
    key = as_secret(connection.get("api_key")) or as_secret(environment_key())
    if needs_key and not key:
        raise MissingKeyError
    settings: ConnectionSettings = {**connection, "api_key": key}
    return client_pair(connect(None, settings, max_retries=MAX_RETRIES))[1]
