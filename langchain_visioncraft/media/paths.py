"""Local files: the names that people and programs give them, and opening them safely."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.handles import is_handle

LEDGER = "usage.jsonl"
"""The file of a store that lists its calls."""
REMEMBERED = ".call.json"
"""The suffix of a store's files that record the results of calls."""

_FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(?P<path>/(?!/).*)", re.IGNORECASE | re.DOTALL)
_SYSTEM_FILE = re.compile(
    # Windows and macOS, Office's locks, and files that phones and editors put beside pictures.
    r"\..*|e?h?thumbs\w*\.db|desktop\.ini|picasa\.ini|icon\r|~\$.*|.*:zone\.identifier"
    r"|.*\.(?:aae|xmp|lnk|url|webloc)",
    re.IGNORECASE | re.DOTALL,
)
_SYSTEM_FOLDER = re.compile(
    r"\..*|\$recycle\.bin|system volume information|__macosx|@eadir|#recycle|lost\+found",
    re.IGNORECASE | re.DOTALL,
)

_SHARE = re.compile(r"[/\\]{2}")
_HAS_SHARES = os.name == "nt"


def is_share(name: str) -> bool:
    r"""Whether a name is that of a file on another machine, such as ``\\host\folder\cat.png``.

    Windows sends the user's login to that host as soon as the name is looked up.
    """
    return _HAS_SHARES and _SHARE.match(name) is not None


def is_file_url(text: str) -> bool:
    """Whether this text is a ``file:`` URL for this machine."""
    return _FILE_URL.fullmatch(text) is not None


def local_path(text: str | os.PathLike[str]) -> Path:
    """The file or folder that a name means: a ``file:`` URL, ``~`` for a home, or as it is.

    Raises `InvalidRequestError` for an empty name, such as from an unset variable.
    """
    name = os.fspath(text)
    if not name:
        msg = "The name of a file or folder is empty; '.' is the current folder."
        raise InvalidRequestError(msg)
    if url := _FILE_URL.fullmatch(name):
        from urllib.request import url2pathname  # noqa: PLC0415 -- brings HTTP and e-mail along

        return Path(url2pathname(url["path"]))
    if name.startswith("~") and not os.path.lexists(name):
        return Path(os.path.expanduser(name))  # noqa: PTH111 -- Path's raises for unknown users
    return Path(name)


def is_for_people(name: str) -> bool:
    """Whether a file in a folder belongs to the user, and not to the system or to a store."""
    is_sidecar = name.endswith(".json") and is_handle(name.removesuffix(".json"))
    is_stores_own = is_sidecar or name == LEDGER or name.endswith(REMEMBERED)
    return not is_stores_own and not _SYSTEM_FILE.fullmatch(name)


def is_folder_for_people(name: str) -> bool:
    """Whether a subfolder belongs to the user, and not to the system."""
    return not _SYSTEM_FOLDER.fullmatch(name)


# Without blocking: a FIFO that replaced a file would never open.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
)
_STEPWISE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def safe_open(folder: Path, path: Path) -> BinaryIO:
    """Open a regular file in a folder without following a single symbolic link.

    The links of both paths must be resolved already. If a part of the path has become a link, or
    the file is not a regular file, `OSError` is raised.
    """
    parts = path.relative_to(folder).parts
    return _regular(_open_stepwise(folder, parts) if _STEPWISE else _open_checked(path), path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, and nothing that could block: a FIFO, a socket, a device."""
    try:
        descriptor = os.open(path, _FLAGS & ~getattr(os, "O_NOFOLLOW", 0))
    except ValueError as error:  # half a surrogate pair, or a zero
        raise OSError(errno.EINVAL, f"no name of a file ({error})", str(path)) from error
    return _regular(descriptor, path)


def _regular(descriptor: int, path: str | os.PathLike[str]) -> BinaryIO:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _open_stepwise(folder: Path, parts: tuple[str, ...]) -> int:
    """Open folder by folder: each name is looked up in the previous folder, not by its path."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for part in parts:
        try:
            there = os.open(part, _FLAGS, dir_fd=here)
        finally:
            os.close(here)
        here = there
    return here


def _open_checked(path: Path) -> int:
    """For Windows, which cannot open relative to a folder: the name is checked once more."""
    descriptor = os.open(path, _FLAGS)
    if path.resolve() != path:
        os.close(descriptor)
        raise OSError(errno.ELOOP, "became a link", str(path))
    return descriptor
