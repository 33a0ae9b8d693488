"""Stops work on a media store at each of its steps: by SIGKILL, or by an error of the disk.

A step is a call into the operating system (open, write, link, rename, unlink, …), found by
Python's own profiler, so that no step can be forgotten when the store changes.

    python tests/store_steps.py SCENARIO FOLDER

makes a store in FOLDER/0, FOLDER/1, … and kills a child before the 0th, 1st, … step of the
scenario, until one comes to its end. It prints the calls before which it killed, as JSON.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.client.spool import LocalError, Spool

FILES = Path(__file__).parent / "media"
BEFORE = (FILES / "cat.jpg").read_bytes()
"""Saved, and reported as saved, before anything happens."""
PICTURE = (FILES / "cat.png").read_bytes()
PIECES = {
    "langchain_visioncraft.media.handles.CHUNK_BYTES": 1 << 15,
    "langchain_visioncraft.client.spool.MEMORY_BYTES": 1 << 15,
}
"""What makes a small picture a large one, which is spooled to disk and written in pieces."""

Act = Callable[[], None]


@contextlib.contextmanager
def stopped_at(number: int, act: Callable[[str], Any]) -> Iterator[None]:
    """Do something before the step of this number; it is given the name of the call."""
    left = number

    def watch(_frame: Any, event: str, function: Any) -> None:
        nonlocal left
        if event not in ("c_call", "c_return"):
            return
        # A file whose close fails is closed all the same: that is seen when it returns.
        moment = "c_return" if function.__name__ in ("close", "__exit__") else "c_call"
        if event == moment and _is_step(function):
            left -= 1
            if left == -1:
                act(function.__name__)

    # What other code left behind must not be closed in between: its steps would be counted, too.
    gc.collect()
    gc.disable()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
        gc.enable()


def _is_step(function: Any) -> bool:
    if not isinstance(function, BuiltinFunctionType) or function.__name__ == "fspath":
        return False
    owner = function.__self__
    return function.__module__ in ("posix", "_io", "io") or (
        type(owner).__module__ == "_io" and not isinstance(owner, io.BytesIO)
    )


def spooled(store: MediaStore, data: bytes) -> Media:
    """A medium as a client hands it over: spooled into the store's own folder."""
    try:
        with Spool(1 << 30, store.spool_dir) as spool:
            spool.accept(data)
    except LocalError as error:
        raise error.cause from error
    return Media.holding(spool, mime_type="image/png", size=spool.size)


def spoil(path: Path) -> None:
    """Change one byte and not the size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _path(store: MediaStore, data: bytes, suffix: str = "") -> Path:
    return Path(store.root) / (Media.from_bytes(data).handle + suffix)


def _with_damaged_file(store: MediaStore) -> Act:
    store.add(PICTURE, tool="act")
    spoil(_path(store, PICTURE))
    return lambda: _save(store)


def _with_damaged_sidecar(store: MediaStore, act: Act | None = None) -> Act:
    store.add(PICTURE, tool="act")
    spoil(_path(store, PICTURE, ".json"))
    return act or (lambda: _save(store))


def _repairing(store: MediaStore) -> Act:
    return _with_damaged_sidecar(store, lambda: _exhaust(store.verify(repair=True, older_than=-1)))


def _sweeping(store: MediaStore) -> Act:
    assert store.spool_dir
    for name in ("a.part", "b.part"):
        (store.spool_dir / name).write_bytes(b"cut off")
    return lambda: _exhaust([store.sweep(older_than=-1)])


def _removing(store: MediaStore) -> Act:
    handle = store.add(PICTURE, tool="act").handle
    return lambda: store.remove(handle)


def _save(store: MediaStore, data: bytes = PICTURE) -> None:
    store.add(data, tool="act")


def _exhaust(items: Any) -> None:
    for _ in items:
        continue


SCENARIOS: dict[str, Callable[[MediaStore], Act]] = {
    "new": lambda store: lambda: _save(store),
    "spooled": lambda store: lambda: _exhaust([store.add(spooled(store, PICTURE), tool="act")]),
    "again": lambda store: lambda: _save(store, BEFORE),
    "damaged file": _with_damaged_file,
    "damaged sidecar": _with_damaged_sidecar,
    "repair": _repairing,
    "sweep": _sweeping,
    "remove": _removing,
}


def prepared(scenario: str, folder: Path) -> tuple[MediaStore, Act]:
    """A store that holds `BEFORE`, and what is to be stopped."""
    MediaStore(folder).add(BEFORE, tool="before")
    store = MediaStore(folder)  # a new one: its first save sweeps
    return store, SCENARIOS[scenario](store)


def main(scenario: str, root: Path) -> None:
    """Kill a child before each step."""
    for place, value in PIECES.items():
        module, _, name = place.rpartition(".")
        setattr(sys.modules[module], name, value)
    calls: list[str] = []
    for number in itertools.count():
        _, act = prepared(scenario, root / str(number))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:

            def kill(call: str) -> None:
                os.write(writer, call.encode())  # noqa: B023 -- the child has one number
                os.kill(os.getpid(), signal.SIGKILL)

            with stopped_at(number, kill):
                act()
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as pipe:
            call = pipe.read()
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        calls.append(call)
    sys.stdout.write(json.dumps(calls))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
