"""`caption` and `transcribe`: a dataset in, the same dataset with columns added out."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import ray
from pydantic import SecretStr
from ray import cloudpickle
from ray.data import ActorPoolStrategy, Dataset
from typing_extensions import Unpack

from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.config import environment_key
from langchain_visioncraft.document_loaders.base import VisionCraftParser, check_text
from langchain_visioncraft.document_loaders.caching import CacheTypes, open_cache
from langchain_visioncraft.document_loaders.connections import ConnectionSettings, connect
from langchain_visioncraft.document_loaders.parsers import (
    VisionCraftCaptionParser,
    VisionCraftTranscriptParser,
)
from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError
from langchain_visioncraft.ray.columns import (
    Columns,
    TranscriptColumns,
    check_new,
    check_source,
)
from langchain_visioncraft.ray.limits import CallLimits
from langchain_visioncraft.ray.rows import Job, RowWorker

OnError: TypeAlias = Literal["column", "raise"]
ActorsTypes: TypeAlias = int | tuple[int, int] | None

DEFAULT_MAX_CONCURRENCY = 16


def caption(
    dataset: Dataset,
    column: str,
    *,
    output: str = "caption",
    options: Mapping[str, Any] | None = None,
    limits: CallLimits | None = None,
    cache: CacheTypes = None,
    on_error: OnError = "column",
    max_concurrency: int = DEFAULT_MAX_CONCURRENCY,
    actors: ActorsTypes = None,
    actor_options: Mapping[str, Any] | None = None,
    allow_private_urls: bool = False,
    **connection: Unpack[ConnectionSettings],
) -> Dataset:
    """Describe the pictures of a dataset.

    Lazy, as Ray Data is: calls are made when the rows are asked for. Every row comes out once, with
    these columns in addition: ``caption`` (of several pages or frames one after another, an empty
    line between), ``caption_sha256`` (of the file), ``caption_error`` and ``caption_error_type``
    (null where all went well). The order of the rows is kept if Ray Data keeps it
    (``DataContext.execution_options.preserve_order``, off by default).

    A row that fails says so in its columns. What concerns all rows (a wrong key, a lapsed
    subscription, a rate limit that waiting does not lift, an endpoint that the host does not have,
    TLS) ends the job, also with ``on_error="column"``; Ray raises it as a `RayTaskError` that tells
    what was wrong.

    Rows that were under way on a machine that is lost are done again on another one. With a
    `cache`, only calls that had no answer yet are made again, then and when the job is run anew.

    Args:
        dataset: A Ray Data dataset.
        column: Where the pictures are: paths that every machine can open, http(s) URLs, URLs of
            what fsspec opens (``s3://…``), or the bytes of files.
        output: Another name for the column of captions; the names of the others begin with it.
        options: Arguments for the `VisionCraftCaptionParser`, such as ``{"prompt": "…"}``.
        limits: Of the calls that the whole cluster makes. Default: 32 in flight.
        cache: Where answers are kept: the path of a folder or an fsspec URL that all machines
            reach, such as ``s3://bucket/answers``, or one of LangChain's byte stores that does.
        on_error: `"column"` tells of a row that fails in its columns, `"raise"` ends the job.
        max_concurrency: How many rows an actor works on at a time, from 1.
        actors: How many actors, or the least and the most. Default: from one to as many as the
            cluster has machines now. They mostly wait, so one a machine will do.
        actor_options: For `Dataset.map_batches`, such as ``{"num_cpus": 0.5}``.
        allow_private_urls: Whether URLs may lead to private addresses. Give it only if all URLs
            are your own.
        **connection: The settings of `VisionCraftClient`, without HTTP clients and rate limiter.
            `max_retries` is 6 by default. The key (by default, that of this process) travels to the
            actors in a pickle; neither the dataset nor Ray's logs and dashboard show it.

    Raises:
        InvalidRequestError: If an argument cannot be used, a column is missing or taken (which is
            told when the job runs if the columns are not known before), or an argument cannot be
            sent to other machines.
        MissingKeyError: If there is no key.
    """
    return _mapped(
        dataset,
        column,
        VisionCraftCaptionParser,
        Columns(output),
        dict(options or {}),
        limits=limits or CallLimits(),
        cache=cache,
        on_error=on_error,
        max_concurrency=max_concurrency,
        actors=actors,
        actor_options=actor_options,
        allow_private_urls=allow_private_urls,
        connection=connection,
    )


def transcribe(
    dataset: Dataset,
    column: str,
    *,
    output: str = "transcript",
    options: Mapping[str, Any] | None = None,
    limits: CallLimits | None = None,
    cache: CacheTypes = None,
    on_error: OnError = "column",
    max_concurrency: int = DEFAULT_MAX_CONCURRENCY,
    actors: ActorsTypes = None,
    actor_options: Mapping[str, Any] | None = None,
    allow_private_urls: bool = False,
    **connection: Unpack[ConnectionSettings],
) -> Dataset:
    """Write down what is said in the recordings and videos of a dataset.

    Like `caption`, with these columns in addition: ``transcript``, ``transcript_segments`` (a list
    of ``start`` and ``end`` in seconds and ``text``), ``transcript_language`` (if the host names
    it), ``transcript_sha256``, ``transcript_error`` and ``transcript_error_type``. A recording in
    which nobody speaks is a row that fails.

    Args:
        dataset: A Ray Data dataset.
        column: Where the recordings are: see `caption`.
        output: Another name for the column of transcripts; the names of the others begin with it.
        options: Arguments for the `VisionCraftTranscriptParser`, such as ``{"language": "en"}``,
            but not those that say how to cut it into documents.
        limits: See `caption`.
        cache: See `caption`.
        on_error: See `caption`.
        max_concurrency: See `caption`.
        actors: See `caption`.
        actor_options: See `caption`.
        allow_private_urls: See `caption`.
        **connection: See `caption`.

    Raises:
        InvalidRequestError: See `caption`.
        MissingKeyError: If there is no key.
    """
    given = dict(options or {})
    for name in ("by", "window_seconds", "overlap_seconds"):
        if name in given:
            msg = f"options={{{name!r}: …}} is not accepted: a row has one transcript, in segments."
            raise InvalidRequestError(msg)
    return _mapped(
        dataset,
        column,
        VisionCraftTranscriptParser,
        TranscriptColumns(output),
        given,
        limits=limits or CallLimits(),
        cache=cache,
        on_error=on_error,
        max_concurrency=max_concurrency,
        actors=actors,
        actor_options=actor_options,
        allow_private_urls=allow_private_urls,
        connection=connection,
    )


def _mapped(
    dataset: Dataset,
    column: str,
    kind: type[VisionCraftParser],
    columns: Columns,
    options: dict[str, Any],
    *,
    limits: CallLimits,
    cache: CacheTypes,
    on_error: OnError,
    max_concurrency: int,
    actors: ActorsTypes,
    actor_options: Mapping[str, Any] | None,
    allow_private_urls: bool,
    connection: ConnectionSettings,
) -> Dataset:
    if on_error not in ("column", "raise"):
        msg = f"on_error={on_error!r} is not valid: 'column' or 'raise'."
        raise InvalidRequestError(msg)
    _check_count("max_concurrency", max_concurrency)
    _check_dataset(dataset, column, columns)
    client = _client(connection, needs_key="chat_model" not in options)
    once = client.as_async()  # each attempt takes a slot, so they are made here and not there
    once.settings = replace(once.settings, max_retries=0)
    parser = kind(client=once, cache=_shared(cache), **options)
    _check_travels(parser)
    job = Job(
        name=f"{columns.output} of {column} {uuid.uuid4().hex[:8]}",
        parser=parser,
        client=client.as_async(),
        column=column,
        columns=columns,
        ledger=limits.ledger(),
        lease_seconds=limits.lease_seconds,
        max_concurrency=max_concurrency,
        raising=on_error == "raise",
        allow_private_urls=allow_private_urls,
    )
    return dataset.map_batches(
        RowWorker,
        fn_constructor_args=(job,),
        compute=_pool(actors),
        batch_size=max_concurrency,
        batch_format="pyarrow",
        udf_modifying_row_count=False,
        **dict(actor_options or {}),
    )


def _check_dataset(dataset: Dataset, column: str, columns: Columns) -> None:
    if not isinstance(dataset, Dataset):
        msg = f"{type(dataset).__name__} is not a Ray Data dataset: ray.data.from_items makes one."
        raise InvalidRequestError(msg)
    check_text("column", column)
    check_text("output", columns.output)
    schema = dataset.schema(fetch_if_missing=False)  # to find it out may mean to read everything
    if schema is not None:
        check_source(column, schema.names, schema.types)
        check_new(columns.schema().names, schema.names)


def _client(connection: ConnectionSettings, *, needs_key: bool) -> VisionCraftClient:
    given: dict[str, Any] = {k: v for k, v in connection.items() if v is not None}
    for name in ("http_client", "http_async_client"):
        if name in given:
            msg = f"{name}= is not accepted: an HTTP client cannot be sent to other machines."
            raise InvalidRequestError(msg)
    if "rate_limiter" in given:
        msg = "rate_limiter= is not accepted: limits=CallLimits(per_second=…) is for all machines."
        raise InvalidRequestError(msg)
    key = given.pop("api_key", None) or environment_key()
    if key:
        # Given, so that it travels: other machines need not have it in their environment.
        given["api_key"] = key if isinstance(key, SecretStr) else SecretStr(key)
    elif needs_key:
        raise MissingKeyError
    client = connect(None, given)  # type: ignore[arg-type]
    assert isinstance(client, VisionCraftClient)  # noqa: S101 -- since none was given
    return client


def _shared(cache: CacheTypes) -> CacheTypes:
    """The same cache, by a name that means the same in every process."""
    opened = open_cache(cache)
    if opened is not None and isinstance(cache, str | os.PathLike) and hasattr(opened, "folder"):
        return Path(cache).expanduser().absolute()
    return opened


def _check_travels(parser: VisionCraftParser) -> None:
    try:
        cloudpickle.dumps(parser)  # type: ignore[no-untyped-call]
    except Exception as error:
        # Whatever `verify`, `cache` or a chat model raise in pickling themselves.
        msg = f"An argument cannot be sent to other machines: {error}"
        raise InvalidRequestError(msg) from error


def _pool(actors: ActorsTypes) -> ActorPoolStrategy:
    if actors is None:
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        machines = sum(1 for node in nodes if node["Alive"])
        return ActorPoolStrategy(min_size=1, max_size=max(1, machines))
    if isinstance(actors, tuple) and len(actors) == 2:
        least, most = actors
        _check_count("actors", least)
        _check_count("actors", most)
        if least <= most:
            return ActorPoolStrategy(min_size=least, max_size=most)
        msg = f"actors={actors!r} is not valid: the least comes first."
        raise InvalidRequestError(msg)
    _check_count("actors", actors)
    return ActorPoolStrategy(size=actors)


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        msg = f"{name}={value!r} is not valid: a whole number from 1."
        raise InvalidRequestError(msg)
