"""Analyses the sound of a recording: its tracks, channels and length, and whether it is silent."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import av
import av.error
import av.stream
import numpy as np

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import Recording, open_recording
from langchain_visioncraft.media.inspection import truncation_of
from langchain_visioncraft.media.loudness import Level, full_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]

_SamplesT = TypeVar("_SamplesT", bound="NDArray[Any]")

RATE = 16_000
"""Samples per second: what Whisper takes."""

_SLOWEST = 1000
_FASTEST = 4_000_000
"""The sample rates that are accepted. At 1 per second, a few bytes last a day; at 100,000,000, the
filter of the resampler takes gigabytes."""

_MOST_CHANNELS = 64
"""FFmpeg converts no more."""

_LARGEST_FRAME = 1 << 23
"""Samples of all channels of a frame, at its own rate or at `RATE`: FFmpeg converts it at once."""

_QUIET = 10 ** (-40 / 20)
"""Of full scale. Quieter sound is amplified, so that 16 bits are enough for it."""

LONGEST_SEARCH = 60.0
"""Seconds before the latest possible cut that are searched for a quiet place."""

_FRAME = RATE // 50  # 20 ms
_SMOOTHING = 25  # frames: the half second with the least sound in total

_MOST_TRACKS = 16
"""Each is decoded on its own, with buffers of its own."""

_TOGETHER = 4
"""All tracks together may last this many times as long as one: a film has several languages."""

_LARGEST_PACKET = 8 << 20
"""Bytes of a packet: more than a second of any sound. FFmpeg decodes all of it at once."""

_PIECE = 1 << 16
"""Samples that are analysed at once."""

_OF_ONE_TRACK = (av.error.InvalidDataError, av.error.PatchWelcomeError, ValueError)
"""A decoder's errors, after which it or others may go on. The last is EINVAL, whose own class has
another name in PyAV 14, and PyAV 19's own of a decoder that cannot be opened."""

_MOST_PLANES = 7
"""The most planar channels. PyAV counts them up to a zero, which is missing after eight: it reads
foreign memory, and the process dies."""


class Sound(NamedTuple):
    """The result for a recording: the seconds of its longest track, and which tracks have sound.

    It is plain if a host that takes the first track, mixes its channels and works in 16 bits gets
    all of the sound. The gain amplifies a quiet one. The damage describes what is missing.
    """

    seconds: float
    tracks: tuple[int, ...]
    plain: bool
    gain: float
    damage: str | None


@dataclass
class _Track:
    language: str | None
    level: Level = field(default_factory=Level)
    before: float = 0.0
    """Seconds of silence, and of sound at other rates."""
    rate: int = RATE
    samples: int = 0
    frames: int = 0

    def add(self, frame: Any) -> None:
        """Add a frame, as far as anything is still undecided."""
        if frame.sample_rate != self.rate:
            self.before, self.rate, self.samples = self.seconds, frame.sample_rate, 0
        self.samples += frame.samples
        self.frames += 1
        quiet = self.level.loudest < _QUIET
        compared = frame.layout.nb_channels > 1 and (quiet or self.frames % 4 == 0)
        for samples in _pieces(frame) if quiet or compared else ():
            if quiet:
                self.level.add(samples)
            if compared:
                self.level.compare(samples[:, ::8])

    @property
    def seconds(self) -> float:
        return self.before + self.samples / self.rate


def listen(recording: Recording, *, max_seconds: float | None = None) -> Sound:
    """Analyse a recording piece by piece; a few kilobytes may hold days of silence.

    Raises `MediaInputError` if it has no sound track, cannot be decoded, or is longer than
    `max_seconds`.
    """
    tracks: dict[int, _Track] = {}
    problems: list[Any] = []
    for number, language, late, frame in _frames(recording, None, problems):
        track = tracks.setdefault(number, _Track(language, before=late))
        track.add(frame)
        if max_seconds is None:
            continue
        if track.seconds > max_seconds:
            msg = f"{recording.name} is longer than {max_seconds:,.0f} seconds."
            raise MediaInputError(msg)
        if sum(each.seconds for each in tracks.values()) > _TOGETHER * max_seconds:
            together = f"{_TOGETHER * max_seconds:,.0f} seconds together"
            raise MediaInputError(f"The tracks of {recording.name} are longer than {together}.")
    heard = [number for number in sorted(tracks) if not tracks[number].level.silent]
    # Tracks of the same language belong together, like a microphone and a screen recording;
    # those in other languages repeat the same.
    languages = [tracks[number].language for number in heard]
    chosen = tuple(
        number for number, each in zip(heard, languages, strict=True) if each == languages[0]
    )
    loudest = max((tracks[number].level.loudest for number in chosen), default=0.0)
    quiet = 0 < loudest < _QUIET
    cancelled = any(tracks[number].level.cancelled for number in chosen)
    return Sound(
        max(track.seconds for track in tracks.values()),
        chosen,
        plain=chosen == (0,) and not quiet and not cancelled,
        gain=0.5 / loudest if quiet else 1.0,
        damage=_damage(recording, problems),
    )


