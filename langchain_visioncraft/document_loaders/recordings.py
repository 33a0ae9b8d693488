"""Cuts the sound of recordings into parts at quiet places. Needs PyAV and NumPy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.sound import RATE, Level, Sound, heard

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME = RATE // 50  # 20 ms
_SMOOTHING = 25  # frames: the half second with the least sound in total
_LONGEST_SEARCH = 60.0
"""Seconds before the latest possible cut that are searched for a quiet place."""


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
    most = max(int(chunk_seconds * RATE), 1)
    number, done = 0, 0
    waiting: list[NDArray[np.int16]] = []
    length = 0
    for samples in _samples(recording, sound):
        waiting.append(samples)
        length += len(samples)
        while length > most:
            held = np.concatenate(waiting)
            at = _quiet_place(held[:most])
            yield _write(held[:at], number, done, folder)
            number, done = number + 1, done + at
            waiting, length = [held[at:]], length - at
    if length:
        yield _write(np.concatenate(waiting), number, done, folder)


def shortest_part(chunk_seconds: float) -> float:
    """The shortest part that `cut` makes, in seconds."""
    return max(chunk_seconds / 2, chunk_seconds - _LONGEST_SEARCH)


def _samples(recording: Recording, sound: Sound) -> Iterator[NDArray[np.int16]]:
    """The sound in 16 bits, piece by piece."""
    for piece in heard(recording, sound.tracks):
        yield np.rint(np.clip(piece * (sound.gain * 32_768), -32_768, 32_767)).astype(np.int16)


def _quiet_place(samples: NDArray[np.int16]) -> int:
    """Where to cut: the middle of the quietest half second near the end, the latest of equals."""
    searched = min(int(_LONGEST_SEARCH * RATE), len(samples) // 2) // _FRAME * _FRAME
    if searched < 2 * _FRAME:
        return len(samples)
    tail = samples[-searched:].astype(np.float64).reshape(-1, _FRAME)
    energy = (tail**2).mean(axis=1)
    width = min(_SMOOTHING, len(energy))
    smooth = np.convolve(energy, np.ones(width) / width, mode="valid").round(3)
    first = len(smooth) - 1 - int(smooth[::-1].argmin())
    return len(samples) - searched + (first * _FRAME + width * _FRAME // 2)


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
