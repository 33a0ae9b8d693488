"""Real disks that are full or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

ON_A_SMALL_DISK = """
import errno, os, subprocess, sys
from pathlib import Path
from langchain_visioncraft import MediaStore
from langchain_visioncraft.errors import UnknownHandleError

folder = Path(sys.argv[1])
picture = Path("tests/media/cat.png").read_bytes()
large = picture + bytes(1 << 20)
store = MediaStore(folder / "media")
kept = store.add(picture, tool="before")

def fails(code, work):
    try:
        work()
    except OSError as error:
        assert error.errno == code, error
    else:
        raise AssertionError("it did not fail")

def whole():
    assert store.get(kept.handle).read() == picture
    assert store.provenance(kept.handle)["tool"] == "before"
    assert len(store) == 1
    assert list(store.verify(older_than=-1)) == []

fails(errno.ENOSPC, lambda: store.add(large))
whole()
rest = folder / "rest"
with rest.open("wb", buffering=0) as file:
    fails(errno.ENOSPC, lambda: [file.write(bytes(4096)) for _ in range(1000)])
fails(errno.ENOSPC, lambda: store.add(picture + b"more"))
whole()
store.add(picture, tool="again")
rest.unlink()

subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
fails(errno.EROFS, lambda: MediaStore(folder / "media").add(picture + b"more"))
fails(errno.EROFS, lambda: MediaStore(folder / "new").add(picture))
assert store.add(picture).handle == kept.handle
assert MediaStore(folder / "media").sweep(older_than=-1) == 0
whole()

subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
assert store.add(picture + b"more").read() == picture + b"more"
"""


def may_mount() -> bool:
    command = "mount -t tmpfs tmpfs /mnt"
    if not shutil.which("unshare"):
        return False
    tried = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command], check=False, capture_output=True
    )
    return tried.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="a small disk needs leave to mount one (unshare -rm)")
def test_a_full_and_a_read_only_disk_lose_nothing(tmp_path: Path) -> None:
    command = 'mount -t tmpfs -o size=512k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", tmp_path, sys.executable, ON_A_SMALL_DISK],
        check=True,
        cwd=ROOT,
    )
    assert list(tmp_path.iterdir()) == []  # the disk was seen by that process only


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path) -> None:
    script = """
import errno, resource, sys
from pathlib import Path
from langchain_visioncraft import MediaStore
picture = Path("tests/media/cat.png").read_bytes()
store = MediaStore(sys.argv[1])
kept = store.add(picture)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    store.add(picture + b"more")
except OSError as error:
    assert error.errno == errno.EFBIG, error
else:
    raise AssertionError("it did not fail")
assert [media.read() for media in store] == [picture]
assert list(store.verify(older_than=-1)) == []
"""
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, cwd=ROOT)
