"""Answers: media, links, and errors in the shape of each API generation."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from langchain_visioncraft.media.inspection import type_of

ENGINE_HEADER = "x-visioncraft-engine"


class ErrorStyle(Enum):
    """The shapes of error bodies."""

    TEXT = "text"
    """``{"error": "text"}``: 2023-11 and 2024-03."""
    DETAIL = "detail"
    """``{"detail": "text"}``: the endpoints for recordings, upscaling and chat of 2024-03."""
    OBJECT = "object"
    """``{"error": {"message": "text"}, "code": 400}``: 2024-09."""
    OPENAI = "openai"
    """The same, with the ``param`` and ``code`` that OpenAI's clients read: ``/v1``."""

    MESSAGE = "message"
    """``{"error": "Bad Request", "message": "text"}``: ``/image/generate`` since 2024-08."""

    def body(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:
        """The JSON body of an error; `code` is OpenAI's name for it."""
        if self is ErrorStyle.TEXT:
            return {"error": message}
        if self is ErrorStyle.DETAIL:
            return {"detail": message}
        if self is ErrorStyle.MESSAGE:
            return {"error": http.client.responses.get(status, "Error"), "message": message}
        kind = "invalid_request_error" if status < 500 else "server_error"
        error: dict[str, Any] = {"message": message, "type": kind}
        if self is ErrorStyle.OPENAI:
            error |= {"param": None, "code": code or _CODES.get(status)}
        return {"error": error, "code": status}


_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def style_of(path: str) -> ErrorStyle:
    """The shape of errors below this path that no endpoint answers."""
    return ErrorStyle.OPENAI if f"{path}/".startswith("/v1/") else ErrorStyle.DETAIL


class Refusal(Exception):  # noqa: N818  # not every refusal is an error
    """The request is answered with an error status, and a message for the caller.

    `code` is OpenAI's name for the error, for ``/v1``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.code = code


def busy(reason: str) -> Refusal:
    """The refusal while others leave no room."""
    return Refusal(503, f"{reason}; send this one again later.", {"retry-after": "5"})


def forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an error and what led to it, once it is answered.

    Their frames hold the request, and futures that hold the error: Python frees such a circle only
    at some later time, however many bytes are in it.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def refusal_response(refusal: Refusal, style: ErrorStyle) -> Response:
    """The answer for a refusal."""
    forget_frames(refusal)
    return _JSON(
        style.body(refusal.status, refusal.message, refusal.code),
        status_code=refusal.status,
        headers=refusal.headers,
    )


def json_bytes(body: Any, separators: tuple[str, str] | None = None) -> bytes:
    """JSON without escapes, with which a large file would take three times as long.

    A lone surrogate, which JSON within a text may have escaped, becomes a question mark.
    """
    written = json.dumps(body, allow_nan=False, ensure_ascii=False, separators=separators)
    return written.encode(errors="replace")


class _JSON(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json_bytes(content, (",", ":"))


def json_response(content: Any, engine: str) -> Response:
    """JSON, and the engine that made it."""
    return _JSON(content, headers={ENGINE_HEADER: engine})


def media_response(data: bytes, engine: str) -> Response:
    """The bytes of a picture, GIF or video, and the engine that made them."""
    mime = type_of(data) or "application/octet-stream"
    return Response(data, media_type=mime, headers={ENGINE_HEADER: engine})


def link_to(request: Request, name: str) -> str:
    """The URL of a stored file, on the host and port that the caller used."""
    return str(request.url.replace(path=f"/files/{name}", query="", fragment=""))


def transcript(
    text: str,
    segments: Sequence[Mapping[str, Any]],
    language: str | None,
    milliseconds: float | None,
    started: float,
) -> dict[str, Any]:
    """The service's answer for a recording, with the time since `started` by `perf_counter`."""
    return {
        "text": text.strip(),
        "segments": segments,
        "language": language,
        "input_length_ms": None if milliseconds is None else round(milliseconds),
        "request_id": f"sandbox-{uuid.uuid4().hex}",
        "inference_status": {
            "status": "succeeded",
            "runtime_ms": round((time.perf_counter() - started) * 1000),
            "cost": 0.0,
            "tokens_generated": sum(len(segment.get("tokens", ())) for segment in segments),
            "tokens_input": 0,
        },
    }
