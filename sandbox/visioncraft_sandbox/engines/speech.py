"""Transcription: Whisper on the CPU, tiny.en and, if it is installed, base, by faster-whisper."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.sound import heard, listen
from visioncraft_sandbox.answers import transcript
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.engines.weights import (
    EngineUnavailable,
    has_whisper_base,
    whisper_base_dir,
    whisper_model_dir,
)

_RATE = 16_000  # Hz, Whisper's sample rate
_ENGLISH = frozenset({"", "en", "eng", "english"})
_TINY, _BASE = "tiny.en", "base"
# Whisper's own threshold for a failed decoding, per token. For recordings of 3 seconds and more,
# tiny.en falls below it in none of 17 in English and in 49 of 81 in twelve other languages.
_DOUBTFUL, _LONG_ENOUGH = -1.0, 3.0
_NOT_ENGLISH = (
    "Whisper tiny.en is unsure of these words: perhaps this is not English, which is all that it "
    "knows. `visioncraft setup --speech base` installs a model for other languages."
)

_FIELDS = (
    "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
    "no_speech_prob",
)  # fmt: skip

logger = logging.getLogger(__name__)


class Transcriber:
    """Turns recordings of speech into text with time stamps.

    tiny.en handles English and requests without a language. Whisper base, which ``visioncraft setup
    --speech base`` installs, handles other languages, ``auto`` and translations. Without base,
    tiny.en also handles ``auto``. A model is loaded at its first recording. One instance serves
    many threads, one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, Any] = {}

    def name(self, task: str = "transcribe", language: str | None = None) -> str:
        """The value of ``x-visioncraft-engine`` for a task in a language."""
        return f"whisper {_model_for(task, language)} (faster-whisper)"

    def transcribe(
        self,
        audio: bytes | Path,
        *,
        task: str = "transcribe",
        language: str | None = None,
        max_seconds: float | None = None,
    ) -> dict[str, Any]:
        """The service's answer for a recording in any format that FFmpeg decodes.

        If tiny.en seems to hear another language, the answer has a ``note`` that says so.

        Raises:
            ValueError: If no installed model supports the task or language, or if the file has no
                sound or is longer than `max_seconds`.
        """
        name = _model_for(task, language)
        started = time.perf_counter()
        samples = _decode(audio, max_seconds)
        with self._lock:
            model = self._load(name, task, language)
            code = _code(language)
            spoken = "en" if name == _TINY else None if code in {"", "auto"} else code
            try:
                found, heard_as = model.transcribe(samples, language=spoken, task=task)
            except ValueError as error:  # of a language that Whisper does not know
                raise ValueError(f"language={language!r} is not valid: {error}") from error
            # A generator, which does the work while it is read.
            segments: list[dict[str, Any]] = []
            for segment in found:
                go_on(min(1.0, segment.end * _RATE / len(samples)))
                told = asdict(segment)
                times = {name: round(told[name], 3) for name in ("start", "end")}
                segments.append(
                    {"id": len(segments), **{name: told[name] for name in _FIELDS}, **times}
                )
        text = "".join(segment["text"] for segment in segments)
        spoken = "en" if task == "translate" else heard_as.language
        answer = transcript(text, segments, spoken, len(samples) * 1000 / _RATE, started)
        if name == _TINY and is_doubtful(segments):
            answer["note"] = _NOT_ENGLISH
            logger.warning(_NOT_ENGLISH)
        return answer

    def _load(self, name: str, task: str, language: str | None) -> Any:
        if name not in self._models:
            try:
                folder = whisper_model_dir() if name == _TINY else whisper_base_dir()
            except EngineUnavailable as error:
                if name == _TINY:
                    raise
                raise ValueError(
                    f"Whisper tiny.en only transcribes English; task {task!r} with language "
                    f"{language!r} needs Whisper base: run `visioncraft setup --speech base`. "
                    "Or use task='transcribe' and language='en'."
                ) from error
            from faster_whisper import WhisperModel  # noqa: PLC0415  # heavy

            # As with the language model, threads that spin slow down all other work.
            threads = max(1, (os.cpu_count() or 1) // 2)
            options = {"device": "cpu", "compute_type": "int8", "local_files_only": True}
            self._models[name] = WhisperModel(str(folder), cpu_threads=threads, **options)
        return self._models[name]


def is_doubtful(segments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model doubts its own words so much that it may be the wrong one."""
    seconds = sum(segment["end"] - segment["start"] for segment in segments)
    tokens = sum(len(segment["tokens"]) for segment in segments)
    total = sum(segment["avg_logprob"] * len(segment["tokens"]) for segment in segments)
    return bool(seconds >= _LONG_ENOUGH and total / max(tokens, 1) < _DOUBTFUL)


def _code(language: str | None) -> str:
    """A language as Whisper names it, ``de`` for ``de-AT``."""
    return (language or "").strip().lower().replace("_", "-").split("-")[0]


def _model_for(task: str, language: str | None) -> str:
    code = _code(language)
    english = code in _ENGLISH or (code == "auto" and not has_whisper_base())
    return _TINY if task == "transcribe" and english else _BASE


def as_wav(audio: bytes | Path, *, max_seconds: float | None = None) -> tuple[bytes, float]:
    """A recording as WAV (16 bits, mono, 16,000 samples per second), and its seconds.

    Raises:
        ValueError: If it has no sound, or is longer than `max_seconds`.
    """
    samples = (_decode(audio, max_seconds) * 32768.0).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue(), len(samples) / _RATE


def _decode(audio: bytes | Path, max_seconds: float | None = None) -> NDArray[np.float32]:
    """The recording as mono samples between -1 and 1, 16,000 per second."""
    holder = audio if isinstance(audio, Path) else HeldBytes(audio)
    recording = Recording(lambda: holder.open("rb"), "The file")
    try:
        sound = listen(recording, max_seconds=max_seconds)
        # Silence is transcribed as well: the service would.
        return _joined(heard(recording, sound.tracks or (0,)), sound.seconds)
    except MediaInputError as error:
        raise ValueError(str(error)) from error


def _joined(pieces: Iterable[NDArray[np.float32]], seconds: float) -> NDArray[np.float32]:
    """Pieces as one, without holding all of them twice."""
    samples = np.empty(round(seconds * _RATE) + _RATE, np.float32)
    count = 0
    for piece in pieces:
        end = count + len(piece)
        if end > len(samples):  # the resampler rounds up; a gap may be longer than announced
            samples = np.concatenate([samples[:count], np.empty(len(piece) + _RATE, np.float32)])
        samples[count:end] = piece
        count = end
    return samples[:count]
