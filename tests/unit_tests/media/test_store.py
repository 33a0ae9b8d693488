"""`MediaStore`: named by content, whole or not there, safe for threads and processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from client_driving import GIF, JPEG, MP4, PNG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.errors import InvalidRequestError, UnknownHandleError, VisionCraftError

ROOT = Path(__file__).parents[3]


def distinct(number: int) -> bytes:
    return GIF[:-1] + f"{number}".encode() + b";"


@pytest.fixture(params=["local", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    if request.param == "local":
        return MediaStore(tmp_path / "media")
    return MediaStore(f"memory://{tmp_path.name}{time.monotonic_ns()}")


def test_making_a_store_writes_nothing(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    assert len(store) == 0
    assert list(store) == []
    assert "a1b2c3d4e5f6.png" not in store
    assert not (tmp_path / "media").exists()


def test_what_was_added_is_found_again(any_store: MediaStore) -> None:
    kept = any_store.add(PNG, tool="draw", arguments={"prompt": "x"}, sources=["a.png"])
    assert any_store.get(kept.handle).read() == PNG
    assert kept.read() == PNG
    assert kept.handle in any_store
    assert [media.handle for media in any_store] == [kept.handle]
    facts = any_store.provenance(kept.handle)
    assert (facts["tool"], facts["arguments"], facts["sources"]) == (
        "draw", {"prompt": "x"}, ["a.png"],
    )  # fmt: skip
    assert facts["sha256"] == kept.sha256
    assert "location" not in facts


def test_the_same_bytes_have_one_handle_and_the_first_provenance(any_store: MediaStore) -> None:
    first = any_store.add(PNG, tool="first")
    second = any_store.add(Media.from_bytes(PNG), tool="second")
    assert first.handle == second.handle
    assert any_store.provenance(first.handle)["tool"] == "first"
    assert len(any_store) == 1


def test_different_bytes_have_different_handles(any_store: MediaStore) -> None:
    handles = {any_store.add(data).handle for data in (PNG, JPEG, GIF, MP4)}
    assert len(handles) == len(any_store) == 4


def test_a_file_is_added_by_its_path(any_store: MediaStore, pictures: Path) -> None:
    assert any_store.add(pictures / "cat.png").handle == Media.from_bytes(PNG).handle


def test_what_is_no_medium_is_not_added(any_store: MediaStore) -> None:
    with pytest.raises(InvalidRequestError):
        any_store.add(b"hello")
    assert len(any_store) == 0


def test_what_is_removed_is_gone_and_may_come_again(any_store: MediaStore) -> None:
    other = any_store.add(JPEG)
    kept = any_store.add(PNG, tool="first")
    any_store.remove(kept.handle)
    assert kept.handle not in any_store
    assert [media.handle for media in any_store] == [other.handle]
    assert list(any_store.verify(older_than=-1)) == []
    with pytest.raises(UnknownHandleError, match=other.handle):
        any_store.remove(kept.handle)
    assert any_store.add(PNG, tool="second").read() == PNG
    assert any_store.provenance(kept.handle)["tool"] == "second"


def test_what_is_removed_while_it_is_added_again_is_kept_anew(
    any_store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = any_store.add(PNG, tool="first")
    digest = any_store._folder.digest

    def removed_after_a_look(name: str) -> str | None:
        found = digest(name)
        monkeypatch.undo()
        any_store.remove(name)
        return found

    monkeypatch.setattr(any_store._folder, "digest", removed_after_a_look)
    assert any_store.add(PNG, tool="second").read() == PNG
    assert any_store.provenance(kept.handle)["tool"] == "second"


def test_what_is_removed_while_it_is_looked_up_is_unknown(
    any_store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = any_store.add(PNG)
    read = any_store._folder.read

    def removed_before_a_look(name: str) -> bytes | None:
        monkeypatch.undo()
        any_store.remove(kept.handle)
        return read(name)

    monkeypatch.setattr(any_store._folder, "read", removed_before_a_look)
    with pytest.raises(UnknownHandleError, match="The store is empty"):
        any_store.get(kept.handle)


def test_a_store_pickles(any_store: MediaStore) -> None:
    kept = any_store.add(PNG)
    again = pickle.loads(pickle.dumps(any_store))
    assert again.get(kept.handle).read() == PNG
    assert repr(again) == repr(any_store)


@pytest.mark.parametrize(
    "spelling", ["{}", " {} ", "`{}`", '"{}"', "the picture {}, please", "{}.json"]
)
def test_a_handle_is_found_in_a_models_words(any_store: MediaStore, spelling: str) -> None:
    kept = any_store.add(PNG)
    assert any_store.get(spelling.format(kept.handle)).handle == kept.handle
    assert any_store.get(kept.handle[:12]).handle == kept.handle
    assert any_store.get(kept.handle.upper()).handle == kept.handle


@pytest.mark.parametrize(
    "text",
    [
        "", "a1b2c3d4e5f6.png", "a1b2c3d4e5f6", "cat.png", "../a1b2c3d4e5f6.png", "x" * 10_000,
        "a1b2c3d4e5f6.exe", "A1B2C3D4E5F60.png", "\x00", "/etc/passwd",
    ],
)  # fmt: skip
def test_an_unknown_handle_says_which_are_known(any_store: MediaStore, text: str) -> None:
    with pytest.raises(UnknownHandleError, match="The store is empty"):
        any_store.get(text)
    kept = any_store.add(PNG)
    with pytest.raises(UnknownHandleError, match=kept.handle):
        any_store.get(text)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(max_size=60)
    | st.lists(
        st.sampled_from(["..", "/", "\\", "a1b2c3d4e5f6", ".png", "%2f", "\x00", "~", ".json"]),
        max_size=8,
    ).map("".join)
)  # fmt: skip
def test_no_text_leaves_the_folder(text: str, tmp_path: Path) -> None:
    (tmp_path / "a1b2c3d4e5f6.png").write_bytes(PNG)
    store = MediaStore(tmp_path / "media")
    assert text not in store
    with pytest.raises(UnknownHandleError):
        store.get(text)


def test_the_newest_comes_last(store: MediaStore) -> None:
    kept = [store.add(distinct(number)) for number in range(3)]
    for age, media in enumerate(kept):
        assert media.path
        os.utime(media.path, (age, age))
    assert [media.handle for media in store] == [media.handle for media in kept]


@pytest.mark.parametrize(
    "sidecar",
    [
        b"", b"{", b"[]", b"5", b"\xff\xfe\x00", b'{"size": 1}', b"[" * 100_000,
        b'{"sha256": 1, "size": SIZE, "handle": "x", "mime_type": "image/png"}',
        b'{"sha256": "x", "size": SIZE, "handle": "../../x.png", "mime_type": "image/png"}',
        b'{"sha256": "x", "size": SIZE, "handle": "000000000000.gif", "mime_type": "image/gif"}',
        None,
    ],
)  # fmt: skip
def test_a_damaged_or_missing_sidecar_loses_nothing(
    store: MediaStore, sidecar: bytes | None
) -> None:
    kept = store.add(PNG, tool="draw")
    path = Path(store.root) / f"{kept.handle}.json"
    if sidecar is None:
        path.unlink()
    else:
        path.write_bytes(sidecar.replace(b"SIZE", str(len(PNG)).encode()))
    found = store.get(kept.handle)
    assert (found.handle, found.sha256, found.read()) == (kept.handle, kept.sha256, PNG)
    assert store.provenance(kept.handle)["sha256"] == kept.sha256
    assert store.add(PNG).handle == kept.handle


def test_a_file_that_was_cut_short_is_made_whole_by_the_next_save(store: MediaStore) -> None:
    kept = store.add(PNG)
    assert kept.path
    kept.path.write_bytes(PNG[:1000])
    store.add(PNG)
    assert store.get(kept.handle).read() == PNG


def test_one_damaged_file_does_not_hide_the_others(store: MediaStore) -> None:
    kept = store.add(PNG)
    (Path(store.root) / "000000000000.png").write_bytes(b"")
    assert kept.handle in [media.handle for media in store]


def test_two_contents_with_one_handle_are_told_apart(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.add(PNG)
    other = kept.sha256[:12] + "0" * 52  # as if such a file had been found
    monkeypatch.setattr(store._folder, "digest", lambda _: other)
    with pytest.raises(VisionCraftError, match="taken by another file"):
        store.add(PNG)


def in_threads(work: Any, count: int = 8) -> list[Exception]:
    failures: list[Exception] = []
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        try:
            work(number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def files_of(store: MediaStore) -> set[str]:
    assert store.spool_dir
    assert list(store.spool_dir.iterdir()) == []
    return {path.name for path in Path(store.root).iterdir() if path != store.spool_dir}


def test_threads_may_save_the_same_and_different_media(store: MediaStore) -> None:
    def save(number: int) -> None:
        for turn in range(10):
            assert store.add(PNG, tool=f"{number}").read() == PNG
            assert store.add(distinct(number * 100 + turn)).read() == distinct(number * 100 + turn)

    assert in_threads(save) == []
    handles = {media.handle for media in store}
    assert len(handles) == 81
    assert files_of(store) == handles | {f"{handle}.json" for handle in handles}


def _save_many(root: str, number: int) -> None:
    store = MediaStore(root)
    for turn in range(10):
        assert store.add(PNG, tool=f"{number}").read() == PNG
        store.add(distinct(turn))


def test_processes_may_save_the_same_media(store: MediaStore) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_save_many, args=(store.root, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(store) == 11
    assert all(media.sha256 == Media.from_bytes(media.read()).sha256 for media in store)


def test_threads_may_add_and_remove_the_same_medium(any_store: MediaStore) -> None:
    handle = Media.from_bytes(PNG).handle

    def work(number: int) -> None:
        for _ in range(20):
            with contextlib.suppress(UnknownHandleError):
                any_store.remove(handle) if number % 2 else any_store.add(PNG)
            with contextlib.suppress(UnknownHandleError, FileNotFoundError):
                assert any_store.get(handle).read() == PNG

    assert in_threads(work) == []
    assert any_store.add(PNG).read() == PNG
    assert [media.handle for media in any_store] == [handle]
    assert list(any_store.verify(older_than=-1)) == []


def _add_and_remove(root: str, number: int) -> None:
    store = MediaStore(root)
    for turn in range(20):
        with contextlib.suppress(UnknownHandleError):
            store.remove(store.add(distinct((number + turn) % 3)).handle)


def test_processes_may_add_and_remove_the_same_media(store: MediaStore) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_and_remove, args=(store.root, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    for number in range(3):
        assert store.add(distinct(number)).read() == distinct(number)
    assert list(store.verify(older_than=-1)) == []


KILLED = """
import sys
from pathlib import Path
from langchain_visioncraft import Media, MediaStore

