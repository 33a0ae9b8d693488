"""Folders of media for loaders, and what comes out of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.document_loaders import BlobLoader
from langchain_core.documents.base import Blob
from media_host import picture, recording, video

TONES = [(0.5, 1.0, 400)]
ORDER = ["a.wav", *[f"b/p{n:02}.png" for n in range(6, 12)], "b/z.mp4"]
ORDER += [f"p{n:02}.png" for n in range(6)]


def colour(number: int) -> tuple[int, int, int]:
    return number % 256, number // 256, 7


def names(documents: Any, root: Path) -> list[str]:
    return [Path(each.metadata["source"]).relative_to(root).as_posix() for each in documents]


def fill_folder(root: Path) -> Path:
    """Twelve pictures, a recording and a video, in two folders."""
    (root / "b").mkdir(parents=True)
    for number in range(12):
        place = root if number < 6 else root / "b"
        (place / f"p{number:02}.png").write_bytes(picture(colour(number)))
    (root / "a.wav").write_bytes(recording(TONES, 2))
    video(root / "b" / "z.mp4", TONES, 2)
    (root / ".DS_Store").write_bytes(b"\x00\x00")
    return root


class CountingBlobs(BlobLoader):
    """Yields pictures, and counts how many were taken."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def yield_blobs(self) -> Iterator[Blob]:
        for number in range(self.count):
            self.taken += 1
            yield Blob.from_data(picture(colour(number)), metadata={"source": f"blob-{number}"})
