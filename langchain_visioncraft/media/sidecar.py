"""What a store records: sidecars, which say where a medium came from, and calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from langchain_visioncraft.media.handles import digest_of_text, handle_for
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.urls import without_secrets


class Usage(BaseModel):
    """One call of the service, and its result.

    Attributes:
        time: When the call ended, ISO 8601 in UTC.
        tool: The tool, such as ``visioncraft_text_to_image``.
        endpoint: The endpoint, such as ``POST /sd``.
        model: The requested model, if the call names one.
        media: The number of pictures, GIFs and videos made.
        pixels: The sum of width times height over all of them.
        seconds: The time from the request to the last byte, with retries and waiting.
        cached: Whether the store answered, without a call.
        user: The user of the run, from `VisionCraftContext`.
    """

    model_config = ConfigDict(protected_namespaces=(), extra="ignore", defer_build=True)

    time: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    tool: str
    endpoint: str
    model: str | None = None
    media: int = 0
    pixels: int = 0
    seconds: float = Field(default=0.0, allow_inf_nan=False)
    cached: bool = False
    user: str | None = None

    def of(self, media: Sequence[Media]) -> Usage:
        """The same call, with these media as its result."""
        pixels = sum((each.width or 0) * (each.height or 0) for each in media)
        return self.model_copy(update={"media": len(media), "pixels": pixels})

    def facts(self) -> dict[str, object]:
        """The facts of a call for a sidecar, except those that it already holds."""
        return self.model_dump(exclude={"time", "tool", "media"}, exclude_none=True)


_CHECKSUM = "checksum"
# Created once: `json.dumps` creates an encoder for each call with options. Each fact has a line.
_written = json.JSONEncoder(ensure_ascii=False, default=str, separators=(",\n", ": ")).encode
_in_order = json.JSONEncoder(sort_keys=True, default=str).encode


def sidecar_of(handle: str) -> str:
    """The name of a medium's sidecar."""
    return f"{handle}.json"


def write_sidecar(
    media: Media,
    *,
    tool: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    sources: Sequence[str] = (),
    call: Mapping[str, Any] | None = None,
) -> bytes:
    """A sidecar. Values that JSON does not know are written as text."""
    facts = {
        **media.model_dump(exclude={"location"}, exclude_none=True),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool": tool,
        "arguments": _without_secrets(dict(arguments or {})),
        **({"call": dict(call)} if call else {}),
        "sources": [without_secrets(str(source)) for source in sources],
    }
    facts[_CHECKSUM] = _checksum(facts)
    # A lone surrogate, which a model may write, is escaped.
    return _written(facts).encode("utf-8", "backslashreplace")


def read_sidecar(data: bytes | None, handle: str) -> dict[str, Any] | None:
    """The facts in the sidecar of a medium; ``None`` if it is missing or damaged."""
    if not data:
        return None
    try:
        facts = json.loads(data)
        media = Media.model_validate(facts)
        # One that was written by hand has no checksum.
        whole = facts.pop(_CHECKSUM, None) in (None, _checksum(facts))
    except (ValueError, RecursionError):  # pydantic's error is a ValueError, too
        return None
    true = media.handle == handle == handle_for(media.sha256, media.mime_type)
    readable = isinstance(facts.get("arguments", {}), dict) and isinstance(
        facts.get("call", {}), dict
    )
    if not (true and whole and readable):
        return None
    return {**facts, **media.model_dump(exclude={"location"}, exclude_none=True)}


def _without_secrets(value: Any) -> Any:
    """The same without the signatures of links, which a sidecar must not keep."""
    if isinstance(value, Mapping):
        return {str(name): _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value]
    # A text with spaces is not a link, but a sentence that begins with one.
    link = isinstance(value, str) and not any(map(str.isspace, value))
    return without_secrets(value) if link else value


def _checksum(facts: Mapping[str, Any]) -> str:
    return digest_of_text(_in_order(facts))[:16]
