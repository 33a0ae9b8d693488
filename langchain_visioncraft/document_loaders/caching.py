"""What is kept of finished calls, so that no call is made twice."""

from __future__ import annotations

import contextlib
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
from langchain_visioncraft.media.handles import digest_of_text

Cache: TypeAlias = BaseStore[str, bytes]
CacheTypes: TypeAlias = BaseStore[str, bytes] | str | os.PathLike[str] | None
"""Any of LangChain's byte stores, the path of a folder, or an fsspec URL."""

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
        folder: Is made when something is kept; ``~`` is your home.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Absolute, since it may be pickled to a process that works in another folder.
        self.folder = Path(folder).expanduser().absolute()

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
        return self.folder / _checked(key)

    def _read(self, key: str) -> bytes | None:
        try:
            return self._file(key).read_bytes()
        except FileNotFoundError:
            return None


class RemoteByteStore(BaseStore[str, bytes]):
    """A cache on any file system that fsspec opens: ``s3://bucket/answers``, ``gs://…``, …

    ```python
    from langchain_visioncraft.document_loaders import RemoteByteStore

    cache = RemoteByteStore("memory://answers")
    cache.mset([("greeting", b"hello")])
    assert cache.mget(["greeting", "farewell"]) == [b"hello", None]
    ```

    Args:
        url: Of a folder; it is made when something is kept. Object stores show a value when it is
            complete; on others a kill may leave the beginning of one, which the parsers take for
            nothing.
        storage_options: For fsspec: keys, endpoints and the like.

    Raises:
        ImportError: If fsspec, or the package for that kind of storage, is not installed.
    """

    def __init__(self, url: str, *, storage_options: Mapping[str, Any] | None = None) -> None:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 -- the extra `remote`
        except ImportError as error:
            msg = (
                f"A cache at {url!r} needs fsspec: pip install 'langchain-visioncraft[remote]', "
                "and the package for that kind of storage (s3fs for s3://, gcsfs for gs://)."
            )
            raise ImportError(msg) from error
        self.url = url
        self._files, path = url_to_fs(url, **(storage_options or {}))
        self._path = path.rstrip("/")

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each key, or `None`."""
        return [self._read(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep values."""
        self._files.makedirs(self._path, exist_ok=True)
        for key, value in key_value_pairs:
            self._files.pipe_file(self._at(key), value)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget values."""
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(self._at(key))

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, in no particular order."""
        self._files.invalidate_cache(self._path)
        try:
            found = self._files.ls(self._path, detail=False)
        except FileNotFoundError:
            return
        for path in found:
            name = str(path).rpartition("/")[2]
            if name.startswith(prefix or ""):
                yield name

    def __repr__(self) -> str:
        return f"RemoteByteStore({self.url!r})"

    def _at(self, key: str) -> str:
        return f"{self._path}/{_checked(key)}"

    def _read(self, key: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(self._at(key))
        except FileNotFoundError:
            return None
        return content


def _checked(key: str) -> str:
    """A key that is the name of a file, and nothing else."""
    if not _KEY.fullmatch(key) or key.startswith("."):
        msg = f"{key!r} is no key: letters, digits, '_', '-' and '.' are."
        raise InvalidRequestError(msg)
    return key


def open_cache(cache: CacheTypes) -> Cache | None:
    """The store that a user means."""
    if isinstance(cache, str) and ("://" in cache or "::" in cache):
        return RemoteByteStore(cache)
    return FolderByteStore(cache) if isinstance(cache, str | os.PathLike) else cache


def cache_key(kind: str, facts: Mapping[str, Any]) -> str:
    """The key of a call: a hash of everything that decides its answer."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return f"{kind}-{digest_of_text(text)}"


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
