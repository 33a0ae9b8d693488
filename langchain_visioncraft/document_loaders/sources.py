"""What a loader may be pointed at, taken apart into single items."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from langchain_core.document_loaders import BlobLoader
from langchain_core.documents.base import Blob

from langchain_visioncraft.document_loaders.blobs import name_of
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.media.inputs import is_link

OneSource: TypeAlias = str | os.PathLike[str] | Media | MediaStore | Blob | BlobLoader
SourceTypes: TypeAlias = OneSource | Iterable[OneSource]
"""A file, folder, glob, URL, `Media`, `MediaStore`, blob or blob loader, or several of them."""


@dataclass(frozen=True)
class Item:
    """One file to be loaded.

    Attributes:
        name: For messages: a path, a URL, a handle.
        content: A URL to be fetched, a medium to be read, or a blob.
    """

    name: str
    content: str | Media | Blob


def check_sources(source: Any) -> list[Any] | Iterable[Any]:
    """Check what can be checked without reading anything.

    Raises:
        InvalidRequestError: If it is nothing that can be loaded.
    """
    if isinstance(source, str | os.PathLike | Media | Blob | BlobLoader):
        source = [source]
    if isinstance(source, Iterator):
        msg = "An iterator can be loaded only once: give a list, or a BlobLoader."
        raise InvalidRequestError(msg)
    if isinstance(source, bytes | bytearray) or not isinstance(source, Iterable):
        msg = f"{type(source).__name__} cannot be loaded: give a path, a URL, a Media or a blob."
        raise InvalidRequestError(msg)
    return source


def items_of(sources: Iterable[Any], suffixes: Sequence[str] | None) -> Iterator[Item]:
    """Every file, in the order of the sources; those of folders and globs sorted by path.

    Raises:
        InvalidRequestError: If one of the sources is nothing that can be loaded.
    """
    for source in sources:
        if isinstance(source, Blob):
            yield Item(name_of(source), source)
        elif isinstance(source, Media):
            yield Item(source.location or source.handle, source)
        elif isinstance(source, MediaStore):
            yield from items_of(source, suffixes)
        elif isinstance(source, BlobLoader):
            for blob in source.yield_blobs():
                yield Item(name_of(blob), blob)
        elif isinstance(source, str) and is_link(source):
            yield Item(source, source)
        elif isinstance(source, str | os.PathLike):
            for path in _files(os.fspath(source), suffixes):
                yield Item(str(path), Blob.from_path(path, guess_type=False))
        else:
            msg = f"{type(source).__name__} cannot be loaded: {source!r:.80}."
            raise InvalidRequestError(msg)


def _files(text: str, suffixes: Sequence[str] | None) -> Iterator[Path]:
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _walk(path, suffixes)
    elif glob.has_magic(text) and not path.exists():
        found = sorted(map(Path, glob.iglob(str(path), recursive=True)))  # noqa: PTH207 -- absolute patterns
        for each in found:
            if each.is_dir():
                continue
            if _wanted(each.name, suffixes):
                yield each
    else:
        yield path  # also a missing one: it is told like everything that cannot be read


def _walk(folder: Path, suffixes: Sequence[str] | None) -> Iterator[Path]:
    """The files below a folder, sorted by path, without hidden ones; one folder's names at a time.

    Links to folders are not followed: they may lead in a circle.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError:
        yield folder  # it is told like a file that cannot be read
        return
    for name, is_folder in found:
        if name.startswith("."):
            continue
        if is_folder:
            yield from _walk(folder / name, suffixes)
        elif _wanted(name, suffixes) and not (folder / name).is_dir():
            yield folder / name


def _wanted(name: str, suffixes: Sequence[str] | None) -> bool:
    return suffixes is None or name.lower().endswith(tuple(suffixes))


def count_items(sources: Iterable[Any], suffixes: Sequence[str] | None) -> int | None:
    """How many files there are, if that can be told without reading them."""
    if any(isinstance(source, BlobLoader) for source in sources):
        return None  # a blob loader may download what it yields
    return sum(1 for _ in items_of(sources, suffixes))


def origin_of(url: str) -> str:
    """The root of the host of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
