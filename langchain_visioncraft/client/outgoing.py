"""A request as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_visioncraft.client.body import JSONBody


@dataclass(frozen=True)
class Outgoing:
    """A request as plain data; only here it holds the key."""

    method: Literal["GET", "POST"]
    url: str
    endpoint: str
    host: str
    headers: dict[str, str] = field(repr=False)
    content: JSONBody | None = None
    extensions: dict[str, Any] = field(default_factory=dict)

    def arguments(self, content: Any) -> dict[str, Any]:
        """The arguments of `build_request`, with the body in the form that the client sends."""
        return {
            "method": self.method,
            "url": self.url,
            "headers": self.headers,
            "content": content,
            "extensions": self.extensions or None,
        }
