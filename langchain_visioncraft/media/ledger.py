"""The ledger of a store: one line of JSON for each call that was made for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from langchain_visioncraft.media.media import Media


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
    seconds: float = 0.0
    cached: bool = False
    user: str | None = None

    def of(self, media: Sequence[Media]) -> Usage:
        """The same call, with these media as its result."""
        pixels = sum((each.width or 0) * (each.height or 0) for each in media)
        return self.model_copy(update={"media": len(media), "pixels": pixels})

    def facts(self) -> dict[str, object]:
        """The facts of a call for a sidecar, except those that it already holds."""
        return self.model_dump(exclude={"time", "tool", "media"}, exclude_none=True)
