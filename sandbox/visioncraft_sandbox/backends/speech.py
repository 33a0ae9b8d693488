"""Whisper servers: OpenAI's ``/v1/audio/transcriptions``, and whisper.cpp's ``/inference``."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from langchain_visioncraft.media.sniff import EXTENSIONS, HEAD_BYTES, sniff
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.connection import BackendError, Connection
from visioncraft_sandbox.backends.languages import language_code
from visioncraft_sandbox.backends.names import closest

_DEFAULT_MODEL = "whisper-1"
_RECOGNITION = "automatic-speech-recognition"
_NUMBERS = (
    "seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"
)  # fmt: skip


class SpeechServer:
    """A server that turns recordings into text.

    It answers in Whisper's ``verbose_json``, which is nearly the service's own answer. A segment
    always has ``id``, ``start``, ``end`` and ``text``; the rest only where the server tells it.

    Args:
        connection: The way to it.
        model: The model to use; by default the first of the server's that transcribes.
    """

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._wanted = model
        self._kind = connection.address.kind
        self._model: str | None = None
        self._root = ""

    @property
    def takes_any_file(self) -> bool:
        """Whether it decodes whatever it gets; whisper.cpp alone is sure to read only WAV."""
        return self._kind != "whispercpp"

    async def open(self) -> None:
        """Find out what it speaks, and choose the model.

        Raises:
            BackendError: If it is not there, or no Whisper server.
        """
        if self._kind != "whispercpp" and await self._find_models():
            self._kind = "openai"
            return
        # `/health` came to whisper.cpp in 2025; before, its page says what it is.
        answer = await self.connection.probe("/health")
        page = await self.connection.probe("/")
        told = answer.headers.get("server", "") + page.headers.get("server", "") + page.text[:2000]
        if self._kind != "openai" and "whisper.cpp" in told.lower():
            self._kind = "whispercpp"
            return
        msg = (
            f"{self.connection.address} answers, but neither as OpenAI's API does (GET /v1/models) "
            "nor as whisper.cpp's server."
        )
        raise BackendError(msg)

    async def _find_models(self) -> bool:
        roots = ("",) if self.connection.address.url.endswith("/v1") else ("/v1", "")
        for root in roots:
            answer = await self.connection.probe(f"{root}/models")
            names = _models(answer)
            if names is not None:
                self._root = root
                self._model = self._choose(names)
                return True
        return False

    def _choose(self, names: list[str]) -> str:
        if self._wanted is not None:
            return closest(self._wanted, names) or self._wanted
        whispers = [name for name in names if "whisper" in name.lower()]
        return next(iter(whispers or names), _DEFAULT_MODEL)

    async def transcribe(
        self, audio: bytes, *, task: str, language: str | None, seconds: float | None
    ) -> dict[str, Any]:
        """Transcribe or translate a recording.

        Args:
            audio: The file: WAV, or anything if `takes_any_file`.
            task: ``transcribe`` or ``translate``.
            language: ISO 639-1, or ``None`` to find it out.
            seconds: The recording's length, if it is known.

        Returns:
            The service's answer.

        Raises:
            Refusal: If the server fails, or cannot use the recording.
        """
        started = time.perf_counter()
        mime = sniff(audio[:HEAD_BYTES]) or "application/octet-stream"
        name = f"audio.{EXTENSIONS.get(mime, 'bin')}"
        path, fields = self._request(task, language)
        answer = await self.connection.json(
            "POST", path, data=fields, files={"file": (name, audio, mime)}
        )
        if not isinstance(answer, Mapping) or not isinstance(answer.get("text"), str):
            raise Refusal(502, f"{self.connection.address} answered without a text.")
        runtime = round((time.perf_counter() - started) * 1000)
        return _told(answer, task, language, seconds, runtime)

    def _request(self, task: str, language: str | None) -> tuple[str, dict[str, str]]:
        fields = {"response_format": "verbose_json", "temperature": "0.0"}
        if self._kind == "whispercpp":
            # Left out, the language is the one that the server was started with.
            fields["language"] = language or "auto"
            fields["translate"] = "true" if task == "translate" else "false"
            fields["no_language_probabilities"] = "true"  # they take a second run of the encoder
            return "/inference", fields
        fields["model"] = self._model or self._wanted or _DEFAULT_MODEL
        if task == "translate":
            return f"{self._root}/audio/translations", fields
        fields["timestamp_granularities[]"] = "segment"
        if language is not None:
            fields["language"] = language
        return f"{self._root}/audio/transcriptions", fields

    @property
    def engine(self) -> str:
        """What ``x-visioncraft-engine`` says."""
        kind = "whisper.cpp" if self._kind == "whispercpp" else "whisper"
        return self.connection.engine(kind, None if self._kind == "whispercpp" else self._model)


def _models(answer: Any) -> list[str] | None:
    """The models of an OpenAI list that recognise speech; ``None`` if it is no such list."""
    try:
        data = answer.json().get("data") if answer.is_success else None
    except (ValueError, AttributeError):
        return None
    if not isinstance(data, list):
        return None
    models = [model for model in data if isinstance(model, Mapping) and "id" in model]
    # Speaches tells each model's task, and lists voices beside them.
    return [str(model["id"]) for model in models if model.get("task", _RECOGNITION) == _RECOGNITION]


def _told(
    answer: Mapping[str, Any],
    task: str,
    language: str | None,
    seconds: float | None,
    runtime_ms: int,
) -> dict[str, Any]:
    segments = [
        {
            "id": number,
            "start": round(float(segment.get("start") or 0.0), 3),
            "end": round(float(segment.get("end") or 0.0), 3),
            "text": str(segment.get("text", "")),
            **{name: segment[name] for name in _NUMBERS if segment.get(name) is not None},
        }
        for number, segment in enumerate(answer.get("segments") or ())
    ]
    duration = seconds if seconds is not None else answer.get("duration")
    heard = "en" if task == "translate" else language_code(answer.get("language")) or language
    return {
        # whisper.cpp puts every segment into a line of its own.
        "text": re.sub(r"\s*\n\s*", " ", answer["text"]).strip(),
        "segments": segments,
        "language": heard,
        "input_length_ms": None if duration is None else round(float(duration) * 1000),
        "request_id": f"sandbox-{uuid.uuid4().hex}",
        "inference_status": {
            "status": "succeeded",
            "runtime_ms": runtime_ms,
            "cost": 0.0,
            "tokens_generated": sum(len(segment.get("tokens", ())) for segment in segments),
            "tokens_input": 0,
        },
    }
