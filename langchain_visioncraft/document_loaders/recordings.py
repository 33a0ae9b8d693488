"""Cuts the sound of recordings into parts at quiet places. Needs PyAV and NumPy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.listening import heard
from langchain_visioncraft.media.loudness import Level
from langchain_visioncraft.media.sound import LONGEST_SEARCH, RATE, Sound, in_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Part(NamedTuple):
    """A part of a recording, in a separate FLAC file: mono, 16 kHz; times in seconds."""

    number: int
    start: float
    seconds: float
    path: Path
    silent: bool


def cut(
    recording: Recording, sound: Sound, chunk_seconds: float, folder: Path
) -> Generator[Part, None, None]:
    """Cut a recording into parts of at most `chunk_seconds`, each at its quietest late moment.

    They are written into the caller's folder, and the caller removes them.
    """
    done = 0
    for number, samples in enumerate(in_parts(_samples(recording, sound), chunk_seconds)):
        yield _write(samples, number, done, folder)
        done += len(samples)


def shortest_part(chunk_seconds: float) -> float:
    """The shortest part that `cut` makes, in seconds."""
    return max(chunk_seconds / 2, chunk_seconds - LONGEST_SEARCH)


def _samples(recording: Recording, sound: Sound) -> Iterator[NDArray[np.int16]]:
    """The sound in 16 bits, piece by piece."""
    for piece in heard(recording, sound.tracks, sound.seconds):
        yield np.rint(np.clip(piece * (sound.gain * 32_768), -32_768, 32_767)).astype(np.int16)


def _write(samples: NDArray[np.int16], number: int, done: int, folder: Path) -> Part:
    path = folder / f"part-{number:04}.flac"
    with av.open(str(path), "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    level = Level()
    level.add(samples.reshape(1, -1))
    return Part(number, done / RATE, len(samples) / RATE, path, level.silent)
