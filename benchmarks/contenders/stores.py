"""Adding a medium to a store and finding one, when it is empty and when it holds 100,000."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Place, Run, one_by_one

store = Case("store", "A store of media on disk", calls=400, warm_up=20)

MANY = 100_000


@store.contender("add, empty")
@contextmanager
def _add_to_empty(place: Place) -> Iterator[Run]:
    yield _adding(place.folder)


@store.contender("add, 100,000 there")
@contextmanager
def _add_to_full(place: Place) -> Iterator[Run]:
    yield _adding(_full(place))


@store.contender("find, few there")
@contextmanager
def _find_in_empty(place: Place) -> Iterator[Run]:
    _fill(place.folder, 50)
    yield _finding(place.folder)


@store.contender("find, 100,000 there")
@contextmanager
def _find_in_full(place: Place) -> Iterator[Run]:
    yield _finding(_full(place))


def _adding(folder: Path) -> Run:
    from langchain_visioncraft import MediaStore

    media, numbers = MediaStore(folder), itertools.count()
    own = os.urandom(8)  # what other rounds added is known already

    def call() -> None:
        data = b"GIF89a" + bytes(7) + own + next(numbers).to_bytes(4, "big") + b";"
        media.add(data, tool="by hand", arguments={"prompt": "a lighthouse"})

    return one_by_one(call)


def _finding(folder: Path) -> Run:
    from langchain_visioncraft import MediaStore

    media = MediaStore(folder)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in itertools.islice(entries, 2000)]
    handles = [name for name in names if name.endswith(".gif")]
    chance = random.Random(5)
    return one_by_one(lambda: media.get(chance.choice(handles)))


def _full(place: Place) -> Path:
    """The full store, which all rounds share: making it takes longer than all else."""
    folder = place.shared / "full"
    if not folder.exists():
        _fill(folder, 100 if place.small else MANY)
    return folder


def _fill(folder: Path, count: int) -> None:
    """Write what `MediaStore.add` would, without its care for other processes."""
    from langchain_visioncraft import Media

    folder.mkdir(exist_ok=True)
    for number in range(count):
        data = b"GIF89a" + bytes(7) + number.to_bytes(4, "big") + b";"
        media = Media.from_bytes(data)
        facts: dict[str, Any] = {**media.model_dump(exclude_none=True), "arguments": {}}
        (folder / media.handle).write_bytes(data)
        sidecar = folder / f"{media.handle}.json"
        sidecar.write_text(json.dumps(facts, indent=2), encoding="utf-8")
