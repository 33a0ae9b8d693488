"""Whisper servers: OpenAI's API as speaches 0.9 speaks it, and whisper.cpp's server 1.9."""

from __future__ import annotations

import io
import wave
from typing import Any

from backend_serving import form_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

WHISPER = "Systran/faster-whisper-small"


class SpeachesHost:
    """src/speaches/routers/stt.py: transcriptions and translations, with the OpenAI SDK's types."""

    def __init__(self, *, root: str = "/v1", lists_models: bool = True) -> None:
        self.forms: list[dict[str, Any]] = []
        self.paths: list[str] = []
        models = [Route(f"{root}/models", self.models)] if lists_models else []
        self.model = WHISPER if lists_models else "whisper-1"
        self.app = Starlette(
            routes=[
                *models,
                Route(f"{root}/audio/transcriptions", self.transcribe, methods=["POST"]),
                Route(f"{root}/audio/translations", self.transcribe, methods=["POST"]),
            ]
        )

    async def models(self, _: Request) -> Response:
        voice = {"id": "speaches-ai/Kokoro-82M", "object": "model", "task": "text-to-speech"}
        whisper = {"id": WHISPER, "object": "model", "task": "automatic-speech-recognition"}
        return JSONResponse({"data": [voice, whisper], "object": "list"})

    async def transcribe(self, request: Request) -> Response:
        form = await form_of(request) if "content-type" in request.headers else {}
        if "file" not in form:
            return JSONResponse({"detail": [{"type": "missing", "loc": ["body", "file"]}]}, 422)
        self.forms.append(form)
        self.paths.append(request.url.path)
        if form["model"] != self.model:
            detail = f"Model '{form['model']}' is not installed locally."
            return JSONResponse({"detail": detail}, 404)
        if b"broken" in form["file"][1]:
            return JSONResponse({"detail": "Failed to decode audio."}, 415)
        assert form["response_format"] == "verbose_json"
        segment = {
            "id": 1, "seek": 0, "start": 0.0, "end": 2.5, "text": " Hallo Welt.",
            "tokens": [50364, 15302, 50489], "temperature": 0.0, "avg_logprob": -0.2,
            "compression_ratio": 0.8, "no_speech_prob": 0.01,
        }  # fmt: skip
        return JSONResponse(
            {"task": "transcribe", "language": form.get("language", "de"), "duration": 2.5,
             "text": "Hallo Welt.", "segments": [segment], "words": None, "usage": None}
        )  # fmt: skip


class WhisperCppHost:
    """examples/server/server.cpp: ``POST /inference`` reads WAV and answers in its own JSON."""

    def __init__(self, *, has_health: bool = True) -> None:
        self.forms: list[dict[str, Any]] = []
        health = [Route("/health", self.health)] if has_health else []
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/inference", self.inference, methods=["POST"]),
                *health,
            ],
            exception_handlers={404: self.missing},
        )

    async def missing(self, request: Request, _: Exception) -> Response:
        text = f"File Not Found ({request.url.path})"
        return Response(text, 404, {"server": "whisper.cpp"}, "text/plain")

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={"server": "whisper.cpp"})

    async def page(self, _: Request) -> Response:
        return HTMLResponse("<html><head><title>Whisper.cpp Server</title></head></html>")

    async def inference(self, request: Request) -> Response:
        form = await form_of(request)
        self.forms.append(form)
        try:
            with wave.open(io.BytesIO(form["file"][1])) as file:
                assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
                seconds = file.getnframes() / 16_000
        except wave.Error:
            return JSONResponse({"error": "failed to read audio data"}, 400)
        texts = [" It says nothing,", " and says it twice."]
        segments = [
            {"id": number, "text": text, "start": number * seconds / 2,
             "end": (number + 1) * seconds / 2, "tokens": [1, 2, 3],
             "words": [{"word": text, "start": 0.0, "end": 0.1, "t_dtw": -1, "probability": 0.9}],
             "temperature": 0.0, "avg_logprob": -0.3, "no_speech_prob": 0.1}
            for number, text in enumerate(texts)
        ]  # fmt: skip
        language = "english" if form["language"] in ("auto", "en") else form["language"]
        task = "translate" if form["translate"] == "true" else "transcribe"
        return JSONResponse(
            {"task": task, "language": language, "duration": seconds,
             "text": "".join(f"{text}\n" for text in texts), "segments": segments}
        )  # fmt: skip