def _damage(recording: Recording, problems: list[Any]) -> str | None:
    if problems:
        return f"A part of the file cannot be decoded ({_reason(problems[0])})."
    with recording.open() as file:
        missing = truncation_of(file, recording.kind, file.seek(0, io.SEEK_END))
    return f"The file is cut off: {missing}." if missing else None


def heard(recording: Recording, tracks: Sequence[int]) -> Iterator[Samples]:
    """The sound of these tracks as mono samples between -1 and 1, `RATE` a second, piece by piece.

    Tracks are mixed; channels are mixed in a way that they do not cancel each other.
    """
    if len(tracks) == 1:
        yield from _mono(recording, tracks[0])
        return

    # Each is read separately: they may lie arbitrarily far apart in the file.
    blocks = [_blocks(_mono(recording, track)) for track in tracks]
    nothing = np.zeros(0, np.float32)
    for pieces in zip_longest(*blocks, fillvalue=nothing):
        mixed = np.zeros(max(map(len, pieces)), np.float32)
        for piece in pieces:
            mixed[: len(piece)] += piece
        yield np.clip(mixed, -1.0, 1.0)


def _blocks(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """The same samples in pieces of a second."""
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        while len(rest) >= RATE:
            yield rest[:RATE]
            rest = rest[RATE:]
    yield rest


def in_parts(pieces: Iterable[_SamplesT], seconds: float) -> Iterator[_SamplesT]:
    """The same samples in parts of at most these seconds, each cut at its quietest late moment."""
    most = max(int(seconds * RATE), 1)
    waiting: list[Any] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        while length > most:
            held: Any = np.concatenate(waiting)
            at = _quiet_place(held[:most])
            yield held[:at]
            waiting, length = [held[at:]], length - at
    if length:
        last: Any = np.concatenate(waiting)
        yield last


def _quiet_place(samples: NDArray[Any]) -> int:
    """Where to cut: the middle of the quietest half second near the end, the latest of equals."""
    searched = min(int(LONGEST_SEARCH * RATE), len(samples) // 2) // _FRAME * _FRAME
    if searched < 2 * _FRAME:
        return len(samples)
    tail = samples[-searched:].astype(np.float64) * (32_768 / full_scale(samples.dtype))
    energy = (tail.reshape(-1, _FRAME) ** 2).mean(axis=1)
    width = min(_SMOOTHING, len(energy))
    smooth = np.convolve(energy, np.ones(width) / width, mode="valid").round(3)
    first = len(smooth) - 1 - int(smooth[::-1].argmin())
    return len(samples) - searched + (first * _FRAME + width * _FRAME // 2)


def _mono(recording: Recording, number: int) -> Iterator[Samples]:
    mixer = _Mixer()
    resampler = av.AudioResampler(format="flt", rate=RATE)
    kind: Any = None
    try:
        for _, _, late, frame in _frames(recording, number, []):
            for at in range(0, int(late * RATE), RATE):
                yield np.zeros(min(RATE, int(late * RATE) - at), np.float32)
            frame.pts = None
            kind, before = (frame.format.name, frame.layout.name, frame.sample_rate), kind
            if before not in (None, kind):  # recordings were joined: another one begins here
                yield from mixer.mixed(_rest(resampler))
                resampler = av.AudioResampler(format="flt", rate=RATE)
            yield from mixer.mixed(resampler.resample(frame))
        yield from mixer.mixed(_rest(resampler))
    except av.error.FFmpegError as error:  # perhaps with a rate that no recorder has
        msg = f"{recording.name} cannot be converted to {RATE:,} Hz ({error.strerror})."
        raise MediaInputError(msg) from error


class _Mixer:
    """Mixes channels; one with the opposite phase of the first is inverted."""

    def __init__(self) -> None:
        self._agreement: Any = 0.0
        self._energy: Any = 0.0

    def mixed(self, frames: Iterable[Any]) -> Iterator[Samples]:
        return (self._mean(samples) for frame in frames for samples in _pieces(frame))

    def _mean(self, samples: NDArray[Any]) -> Samples:
        channels: Samples = np.clip(np.nan_to_num(samples), -1.0, 1.0)
        if len(channels) == 1:
            return channels.reshape(-1)
        if np.shape(self._energy) != (len(channels),):
            self._agreement = self._energy = np.zeros(len(channels))
        self._agreement = self._agreement + channels @ channels[0]
        self._energy = self._energy + (channels * channels).sum(axis=1)
        against = self._agreement < -0.5 * np.sqrt(self._energy * self._energy[0])
        signs = np.where(against & (self._energy > 0), np.float32(-1), np.float32(1))
        mean: Samples = np.asarray(signs @ channels / len(channels), np.float32)
        return mean


def _pieces(frame: Any) -> Iterator[NDArray[Any]]:
    """The samples of a frame as they were decoded: channels by samples, around zero."""
    count = frame.layout.nb_channels
    packed = frame.format.packed.name
    wide = packed == "s64"  # of which NumPy gets nothing
    if wide or (frame.format.is_planar and count > _MOST_PLANES):
        resampler = av.AudioResampler(format="s32" if wide else packed)
        samples = np.concatenate(
            [each.to_ndarray() for each in (*resampler.resample(frame), *_rest(resampler))], axis=1
        )
    else:
        samples = frame.to_ndarray()
    if wide or not frame.format.is_planar or count > _MOST_PLANES:
        samples = samples.reshape(-1, count).T
    for at in range(0, samples.shape[1], _PIECE):
        piece = samples[:, at : at + _PIECE]
        yield piece if piece.dtype != np.uint8 else (piece.astype(np.int16) - 128) * 256


def _frames(
    recording: Recording, number: int | None, problems: list[Any]
) -> Iterator[tuple[int, Any, float, Any]]:
    """The frames of one sound track, or of all of them.

    Frames that cannot be decoded are left out: a recording that is truncated, or begins in the
    middle of a frame, is still useful. FFmpeg's errors are added to `problems`.

    With each come the number of its track, the language, and the seconds of silence before the
    track begins: in a video the sound may begin later than the picture.
    """
    begun: set[int] = set()
    try:
        with recording.open() as file, open_recording(file) as container:
            tracks = container.streams.audio
            _check_number(len(tracks), number or 0, recording.name)
            wanted = list(tracks) if number is None else [tracks[number]]
            places = [stream.index for stream in tracks]
            others = len(tracks) > 1 or bool(container.streams.video)
            start = (container.start_time or 0) / av.time_base
            _discard([stream for stream in container.streams if stream not in wanted])
            for stream, frame in _decoded(container, wanted, problems, recording):
                _check_frame(frame, recording.name)
                if not begun:
                    problems.clear()
                late = 0.0
                if stream.index not in begun and others and frame.time:
                    late = max(0.0, frame.time - start)
                begun.add(stream.index)
                yield places.index(stream.index), stream.language, late, frame
    except av.error.FFmpegError as error:
        problems.append(error)
    except OSError as error:
        msg = f"{recording.name} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    if begun:
        return
    if problems:
        msg = f"{recording.name} is a damaged {recording.kind} ({_reason(problems[0])})."
        raise MediaInputError(msg) from problems[0]
    raise MediaInputError(f"{recording.name} has an empty sound track.")


def _check_frame(frame: Any, name: str) -> None:
    rate = frame.sample_rate
    if not _SLOWEST <= rate <= _FASTEST:
        allowed = f"{_SLOWEST:,} to {_FASTEST:,} can be decoded"
        raise MediaInputError(f"{name} has {rate:,} samples per second; {allowed}.")
    channels = frame.layout.nb_channels
    if channels > _MOST_CHANNELS:
        most = f"at most {_MOST_CHANNELS} can be decoded"
        raise MediaInputError(f"{name} has {channels:,} channels; {most}.")
    samples = frame.samples * channels * max(rate, RATE) // rate
    if samples > _LARGEST_FRAME:
        most = f"at most {_LARGEST_FRAME:,} can be decoded"
        raise MediaInputError(f"{name} has a frame of {samples:,} samples; {most}.")


def _discard(streams: Iterable[Any]) -> None:
    if hasattr(av.stream, "Discard"):  # not in the oldest PyAV
        for stream in streams:
            stream.discard = av.stream.Discard.all


def _check_number(tracks: int, wanted: int, name: str) -> None:
    if tracks <= wanted:
        raise MediaInputError(f"{name} has no sound track.")
    if tracks > _MOST_TRACKS:
        msg = f"{name} has {tracks:,} sound tracks; at most {_MOST_TRACKS} can be decoded."
        raise MediaInputError(msg)


def _decoded(
    container: Any, streams: Any, problems: list[Any], recording: Recording
) -> Iterator[tuple[Any, Any]]:
    """All frames of these streams, without those that FFmpeg cannot decode."""
    for packet in container.demux(streams):
        recording.step()
        if packet.size > _LARGEST_PACKET:
            size = f"a packet of {packet.size:,} bytes; at most {_LARGEST_PACKET:,} can be decoded"
            raise MediaInputError(f"{recording.name} has {size}.")
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError) as error:
            if not isinstance(error, _OF_ONE_TRACK):
                raise
            # An empty packet describes the track, and holds no sound.
            if packet.size or getattr(error, "errno", None) != errno.EINVAL:
                problems[:1] = [error]
            continue
        for frame in frames:
            yield packet.stream, frame


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error)


def _rest(resampler: Any) -> list[Any]:
    # If there was nothing to convert, some versions of PyAV return None.
    return [frame for frame in resampler.resample(None) if frame is not None]
