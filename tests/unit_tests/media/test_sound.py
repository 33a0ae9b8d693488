"""What is heard in a recording: each channel, each track, however quiet; and never silence."""

from __future__ import annotations

import io
import itertools
import math
import struct
from typing import Any

import av
import numpy as np
import pytest

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.sound import RATE, Sound, heard, listen

SECONDS = 1.5
COUNT = int(RATE * SECONDS)
TONE = 0.4 * np.sin(np.arange(COUNT) * 0.157)
NOTHING = np.zeros(COUNT)
HISS = np.random.default_rng(1).normal(0, 2e-5, COUNT)


def wav(*channels: Any, rate: int = RATE) -> Recording:
    """A WAV file of floating point, in which any volume can be said."""
    data = np.stack(channels, axis=1).astype("<f4").tobytes()
    width = 4 * len(channels)
    form = struct.pack("<HHIIHH", 3, len(channels), rate, rate * width, width, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    whole = b"RIFF" + struct.pack("<I", len(body)) + body
    return Recording(lambda: io.BytesIO(whole), "note")


def tracks(
    *samples: Any, languages: tuple[str, ...] = (), begins: tuple[int, ...] = ()
) -> Recording:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        streams = [output.add_stream("flac", rate=RATE, layout="mono") for _ in samples]
        for stream, language in zip(streams, languages, strict=False):
            stream.metadata["language"] = language
        for stream, each, begin in itertools.zip_longest(streams, samples, begins, fillvalue=0):
            data = (each * 32_767).astype("<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, begin
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return Recording(lambda: io.BytesIO(buffer.getvalue()), "note")


def loudness(recording: Recording, sound: Sound) -> float:
    return float(np.abs(np.concatenate(list(heard(recording, sound.tracks)))).max())


@pytest.mark.parametrize("volume", [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_a_voice_is_heard_however_quiet_it_is(volume: float) -> None:
    recording = wav(TONE * volume)
    sound = listen(recording)
    assert sound.tracks == (0,)
    assert loudness(recording, sound) * sound.gain > 0.02
    assert sound.plain == (volume > 1e-2)


@pytest.mark.parametrize(
    "samples", [NOTHING, NOTHING + 0.2, HISS, HISS - 0.1], ids=["zeros", "constant", "hiss", "both"]
)
def test_nothing_is_heard_in_silence(samples: Any) -> None:
    sound = listen(wav(samples))
    assert (sound.tracks, sound.seconds) == ((), SECONDS)


@pytest.mark.parametrize("volume", [1, 1e-3])
def test_samples_that_are_no_numbers_silence_no_others(volume: float) -> None:
    broken = TONE * volume
    broken[::5000] = np.nan
    said = wav(broken)
    assert listen(said).tracks == (0,)
    assert not listen(wav(broken, -broken)).plain
    assert np.isfinite(np.concatenate(list(heard(said, (0,))))).all()
    assert listen(wav(NOTHING * np.nan)).tracks == ()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e30, -3e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_beyond_any_sound_are_heard_within_its_bounds(value: float, channels: int) -> None:
    samples = struct.pack("<f", value) * 32_000 + struct.pack("<f", 0.5) * 32_000
    form = struct.pack("<HHIIHH", 3, channels, 16_000, 64_000 * channels, 4 * channels, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples))
    data = b"RIFF" + struct.pack("<I", len(body + samples)) + body + samples
    samples_heard = np.concatenate(
        list(heard(Recording(lambda: io.BytesIO(data), "odd", "audio/wav"), (0,)))
    )
    assert len(samples_heard) == pytest.approx(64_000 / channels, rel=0.01)
    assert np.abs(samples_heard).max() <= 1
    assert samples_heard[-8000] == pytest.approx(0.5, abs=0.01)


def test_hiss_before_a_word_is_not_all() -> None:
    assert listen(wav(np.concatenate([HISS, HISS, HISS, TONE * 1e-4]))).tracks == (0,)


@pytest.mark.parametrize(
    ("channels", "plain"),
    [
        ((TONE, TONE), True),
        ((NOTHING, TONE), True),
        ((TONE, -TONE), False),
        ((TONE, -TONE * 0.95), False),
        ((NOTHING, NOTHING, TONE, NOTHING, NOTHING, NOTHING), True),
    ],
)
def test_channels_are_mixed_so_that_none_is_lost(channels: Any, plain: bool) -> None:
    recording = wav(*channels)
    sound = listen(recording)
    assert (sound.tracks, sound.plain) == ((0,), plain)
    assert loudness(recording, sound) > 0.05


@pytest.mark.parametrize(
    ("samples", "languages", "chosen"),
    [
        ((TONE, NOTHING), (), (0,)),
        ((NOTHING, TONE), (), (1,)),
        ((TONE, TONE * 0.3), (), (0, 1)),
        ((NOTHING, NOTHING), (), ()),
        ((TONE, TONE), ("eng", "ger"), (0,)),
        ((NOTHING, TONE), ("eng", "ger"), (1,)),
    ],
)
def test_the_tracks_are_chosen_in_which_something_sounds(
    samples: Any, languages: Any, chosen: tuple[int, ...]
) -> None:
    sound = listen(tracks(*samples, languages=languages))
    assert (sound.tracks, sound.plain) == (chosen, chosen == (0,))


def test_tracks_are_heard_together() -> None:
    late = np.concatenate([np.zeros(2 * RATE), TONE])
    recording = tracks(TONE, late)
    samples = np.concatenate(list(heard(recording, (0, 1))))
    assert len(samples) == len(late)
    loud = [float(np.abs(samples[at : at + RATE]).max()) > 0.2 for at in (0, 2 * RATE)]
    assert loud == [True, True]
    assert np.abs(samples[COUNT + 100 : 2 * RATE - 100]).max() < 0.01


def test_what_cannot_be_decoded_is_left_out_and_told() -> None:
    whole = tracks(TONE).open().read()
    at = len(whole) // 2
    spoiled = whole[:at] + bytes(300) + whole[at + 300 :]
    sound = listen(Recording(lambda: io.BytesIO(spoiled), "note"))
    assert sound.tracks == (0,)
    assert sound.damage is not None


def test_at_most_sixteen_tracks_are_decoded() -> None:
    short = TONE[:800]
    assert len(listen(tracks(*[short] * 16)).tracks) == 16
    many = tracks(*[short] * 17)
    for read in (listen, lambda each: list(heard(each, (0, 1)))):
        with pytest.raises(MediaInputError, match=r"has 17 sound tracks; at most 16 can be"):
            read(many)


def test_all_tracks_together_are_bounded() -> None:
    listen(tracks(*[TONE] * 4), max_seconds=SECONDS)
    with pytest.raises(MediaInputError, match=r"tracks of note are longer than 6 seconds together"):
        listen(tracks(*[TONE] * 5), max_seconds=SECONDS)


def test_silence_before_a_track_comes_in_pieces_of_a_second() -> None:
    recording = tracks(TONE, TONE, begins=(0, 9 * RATE))
    pieces = [len(each) for each in heard(recording, (1,))]
    assert sum(pieces) == pytest.approx(9 * RATE + COUNT, abs=RATE // 10)
    assert max(pieces) <= max(RATE, COUNT)


def test_decoding_can_be_ended_between_packets() -> None:
    asked = iter([None, None])
    recording = wav(np.concatenate([TONE] * 9))._replace(step=lambda: next(asked))
    with pytest.raises((StopIteration, RuntimeError)):
        listen(recording)


def test_a_bound_holds_before_all_is_heard() -> None:
    with pytest.raises(MediaInputError, match=r"note is longer than 1 seconds\."):
        listen(wav(TONE), max_seconds=1)
    listen(wav(TONE), max_seconds=2)


def test_a_hiss_that_swells_may_be_a_whisper() -> None:
    assert listen(wav(np.concatenate([HISS] * 8 + [HISS[:2000] * 40]))).tracks == (0,)


def test_joined_recordings_may_have_other_rates() -> None:
    first, second = (mp3(rate) for rate in (RATE, 44_100))
    joined = Recording(lambda: io.BytesIO(first + second), "joined")
    samples = sum(map(len, heard(joined, (0,))))
    assert samples / RATE == pytest.approx(listen(joined).seconds, abs=0.1)


def mp3(rate: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(
        buffer, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}
    ) as out:
        stream = out.add_stream("libmp3lame", rate=rate, layout="mono")
        tone = 0.4 * np.sin(np.arange(rate) * 2_500 / rate)
        frame = av.AudioFrame.from_ndarray(tone.astype("<f4")[None], "fltp", "mono")
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("channels", [8, 9, 16])
def test_many_channels_are_heard(channels: int) -> None:
    samples = [NOTHING] * (channels - 1)
    recording = wav(*samples, TONE)
    assert listen(recording).tracks == (0,)
    recorded = np.concatenate(list(heard(recording, (0,))))
    assert np.abs(recorded).max() == pytest.approx(0.4 / channels, abs=0.01)


@pytest.mark.parametrize("layout", ["mono", "5.1", "7.1"])
def test_channels_may_lie_apart(layout: str) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream("aac", rate=48_000, layout=layout)
        data = np.tile(TONE.astype("<f4"), (stream.layout.nb_channels, 1)).T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), "flt", layout)
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    film = Recording(lambda: io.BytesIO(buffer.getvalue()), "film")
    assert listen(film).tracks == (0,)
    assert np.abs(np.concatenate(list(heard(film, (0,))))).max() == pytest.approx(
        0.4, abs=0.25
    )  # AAC overshoots


@pytest.mark.parametrize("rate", [1, 999, 4_000_001])
def test_a_recording_that_claims_to_be_slower_or_faster_than_any_is_refused(rate: int) -> None:
    recording = wav(TONE, rate=rate)
    for read in (listen, lambda each: list(heard(each, [0]))):
        with pytest.raises(MediaInputError, match=f"has {rate:,} samples per second; 1,000 to 4,"):
            read(recording)


def flac(container: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream("flac", rate=RATE, layout="mono")
        wave = (np.sin(np.arange(2 * RATE) / 9) * 12_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize("container", ["nut", "flac", "matroska", "ogg"])
def test_a_packet_that_holds_no_sound_is_no_damage(container: str) -> None:
    data = flac(container)
    sound = listen(Recording(lambda: io.BytesIO(data), "a recording"))
    assert sound.damage is None
    assert sound.seconds == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_cover_in_front_of_flac_does_not_hide_the_sound(size: int) -> None:
    length = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    data = b"ID3\4\0\0" + length + bytes(size) + flac("flac")
    sound = listen(Recording(lambda: io.BytesIO(data), "a recording", "audio/flac"))
    assert sound.damage is None
    assert sound.seconds == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2, 9])
def test_samples_of_64_bits_are_heard(channels: int) -> None:
    samples = np.repeat((TONE * 2.0**62).astype("<i8"), channels).tobytes()
    width = 8 * channels
    form = struct.pack("<HHIIHH", 1, channels, RATE, RATE * width, width, 64)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(samples)) + samples
    whole = b"RIFF" + struct.pack("<I", len(body)) + body
    recording = Recording(lambda: io.BytesIO(whole), "note")
    found = listen(recording)
    assert (found.seconds, found.tracks, found.plain) == (SECONDS, (0,), True)
    assert loudness(recording, found) == pytest.approx(0.2, abs=0.01)


def wide_wav(form: int, samples: Any) -> Recording:
    """A WAV file of numbers of 64 bits."""
    data, width = samples.tobytes(), 8 * samples.shape[1]
    body = b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, form, width // 8, RATE, RATE * width, width, 64
    )
    body += b"data" + struct.pack("<I", len(data)) + data
    whole = b"RIFF" + struct.pack("<I", len(body)) + body
    return Recording(lambda: io.BytesIO(whole), "note")


def test_more_channels_than_can_be_converted_are_refused() -> None:
    assert listen(wav(*[TONE] * 64)).tracks == (0,)
    for note in (wav(*[TONE] * 65), wide_wav(1, np.zeros((10, 255), "<i8"))):
        with pytest.raises(MediaInputError, match="channels; at most 64 can be decoded"):
            listen(note)


def test_numbers_beyond_any_volume_do_not_overflow() -> None:
    largest = np.array([[1.7e308, -1.7e308]] * 100, "<f8")
    assert listen(wide_wav(3, largest)).seconds == pytest.approx(100 / RATE)
