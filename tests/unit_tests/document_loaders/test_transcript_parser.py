"""Recordings become documents."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import pickle
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents.base import Blob
from langchain_core.stores import InMemoryByteStore
from media_host import HOST, KEY, RATE, MediaHost, picture, recording, samples_of, video

from langchain_visioncraft import Media, VisionCraftTranscriptParser
from langchain_visioncraft.document_loaders import recordings
from langchain_visioncraft.document_loaders.sources import Source, read
from langchain_visioncraft.document_loaders.transcripts import Passage, joined, windows
from langchain_visioncraft.errors import (
    BadRequestError,
    InvalidRequestError,
    MediaInputError,
    ServerError,
)
from langchain_visioncraft.media.sound import listen

TONES = [(0.5, 1.5, 400), (2.2, 3.1, 500), (4.0, 5.6, 600), (6.1, 7.0, 700), (8.0, 9.5, 800)]
SECONDS = 10.0
# Most recordings here are small enough to be decoded in this process: another takes half a second.
SMALL = 3000


@pytest.fixture
def make(host: MediaHost) -> Any:
    clients = host.clients()
    return lambda **options: VisionCraftTranscriptParser(**{**clients, "max_retries": 0, **options})


@pytest.fixture(scope="module")
def speech() -> bytes:
    return recording(TONES, SECONDS, SMALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def times(documents: Any) -> list[tuple[float, float, str]]:
    return [
        (document.metadata["start"], document.metadata["end"], document.page_content)
        for document in documents
    ]


def assert_heard(documents: Any, tolerance: float = 0.03) -> None:
    """Each tone once, in order, at its true time."""
    heard = times(documents)
    assert [text for _, _, text in heard] == [f"tone {pitch}" for _, _, pitch in TONES]
    for (start, end, _), (true_start, true_end, _) in zip(heard, TONES, strict=True):
        assert start == pytest.approx(true_start, abs=tolerance)
        assert end == pytest.approx(true_end, abs=tolerance)


def test_a_segment_has_all_facts(make: Any, parse: Any, speech: bytes, tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"  # the name is wrong: it is a WAV
    path.write_bytes(speech)
    documents = parse(make(), Blob.from_path(path, metadata={"speaker": "Mina"}))
    assert_heard(documents)
    digest = hashlib.sha256(speech).hexdigest()
    assert documents[1].metadata == {
        "source": str(path),
        "speaker": "Mina",
        "mime_type": "audio/wav",
        "sha256": digest,
        "handle": f"{digest[:12]}.wav",
        "duration": 10.0,
        "model": "whisper",
        "task": "transcribe",
        "language": "en",
        "start": documents[1].metadata["start"],
        "end": documents[1].metadata["end"],
    }
    assert len({document.id for document in documents}) == len(TONES)


def test_a_short_recording_is_sent_once_as_it_is(
    make: Any, parse: Any, host: MediaHost, speech: bytes
) -> None:
    parse(make(chunk_seconds=SECONDS), Blob.from_data(speech))
    assert [asked.data for asked in host.asked] == [speech]
    assert "language" not in host.asked[0].fields


def test_the_whole_is_one_document(make: Any, parse: Any, speech: bytes) -> None:
    [document] = parse(make(by="whole"), Blob.from_data(speech))
    assert document.page_content == "tone 400 tone 500 tone 600 tone 700 tone 800"
    assert document.metadata["start"] == pytest.approx(0.5, abs=0.03)
    assert document.metadata["end"] == pytest.approx(9.5, abs=0.03)


@pytest.mark.parametrize("chunk_seconds", [SECONDS, 4.0])
def test_a_note_of_the_host_is_kept_also_in_the_cache(
    make: Any, parse: Any, host: MediaHost, speech: bytes, chunk_seconds: float
) -> None:
    work = host._work
    host._work = lambda asked: (200, {**work(asked)[1], "note": "Unsure."})  # type: ignore[method-assign]
    parser = make(cache=InMemoryByteStore(), chunk_seconds=chunk_seconds)
    first = parse(parser, Blob.from_data(speech))
    asked = len(host.asked)
    again = parse(parser, Blob.from_data(speech))
    assert {document.metadata["note"] for document in (*first, *again)} == {"Unsure."}
    assert len(host.asked) == asked


def test_windows_overlap(make: Any, parse: Any, speech: bytes) -> None:
    parser = make(by="window", window_seconds=5.2, overlap_seconds=2)
    documents = parse(parser, Blob.from_data(speech))
    assert [document.page_content for document in documents] == [
        "tone 400 tone 500 tone 600",
        "tone 600 tone 700",
        "tone 700 tone 800",
    ]
    assert len({document.id for document in documents}) == 3


passages = st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 20)), min_size=1, max_size=40).map(
    lambda gaps: [
        Passage(
            sum(a + b for a, b in gaps[:number]) + gap,
            sum(a + b for a, b in gaps[: number + 1]),
            str(number),
        )
        for number, (gap, _) in enumerate(gaps)
    ]
)


@given(passages, st.floats(1, 60), st.floats(0, 0.99))
def test_windows_lose_nothing_and_keep_their_bounds(
    given: list[Passage], seconds: float, share: float
) -> None:
    groups = list(windows(given, seconds, seconds * share))
    starts = [given.index(group[0]) for group in groups]
    ends = [given.index(group[-1]) + 1 for group in groups]
    assert starts[0] == 0
    assert ends[-1] == len(given)
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))
    for end, start in zip(ends, starts[1:], strict=False):
        assert start <= end
        repeated = given[start:end]
        assert not repeated or repeated[0].start >= repeated[-1].end - seconds * share - 1e-6
    for group in groups:
        assert len(group) == 1 or group[-1].end - group[0].start <= seconds + 1e-6


def test_windows_hold_at_most_ten_times_the_text_whatever_its_times() -> None:
    early = [Passage(at / 1000, at / 1000, "words") for at in range(300)]
    late = [Passage(0.3, end, "word") for at in range(300) for end in (60 + at / 1000, 0.3)]
    groups = list(windows([*early, *late], 60, 10))
    text = joined([*early, *late]).text
    assert sum(len(joined(group).text) for group in groups) <= 10 * len(text)
    assert groups[0][0] is early[0]
    assert groups[-1][-1] is late[-1]


@pytest.mark.parametrize("field", ["note", "language"])
def test_what_a_host_adds_to_each_document_is_short(
    make: Any, parse: Any, host: MediaHost, speech: bytes, field: str
) -> None:
    work = host._work
    host._work = lambda asked: (200, {**work(asked)[1], field: "long " * 10_000})  # type: ignore[method-assign]
    for document in parse(make(), Blob.from_data(speech)):
        assert document.metadata[field].startswith("long")
        assert len(document.metadata[field]) <= 500


@pytest.mark.parametrize("chunk", [3.0, 4.0, 5.5, 9.9])
def test_a_long_recording_is_cut_where_it_is_quiet_and_put_together(
    make: Any, parse: Any, host: MediaHost, speech: bytes, chunk: float
) -> None:
    documents = parse(make(chunk_seconds=chunk), Blob.from_data(speech))
    assert_heard(documents)
    assert len(host.asked) >= SECONDS / chunk
    assert all(asked.data[:4] == b"fLaC" for asked in host.asked)
    assert {document.metadata["duration"] for document in documents} == {10.0}


def test_without_a_quiet_place_it_is_cut_all_the_same(
    make: Any, parse: Any, host: MediaHost
) -> None:
    documents = parse(make(chunk_seconds=2), Blob.from_data(recording([(0, 7, 440)], 7, SMALL)))
    assert documents[0].metadata["start"] == 0
    assert documents[-1].metadata["end"] == pytest.approx(7, abs=0.03)
    for before, after in pairwise(documents):
        assert before.metadata["end"] == pytest.approx(after.metadata["start"], abs=0.03)


def test_none_never_cuts(make: Any, parse: Any, host: MediaHost, speech: bytes) -> None:
    parse(make(chunk_seconds=None), Blob.from_data(speech))
    assert len(host.asked) == 1


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_none_never_cuts_a_video(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path, rate: int
) -> None:
    path = video(tmp_path / "talk.mp4", [(0.2, 5.0, 400)], 5.123, rate=rate)
    [document] = parse(make(chunk_seconds=None, by="whole"), Blob.from_path(path))
    assert len(host.asked) == 1
    assert document.metadata["duration"] == pytest.approx(5.123, abs=0.1)


def test_the_silence_before_the_sound_of_a_video_counts(
    make: Any, parse: Any, tmp_path: Path
) -> None:
    path = video(tmp_path / "talk.mp4", [(0.5, 1.5, 400)], 2.0, late=3.0)
    [document] = parse(make(), Blob.from_path(path))
    assert document.metadata["start"] == pytest.approx(3.5, abs=0.15)
    assert document.metadata["duration"] == pytest.approx(5.0, abs=0.15)


def test_where_recordings_were_joined_the_rate_may_change(tmp_path: Path) -> None:
    parts = [mp3(samples_of([(0.2, 0.8, 400)], 1.0, rate), rate) for rate in (44100, 22050)]
    whole = Blob.from_data(b"".join(parts))
    joined = read(Source.of(whole)).recording
    heard = listen(joined)
    assert heard.seconds == pytest.approx(2.0, abs=0.2)
    [part] = recordings.cut(joined, heard, 3.0, tmp_path)
    assert part.seconds == pytest.approx(heard.seconds, abs=0.01)


def mp3(samples: Any, rate: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options={"write_xing": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_video_is_heard_by_its_sound_track(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path
) -> None:
    path = video(tmp_path / "talk.mp4", TONES, SECONDS)
    documents = parse(make(), Blob.from_path(path))
    assert_heard(documents, 0.15)  # AAC smears the edges
    assert documents[0].metadata["mime_type"] == "video/mp4"
    assert [asked.data[:4] for asked in host.asked] == [b"fLaC"]


def test_a_video_in_memory_is_heard_as_well(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path
) -> None:
    path = video(tmp_path / "talk.mp4", TONES, SECONDS)
    assert_heard(parse(make(chunk_seconds=4), Blob.from_data(path.read_bytes())), 0.15)


def test_a_part_in_which_nothing_sounds_is_not_sent(make: Any, parse: Any, host: MediaHost) -> None:
    data = recording([(0.5, 1, 400), (18, 19, 500)], 20, SMALL // 2)
    documents = parse(make(chunk_seconds=4), Blob.from_data(data))
    assert [round(start, 1) for start, _, _ in times(documents)] == [0.5, 18.0]
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    "name",
    ["concat:talk.wav", "a:b.ogg", "http:talk.wav", "cache:talk.wav", "data:,talk", "pipe:0"],
)
def test_a_name_with_a_colon_is_a_file(make: Any, parse: Any, here: Path, name: str) -> None:
    (here / name).write_bytes(recording(TONES, SECONDS))
    documents = parse(make(chunk_seconds=4), Blob.from_path(name))
    assert_heard(documents)
    assert documents[0].metadata["source"] == name


def test_a_tag_that_is_not_utf8_reaches_no_document(make: Any, parse: Any, speech: bytes) -> None:
    tag = b"LIST\x10\0\0\0INFOINAM\x04\0\0\0Caf\xe9"
    [document] = parse(make(by="whole"), Blob.from_data(speech + tag))
    document.model_dump_json().encode()


@pytest.mark.parametrize("rate", [SMALL, 16_000])
def test_a_disk_that_fails_is_not_called_a_damaged_recording(
    make: Any, parse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int
) -> None:
    path = tmp_path / "talk.wav"
    speech = recording(TONES, SECONDS, rate)
    path.write_bytes(speech)

    monkeypatch.setattr(Media, "open", lambda _: FailsAtByte(speech, len(speech) // 2))
    with pytest.raises(MediaInputError, match=r"talk\.wav cannot be read: Input/output error\.$"):
        parse(make(), Blob.from_path(path))


class FailsAtByte(io.BytesIO):
    def __init__(self, data: bytes, place: int) -> None:
        super().__init__(data)
        self._place = place

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._place:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


BAD = {
    "silence.wav": (recording([], 3, SMALL), "holds no speech (3 s were heard)"),
    "hum.wav": (recording([(0, 0.05, 50)], 2), "holds no speech (2 s were heard)"),
    "nothing.wav": (b"", "is empty"),
    "cut.wav": (recording([], 0), "empty sound track"),
    "noise.mp3": (
        b"ID3" + b"\x00" * 500,
        "is a damaged audio/mpeg (Invalid data found when processing input).",
    ),
    "picture.mp4": (picture(), "is image/png, not a recording or a video"),
    "notes.txt": (b"Buy milk.", "is text/plain"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_good_recording_is_told_by_its_name(
    make: Any, parse: Any, tmp_path: Path, name: str
) -> None:
    data, reason = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MediaInputError) as caught:
        parse(make(), Blob.from_path(tmp_path / name))
    assert name in str(caught.value)
    assert reason in str(caught.value)


def test_silence_is_not_paid_for(make: Any, parse: Any, host: MediaHost) -> None:
    with pytest.raises(MediaInputError, match="holds no speech"):
        parse(make(), Blob.from_data(recording([], 3, SMALL)))
    assert not host.asked


def test_that_nobody_speaks_is_kept_in_the_cache(make: Any, parse: Any, host: MediaHost) -> None:
    cache = InMemoryByteStore()
    for _ in range(2):
        with pytest.raises(MediaInputError, match="holds no speech"):
            parse(make(cache=cache), Blob.from_data(recording([(0, 0.05, 50)], 2)))
    assert len(host.asked) == 1


def test_a_video_without_sound_is_told(make: Any, parse: Any, pictures: Path) -> None:
    with pytest.raises(MediaInputError, match=r"cat\.mp4 has no sound track"):
        parse(make(), Blob.from_path(pictures / "cat.mp4"))


def test_a_recording_that_was_cut_short_says_what_it_says(
    make: Any, parse: Any, speech: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(speech[: len(speech) // 2])
    texts = [document.page_content for document in parse(make(), Blob.from_path(path))]
    assert texts[:2] == ["tone 400", "tone 500"]


def test_a_host_that_gives_no_times_gives_one_passage_a_part(
    make: Any, parse: Any, host: MediaHost, speech: bytes
) -> None:
    host.times = False
    [document] = parse(make(), Blob.from_data(speech))
    assert (document.metadata["start"], document.metadata["end"]) == (0.0, 10.0)
    documents = parse(make(chunk_seconds=5.8), Blob.from_data(speech))
    assert documents[0].metadata["end"] == documents[1].metadata["start"]
    assert documents[-1].metadata["end"] == 10.0


def test_times_beyond_the_end_are_brought_back(
    make: Any, parse: Any, host: MediaHost, speech: bytes
) -> None:
    segments = [{"start": -1, "end": 2, "text": "a"}, {"start": 9.0, "end": 30.0, "text": " b "}]
    host.fault = lambda _: (200, {"text": "a b", "segments": segments})
    documents = parse(make(), Blob.from_data(speech))
    assert times(documents) == [(0.0, 2.0, "a"), (9.0, 10.0, "b")]
    assert "language" not in documents[0].metadata


def test_task_and_language_are_sent(make: Any, parse: Any, host: MediaHost, speech: bytes) -> None:
    documents = parse(make(task="translate", language="de"), Blob.from_data(speech))
    assert host.asked[0].fields["task"] == "translate"
    assert host.asked[0].fields["language"] == "de"
    assert documents[0].metadata["task"] == "translate"
    assert documents[0].id != parse(make(), Blob.from_data(speech))[0].id


@pytest.mark.parametrize("by", ["whole", "segment", "window"])
def test_another_grouping_needs_no_other_call(
    make: Any, parse: Any, host: MediaHost, speech: bytes, by: Any
) -> None:
    cache = InMemoryByteStore()
    parse(make(cache=cache), Blob.from_data(speech))
    fresh = parse(make(by=by), Blob.from_data(speech))
    calls = len(host.asked)
    assert parse(make(by=by, cache=cache), Blob.from_data(speech)) == fresh
    assert len(host.asked) == calls


def test_parts_that_were_heard_are_not_sent_again(
    make: Any, parse: Any, host: MediaHost, speech: bytes
) -> None:
    cache = InMemoryByteStore()
    host.fault = lambda _: (503, {"error": "Busy."}) if len(host.asked) == 2 else None
    with pytest.raises(ServerError):
        parse(make(chunk_seconds=3, cache=cache), Blob.from_data(speech))
    done = [asked.sha256 for asked in host.answered]
    assert len(done) == 2
    documents = parse(make(chunk_seconds=3, cache=cache), Blob.from_data(speech))
    assert_heard(documents)
    sent = [asked.sha256 for asked in host.answered]
    assert len(sent) == len(set(sent))
    assert sent[:2] == done


def test_nothing_is_left_behind(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path, monkeypatch: Any
) -> None:
    speech = recording(TONES, SECONDS, SMALL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    parse(make(chunk_seconds=3), Blob.from_data(speech))
    host.fault = lambda _: (400, {"error": "No."})
    with pytest.raises(BadRequestError, match=r"No\."):
        parse(make(chunk_seconds=3), Blob.from_data(speech))
    assert not list(tmp_path.iterdir())


def test_a_parser_pickles() -> None:
    parser = VisionCraftTranscriptParser(api_key=KEY, base_url=HOST, by="window", language="de")
    again = pickle.loads(pickle.dumps(parser))
    assert (again.by, again.client.settings) == (parser.by, parser.client.settings)


@pytest.mark.parametrize(
    "options",
    [
        {"by": "word"},
        {"window_seconds": 0},
        {"window_seconds": 10, "overlap_seconds": 10},
        {"overlap_seconds": -1},
        {"chunk_seconds": 0},
        {"chunk_seconds": float("nan")},
        {"task": "sing"},
        {"language": "english"},
    ],
)
def test_what_cannot_be_used_is_told_when_it_is_built(options: Any) -> None:
    with pytest.raises(InvalidRequestError):
        VisionCraftTranscriptParser(**options)


def claiming(rate: int, seconds: float) -> bytes:
    """A WAV of noise whose head says that so many samples make a second."""
    data = bytes(range(256)) * int(rate * seconds * 2 // 256)
    facts = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(facts)) + facts
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def test_a_recording_that_claims_days_is_refused_before_it_is_paid_for(
    make: Any, parse: Any, host: MediaHost
) -> None:
    with pytest.raises(MediaInputError, match="longer than 50 seconds"):
        parse(make(max_seconds=50), Blob.from_data(claiming(RATE, 100)))
    with pytest.raises(MediaInputError, match=r"200 calls: more than max_calls=100\b.*Nothing was"):
        parse(make(max_seconds=None, chunk_seconds=1), Blob.from_data(claiming(RATE, 100)))
    assert host.asked == []


def test_calls_that_are_wanted_are_made(make: Any, parse: Any, host: MediaHost) -> None:
    parse(make(chunk_seconds=1, max_calls=8, max_seconds=4), Blob.from_data(claiming(RATE, 4)))
    assert 4 <= len(host.asked) <= 8


@pytest.mark.parametrize("options", [{"max_calls": 0}, {"max_calls": 1.5}, {"max_seconds": 0}])
def test_bounds_of_calls_are_numbers(make: Any, options: Any) -> None:
    with pytest.raises(InvalidRequestError, match="max_"):
        make(**options)
