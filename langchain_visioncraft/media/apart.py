"""Pictures that another process decodes: Pillow may work on them without end."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import weakref
from itertools import islice
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from langchain_visioncraft.media import confined
from langchain_visioncraft.media.pixels import (
    ORIENTATION,
    cost_of,
    decode,
    open_with,
    picture_formats,
    turn_of,
)

_MOST_SECONDS = 30
"""Of the processor's time, to open a picture, and for each of its frames. The largest that Pillow
decodes in Python take half of it."""

_MOST_BYTES = 256 << 20
_BYTES_A_PIXEL = 8
"""In addition, for each pixel that a picture may have."""

_STRIP_PIXELS = 1 << 20
_LONGEST_ANSWER = 64 << 20
_LONGEST_ERROR = 500
_LONGEST_TEXT = 1 << 16
_MOST_TEXTS = 100
_MOST_THREADS = 4
_MOST_KEPT = 16
"""Processes that wait to go on with a picture. Others are ended, and started again if need be."""
_SHOWN = ("duration", "icc_profile", "transparency")

_ERRORS = {
    "UnidentifiedImageError": UnidentifiedImageError,
    "DecompressionBombError": Image.DecompressionBombError,
}


_kept: weakref.WeakValueDictionary[int, Apart] = weakref.WeakValueDictionary()
"""The pictures whose processes wait, by identity; the one that waits longest first."""
_keeping = threading.RLock()
"""Reentrant, as the garbage collector may close another picture at any moment."""


class Apart(Image.Image):
    """A picture that another process opened, and decodes when its pixels are asked for.

    Args:
        file: Stays open until the pixels are loaded.
        max_pixels: Pictures with more are not loaded.
        once: Whether the process ends after each answer. Otherwise, it ends with this object.
    """

    damage: str | None = None
    cost = 1
    _least = 0, 0

    def __init__(self, file: BinaryIO, max_pixels: int, *, once: bool) -> None:
        super().__init__()
        self._file = file
        self._most, self._once, self._frame, self._count = max_pixels, once, 0, None
        self._process: subprocess.Popen[bytes] | None = None
        self._running = contextlib.ExitStack()
        weakref.finalize(self, self._running.close)
        self._ask(0)

    @property
    def n_frames(self) -> int:
        """How many frames or pages there are."""
        if self._count is None:
            msg = "its frames cannot be counted"
            raise OSError(msg)
        return self._count

    def seek(self, frame: int) -> None:
        """Go to a frame, from 0."""
        self._ask(frame)

    def tell(self) -> int:
        """The number of the frame, from 0."""
        return self._frame

    def draft(self, _: str | None, size: tuple[int, int] | None) -> None:
        """Have a JPEG decoded at a fraction of its size that is at least this size."""
        self._least = size or (0, 0)

    def load(self) -> Any:
        """Have the pixels decoded. Raises any error, as Pillow does."""
        if self._im is None:
            self._ask(self._frame, pixels=True)
        return super().load()

    def close(self) -> None:
        """End the other process."""
        with _keeping:
            running = self._release()
        running.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, frame: int, *, pixels: bool = False) -> None:
        with _keeping:  # from now on, it does not wait
            _kept.pop(id(self), None)
        with contextlib.ExitStack() as unless_kept:
            unless_kept.callback(self.close)
            process = self._process or self._start()
            with contextlib.suppress(BrokenPipeError):
                os.write(self._commands, b"%d %d %d %d\n" % (frame, pixels, *self._least))
            output: Any = process.stdout
            answer = json.loads(self._read(output.readline(_LONGEST_ANSWER)), object_hook=_bytes)
            if error := answer.get("error"):
                raise _ERRORS.get(error, OSError)(answer["text"])
            self.format, self._mode = answer["format"], answer["mode"]
            self._size = tuple(answer["size"])
            self.cost, self.info = answer["cost"], dict(answer["info"])
            self._count = answer["frames"]
            self._frame, self._im = frame, None
            if pixels:
                self._take(answer, output)
            if not self._once:
                unless_kept.pop_all()
                self._keep()

    def _keep(self) -> None:
        """Let the process wait; of too many, the one that has waited longest ends."""
        with _keeping:
            _kept[id(self)] = self
            refs = _kept.valuerefs()  # a list: `values` must not change meanwhile
            waiting = [each for ref in refs if (each := ref()) is not None]
            ended = [each._release() for each in waiting[: max(0, len(waiting) - _MOST_KEPT)]]
        for running in ended:
            running.close()

    def _release(self) -> contextlib.ExitStack:
        """What is to be closed to end the process, if any; the next question starts another."""
        _kept.pop(id(self), None)
        self._process = None
        return self._running.pop_all()

    def _start(self) -> subprocess.Popen[bytes]:
        task = [Image.MAX_IMAGE_PIXELS, _MOST_SECONDS, _most_bytes(self._most)]
        # Its standard error is what it reads commands from: other files are not passed on Windows.
        commands, self._commands = os.pipe()
        self._running.callback(os.close, self._commands)
        try:
            opening = confined.apart(__name__, task, self._file, stderr=commands)
            self._process = self._running.enter_context(opening)
        finally:
            os.close(commands)
        return self._process

    def _read(self, data: bytes, least: int = 1) -> bytes:
        """What was read of an answer. Raises `LimitError` if the process ended before it."""
        if len(data) < least and self._process is not None:
            self._process.wait()
            most = f"{_MOST_SECONDS} seconds or {_most_bytes(self._most) >> 20} MB"
            hint = confined.no_python(self._process)
            msg = f"contents that take more than {most} to decode{hint}"
            raise confined.LimitError(msg)
        return data

    def _take(self, answer: dict[str, Any], output: Any) -> None:
        if self.width * self.height > self._most:
            msg = f"{self.width}x{self.height} pixels, more than {self._most:,}"
            raise confined.LimitError(msg)
        image = Image.new(self.mode, self.size)
        rows = _rows(self.width)
        row = len(Image.new(self.mode, (self.width, 1)).tobytes())
        for top in range(0, self.height, rows):
            size = self.width, min(rows, self.height - top)
            data = self._read(output.read(row * size[1]), row * size[1])
            image.paste(Image.frombytes(self.mode, size, data), (0, top))
        if answer["palette"]:
            mode, colours = answer["palette"]
            image.putpalette(colours, mode)
        self.im, self.palette, self.damage = image.im, image.palette, answer["damage"]
        if self._once:
            self._file = io.BytesIO()


def _let_go() -> None:
    """In a forked process: the other processes answer its parent, which may hold the lock."""
    global _keeping  # noqa: PLW0603 -- a new lock
    _keeping = threading.RLock()
    for kept in list(_kept.values()):
        kept.close()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_let_go)


def _most_bytes(max_pixels: int) -> int:
    return _MOST_BYTES + _BYTES_A_PIXEL * max_pixels


def _rows(width: int) -> int:
    """How many rows are sent at once."""
    return max(1, _STRIP_PIXELS // max(1, width))


def _bytes(found: dict[str, Any]) -> Any:
    return base64.b64decode(found["base64"]) if "base64" in found else found


def _as_json(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


def main() -> None:
    """Decode the picture that is standard input: for each command, print an answer in JSON."""
    Image.MAX_IMAGE_PIXELS, *limits = json.loads(sys.argv[1])
    commands, answers = os.fdopen(os.dup(2), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)  # what libraries print is no answer
    if hasattr(os, "sched_setaffinity"):  # each thread reserves addresses, which are limited
        cores = sorted(os.sched_getaffinity(0))
        at = os.getpid() % len(cores)  # others than those of other such processes
        os.sched_setaffinity(0, (2 * cores)[at : at + _MOST_THREADS])
    formats = picture_formats()
    go_on = confined.confine(*limits)
    picture = _Picture(formats)
    for command in commands:
        go_on()
        frame, pixels, *least = map(int, command.split())
        try:
            answer, image = picture.at(frame, tuple(least), pixels=bool(pixels))
            line = json.dumps(answer, default=_as_json)
        except MemoryError:
            os.abort()
        except Exception as error:  # noqa: BLE001 -- decoders raise any
            answer, image = (
                {"error": type(error).__name__, "text": str(error)[:_LONGEST_ERROR]},
                None,
            )
            line = json.dumps(answer)
        answers.write(line.encode() + b"\n")
        if image is not None:
            rows = _rows(image.width)
            for top in range(0, image.height, rows):
                strip = (0, top, image.width, min(top + rows, image.height))
                answers.write(image.crop(strip).tobytes())
        answers.flush()


class _Picture:
    """The picture that is standard input."""

    def __init__(self, formats: tuple[str, ...]) -> None:
        self._formats = formats
        self._image: Any = None
        self._shown = 0  # some formats count from 1
        self._frames: int | None = None

    def at(
        self, frame: int, least: tuple[int, ...], *, pixels: bool
    ) -> tuple[dict[str, Any], Image.Image | None]:
        """The description of a frame, and its pixels if they are asked for."""
        if self._image is None:
            self._image = open_with(sys.stdin.buffer, self._formats)
            # Of a damaged one, the first frame may be intact.
            with contextlib.suppress(Exception):
                self._frames = getattr(self._image, "n_frames", 1)
        if frame != self._shown:
            self._image.seek(frame)
            self._shown = frame
        image = self._image
        answer = {"format": image.format, "cost": cost_of(image), "frames": self._frames}
        if not pixels:
            info = [("duration", image.info.get("duration"))]
            return answer | {"mode": image.mode, "size": image.size, "info": info}, None
        if any(least):
            image.draft(None, least)
        image, damage = decode(image)
        return answer | {"format": image.format, "damage": damage, **_described(image)}, image


def _described(image: Image.Image) -> dict[str, Any]:
    """How a picture looks, apart from its pixels."""
    texts = (
        (name, value)
        for name, value in image.info.items()
        if isinstance(value, str) and len(value) < _LONGEST_TEXT
    )
    info: dict[Any, Any] = {name: image.info[name] for name in _SHOWN if name in image.info}
    info.update(islice(texts, _MOST_TEXTS))
    if (turn := turn_of(image)) != 1:
        exif = Image.Exif()
        exif[ORIENTATION] = turn
        info["exif"] = exif.tobytes()
    palette = None
    if image.palette and image.mode in ("P", "PA"):
        mode = image.palette.mode
        palette = [mode, bytes(image.getpalette(mode) or ())]
    # As pairs: a name in the file may be the one that marks bytes.
    described = {"mode": image.mode, "size": image.size, "info": list(info.items())}
    return described | {"palette": palette}
