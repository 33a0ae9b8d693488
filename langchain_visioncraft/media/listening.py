"""Listens to large recordings in a process of their own, which ends if FFmpeg works without end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import sound
from langchain_visioncraft.media.decoding import Recording
from langchain_visioncraft.media.sound import Sound

_SMALL = 1 << 16
_PLAIN = re.compile(
    rb"RIFF(?:..\0\0|\xff{4})WAVEfmt .\0\0\0(?:[\1\3]\0|\xfe\xff.{22}[\1\3]\0)|fLaC\0", re.DOTALL
)
"""The beginnings of FLAC, and of WAV that is not compressed: up to as many bytes, these take FFmpeg
less than a second to open and little memory. They are decoded in this process, as it takes half a
second to start another. Ogg is not among them: the codebooks of Vorbis can fill gigabytes."""

_MOST_SECONDS = 10
"""Of the processor's time, to open a recording, and for each of its packets."""

_MOST_SECONDS_IN_ALL = 900

_MOST_BYTES = 512 << 20

_START = "import sys; sys.path[:] = {!a}; from {} import main; main()"


def listen(recording: Recording, *, max_seconds: float | None = None) -> Sound:
    """Analyse a recording as `sound.listen` does; what passes can be decoded again in this process.

    Also raises `MediaInputError` if FFmpeg takes too long for it, or too much memory.
    """
    try:
        with recording.open() as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            small = size <= _SMALL and _PLAIN.match(file.read(46))
            if not small and not hasattr(sys, "frozen"):  # an application without an interpreter
                with _on_disk(file) as source:
                    return _listen_apart(recording, source, max_seconds)
    except OSError as error:
        msg = f"{recording.name} cannot be read: {error.strerror or error}."
        raise MediaInputError(msg) from error
    return sound.listen(recording, max_seconds=max_seconds)


@contextlib.contextmanager
def _on_disk(file: BinaryIO) -> Iterator[BinaryIO]:
    """A file that another process can read."""
    if isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO):
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        yield copy


def _listen_apart(recording: Recording, file: BinaryIO, max_seconds: float | None) -> Sound:
    limits = _MOST_SECONDS, _MOST_BYTES
    described = json.dumps([recording.name, recording.kind, max_seconds, *limits])
    code = _START.format(sys.path, __name__)
    with subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        [sys.executable, "-I", "-c", code, described],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            found = None
            while found is None:
                recording.step()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    found, _ = process.communicate(timeout=0.1)
        finally:
            process.kill()
    match json.loads(found or "null"):
        case [seconds, tracks, plain, gain, damage]:
            return Sound(seconds, tuple(tracks), plain, gain, damage)
        case str(problem):
            raise MediaInputError(problem)
    most = f"{_MOST_SECONDS} seconds or {_MOST_BYTES >> 20} MB"
    msg = f"{recording.name} is not decoded: FFmpeg takes more than {most} to open it or to go on."
    raise MediaInputError(msg)


def main() -> None:
    """Listen to the file that is standard input, and print the result as JSON."""
    name, kind, max_seconds, seconds, most_bytes = json.loads(sys.argv[1])
    step = _confined(seconds, most_bytes)
    recording = Recording(lambda: os.fdopen(os.dup(0), "rb"), name, kind, step)
    try:
        found = _tried(recording, max_seconds)
    except MediaInputError as error:
        json.dump(str(error), sys.stdout)
    else:
        json.dump(found, sys.stdout)


def _tried(recording: Recording, max_seconds: float | None) -> Sound:
    found = sound.listen(recording, max_seconds=max_seconds)
    if len(found.tracks) > 1:  # each will be read on its own, with an index of its own
        deque(sound.heard(recording, found.tracks), maxlen=0)
    return found


def _confined(seconds: float, most_bytes: int) -> Callable[[], object]:
    """Have the system end this process if it takes too much; the result allows it to go on."""
    if not hasattr(signal, "setitimer"):  # Windows has no such limits
        return lambda: None
    import resource  # noqa: PLC0415 -- not on Windows

    limits = {resource.RLIMIT_CPU: _MOST_SECONDS_IN_ALL}
    with contextlib.suppress(OSError):  # only Linux says how much is taken already
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + most_bytes
    for kind, most in limits.items():
        with contextlib.suppress(ValueError):  # a lower limit holds already
            resource.setrlimit(kind, (most, most))
    go_on = partial(signal.setitimer, signal.ITIMER_PROF, seconds)
    go_on()
    return go_on
