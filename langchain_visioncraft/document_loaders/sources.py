"""Finds the files in a loader's sources, fetches remote ones, and reads them."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from langchain_core.document_loaders import BlobLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from langchain_visioncraft._flows import Steps, call, work
from langchain_visioncraft.client.flow import fetch
from langchain_visioncraft.client.pair import AnyClient, client_pair
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.document_loaders.reports import CONCERN_ALL, Skipped, document_id
from langchain_visioncraft.errors import (
    InvalidRequestError,
    LinkExpiredError,
    MediaInputError,
    UnsafeLinkError,
    VisionCraftError,
)
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.handles import CHUNK_BYTES
from langchain_visioncraft.media.inputs import is_link
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.paths import is_folder_for_people, is_for_people, local_path
from langchain_visioncraft.media.places import HeldBytes, Holder, InStore, Place
from langchain_visioncraft.media.sniff import kind_of
from langchain_visioncraft.media.urls import is_on_storage, open_url

_KINDS = {"image": "a picture", "audio": "a recording", "video": "a video"}


class Source(NamedTuple):
    """A file to read: its path, URL or handle, how to open it, and metadata for its documents."""

    name: str
    holder: Holder
    metadata: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def of(cls, item: Path | Media | Blob) -> Source:
        """A file as code may pass it."""
        if isinstance(item, Media):
            return cls(item.location or item.handle, item.held or HeldBytes(item.read()))
        if isinstance(item, Path):
            return cls(str(item), Place(item.absolute()))
        at = Path(item.path).absolute() if item.data is None and item.path else None
        holder = Place(at) if at else HeldBytes(item.as_bytes())
        return cls(str(item.source or ""), holder, item.metadata)


class MediaFile(NamedTuple):
    """A file that has been read: its name, its type and its bytes."""

    source: str
    kind: str
    media: Media
    metadata: Mapping[str, Any]

    @property
    def recording(self) -> Recording:
        """How to decode it, if it is a recording."""
        return Recording(self.media.open, self.source, self.media.mime_type)

    def document(self, text: str, made_by: Sequence[Any], **facts: Any) -> Document:
        """A document made from it.

        Its id depends on the source, the bytes and `made_by` (what else determines the content:
        model, prompt, part), so copies of a file are separate documents. Facts that are `None` are
        left out of the metadata, since several vector stores refuse `None`.
        """
        facts = {
            "source": self.source,
            "mime_type": self.media.mime_type,
            "sha256": self.media.sha256,
            "handle": self.media.handle,
            **facts,
        }
        known = {name: value for name, value in facts.items() if value is not None}
        metadata = {**self.metadata, **known}
        return Document(
            text, id=document_id(self.source, self.media.sha256, *made_by), metadata=metadata
        )

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Add the name of the file to the message of an error."""
        try:
            yield
        except VisionCraftError as error:
            if self.source not in error.message:
                error.message = f"{self.source}: {error.message}"
                error.args = (error.message, *error.args[1:])
            raise


OneSource: TypeAlias = str | os.PathLike[str] | Media | MediaStore | Blob | BlobLoader
SourceTypes: TypeAlias = OneSource | Iterable[OneSource]
"""A file, folder, glob, URL, `Media`, `MediaStore`, blob or blob loader, or several of them."""

Item: TypeAlias = str | Source
"""One file to load: a URL to fetch, or a file that can be opened."""


def check_sources(source: Any) -> Iterable[Any]:
    """Check what can be checked without reading anything."""
    if isinstance(source, str | os.PathLike | Media | Blob | BlobLoader):
        return [source]
    if isinstance(source, Iterator):
        msg = "An iterator can be loaded only once: give a list, or a BlobLoader."
        raise InvalidRequestError(msg)
    if isinstance(source, bytes | bytearray) or not isinstance(source, Iterable):
        msg = f"{type(source).__name__} cannot be loaded: give a path, a URL, a Media or a blob."
        raise InvalidRequestError(msg)
    return source


