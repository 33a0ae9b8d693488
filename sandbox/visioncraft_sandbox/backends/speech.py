"""Whisper servers: OpenAI's ``/v1/audio/transcriptions``, and whisper.cpp's ``/inference``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import resources
from typing import Any

from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.sniff import EXTENSIONS
from visioncraft_sandbox.answers import Refusal, transcript
from visioncraft_sandbox.backends.connection import BackendError, Connection, closest

_DEFAULT_MODEL = "whisper-1"
_NOT_THERE = frozenset({404, 405, 410, 421, 501})
_RECOGNITION = "automatic-speech-recognition"
# Whisper's own table: servers return a language's name, VisionCraft its code.
_WORDS = resources.files(__package__).joinpath("languages.txt").read_text("utf-8").split()
_CODES = dict(zip(_WORDS[1::2], _WORDS[::2], strict=True))
_NUMBERS = (
    "seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"
)  # fmt: skip


class SpeechServer:
    """A server that turns recordings into text.

    It answers in Whisper's ``verbose_json``, which is nearly the service's own format. A segment
    always has ``id``, ``start``, ``end`` and ``text``; the rest depends on the server. Default of
    `model`: the server's first that transcribes.
    """

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._wanted = model
        self._kind = connection.address.kind
        self._model: str | None = None
        self._root = ""

    @property
    def takes_any_file(self) -> bool:
        """Whether it decodes any format; whisper.cpp reliably reads only WAV."""
        return self._kind != "whispercpp"

    async def open(self) -> None:
        """Detect its API and choose the model; raises `BackendError` if it is another server."""
        if self._kind != "whispercpp" and await self._find_models():
            self._kind = "openai"
            return
        # whisper.cpp has had `/health` since 2025; before, its page names it.
        answer = await self.connection.probe("/health")
        page = await self.connection.probe("/")
        about = answer.headers.get("server", "") + page.headers.get("server", "") + page.text[:2000]
        if self._kind != "openai" and "whisper.cpp" in about.lower():
            self._kind = "whispercpp"
            return
        if self._kind != "whispercpp" and await self._find_transcriptions():
            self._kind = "openai"
            return
        raise BackendError(
            f"{self.connection.address} answers, but neither as OpenAI's API does (GET /v1/models, "
            "POST /v1/audio/transcriptions) nor as whisper.cpp's server."
        )

    @property
    def _roots(self) -> tuple[str, ...]:
        return ("",) if self.connection.address.url.endswith("/v1") else ("/v1", "")

    async def _find_transcriptions(self) -> bool:
        """Detect small servers, which list no models, by their error about a missing recording."""
        for root in self._roots:
            answer = await self.connection.probe(f"{root}/audio/transcriptions", "POST")
            if answer.status_code not in _NOT_THERE:
                self._root, self._model = root, self._choose([])
                return True
        return False

    async def _find_models(self) -> bool:
        found = await self.connection.find_models(self._roots)
        if found is None:
            return False
        self._root, models = found
        # Speaches names each model's task, and lists voices among the models.
        fitting = [each for each in models if each.get("task", _RECOGNITION) == _RECOGNITION]
        self._model = self._choose([str(model["id"]) for model in fitting])
        return True

    def _choose(self, names: list[str]) -> str:
        if self._wanted is not None:
            return closest(self._wanted, names) or self._wanted
        whispers = [name for name in names if "whisper" in name.lower()]
        return next(iter(whispers or names), _DEFAULT_MODEL)

    async def transcribe(
        self, audio: bytes, *, task: str, language: str | None, seconds: float | None
    ) -> dict[str, Any]:
        """The service's answer for a recording: WAV, or any format if `takes_any_file`.

        The language is a code of ISO 639-1, or ``None`` to detect it.
        """
        started = time.perf_counter()
        mime = type_of(audio) or "application/octet-stream"
        name = f"audio.{EXTENSIONS.get(mime, 'bin')}"
        path, fields = self._request(task, language)
        answer = await self.connection.json(
            "POST", path, data=fields, files={"file": (name, audio, mime)}
        )
        if not isinstance(answer, Mapping) or not isinstance(answer.get("text"), str):
            raise Refusal(502, f"{self.connection.address} returned no text.")
        duration = answer.get("duration") if seconds is None else seconds
        spoken = "en" if task == "translate" else language_code(answer.get("language")) or language
        text = in_one_line(answer["text"])
        length = None if duration is None else float(duration) * 1000
        return transcript(text, _segments(answer), spoken, length, started)

    def _request(self, task: str, language: str | None) -> tuple[str, dict[str, str]]:
        fields = {"response_format": "verbose_json", "temperature": "0.0"}
        if self._kind == "whispercpp":
            # The default is the language that the server was started with.
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
        """The value of ``x-visioncraft-engine``."""
        kind = "whisper.cpp" if self._kind == "whispercpp" else "whisper"
        return self.connection.engine(kind, None if self._kind == "whispercpp" else self._model)


def language_code(name: str | None) -> str | None:
    """The ISO 639-1 code for a language's name; a code or an unknown name stays as it is."""
    if not name:
        return None
    plain = name.strip().lower().replace(" ", "_")
    return _CODES.get(plain, plain)


def in_one_line(text: str) -> str:
    """A transcript without line breaks: whisper.cpp puts each segment on a line of its own."""
    return " ".join(filter(None, map(str.strip, text.split("\n"))))


def _segments(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "start": round(float(segment.get("start") or 0.0), 3),
            "end": round(float(segment.get("end") or 0.0), 3),
            "text": str(segment.get("text", "")),
            **{name: segment[name] for name in _NUMBERS if segment.get(name) is not None},
        }
        for number, segment in enumerate(answer.get("segments") or ())
    ]
