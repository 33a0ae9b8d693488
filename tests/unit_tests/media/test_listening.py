"""Large recordings are decoded in another process, which ends if FFmpeg does not."""

from __future__ import annotations

import io
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import pytest
from media_host import RATE, recording, video

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import listening, sound
from langchain_visioncraft.media.decoding import Recording, open_recording
from langchain_visioncraft.media.listening import listen

LONG = recording([(0.5, 9.5, 400)], 10.0)


def of(data: bytes) -> Recording:
    return Recording(lambda: io.BytesIO(data), "note", "audio/wav")


@pytest.mark.parametrize("cut", [0, 1001], ids=["whole", "cut off"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_another_process_finds_the_same(tmp_path: Path, cut: int, *, on_disk: bool) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(LONG[: len(LONG) - cut])
    opened: Callable[[], BinaryIO] = lambda: path.open("rb")  # noqa: E731
    found = listen(Recording(opened, "note", "audio/wav") if on_disk else of(path.read_bytes()))
    assert found == sound.listen(of(path.read_bytes()))
    assert (found.damage is None) == (cut == 0)


def test_only_a_small_recording_of_plain_form_is_decoded_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    assert listen(of(recording([(0.2, 0.8, 400)], 1.0))).seconds == pytest.approx(1)
    boxes = struct.pack(">I4s", 8, b"moov")
    for tag in (b"\x11\0", b"\xfe\xff" + bytes(22) + b"\x55\0"):  # ADPCM and MP3
        data = riff(b"WAVE", chunk(b"fmt ", tag + bytes(20)), chunk(b"data", bytes(80)))
        with pytest.raises(TypeError):
            listen(of(data))
    short = recording([(0.2, 0.8, 400)], 1.0)
    listen(of(riff(b"WAVE", short[12:36], chunk(b"LIST", b"INFOISFT" + bytes(8)), short[36:])))
    odd = [
        riff(b"WAVE", short[12:36], each, short[36:])
        for each in (b"LIST\0\0\0\x80INFO" * 2, chunk(b"id3 ", b"ID3\4" + bytes(6)))
    ]
    flac = b"fLaC\0\0\0\x22" + bytes(100)
    tagged = b"ID3\3" + bytes(6) + boxes
    for data in (LONG, matroska(), tagged, b"RIFFmoovWAVE", b"OggS\0\2", flac, *odd):
        with pytest.raises(TypeError):
            listen(of(data))


@pytest.mark.parametrize(
    ("data", "problem"),
    [(LONG, "note is longer than 5 seconds."), (bytes(1 << 17), "note is a damaged audio/wav")],
    ids=["long", "damaged"],
)
def test_a_problem_of_the_other_process_is_reported(data: bytes, problem: str) -> None:
    with pytest.raises(MediaInputError, match=problem):
        listen(of(data), max_seconds=5)


def test_the_name_is_not_among_the_arguments_that_all_users_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Any] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, arguments: Any, **options: Any) -> None:
            started.append(arguments)
            super().__init__(arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    signed = of(LONG)._replace(name="https://a.test/a.wav?sig=secret")
    with pytest.raises(
        MediaInputError, match=r"^https://a\.test/a\.wav\?sig=secret is longer than"
    ):
        listen(signed, max_seconds=5)
    assert "secret" not in str(started)


def riff(form: bytes, *chunks: bytes) -> bytes:
    body = form + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data


def names(count: int) -> list[bytes]:
    return [b"%04X" % number for number in range(count)]


def tagged_wav(tags: int) -> bytes:
    """With as many different texts in its list of them."""
    texts = b"".join(chunk(name, b"a\0") for name in names(tags))
    return riff(b"WAVE", LONG[12:36], chunk(b"LIST", b"INFO" + texts), LONG[36:])


def flac(tags: int) -> bytes:
    comments = b"".join(chunk(b"", name + b"=a") for name in names(tags))
    block = struct.pack("<II", 0, tags) + comments
    return b"fLaC\0\0\0\x22" + bytes(34) + b"\x84" + len(block).to_bytes(3, "big") + block


def mp3(tags: int) -> bytes:
    texts = [b"TXXX" + struct.pack(">I2x", 7) + b"\0" + name + b"\0a" for name in names(tags)]
    size = bytes(len(b"".join(texts)) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + b"".join(texts)


def element(kind: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return bytes.fromhex(kind) + (len(data) | 1 << 56).to_bytes(8, "big") + data


def matroska(
    *extra: bytes, packet: bytes | list[bytes] = bytes(3200), tracks: int = 1, rate: int = RATE
) -> bytes:
    """Tracks of 8 bits, each in one packet."""
    audio = element("e1", element("b5", struct.pack(">d", rate)), element("6264", b"\x08"))
    codec = element("86", b"A_PCM/INT/LIT")
    entries, blocks = [], []
    for number in range(1, tracks + 1):
        kind = element("d7", bytes([number])), element("83", b"\2")
        entries.append(element("ae", *kind, codec, audio))
        data = packet if isinstance(packet, bytes) else packet[number - 1]
        blocks.append(element("a3", bytes([0x80 | number, 0, 0, 0x80]) + data))
    cluster = element("1f43b675", element("e7", b"\0"), *blocks)
    head = element("1a45dfa3", element("4282", b"matroska"))
    return head + element("18538067", element("1654ae6b", *entries), *extra, cluster)


def tagged_matroska(tags: int) -> bytes:
    return matroska(
        element(
            "1254c367",
            *(
                element("7373", element("67c8", element("45a3", name), element("4487", b"a")))
                for name in names(tags)
            ),
        )
    )


def test_an_interpreter_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    server.write_text("#!/bin/sh\necho 'no such option: -I' >&2\nexit 3\n")
    server.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(server))
    with pytest.raises(MediaInputError, match=f"sys.executable is not Python: {server}"):
        listen(of(LONG))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such limit")
@pytest.mark.parametrize("make", [tagged_wav, flac, mp3, tagged_matroska])
def test_what_ffmpeg_works_on_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr(listening, "_MOST_SECONDS", 0.2)
    with pytest.raises(MediaInputError, match=r"note is not decoded: FFmpeg takes more than"):
        listen(of(make(40_000)))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such limit")
@pytest.mark.parametrize(
    "hear", [listen, lambda note: list(listening.heard(note, (0,), 10.0))], ids=["listen", "heard"]
)
def test_what_was_ended_is_refused_even_if_no_process_has_a_status(
    monkeypatch: pytest.MonkeyPatch, hear: Callable[[Recording], object]
) -> None:
    monkeypatch.setattr(listening, "_MOST_SECONDS", 0.2)
    handler = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # then, each seems to end well
    try:
        with pytest.raises(MediaInputError, match=r"note is not decoded: FFmpeg takes more than"):
            hear(of(tagged_wav(40_000)))
    finally:
        signal.signal(signal.SIGCHLD, handler)


@pytest.mark.parametrize("tracks", [(0,), (1, 0)])
@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_another_process_hears_the_same(tracks: tuple[int, ...], seconds: float) -> None:
    both = recording([(0.2, 0.8, 400)], seconds), recording([(0.5, 0.9, 900)], seconds)
    packets = [(np.frombuffer(each[44:], np.int16) // 256 + 128).astype(np.uint8) for each in both]
    note = of(matroska(packet=[each.tobytes() for each in packets], tracks=2))
    expected = np.concatenate(list(sound.heard(note, tracks)))
    assert np.array_equal(np.concatenate(list(listening.heard(note, tracks, seconds))), expected)
    assert expected.any()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such limit")
def test_no_more_is_heard_than_was_listened_to() -> None:
    for data in (LONG, recording([(0.1, 1.0, 400)], 1.5)):  # in another process, and in this one
        whole = np.concatenate(list(listening.heard(of(data), (0,), 10.0)))
        assert len(whole) == round(listen(of(data)).seconds * sound.RATE)
        some = np.concatenate(list(listening.heard(of(data), (0,), 0.25)))
        assert np.array_equal(some, whole[: sound.RATE * 5 // 4])


def test_a_track_that_cannot_be_decoded_ends_no_other() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi") as container:
        first = container.add_stream("mp2", rate=RATE, layout="mono")
        second = container.add_stream("adpcm_yamaha", rate=RATE, layout="stereo")
        for stream, layout, seconds in ((second, "stereo", 1), (first, "mono", 9)):
            samples = np.zeros((1, RATE * seconds * len(stream.layout.channels)), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    form = struct.pack("<HHI", 0x20, 2, RATE)
    damaged = buffer.getvalue().replace(form, struct.pack("<HHI", 0x20, 5, RATE))
    for data in (buffer.getvalue(), damaged):
        found = listen(of(data))
        assert found.seconds > 7
    assert found.damage in (
        "A part of the file cannot be decoded (Invalid argument).",
        "A part of the file cannot be decoded (cannot decode unknown codec).",  # PyAV 19
    )


def test_all_packets_together_have_15_minutes() -> None:
    code = (
        "import resource; from langchain_visioncraft.media import confined; "
        "confined.confine(1, 1 << 30); print(resource.getrlimit(resource.RLIMIT_CPU))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "(900, 900)"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux bounds it")
def test_what_takes_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = matroska(packet=bytes(6 << 20))
    assert listen(of(data)).seconds == pytest.approx((6 << 20) / RATE)
    monkeypatch.setattr(listening, "_MOST_BYTES", 4 << 20)
    with pytest.raises(MediaInputError):
        listen(of(data))


def test_listening_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)

    class StoppedError(Exception):
        pass

    def stop() -> None:
        raise StoppedError

    monkeypatch.setattr(subprocess, "Popen", Kept)
    with pytest.raises(StoppedError):
        listen(of(LONG)._replace(step=stop))
    assert [process.returncode for process in started] == [-getattr(signal, "SIGKILL", -1)]


def test_a_packet_larger_than_a_second_of_any_sound_is_not_decoded() -> None:
    data = matroska(packet=bytes(9 << 20))
    for read in (listen, lambda each: list(listening.heard(each, (0,), 60))):
        with pytest.raises(MediaInputError, match="a packet of 9,437,184 bytes; at most 8,388,608"):
            read(of(data))


@pytest.mark.parametrize(("rate", "count"), [(1000, 1 << 20), (RATE, (8 << 20) - 1)])
def test_a_frame_that_takes_gigabytes_when_it_is_converted_is_refused(
    rate: int, count: int
) -> None:
    data = matroska(packet=bytes(count), rate=rate)
    for read in (listen, lambda each: list(listening.heard(each, (0,), 60))):
        if rate == RATE:
            read(of(data))
            continue
        with pytest.raises(MediaInputError, match="a frame of 16,777,216 samples; at most 8,388"):
            read(of(data))


def test_a_large_packet_is_heard_in_pieces() -> None:
    samples = np.random.default_rng(1).integers(0, 256, 1 << 20, np.uint8).tobytes()
    pieces = [len(piece) for piece in sound.heard(of(matroska(packet=samples)), (0,))]
    assert sum(pieces) == 1 << 20
    assert max(pieces) <= 1 << 16


@pytest.mark.skipif(not hasattr(av.stream, "Discard"), reason="this PyAV cannot")
def test_other_streams_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    film = video(tmp_path / "film.mp4", [(0.2, 0.8, 400)], 1.0)
    opened = open_recording(io.BytesIO(film.read_bytes()))
    monkeypatch.setattr(sound, "open_recording", lambda _: opened)
    pieces = sound.heard(of(b""), (0,))
    next(pieces)
    assert {stream.type: stream.discard for stream in opened.streams} == {
        "audio": av.stream.Discard.default,
        "video": av.stream.Discard.all,
    }
