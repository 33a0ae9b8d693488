"""A request as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_visioncraft.client.body import JSONBody


@dataclass(frozen=True)
class Outgoing:
    """A request as plain data; only here it holds the key.

    Attributes:
        abroad: Whether it goes to another host than the API's own. An HTTP client that a user gave
            may have credentials and cookies, which are not for everybody.
    """

    method: Literal["GET", "POST"]
    url: str
    endpoint: str
    host: str
    headers: dict[str, str] = field(repr=False)
    content: JSONBody | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    abroad: bool = False

    def request(self, http: Any, content: Any) -> Any:
        """The request for this client, with the body in the form that it sends."""
        request = http.build_request(
            method=self.method,
            url=self.url,
            headers=self.headers,
            content=content,
            extensions=self.extensions or None,
        )
        if self.abroad:
            ours = {name.lower() for name in self.headers} | {"host"}
            for name in [name for name in request.headers if name.lower() not in ours]:
                del request.headers[name]
        return request

    def options(self) -> dict[str, Any]:
        """How it is sent."""
        return {"follow_redirects": False, **({"auth": None} if self.abroad else {})}
