"""Saves that are killed, and disks that fail, at each step: nothing that was reported is lost."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from store_steps import BEFORE, PICTURE, PIECES, SCENARIOS, prepared, stopped_at

from langchain_visioncraft import Media, MediaStore

ROOT = Path(__file__).parents[3]
EXPECTED_CALLS = {
    "new": {"open", "write", "replace", "link", "unlink"},
    "spooled": {"write", "close", "replace", "link"},
    "again": {"read"},
    "damaged file": {"write", "replace"},
    "damaged sidecar": {"write", "replace"},
    "repair": {"scandir", "replace", "link"},
    "sweep": {"scandir", "unlink"},
    "remove": {"stat", "unlink"},
}

posix = pytest.mark.skipif(os.name != "posix", reason="fork and SIGKILL of POSIX")


def check_what_was_saved(folder: Path, scenario: str) -> None:
    """What was reported is there, the rest is whole or not there, and can be swept."""
    store = MediaStore(folder)
    kept = Media.from_bytes(BEFORE).handle
    assert store.get(kept).read() == BEFORE
    assert store.provenance(kept)["tool"] == "before"
    allowed = {"leftover", "missing-sidecar"}
    if "damaged" in scenario or scenario == "repair":
        allowed |= {"wrong-content", "damaged-sidecar"}
    assert {problem.kind for problem in store.verify(older_than=-1)} <= allowed
    store.sweep(older_than=-1)
    assert store.add(PICTURE, tool="later").read() == PICTURE
    assert list(store.verify(older_than=-1)) == []
    assert store.spool_dir
    assert list(store.spool_dir.iterdir()) == []
    assert store.provenance(kept)["tool"] == "before"
    assert store.provenance(Media.from_bytes(PICTURE).handle)["tool"] in ("act", "later", None)


@posix
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_may_be_killed_at_each_step(scenario: str, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tests" / "store_steps.py", scenario, tmp_path]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    calls = json.loads(done.stdout)
    assert set(calls) >= EXPECTED_CALLS[scenario]
    for number in range(len(calls) + 1):
        check_what_was_saved(tmp_path / str(number), scenario)


@posix
@pytest.mark.parametrize(
    ("scenario", "code"),
    [*zip(SCENARIOS, itertools.cycle([errno.ENOSPC, errno.EROFS, errno.EIO]), strict=False)],
)
def test_the_disk_may_fail_at_each_step(
    scenario: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []
    for place, value in PIECES.items():
        monkeypatch.setattr(place, value)

    def fail(call: str) -> None:
        failed.append(call)
        raise OSError(code, os.strerror(code))

    for number in itertools.count():
        folder = tmp_path / str(number)
        _, act = prepared(scenario, folder)
        count = len(failed)
        with contextlib.suppress(OSError), stopped_at(number, fail):
            act()
        check_what_was_saved(folder, scenario)
        shutil.rmtree(folder)
        if len(failed) == count:
            break
    assert set(failed) >= EXPECTED_CALLS[scenario] - {"close"}
