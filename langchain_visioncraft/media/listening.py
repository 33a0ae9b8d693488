"""Decodes recordings in a process of their own, which ends if FFmpeg works without end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import confined, sound
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.inspection import chunks_of
from langchain_visioncraft.media.sound import Sound

if TYPE_CHECKING:
    from langchain_visioncraft.media.sound import Samples

_SMALL = 1 << 16
_PLAIN = re.compile(rb"RIFF..\0\0WAVEfmt .\0\0\0(?:[\1\3]\0|\xfe\xff.{22}[\1\3]\0)", re.DOTALL)
_CHUNKS = (b"fmt ", b"data", b"fact", b"PEAK", b"LIST")
"""The beginning of WAV that is not compressed, and the parts that it may have, all within the file:
up to as many bytes, these take FFmpeg less than a second to open and little memory. They are
decoded in this process, as it takes half a second to start another. Others are not: the codebooks
of Vorbis can fill gigabytes, and FFmpeg finds a million frames in 64 KiB of FLAC whose rate
changes."""

_MOST_SECONDS = 10
"""Of the processor's time, to open a recording, and for each of its packets."""

_MOST_BYTES = 512 << 20

_NAME = "<recording>"
"""In the other process: all users can see its arguments, and a URL may be signed."""


def listen(recording: Recording, *, max_seconds: float | None = None) -> Sound:
    """Analyse a recording as `sound.listen` does.

    Also raises `MediaInputError` if FFmpeg takes too long for it, or too much memory.
    """
    if _is_small(recording):
        return sound.listen(recording, max_seconds=max_seconds)
    with _apart(recording, [None, max_seconds]) as process:
        found = b""
        while process.returncode is None:
            recording.step()
            with contextlib.suppress(subprocess.TimeoutExpired):
                found, ending = process.communicate(timeout=0.1)
        _check(process, ending, recording.name)
    seconds, tracks, plain, gain, damage = json.loads(found)
    return Sound(seconds, tuple(tracks), plain, gain, damage)


def heard(recording: Recording, tracks: Sequence[int], seconds: float) -> Iterator[Samples]:
    """The sound of these tracks as `sound.heard` yields it; raises as `listen` does.

    It ends a second after the seconds that `listen` found: an error in another track may have ended
    that earlier.
    """
    left = int((seconds + 1) * sound.RATE)
    for piece in _heard(recording, tracks):
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _heard(recording: Recording, tracks: Sequence[int]) -> Iterator[Samples]:
    if _is_small(recording):
        yield from sound.heard(recording, tracks)
        return
    with _apart(recording, [tracks, None]) as process:
        output: Any = process.stdout
        while piece := output.read(4 * sound.RATE):
            recording.step()
            yield np.frombuffer(piece, np.float32, len(piece) // 4)
        _, ending = process.communicate()
        _check(process, ending, recording.name)


def _is_small(recording: Recording) -> bool:
    if not confined.is_possible():
        return True
    with _readable(recording), recording.open() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size > _SMALL or not _PLAIN.match(file.read(46)):
            return False
        chunks = chunks_of(file, 12, "<4sI")
        return all(kind in _CHUNKS and at + length <= size for kind, at, length in chunks)


@contextlib.contextmanager
def _readable(recording: Recording) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{recording.name} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error


@contextlib.contextmanager
def _apart(recording: Recording, task: Sequence[Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that hears some tracks, or listens to all of them; it ends with the block."""
    described = [recording.kind, *task, _MOST_SECONDS, _MOST_BYTES]
    with (
        _readable(recording),
        recording.open() as file,
        confined.apart(__name__, described, file) as process,
    ):
        yield process


def _check(process: subprocess.Popen[bytes], ending: bytes, name: str) -> None:
    """Raise `MediaInputError` unless the process said that all is there.

    Its status alone does not tell: where SIGCHLD is ignored, one that was killed has none.
    """
    try:
        problem = json.loads(ending)
    except ValueError:  # it was ended before, or is no Python
        problem = ""
    if problem:
        raise MediaInputError(str(problem).replace(_NAME, name))
    if problem is not None or process.returncode:
        most = f"{_MOST_SECONDS} seconds or {_MOST_BYTES >> 20} MB"
        msg = f"{name} is not decoded: FFmpeg takes more than {most} to open it or to go on"
        raise MediaInputError(f"{msg}{confined.no_python(process)}.")


def main() -> None:
    """Decode the file that is standard input: print samples, or what is found, as JSON."""
    kind, tracks, max_seconds, *limits = json.loads(sys.argv[1])
    with os.fdopen(os.dup(2), "w") as ending, open(os.devnull, "wb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 2)  # what libraries print is none
        go_on = confined.confine(*limits)
        recording = Recording(lambda: io.BufferedReader(_Input()), _NAME, kind, go_on)
        try:
            if tracks is None:
                json.dump(sound.listen(recording, max_seconds=max_seconds), sys.stdout)
            else:
                for piece in sound.heard(recording, tracks):
                    sys.stdout.buffer.write(piece.tobytes())
            sys.stdout.flush()
            json.dump(None, ending)  # all is there
        except MediaInputError as error:
            json.dump(str(error), ending)


class _Input(io.RawIOBase):
    """Standard input, with a place of its own: each track is read on its own."""

    _at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, os.fstat(0).st_size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        os.lseek(0, self._at, os.SEEK_SET)
        data = os.read(0, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
