"""Files by their URL, on any storage that fsspec opens: the extra ``remote``."""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO
from urllib.parse import quote

from langchain_visioncraft.errors import InvalidRequestError

_MISSING_EXTRA = (
    "Media at {url!r} need fsspec: pip install 'langchain-visioncraft[remote]', and the package "
    "for that kind of storage (s3fs for s3://, gcsfs for gs://, adlfs for az://)."
)

_URL = re.compile(r"[a-z][a-z0-9+.-]+(?:://|::.*://)", re.IGNORECASE)
_STORAGE = re.compile(
    r"(?:s3a?|gc?s|az|adl|abfss?|wasbs?|oci|oss|hf|memory)://(?:(?!::).)*",
    re.IGNORECASE | re.DOTALL,
)
_ORIGIN = re.compile(r"[^:]*://[^/?#]*")
_LONGEST_PART = 1000
_BARE_PERCENT = re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether this is a URL, even a chained one (``simplecache::s3://…``), and not a local path."""
    return _URL.match(text) is not None and text[:5].lower() != "file:"


def is_on_storage(url: str) -> bool:
    """Whether a URL names a file on object storage, and not a host that would be called.

    fsspec also opens ``ftp://192.168.0.1/a`` and ``simplecache::http://169.254.169.254/a``.
    """
    return _STORAGE.fullmatch(url) is not None


def splittable(url: str) -> str:
    """The URL, for `urlsplit` and `urljoin`, which take quadratic time to normalize a long host.

    Raises `ValueError` if its host would be longer than any.
    """
    parts = re.split("[?#]", url, maxsplit=1)[0].split("/")
    if not url.isascii() and max(map(len, parts)) > _LONGEST_PART:
        msg = "It has a part of more than 1,000 characters."
        raise ValueError(msg)
    return url


def percent_encoded(url: str) -> str:
    """A URL with invalid characters in path and query encoded; encoded ones stay encoded."""
    origin = _ORIGIN.match(url)
    at = origin.end() if origin else 0
    rest = quote(url[at:], safe="!#$%&'()*+,/:;=?@[]~", errors="replace")
    return url[:at] + _BARE_PERCENT.sub("%25", rest)


def without_secrets(text: str) -> str:
    """A link without its query, which may be a signature, and without a password.

    Any other text stays as it is.
    """
    if not text[:8].lower().startswith(("http://", "https://")):
        return text
    head = re.split(r"[?#]", text, maxsplit=1)[0]
    scheme, _, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def find(url: str, **storage_options: Any) -> tuple[Any, str]:
    """The file system of a URL, and the path on it.

    Raises `ImportError` if fsspec is not installed, `InvalidRequestError` if it knows no such
    protocol, the package for it is missing, or the file system cannot be opened.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- the extra `remote`
    except ImportError as error:
        raise ImportError(_MISSING_EXTRA.format(url=url)) from error
    try:
        found: tuple[Any, str] = url_to_fs(splittable(url), **storage_options)
    except OSError:
        raise
    except Exception as error:  # anything: a missing package, or a URL that a client cannot read
        raise InvalidRequestError(f"fsspec cannot open this URL: {error}.") from error
    return found


def open_url(url: str) -> BinaryIO:
    """Open a file for reading, with credentials from the environment."""
    return open_file(*find(url))


def open_file(files: Any, path: str) -> BinaryIO:
    """Open a file of this file system for reading."""
    if "memory" in files.protocol:
        # Its open files share one position, so two readers would get each other's bytes.
        return io.BytesIO(files.cat_file(path))
    opened: BinaryIO = files.open(path, "rb")
    return opened
