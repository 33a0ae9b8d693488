"""An application that reads a request and answers nothing."""

from __future__ import annotations

from typing import Any


async def plain_app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
