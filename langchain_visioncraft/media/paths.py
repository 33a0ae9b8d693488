"""Local files by the names that people and programs use."""

from __future__ import annotations

import os
import re
from pathlib import Path

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


def is_file_url(text: str) -> bool:
    """Whether this text is a ``file:`` URL for this machine."""
    return _FILE_URL.fullmatch(text) is not None


def local_path(text: str | os.PathLike[str]) -> Path:
    """The file or folder that a name means: a ``file:`` URL, ``~`` for a home, or as it is."""
    name = os.fspath(text)
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