def items_of(sources: Iterable[Any], suffixes: tuple[str, ...]) -> Iterator[Item | Skipped]:
    """Every file, in the order of the sources; those of folders and globs sorted by path.

    A glob that finds nothing is reported as skipped: it is not an error, but may be a typo.
    """
    for source in sources:
        found: Iterable[Path | Media | Blob | Skipped]
        if isinstance(source, str) and is_link(source):
            yield source
            continue
        if isinstance(source, Media | Blob):
            found = [source]
        elif isinstance(source, MediaStore):
            found = source
        elif isinstance(source, BlobLoader):
            found = source.yield_blobs()
        elif isinstance(source, str | os.PathLike):
            found = _files(local_path(source), suffixes)
        else:
            msg = f"{type(source).__name__} cannot be loaded: {source!r:.80}."
            raise InvalidRequestError(msg)
        for each in found:
            yield each if isinstance(each, Skipped) else Source.of(each)


def count_items(sources: Iterable[Any], suffixes: tuple[str, ...]) -> int | None:
    """How many files there are, if this is known without reading them."""
    if any(isinstance(source, BlobLoader) for source in sources):
        return None  # a blob loader may download what it yields
    return sum(1 for _ in items_of(sources, suffixes))


def _files(path: Path, suffixes: tuple[str, ...]) -> Iterator[Path | Skipped]:
    # Not with Path's methods, which raise for names that are too long.
    if os.path.isdir(path):  # noqa: PTH112
        yield from (Path(each) for each, is_folder in _walk(str(path), suffixes) if not is_folder)
    elif glob.has_magic(str(path)) and not os.path.exists(path):  # noqa: PTH110
        found = _matches(path)
        if not found:
            yield Skipped(str(path), f"{path}: no file matches this pattern.", "FileNotFoundError")
        for each in found:
            if _is_wanted(each.name, suffixes) and not _is_something_else(each):
                yield each
    else:
        yield path  # also if it is missing: this is reported like any unreadable file


def _matches(pattern: Path) -> list[Path]:
    """The matches of a glob, sorted; ``trip [2023]`` is a folder if one has this name."""
    folder, rest = Path(pattern.anchor), pattern.relative_to(pattern.anchor).parts
    while rest and os.path.isdir(folder / rest[0]):  # noqa: PTH112
        folder, rest = folder / rest[0], rest[1:]
    found = {str(folder)}
    for left in range(len(rest), 0, -1):
        part = rest[-left]
        found = {each for place in found for each in _below(place, part, is_last=left == 1)}
    return sorted(map(Path, found))


def _below(folder: str, part: str, *, is_last: bool) -> Iterator[str]:
    """The paths below a folder that a part of a glob matches; a name with brackets may be either.

    Not with `glob`, whose ``**`` follows links, also in a circle, and is recursive.
    """
    if part == "**":
        everything = _walk(folder, ("",)) if os.path.isdir(folder) else ()  # noqa: PTH112
        yield from (path for path, is_folder in everything if is_folder or is_last)
        return
    if not glob.has_magic(part):
        path = os.path.join(folder, part)  # noqa: PTH118
        yield from [path] * os.path.lexists(path)
        return
    with suppress(OSError):  # no folder, or one that cannot be read
        for name in os.listdir(folder):  # noqa: PTH208 -- names
            matches = fnmatch(name, part) or fnmatch(name, part.replace("[", "[[]"))
            if matches and (part[0] == "." or name[0] != "."):
                yield os.path.join(folder, name)  # noqa: PTH118


def _is_wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) and is_for_people(name)


def _is_something_else(path: Path) -> bool:
    """Whether this exists and is not a regular file, but a folder, a FIFO, a socket or a device."""
    # Not by methods of the path: before Python 3.14, these raise errors for some links.
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113


