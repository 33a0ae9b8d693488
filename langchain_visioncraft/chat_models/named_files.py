"""The files that a conversation names, so that small models cannot make them up. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_visioncraft.media.sniff import EXTENSIONS

_TAKES_FILES = "a handle or a url."
"""How the description of an argument that takes a file ends, in our tools and in any other tool."""

_TAKES_SOUND = re.compile(r"recording|audio|speech|voice", re.IGNORECASE)
_KINDS = {"jpeg": "image", **{ext: mime.partition("/")[0] for mime, ext in EXTENSIONS.items()}}

# Each uses one character class, so that long texts take linear time.
_LINK = re.compile(r"https?://[^\s\"'<>`]+")
_HANDLE = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{12}\.[a-z0-9]{2,5}(?![0-9A-Za-z])")
_WORD = re.compile(r"[\w./:\\~-]+")
_BEHIND = ".,;:!?)]}*"
_MOST_MESSAGES, _LONGEST_TEXT, _MOST_FILES = 100, 20_000, 30


def files_named(messages: Sequence[BaseMessage]) -> list[str]:
    """The newest thirty files and links that a conversation names, the newest last."""
    found: dict[str, None] = {}
    for message in messages[-_MOST_MESSAGES:]:
        for name in _files_in(message.text[-_LONGEST_TEXT:]):
            found.pop(name, None)
            found[name] = None
    return list(found)[-_MOST_FILES:]


def _files_in(text: str) -> Iterator[str]:
    for link in _LINK.findall(text):
        yield link.rstrip(_BEHIND)
    text = _LINK.sub(" ", text)
    yield from _HANDLE.findall(text)
    for word in _WORD.findall(_HANDLE.sub(" ", text)):
        name, _, extension = word.rstrip(_BEHIND).rpartition(".")
        if name and 2 <= len(extension) <= 5 and extension.isalnum() and not extension.isdigit():
            yield f"{name}.{extension}"


def _takes_file(part: Any) -> bool:
    """Whether an argument takes a file."""
    described = part.get("description") if isinstance(part, Mapping) else None
    return isinstance(described, str) and described.lower().endswith(_TAKES_FILES)


def _of_kind(part: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """The files that an argument may take, as far as their extensions tell."""
    others = {"image"} if _TAKES_SOUND.search(part["description"]) else {"audio", "video"}
    return [name for name in files if _KINDS.get(_extension(name)) not in others]


def _extension(name: str) -> str:
    return re.split(r"[?#]", name, maxsplit=1)[0].rpartition(".")[2].lower()


def with_files(schema: Mapping[str, Any], files: Sequence[str]) -> Mapping[str, Any] | None:
    """A tool's schema in which arguments for files allow only these files.

    Returns:
        ``None`` if there are no files, and the tool needs one.
    """
    properties = dict(schema.get("properties") or {})
    for name, part in list(properties.items()):
        if not _takes_file(part):
            continue
        if fitting := _of_kind(part, files):
            properties[name] = {"enum": fitting, "description": part["description"]}
        elif name in (schema.get("required") or ()):
            return None
        else:
            del properties[name]
    return {**schema, "properties": properties} if "properties" in schema else schema
