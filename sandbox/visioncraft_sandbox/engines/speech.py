"""Transcription: Whisper on the CPU, tiny.en and, if it is installed, base, by faster-whisper."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.listening import heard, listen
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.sound import RATE, Sound, in_parts
from visioncraft_sandbox.answers import transcript
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.engines.weights import (
    EngineUnavailable,
    has_whisper_base,
    whisper_base_dir,
    whisper_model_dir,
)

_PART_SECONDS = 600.0
"""Longer recordings are transcribed in parts: the spectrogram of ten minutes takes 450 MB."""
_FRAMES_PER_SECOND = 100  # of the spectrogram
_PATIENCE = 0.5  # seconds
_ENGLISH = frozenset({"", "en", "eng", "english"})
_TINY, _BASE = "tiny.en", "base"
# Whisper's own threshold for a failed decoding, per token. For recordings of 3 seconds and more,
# tiny.en falls below it in none of 17 in English and in 49 of 81 in twelve other languages.
_DOUBTFUL, _LONG_ENOUGH = -1.0, 3.0
_HEARD_IN_SILENCE = frozenset({"", "you", "thank you", "thanks for watching", "bye"})
_NO_SPEECH = 0.85
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
        recording, sound = _listen(audio, max_seconds)
        code = _code(language)
        spoken = "en" if name == _TINY else None if code in {"", "auto"} else code
        segments: list[dict[str, Any]] = []
        length = 0.0
        for samples in in_parts(_heard(recording, sound), _PART_SECONDS):
            with self._alone():  # others take turns between the parts
                model = self._load(name, task, language)
                _sample_alike()
                try:
                    found, heard_as = model.transcribe(samples, language=spoken, task=task)
                except ValueError as error:  # of a language that Whisper does not know
                    raise ValueError(f"language={language!r} is not valid: {error}") from error
                spoken = heard_as.language
                # A generator, which does the work while it is read.
                for segment in found:
                    go_on(min(1.0, (length + segment.end) / sound.seconds))
                    if not _is_silence(segment):
                        segments.append({"id": len(segments), **_told(segment, length)})
            length += len(samples) / RATE
        text = "".join(segment["text"] for segment in segments)
        spoken = "en" if task == "translate" else spoken
        answer = transcript(text, segments, spoken, length * 1000, started)
        if name == _TINY and is_doubtful(segments):
            answer["note"] = _NOT_ENGLISH
            logger.warning(_NOT_ENGLISH)
        return answer

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One part of a recording at a time; whoever waits ends once nobody wants it any more."""
        while not self._lock.acquire(timeout=_PATIENCE):
            go_on()
        try:
            yield
        finally:
            self._lock.release()

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
            model = WhisperModel(str(folder), cpu_threads=threads, **options)
            encode = model.encode

            def asked(features: Any) -> Any:
                go_on()  # each half minute, even if nothing is said in it
                return encode(features)

            model.encode = asked
            self._models[name] = model
        return self._models[name]


def is_doubtful(segments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model doubts its own words so much that it may be the wrong one."""
    seconds = sum(segment["end"] - segment["start"] for segment in segments)
    tokens = sum(len(segment["tokens"]) for segment in segments)
    total = sum(segment["avg_logprob"] * len(segment["tokens"]) for segment in segments)
    return bool(seconds >= _LONG_ENOUGH and total / max(tokens, 1) < _DOUBTFUL)


def _is_silence(segment: Any) -> bool:
    """Whether Whisper wrote what it tends to write where nothing is said."""
    said = segment.text.strip(" .!").lower()
    return said in _HEARD_IN_SILENCE and segment.no_speech_prob > _NO_SPEECH


def _sample_alike() -> None:
    """Doubtful parts are sampled: the same recording gets the same transcript."""
    import ctranslate2  # noqa: PLC0415  # heavy

    ctranslate2.set_random_seed(0)


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
    recording, sound = _listen(audio, max_seconds)
    buffer = io.BytesIO()
    count = 0
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for samples in _heard(recording, sound):
            file.writeframesraw((samples * 32767.0).astype("<i2").tobytes())
            count += len(samples)
    return buffer.getvalue(), count / RATE


def _listen(audio: bytes | Path, max_seconds: float | None) -> tuple[Recording, Sound]:
    holder = audio if isinstance(audio, Path) else HeldBytes(audio)
    recording = Recording(lambda: holder.open("rb"), "The file", step=go_on)
    with _value_errors():
        return recording, listen(recording, max_seconds=max_seconds)


def _heard(recording: Recording, sound: Sound) -> Iterator[NDArray[np.float32]]:
    """The recording as mono samples between -1 and 1, `RATE` per second, piece by piece."""
    with _value_errors():
        # Silence is transcribed as well: the service would.
        yield from heard(recording, sound.tracks or (0,), sound.seconds)


@contextlib.contextmanager
def _value_errors() -> Iterator[None]:
    try:
        yield
    except MediaInputError as error:
        raise ValueError(str(error)) from error


def _told(segment: Any, start: float) -> dict[str, Any]:
    """A segment of a part that begins at this second, as the service writes it."""
    told = asdict(segment)
    times = {name: round(start + told[name], 3) for name in ("start", "end")}
    return {
        **{name: told[name] for name in _FIELDS},
        "seek": told["seek"] + round(start * _FRAMES_PER_SECOND),
        **times,
    }
