"""The sound of recordings: its length, and its parts, cut where it is quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_visioncraft.document_loaders.blobs import MediaFile
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import open_recording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16_000
"""Samples a second: what Whisper hears."""

_SILENT = 10 ** (-60 / 20) * 32768
"""Below -60 dB of full scale there is no speech, and Whisper invents words."""

_FRAME = RATE // 50  # 20 ms
_SMOOTHING = 25  # frames: the half second that is quietest on the whole
_LONGEST_SEARCH = 60.0
"""Seconds before the latest possible cut in which a quiet place is looked for."""


class Sound(NamedTuple):
    """How many seconds a sound track is long, and whether it is silent throughout."""

    seconds: float
    silent: bool


class Part(NamedTuple):
    """A part of a recording, in a separate FLAC file: mono, 16 kHz; times in seconds."""

    number: int
    start: float
    seconds: float
    path: Path
    silent: bool


def listen(recording: MediaFile) -> Sound:
    """Hear a recording through, a piece at a time.

    Raises:
        MediaInputError: If it has no sound track, or cannot be decoded.
    """
    seconds, loudest = 0.0, 0
    samples: Counter[int] = Counter()
    # At its own rate: bringing it to another would double the work.
    for silence, frames in _pieces(recording, format="s16", layout="mono"):
        seconds += silence
        for frame in frames:
            samples[frame.sample_rate] += frame.samples
            loudest = max(loudest, _peak(frame.to_ndarray()))
    seconds += sum(count / rate for rate, count in samples.items())
    return Sound(seconds, loudest < _SILENT)


def cut(recording: MediaFile, chunk_seconds: float, folder: Path) -> Generator[Part, None, None]:
    """Cut a recording into parts of at most `chunk_seconds`, each at its quietest late moment.

    Args:
        recording: An audio or video file.
        chunk_seconds: The longest part, in seconds.
        folder: Where the parts are written; the caller removes them.

    Raises:
        MediaInputError: If it has no sound track, or cannot be decoded.
    """
    import numpy as np  # noqa: PLC0415 -- the extra `media`

    most = max(int(chunk_seconds * RATE), 1)
    number, done = 0, 0
    waiting: list[NDArray[np.int16]] = []
    length = 0
    for samples in _samples(recording):
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


def _quiet_place(samples: NDArray[np.int16]) -> int:
    """Where to cut: the middle of the quietest half second near the end, the latest of equals."""
    import numpy as np  # noqa: PLC0415 -- the extra `media`

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
    import av  # noqa: PLC0415 -- the extra `media`

    path = folder / f"part-{number:04}.flac"
    with av.open(str(path), "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Part(number, done / RATE, len(samples) / RATE, path, _peak(samples) < _SILENT)


def _peak(samples: NDArray[np.int16]) -> int:
    return max(int(samples.max()), -int(samples.min())) if samples.size else 0


def _samples(recording: MediaFile) -> Iterator[NDArray[np.int16]]:
    """The sound track as mono samples, piece by piece."""
    import numpy as np  # noqa: PLC0415 -- the extra `media`

    for silence, frames in _pieces(recording, format="s16", layout="mono", rate=RATE):
        if silence:
            yield np.zeros(int(silence * RATE), dtype=np.int16)
        for frame in frames:
            array: NDArray[np.int16] = frame.to_ndarray().reshape(-1)
            yield array


def _pieces(recording: MediaFile, **form: Any) -> Iterator[tuple[float, Sequence[Any]]]:
    """The sound track in this form, piece by piece, each with the seconds of silence before it.

    In a video it may begin later than the picture.
    """
    import av  # noqa: PLC0415 -- the extra `media`
    import av.error  # noqa: PLC0415

    some = False
    try:
        with recording.media.open() as file, open_recording(file) as container:
            if not container.streams.audio:
                msg = f"{recording.source} has no sound track."
                raise MediaInputError(msg)
            resampler = av.AudioResampler(**form)
            for frame in container.decode(container.streams.audio[0]):
                late = 0.0
                if not some and recording.kind == "video" and frame.time:
                    late = max(0.0, frame.time - (container.start_time or 0) / av.time_base)
                some = True
                frame.pts = None
                try:
                    frames = resampler.resample(frame)
                except ValueError:  # recordings were joined: here begins one of another rate
                    frames = _rest(resampler)
                    resampler = av.AudioResampler(**form)
                    frames += resampler.resample(frame)
                yield late, frames
            yield 0.0, _rest(resampler)
    except av.error.FFmpegError as error:
        # A recording that was cut short still says what it says up to there.
        if not some:
            mime_type = recording.media.mime_type
            msg = f"{recording.source} is a damaged {mime_type} ({error.strerror})."
            raise MediaInputError(msg) from error
    except OSError as error:
        msg = f"{recording.source} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    if not some:
        msg = f"{recording.source} has an empty sound track."
        raise MediaInputError(msg)


def _rest(resampler: Any) -> list[Any]:
    # Where there was nothing to convert, some versions of PyAV give a None.
    return [frame for frame in resampler.resample(None) if frame is not None]
