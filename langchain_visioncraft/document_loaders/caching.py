"""What is kept of finished calls, so that no call is made twice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.stores import BaseStore

from langchain_visioncraft.document_loaders.steps import Recall, Remember, Steps
from langchain_visioncraft.errors import InvalidRequestError

Cache: TypeAlias = BaseStore[str, bytes]
CacheTypes: TypeAlias = BaseStore[str, bytes] | str | os.PathLike[str] | None
"""Any of LangChain's byte stores, or the path of a folder."""

_KEY = re.compile(r"[\w.-]{1,200}")


class FolderByteStore(BaseStore[str, bytes]):
    """A cache in a folder, one file a key; safe for threads, processes, and a kill at any moment.

    ```python
    from langchain_visioncraft.document_loaders import FolderByteStore

    cache = FolderByteStore("answers")
    cache.mset([("greeting", b"hello")])
    assert cache.mget(["greeting", "farewell"]) == [b"hello", None]
    ```

    Args:
        folder: Is made when something is kept.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each key, or `None`."""
        return [self._read(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values. A file appears when it is complete, never in part."""
        for key, value in key_value_pairs:
            target = self._file(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{uuid.uuid4().hex}.part")
            try:
                partial.write_bytes(value)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget values."""
        for key in keys:
            self._file(key).unlink(missing_ok=True)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no particular order."""
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.startswith(prefix or ""):
                    yield entry.name

    def _file(self, key: str) -> Path:
        if not _KEY.fullmatch(key) or key.startswith("."):
            msg = f"{key!r} is no key: letters, digits, '_', '-' and '.' are."
            raise InvalidRequestError(msg)
        return self.folder / key

    def _read(self, key: str) -> bytes | None:
        try:
            return self._file(key).read_bytes()
        except FileNotFoundError:
            return None


def open_cache(cache: CacheTypes) -> Cache | None:
    """The store that a user means."""
    return FolderByteStore(cache) if isinstance(cache, str | os.PathLike) else cache


def cache_key(kind: str, facts: Mapping[str, Any]) -> str:
    """The key of a call: a hash of everything that decides its answer."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()}"


def recalled(cache: Cache | None, key: str, shape: Callable[[Any], Any]) -> Steps[Any]:
    """What the cache holds under a key, read by `shape`; `None` if nothing, or nothing whole.

    A store that a kill interrupted may hold the beginning of a value: that counts as nothing.
    """
    found = (yield from Recall(cache, key).ask()) if cache is not None else None
    if not found:
        return None
    try:
        return shape(json.loads(found))
    except (ValueError, TypeError, KeyError):
        return None


def remembered(cache: Cache | None, key: str, value: Any) -> Steps[None]:
    """Keep a JSON value."""
    if cache is not None:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        yield from Remember(cache, key, text.encode("utf-8", "surrogatepass")).ask()
