"""Caches of finished calls, which are then not repeated."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from langchain_core.stores import BaseStore

from langchain_visioncraft._flows import Steps, call, keeps
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.filesystems import open_folder
from langchain_visioncraft.media.handles import digest_of_text

ResultT = TypeVar("ResultT")
Cache: TypeAlias = BaseStore[str, bytes]
CacheTypes: TypeAlias = BaseStore[str, bytes] | str | os.PathLike[str] | None
"""Any of LangChain's byte stores, the path of a folder, or an fsspec URL."""

_KEY = re.compile(r"[\w-][\w.-]{0,199}")


class FolderByteStore(KnownKeywords, BaseStore[str, bytes]):
    """A cache in a folder, with one file per key. Threads and processes may share it.

    ```python
    from langchain_visioncraft.document_loaders import FolderByteStore

    cache = FolderByteStore("answers")
    cache.mset([("greeting", b"hello")])
    assert cache.mget(["greeting", "farewell"]) == [b"hello", None]
    ```

    Args:
        folder: A folder, created at the first save; ``~`` is your home. It may be an fsspec URL,
            such as ``s3://bucket/answers``, if the extra ``remote`` is installed. A crash leaves no
            partial value in local folders and object stores. On other storage it may leave the
            beginning of a value, which parsers ignore.
        storage_options: For fsspec: keys, endpoints and the like.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = os.fspath(folder)
        self._folder = open_folder(self.folder, storage_options)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key, or `None`."""
        return [self._folder.read(_name(key)) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values."""
        for key, value in key_value_pairs:
            self._folder.write(_name(key), value)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget values."""
        for key in keys:
            self._folder.remove(_name(key))

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no particular order."""
        for _, name in self._folder.entries():
            if name.startswith(prefix or "") and not name.startswith("."):
                yield name

    def __repr__(self) -> str:
        return f"FolderByteStore({self.folder!r})"


def _name(key: str) -> str:
    if not _KEY.fullmatch(key):
        msg = f"{key!r} is not a key: use letters, digits, '_', '-' and '.'."
        raise InvalidRequestError(msg)
    return key


def open_cache(cache: CacheTypes) -> Cache | None:
    """The store that ``cache=`` means."""
    return FolderByteStore(cache) if isinstance(cache, str | os.PathLike) else cache


def cached(
    cache: Cache | None,
    kind: str,
    facts: Mapping[str, Any],
    flow: Steps[ResultT],
    restore: Callable[[Any], ResultT],
) -> Steps[ResultT]:
    """The result of a flow, or the cached one for the same facts.

    The flow runs if the cache has no value that `restore` accepts: a crash may leave part of one.
    The result must be valid JSON; `restore` rebuilds it from decoded JSON. The key begins with
    `kind`.
    """
    if cache is None:
        return (yield from flow)
    key = f"{kind}-{digest_of_text(json.dumps(facts, sort_keys=True, default=str))}"
    found = yield call(cache.mget, cache.amget, [key])
    with contextlib.suppress(ValueError, RecursionError):
        if found[0] and (known := restore(json.loads(found[0]))):
            return known
    result = yield from flow
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    kept = [(key, text.encode("utf-8", "replace"))]
    yield keeps(call(cache.mset, cache.amset, kept))
    return result
