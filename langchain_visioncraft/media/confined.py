"""Runs decoders in a process of their own, which the system ends if they take too much."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

_MOST_SECONDS_IN_ALL = 900

_START = "import sys; sys.path[:] = {!a}; from {} import main; main()"

_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""Otherwise, glibc reserves 64 MB of addresses, which are limited, for each thread."""


class LimitError(ValueError):
    """A file takes too much of its decoder; the message says what the file has."""


def is_possible() -> bool:
    """Whether there is an interpreter to start: frozen and embedding applications have none."""
    return bool(sys.executable) and not hasattr(sys, "frozen")


def command(module: str, task: Any) -> list[str]:
    """Runs `main` of this module. All users can see the task, which is its argument in JSON."""
    folders = [each for each in sys.path if isinstance(each, str)]  # imports skip a `Path` in it
    return [sys.executable, "-I", "-c", _START.format(folders, module), json.dumps(task)]


@contextlib.contextmanager
def apart(
    module: str, task: Any, file: BinaryIO, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs `main` of this module, with a file as standard input.

    It ends with the block.
    """
    with (
        _on_disk(file) as source,
        subprocess.Popen(  # noqa: S603 -- our own interpreter and module
            command(module, task),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **_ENVIRONMENT},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def _on_disk(file: BinaryIO) -> Iterator[BinaryIO]:
    """A file that another process can read."""
    file.seek(0)
    if isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO):
        yield file
        return
    import shutil  # noqa: PLC0415 -- these take the other process as long to import as all else
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        yield copy


def no_python(process: subprocess.Popen[bytes]) -> str:
    """A hint for a process that ended early: another program takes no such arguments."""
    if (process.returncode or 0) <= 0:  # a signal ended it
        return ""
    return f" (if no file is decoded, sys.executable is not Python: {sys.executable})"


def confine(seconds: float, most_bytes: int) -> Callable[[], object]:
    """Have the system end this process if it takes too much; the result allows it to go on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the terminal also sends to our caller
    limit_memory(most_bytes)
    if not hasattr(signal, "setitimer"):  # Windows has no such limits
        return lambda: None
    # Our caller may ignore or block it, and its processes with it.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    _limit("RLIMIT_CPU", _MOST_SECONDS_IN_ALL)
    go_on = partial(signal.setitimer, signal.ITIMER_PROF, seconds)
    go_on()
    return go_on


def limit_memory(most_bytes: int) -> None:
    """Limit this process to so many bytes more than it takes now, on Linux; it dumps none."""
    if sys.platform == "win32":
        return
    _limit("RLIMIT_CORE", 0)
    with contextlib.suppress(OSError):  # only Linux says how much is taken already
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        _limit("RLIMIT_AS", pages * os.sysconf("SC_PAGE_SIZE") + most_bytes)


def _limit(name: str, most: int) -> None:
    import resource  # noqa: PLC0415 -- not on Windows

    with contextlib.suppress(ValueError):  # a lower limit holds already
        resource.setrlimit(getattr(resource, name), (most, most))
