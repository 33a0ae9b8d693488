"""Transcription: Whisper tiny.en on the CPU, through faster-whisper."""

from __future__ import annotations

import io
import os
import threading
import time
import uuid
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.sound import Recording, heard, listen
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.engines.weights import EngineUnavailable, whisper_model_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE = 16_000  # Hz, Whisper's sample rate
_ENGLISH = frozenset({"", "auto", "en", "eng", "english"})


class Transcriber:
    """Turns recordings of English speech into text with time stamps.

    The model is loaded at the first recording. One instance serves many threads, one at a time.
    """

    name = "whisper tiny.en (faster-whisper)"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def transcribe(
        self,
        audio: bytes | Path,
        *,
        task: str = "transcribe",
        language: str | None = None,
        max_seconds: float | None = None,
    ) -> dict[str, Any]:
        """The service's answer for a recording in any format that FFmpeg decodes.

        Raises:
            ValueError: If the model does not support the task or language, or if the file has no
                sound or is longer than `max_seconds`.
        """
        _check(task, language)
        started = time.perf_counter()
        samples = _decode(audio, max_seconds)
        with self._lock:
            found, _ = self._load().transcribe(samples, language="en", task="transcribe")
            # A generator, which does the work while it is read.
            segments: list[dict[str, Any]] = []
            for segment in found:
                go_on()
                segments.append(_segment(len(segments), segment))
        return {
            "text": "".join(segment["text"] for segment in segments).strip(),
            "segments": segments,
            "language": "en",
            "input_length_ms": round(len(samples) * 1000 / _RATE),
            "request_id": f"sandbox-{uuid.uuid4().hex}",
            "inference_status": {
                "status": "succeeded",
                "runtime_ms": round((time.perf_counter() - started) * 1000),
                "cost": 0.0,
                "tokens_generated": sum(len(segment["tokens"]) for segment in segments),
                "tokens_input": 0,
            },
        }

    def _load(self) -> Any:
        if self._model is None:
            try:
                from faster_whisper import WhisperModel  # noqa: PLC0415  # optional and heavy
            except ImportError as error:
                raise EngineUnavailable(
                    "The speech model's runtime (faster-whisper)", "faster-whisper"
                ) from error
            # As for the language model: threads that spin slow down all other work.
            threads = max(1, (os.cpu_count() or 1) // 2)
            self._model = WhisperModel(
                str(whisper_model_dir()),
                device="cpu",
                compute_type="int8",
                cpu_threads=threads,
                local_files_only=True,
            )
        return self._model


def _check(task: str, language: str | None) -> None:
    if task != "transcribe":
        raise ValueError(
            f"The sandbox's speech model (Whisper tiny.en) can only transcribe English; "
            f"task {task!r} is not available here. Use task='transcribe'."
        )
    spoken = (language or "").strip().lower().replace("_", "-").split("-")[0]
    if spoken not in _ENGLISH:
        raise ValueError(
            f"The sandbox's speech model (Whisper tiny.en) understands only English; "
            f"language {language!r} is not available here. Use language='en' or leave it out."
        )


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
        if end > len(samples):  # the resampler rounds up; a gap may be longer than it was announced
            samples = np.concatenate([samples[:count], np.empty(len(piece) + _RATE, np.float32)])
        samples[count:end] = piece
        count = end
    return samples[:count]


def _segment(index: int, segment: Any) -> dict[str, Any]:
    return {
        "id": index,
        "seek": int(segment.seek),
        "start": round(float(segment.start), 3),
        "end": round(float(segment.end), 3),
        "text": str(segment.text),
        "tokens": [int(token) for token in segment.tokens],
        "temperature": float(segment.temperature or 0.0),
        "avg_logprob": float(segment.avg_logprob),
        "compression_ratio": float(segment.compression_ratio),
        "no_speech_prob": float(segment.no_speech_prob),
    }
