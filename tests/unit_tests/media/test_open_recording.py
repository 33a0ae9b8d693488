"""Recordings are opened by their bytes, whatever they say and whatever they are called."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import pytest
from media_host import recording

from langchain_visioncraft.media.decoding import open_recording

SPEECH = recording([(0.2, 0.8, 400)], 1.0)
LISTS = {
    "concat script": b"ffconcat version 1.0\nfile other.wav\n",
    "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n",
    "session description": (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=audio 5004 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"
    ),
}


def seconds(data: bytes) -> float:
    with open_recording(io.BytesIO(data)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def tagged(title: bytes) -> bytes:
    """A WAV file with a title."""
    tag = b"INFO" + b"INAM" + struct.pack("<I", len(title)) + title
    body = SPEECH[8:] + b"LIST" + struct.pack("<I", len(tag)) + tag
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "title", [b"Caf\xe9 \xff\xfe!", b"\x80\x81", b"Mina\x00\x00", b"\xed\xa0\x80\x00"]
)
def test_a_tag_that_is_not_utf8_stops_nothing(title: bytes) -> None:
    assert seconds(tagged(title)) == pytest.approx(1.0)


@pytest.mark.parametrize("name", LISTS)
def test_a_file_that_lists_others_opens_none_of_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(LISTS[name])
    Path("other.wav").write_bytes(SPEECH)
    with av.open("other.ts", "w") as container:
        stream = container.add_stream("mp2", rate=16_000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=1152)
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with Path(name).open("rb") as file, pytest.raises(av.error.FFmpegError):
        open_recording(file)


def test_an_extension_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.gsm"  # FFmpeg would hear any bytes of that name
    path.write_bytes(b"Buy milk. " * 100)
    with path.open("rb") as file, pytest.raises(av.error.FFmpegError):
        open_recording(file)


def test_the_bytes_are_read_in_large_pieces() -> None:
    reads = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size)
            return super().read(size)

    with open_recording(Counting(recording([], 60))) as container:
        list(container.demux())
    assert len(reads) < 20  # for 1.9 MB


def test_the_pictures_of_a_video_are_not_decoded_to_open_it() -> None:
    data = io.BytesIO()
    with av.open(data, "w", format="mov") as container:
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        film: Any = container.add_stream("png", rate=25)
        film.width, film.height, film.pix_fmt = 64, 48, "rgb24"
        container.mux(film.encode(av.VideoFrame(64, 48, "rgb24")))
        frame = av.AudioFrame(format="s16", layout="mono", samples=1600)
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(sound.encode(frame))
    assert seconds(data.getvalue()) == pytest.approx(0.1)
    with open_recording(io.BytesIO(data.getvalue())) as container:
        # Of a PNG, only decoding shows this.
        assert [each.format for each in container.streams.video] == [None]


def test_what_begins_as_flac_is_nothing_else() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        stream = container.add_stream("mp2", rate=48_000, layout="mono")
        for at in range(20):
            frame = av.AudioFrame(format="s16", layout="mono", samples=1152)
            frame.sample_rate, frame.pts = 48_000, at * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert seconds(buffer.getvalue()) > 0.4
    with pytest.raises(av.error.FFmpegError):
        open_recording(io.BytesIO(b"fLaC".ljust(46, b"\0") + buffer.getvalue()))
