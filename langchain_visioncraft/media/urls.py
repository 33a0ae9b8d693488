"""Files by their URL, on whatever fsspec opens: the extra ``remote``."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

_MISSING_EXTRA = (
    "Media at {url!r} need fsspec: pip install 'langchain-visioncraft[remote]', and the package "
    "for that kind of storage (s3fs for s3://, gcsfs for gs://, adlfs for az://)."
)


def find(url: str, **storage_options: Any) -> tuple[Any, str]:
    """The file system of a URL, and the path on it.

    Raises:
        ImportError: If fsspec is not installed.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- the extra `remote`
    except ImportError as error:
        raise ImportError(_MISSING_EXTRA.format(url=url)) from error
    found: tuple[Any, str] = url_to_fs(url, **storage_options)
    return found


def open_url(url: str) -> BinaryIO:
    """Open a file for reading, with what the environment knows about signing in."""
    return open_file(*find(url))


def open_file(files: Any, path: str) -> BinaryIO:
    """Open a file of this file system for reading."""
    from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415 -- the extra

    if isinstance(files, MemoryFileSystem):
        # Its open files share one position, so that two readers get each other's bytes.
        return io.BytesIO(files.cat_file(path))
    opened: BinaryIO = files.open(path, "rb")
    return opened