class Endless:
    def open(self, mode="rb"):
        return self
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def read(self, size):
        print("writing", flush=True)
        return bytes(size)
    def take_file(self, target):
        return False

media = Media.from_path(sys.argv[2]).at("endless", Endless())
MediaStore(sys.argv[1]).add(media)
"""


def test_a_process_that_is_killed_in_the_middle_leaves_no_wrong_file(
    store: MediaStore, pictures: Path
) -> None:
    command = [sys.executable, "-c", KILLED, store.root, str(pictures / "cat.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(store) == []
    assert store.add(pictures / "cat.png").read() == PNG


def spooled(store: MediaStore, data: bytes) -> Media:
    spool = Spool(1 << 30, store.spool_dir)
    spool.accept(data)
    spool.finish()
    assert spool.path
    return Media.holding(spool, mime_type="image/png", size=spool.size)


BIG = PNG + bytes(2 << 20)


def test_what_was_spooled_into_the_store_is_renamed_and_not_copied(store: MediaStore) -> None:
    media = spooled(store, BIG)
    assert store.spool_dir
    [before] = store.spool_dir.iterdir()
    number = before.stat().st_ino
    kept = store.add(media)
    assert kept.path
    assert kept.path.stat().st_ino == number
    assert files_of(store) == {kept.handle, f"{kept.handle}.json"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_large_and_small_files_have_the_same_permissions(store: MediaStore) -> None:
    small, large = store.add(PNG), store.add(spooled(store, BIG))
    assert small.path
    assert large.path
    assert stat.S_IMODE(small.path.stat().st_mode) == stat.S_IMODE(large.path.stat().st_mode)


def test_a_remote_store_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"langchain-visioncraft\[remote\]"):
        MediaStore("s3://bucket/folder")


def test_a_name_without_extension_that_fits_two_media_is_refused(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    kept = store.add(PNG)
    digits = kept.handle.partition(".")[0]
    assert store.get(digits) == kept
    (tmp_path / f"{digits}.gif").write_bytes(GIF)  # the first 12 digits of two files may agree
    with pytest.raises(UnknownHandleError, match=rf"{digits}\.\w+, {digits}\.\w+.*extension"):
        store.get(digits)
    assert store.get(kept.handle) == kept


def test_a_remote_medium_is_opened_by_its_location() -> None:
    kept = MediaStore("memory://opened").add(PNG)
    assert kept.path is None
    assert (kept.location or "").startswith("memory://")
    again = Media.model_validate(kept.model_dump())
    assert again.read() == PNG
    assert pickle.loads(pickle.dumps(kept)).read() == PNG


def test_a_folder_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = MediaStore("~/pictures").add(PNG)
    assert kept.path == tmp_path / "pictures" / kept.handle


def test_a_store_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = MediaStore("media")
    kept = store.add(PNG)
    monkeypatch.chdir("/")
    assert store.get(kept.handle).read() == PNG


@pytest.mark.parametrize(
    "name", ["run::7", "~nosuchuser", "~nosuchuser/x", "a:b", "s3:", "[1] %20"]
)
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        kept = MediaStore(name).add(PNG)
        assert kept.path == tmp_path / name / kept.handle
        assert kept.read() == PNG


def test_a_folder_may_be_a_file_url(tmp_path: Path) -> None:
    kept = MediaStore(f"file://{tmp_path}/my%20store").add(PNG)
    assert kept.path == tmp_path / "my store" / kept.handle


def test_no_sidecar_keeps_the_signature_or_password_of_a_link(store: MediaStore) -> None:
    link = "https://me:SECRET@h.example:8000/a.png?X-Amz-Signature=SECRET#SECRET"
    prompt = "what is at https://h.example/?q=1"
    arguments = {"image": link, "images": [link], "more": {"mask": link}, "prompt": prompt}
    sources = [link, "https://h.example/a b.png?SECRET", "a?b.png", "a1b2c3d4e5f6.png"]
    kept = store.provenance(store.add(PNG, sources=sources, arguments=arguments).handle)
    plain = "https://h.example:8000/a.png"
    assert kept["sources"] == [plain, "https://h.example/a b.png", *sources[2:]]
    assert kept["arguments"] == {
        "image": plain, "images": [plain], "more": {"mask": plain}, "prompt": prompt,
    }  # fmt: skip


def test_a_fifo_in_a_store_is_told_and_not_waited_for(store: MediaStore) -> None:
    kept = store.add(PNG)
    assert kept.path is not None
    kept.path.unlink()
    os.mkfifo(kept.path)
    assert kept.handle in [problem.handle for problem in store.verify()]
    with pytest.raises(OSError, match="not a regular file"):
        store.get(kept.handle)


def test_a_store_that_signs_no_links_says_what_to_do(any_store: MediaStore) -> None:
    kept = any_store.add(PNG)
    with pytest.raises(VisionCraftError, match=r"cannot sign links.*Media\.data_url"):
        any_store.url(kept.handle)
    for expires in (0, float("nan"), float("inf")):
        with pytest.raises(InvalidRequestError, match="1 or more"):
            any_store.url(kept.handle, expires=expires)
    with pytest.raises(UnknownHandleError):
        any_store.url("000000000000.png")


@pytest.mark.parametrize("root", ["media", ".", "memory://", "memory:///", "local:///{}/media"])
def test_the_stores_of_users_are_inside(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = MediaStore(root.format(tmp_path))
    monkeypatch.chdir("/")
    location = store.add(PNG).location
    assert location is not None
    kept = store.of_user("ann").add(PNG)
    assert str(kept.location).startswith(location.rpartition("/")[0] + "/users/")
    [found] = Media.from_artifact(Media.to_artifact([kept]))
    assert found.read() == PNG
    store.of_user("ann").remove(kept.handle)
    store.remove(kept.handle)


def test_stores_in_use_are_known_however_many_users_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_visioncraft.media.places._MOST_STORES", 8)
    store = MediaStore(tmp_path)
    kept = [store.add(PNG), store.of_user("ann").add(PNG)]
    for number in range(50):
        store.of_user(f"{number}")
        store.of_user("ann")
    assert [media.read() for media in Media.from_artifact(Media.to_artifact(kept))] == [PNG, PNG]


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(InvalidRequestError, match="name of a file or folder is empty"):
        MediaStore("")