def _walk(folder: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """A folder and all below it, sorted by path, without hidden ones, and whether each is a folder.

    Only one folder's names are in memory. Links to folders are not followed: they may lead in a
    circle.
    """
    # Names, not paths, and no recursion: folders may be nested deeper than Python's stack.
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        yield path, is_folder
        if not is_folder:
            continue
        try:
            found = sorted(_entries(path, suffixes), reverse=True)
        except OSError:
            yield path, False  # it is reported like a file that cannot be read
            continue
        waiting += found


def _entries(folder: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """The paths in a folder that are wanted, and whether each is a folder itself."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if is_folder_for_people(entry.name):
                    yield entry.path, True
            elif _is_wanted(entry.name, suffixes) and (
                entry.is_file(follow_symlinks=False) or not _is_something_else(Path(entry.path))
            ):
                yield entry.path, False


def source_of(
    item: Item,
    client: AnyClient,
    *,
    allow_private_urls: bool = False,
    spool_dir: Path | None = None,
) -> Steps[Source]:
    """The source of an item; remote files are fetched, always without the key.

    Raises `MediaInputError` if it cannot be fetched, `LinkExpiredError` if a URL no longer works,
    and `UnsafeLinkError` if it may lead to an address that is not public.
    """
    if isinstance(item, Source):
        return item
    if is_link(item):
        spool = yield from _fetched(item, client, allow_private_urls, spool_dir)
    elif allow_private_urls or is_on_storage(item):
        spool = yield work(_copied, item, spool_dir)
    else:
        msg = (
            f"{item} was not opened: only URLs of http(s) and object storage are accepted, without "
            "chained file systems. If all URLs are your own, pass allow_private_urls=True."
        )
        raise UnsafeLinkError(msg)
    return Source(item, spool)


def _fetched(url: str, client: AnyClient, private: bool, spool_dir: Path | None) -> Steps[Spool]:
    sync_client, async_client = client_pair(client)
    try:
        flow = fetch(url, f"GET {url}", private=private)
        spool: Spool = yield call(sync_client.run, async_client.run, flow, spool_dir=spool_dir)
    except LinkExpiredError as error:
        msg = f"{url} no longer works ({error.status})."
        raise LinkExpiredError(msg, status=error.status) from error
    except UnsafeLinkError as error:
        msg = f"{url} was not fetched: {error.reason or error}."
        msg += " If all URLs are your own, pass allow_private_urls=True."
        raise UnsafeLinkError(msg) from error
    except CONCERN_ALL as error:
        # Here it concerns only the host of one link.
        msg = f"{url} cannot be fetched: {error}"
        raise MediaInputError(msg) from error
    return spool


def _copied(url: str, spool_dir: Path | None) -> Spool:
    """A file of any file system that fsspec opens, copied here: decoders seek to and fro in it."""
    try:
        with open_url(url) as remote, Spool(sys.maxsize, spool_dir) as spool:
            while chunk := remote.read(CHUNK_BYTES):
                spool.accept(chunk)
    except ImportError:
        raise
    except Exception as error:  # each storage's client has its own errors
        msg = f"{url} cannot be read: {error}"
        raise MediaInputError(msg) from error
    return spool


def read(source: Source, kinds: Sequence[str] = tuple(_KINDS)) -> MediaFile:
    """Read a file, piece by piece, and detect its type.

    Raises `MediaInputError` if it cannot be read, is empty, or of none of these kinds.
    """
    name = source.name or "<data>"
    try:
        holder = source.holder
        if isinstance(holder, InStore) and holder.path is None:
            with holder.open() as file:  # decoders need to seek
                holder = HeldBytes(file.read())
        try:
            media = Media.found(holder)
            mime_type: str | None = media.mime_type
        except InvalidRequestError:
            with holder.open() as file:
                mime_type = type_of(file)
                if not file.seek(0, io.SEEK_END):
                    raise MediaInputError(f"{name} is empty (0 bytes).") from None
        else:
            if (kind := str(kind_of(mime_type))) in kinds:
                handle = media.handle  # now, since it may take time
                return MediaFile(source.name or handle, kind, media, source.metadata)
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    wanted = " or ".join(_KINDS[kind] for kind in kinds)
    msg = (
        f"{name} is {mime_type or 'unknown data'}, not {wanted}. A loader leaves such files out "
        "with on_error='skip', or with suffixes= of those that you want."
    )
    raise MediaInputError(msg)
