"""What a tool may read: the rules for an `image`, `mask` or `audio` that a model names.

A model must not be able to upload any file that it can name. Text from a model is a handle, an
http(s) URL or a data URL; a local path only inside the folders that the developer allowed. Values
from code (`Path`, bytes, `Media`) are accepted as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from langchain_visioncraft.errors import (
    ForbiddenInputError,
    MediaInputError,
    UnknownHandleError,
)
from langchain_visioncraft.media.inputs import MediaSource, is_data_url, is_link, parse_source
from langchain_visioncraft.media.paths import is_file_url, is_share, local_path
from langchain_visioncraft.media.store import MediaStore
from langchain_visioncraft.media.urls import without_secrets

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_DESCRIBED = re.compile(r"(\S+) \([^()]*\)")
_LONGEST_NAME = 4096
LONGEST_TEXT = 64 << 20
"""Characters of a data URL: a picture or recording of 48 MiB. Files may be larger."""


def readable_source(
    value: Any, store: MediaStore, allowed_dirs: Sequence[str | Path]
) -> MediaSource:
    """Find the source that an argument means, by the rules above.

    Raises:
        UnknownHandleError: If it looks like a handle, or a name, that is not in the store.
        ForbiddenInputError: If it is a local path outside the allowed folders.
        MediaInputError: If it is none of the accepted forms.
    """
    if isinstance(value, dict):
        # An artifact that went through JSON. Its `location` may be forged: only its handle counts.
        value = str(value.get("handle", ""))
    if not isinstance(value, str):
        return parse_source(value)
    if len(value) > LONGEST_TEXT:
        msg = (
            f"A data URL of {len(value):,} characters is too long: at most {LONGEST_TEXT:,}. Give "
            "a handle or an http(s) URL instead."
        )
        raise MediaInputError(msg)
    text = value.strip().strip("'\"`<>")
    if is_link(text) or is_data_url(text):
        return parse_source(text)
    if not text or len(text) > _LONGEST_NAME or "\x00" in text:
        msg = "Give a handle such as a1b2c3d4e5f6.png, an http(s) URL or a data URL."
        raise MediaInputError(msg)
    # Models copy the whole line that a tool returned: `Media.describe`.
    described = _DESCRIBED.fullmatch(text)
    if described and described[1] in store:
        text = described[1]
    has_path = "/" in text or "\\" in text
    if not has_path and text in store:
        return parse_source(store.get(text))
    return _allowed_file(text, store, allowed_dirs)


def _allowed_file(text: str, store: MediaStore, allowed_dirs: Sequence[str | Path]) -> MediaSource:
    folders = [local_path(folder).resolve() for folder in allowed_dirs]
    names = [text]
    if text[:1] == "~":
        with suppress(ValueError):  # not encodable
            names.append(os.path.expanduser(text))  # noqa: PTH111 -- raises nothing else
    if is_file_url(text):
        names = [str(local_path(text))]
    names = [name for name in names if not is_share(name)]
    # Relative to the folder, or to the current directory.
    for folder, name, within in product(folders, names, (True, False)):
        # Links are resolved first, so that one inside an allowed folder cannot lead out of it.
        try:
            path = (folder / name if within else Path(name)).resolve()
            if path.is_relative_to(folder) and path.is_file():
                # Tied to the folder: the name may lead elsewhere by the time it is opened.
                return MediaSource(label=text, path=path, folder=folder)
        except (OSError, RuntimeError, ValueError):  # too long, a symlink loop, or not encodable
            continue
    if _SCHEME.match(text) and not is_file_url(text) and text[1:2] != ":":
        msg = (
            f"{text[:80]!r} is not accepted: only http, https and data URLs, handles, and files in "
            "the folders that are allowed."
        )
        raise ForbiddenInputError(msg)
    allowed = ", ".join(str(folder) for folder in folders) or "none"
    if "/" not in text and "\\" not in text:
        try:
            store.get(text)
        except UnknownHandleError as error:
            msg = f"{error} Files are read only from the folders of allowed_dirs=: {allowed}."
            raise UnknownHandleError(msg) from None
    msg = (
        f"The local file {text[:200]!r} may not be read, or does not exist. Use a handle or a URL; "
        f"files only from the folders that allowed_dirs= names: {allowed}."
    )
    raise ForbiddenInputError(msg)


def label_for_provenance(source: MediaSource) -> str:
    """The name of a source in a sidecar: a URL without its query, which may be a signature."""
    return source.label if source.url is None else without_secrets(source.url)
