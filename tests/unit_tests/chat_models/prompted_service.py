"""A model that writes what a test gives it, and what it was sent."""

from __future__ import annotations

import json
from typing import Any

from chat_service import Service, completion, events, httpx

UNKNOWN = "some-open-model"


def says(service: Service, *answers: str, finish_reason: str = "stop") -> None:
    """Let the host give these texts, one after another; the last one again and again."""
    left = list(answers)

    def respond(request: Any) -> Any:
        text = left.pop(0) if len(left) > 1 else left[0]
        if json.loads(request.content).get("stream"):
            pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
            body = events(*pieces).replace(b'"stop"', f'"{finish_reason}"'.encode())
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, content=body)
        answer = completion(text)
        answer["choices"][0]["finish_reason"] = finish_reason
        return httpx.Response(200, json=answer)

    service.respond = respond


def sent(service: Service, number: int = -1) -> dict[str, Any]:
    return json.loads(service.requests[number].content)
