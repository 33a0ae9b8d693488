"""Caches of finished calls, which are then not repeated."""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from langchain_core.stores import BaseStore

from langchain_visioncraft._flows import Steps, call, keeps
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.handles import digest_of_text
from langchain_visioncraft.media.paths import local_path
from langchain_visioncraft.media.urls import find, is_url

ResultT = TypeVar("ResultT")
Cache: TypeAlias = BaseStore[str, bytes]
CacheTypes: TypeAlias = BaseStore[str, bytes] | str | os.PathLike[str] | None
"""Any of LangChain's byte stores, the path of a folder, or an fsspec URL."""

_KEY = re.compile(r"[\w.-]{1,200}")


class _FileByteStore(KnownKeywords, BaseStore[str, bytes]):
    """A byte store with a file for each key, which is its name."""

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key, or `None`."""
        found: list[bytes | None] = []
        for path in map(self._at, keys):
            try:
                found.append(self._files.cat_file(path))
            except FileNotFoundError:
                found.append(None)
        return found

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values."""
        self._files.makedirs(self._path, exist_ok=True)
        for key, value in key_value_pairs:
            self._files.pipe_file(self._at(key), value)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget values."""
        for path in map(self._at, keys):
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(path)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no particular order."""
        self._files.invalidate_cache(self._path)
        with contextlib.suppress(FileNotFoundError):
            for path in self._files.ls(self._path, detail=False):
                name = str(path).rpartition("/")[2]
                if name.startswith(prefix or "") and not name.startswith("."):
                    yield name

    def _at(self, key: str) -> str:
        if not _KEY.fullmatch(key) or key.startswith("."):
            msg = f"{key!r} is not a key: use letters, digits, '_', '-' and '.'."
            raise InvalidRequestError(msg)
        return f"{self._path}/{key}"


class FolderByteStore(_FileByteStore):
    """A cache in a folder, one file a key; safe for threads, processes, and a kill at any moment.

    ```python
    from langchain_visioncraft.document_loaders import FolderByteStore

    cache = FolderByteStore("answers")
    cache.mset([("greeting", b"hello")])
    assert cache.mget(["greeting", "farewell"]) == [b"hello", None]
    ```

    Args:
        folder: Is made when something is kept; ``~`` is your home.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Absolute, since it may be pickled to a process that works in another folder.
        self.folder = local_path(folder).absolute()
        super().__init__(_LocalFiles(), self.folder.as_posix())


class RemoteByteStore(_FileByteStore):
    """A cache on any file system that fsspec opens: ``s3://bucket/answers``, ``gs://…``, …

    ```python
    from langchain_visioncraft.document_loaders import RemoteByteStore

    cache = RemoteByteStore("memory://answers")
    cache.mset([("greeting", b"hello")])
    assert cache.mget(["greeting", "farewell"]) == [b"hello", None]
    ```

    Args:
        url: Of a folder; it is made when something is kept. Object stores show a value when it is
            complete; elsewhere a kill may leave the beginning of one, which parsers ignore.
        storage_options: For fsspec: keys, endpoints and the like.

    Raises:
        ImportError: If fsspec, or the package for that kind of storage, is not installed.
    """

    def __init__(self, url: str, *, storage_options: Mapping[str, Any] | None = None) -> None:
        self.url = url
        files, path = find(url, **(storage_options or {}))
        super().__init__(files, path.rstrip("/"))

    def __repr__(self) -> str:
        return f"RemoteByteStore({self.url!r})"


class _LocalFiles:
    """Local files, with the methods of a file system of fsspec, which is an extra."""

    def cat_file(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def pipe_file(self, path: str, value: bytes) -> None:
        # A file appears when it is complete, never in part.
        partial = Path(path).with_name(f".{uuid.uuid4().hex}.part")
        try:
            partial.write_bytes(value)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def rm_file(self, path: str) -> None:
        Path(path).unlink()

    def makedirs(self, path: str, *, exist_ok: bool) -> None:
        Path(path).mkdir(parents=True, exist_ok=exist_ok)

    def ls(self, path: str, **_: Any) -> list[str]:
        return [each.name for each in Path(path).iterdir()]

    def invalidate_cache(self, path: str) -> None:
        pass


def open_cache(cache: CacheTypes) -> Cache | None:
    """The store that ``cache=`` means."""
    if isinstance(cache, str) and is_url(cache):
        return RemoteByteStore(cache)
    return FolderByteStore(cache) if isinstance(cache, str | os.PathLike) else cache


def cached(
    cache: Cache | None,
    kind: str,
    facts: Mapping[str, Any],
    flow: Steps[ResultT],
    restore: Callable[[Any], ResultT],
) -> Steps[ResultT]:
    """The result of a flow, or the one that was kept for the same facts.

    Args:
        cache: Where results are kept, if anywhere.
        kind: The beginning of the key.
        facts: All that decides the result.
        flow: Runs if nothing whole is kept: a kill may leave the beginning of a value. Its result
            must be fit for JSON.
        restore: Makes a result of what JSON gave.
    """
    if cache is None:
        return (yield from flow)
    key = f"{kind}-{digest_of_text(json.dumps(facts, sort_keys=True, default=str))}"
    found = yield call(cache.mget, cache.amget, [key])
    with contextlib.suppress(ValueError, TypeError):
        if found[0] and (known := restore(json.loads(found[0]))):
            return known
    result = yield from flow
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    kept = [(key, text.encode("utf-8", "surrogatepass"))]
    yield keeps(call(cache.mset, cache.amset, kept))
    return result
