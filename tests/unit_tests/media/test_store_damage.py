"""What happens to a damaged store: it is reported, repaired if possible, and never made worse."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from client_driving import GIF, PNG
from store_steps import spoil

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.errors import DamagedMediaError
from langchain_visioncraft.media import Problem, Usage


@pytest.fixture
def kept(store: MediaStore) -> Media:
    return store.add(PNG, tool="draw", arguments={"prompt": "a cat in a boat"})


def file_of(kept: Media, suffix: str = "") -> Path:
    assert kept.path
    return kept.path.with_name(kept.path.name + suffix)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def age(path: Path, days: float = 2) -> Path:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


def damages() -> dict[str, Callable[[Media], object]]:
    """What is done to a store, by the kind of problem that it is."""
    return {
        "missing-file": lambda kept: file_of(kept).unlink(),
        "truncated": lambda kept: file_of(kept).write_bytes(PNG[:1000]),
        "wrong-content": lambda kept: spoil(file_of(kept)),
        "wrong-content longer": lambda kept: file_of(kept).write_bytes(PNG + b"\x00"),
        "unreadable": lambda kept: (file_of(kept).unlink(), file_of(kept).mkdir()),
        "missing-sidecar": lambda kept: (file_of(kept, ".json").unlink(), age(file_of(kept))),
        "damaged-sidecar": lambda kept: spoil(file_of(kept, ".json")),
        "damaged-sidecar empty": lambda kept: file_of(kept, ".json").write_bytes(b""),
        "damaged-sidecar binary": lambda kept: file_of(kept, ".json").write_bytes(b"\xff\x00"),
        "damaged-sidecar one letter": lambda kept: file_of(kept, ".json").write_text(
            file_of(kept, ".json").read_text().replace("a boat", "a coat")
        ),
        "damaged-sidecar of another": lambda kept: rewrite(
            file_of(kept, ".json"), sha256=kept.sha256[:12] + "0" * 52
        ),
        "orphan-sidecar": lambda kept: (
            file_of(kept).unlink(),
            file_of(kept, ".json").write_bytes(b"{"),
        ),
        "leftover": lambda kept: age(leftover_of(kept)),
    }


def leftover_of(kept: Media) -> Path:
    left = file_of(kept).parent / ".incoming" / "0123.part"
    left.write_bytes(PNG[:500])
    return left


REPAIRED = {"missing-sidecar", "damaged-sidecar", "orphan-sidecar", "leftover"}
DAMAGES = sorted(damages())


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_told(store: MediaStore, kept: Media, damage: str) -> None:
    assert list(store.verify(older_than=-1)) == []
    damages()[damage](kept)
    [problem] = store.verify()
    assert problem.kind == damage.partition(" ")[0]
    assert Path(problem.path).parent.name in ("media", ".incoming")
    assert problem.handle == (None if problem.kind == "leftover" else kept.handle)
    assert str(problem).startswith(problem.path)
    assert not problem.repaired


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_can_be_repaired_is_and_the_rest_by_saving_again(
    store: MediaStore, kept: Media, damage: str
) -> None:
    damages()[damage](kept)
    [problem] = store.verify(repair=True)
    assert problem.repaired is (problem.kind in REPAIRED)
    if problem.repaired:
        assert list(store.verify(older_than=-1)) == []
    elif problem.kind == "unreadable":
        file_of(kept).rmdir()
    assert store.add(PNG, tool="again").read() == PNG
    assert list(store.verify(older_than=-1)) == []
    assert store.provenance(kept.handle)["sha256"] == kept.sha256


def test_a_store_that_was_copied_without_its_hidden_folder_is_repaired(
    store: MediaStore, kept: Media
) -> None:
    spoil(file_of(kept, ".json"))
    assert store.spool_dir
    store.spool_dir.rmdir()
    [problem] = store.verify(repair=True)
    assert problem.repaired
    assert list(store.verify(older_than=-1)) == []


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "sidecar" in name])
def test_a_save_makes_a_damaged_sidecar_whole(store: MediaStore, kept: Media, damage: str) -> None:
    damages()[damage](kept)
    store.add(PNG, tool="again")
    assert store.provenance(kept.handle)["tool"] == "again"


def test_a_save_makes_a_damaged_file_of_the_same_size_whole(store: MediaStore, kept: Media) -> None:
    spoil(file_of(kept))
    assert store.add(PNG).read() == PNG
    assert store.provenance(kept.handle)["tool"] == "draw"


@pytest.mark.parametrize("data", [PNG[:1000], GIF, b"", b"hello"], ids=len)
def test_a_file_that_is_not_what_its_handle_says_is_not_given(
    store: MediaStore, kept: Media, data: bytes
) -> None:
    file_of(kept).write_bytes(data)
    with pytest.raises(DamagedMediaError, match="save it again"):
        store.get(kept.handle)
    assert list(store) == []


def test_a_damaged_file_is_removed(store: MediaStore, kept: Media) -> None:
    file_of(kept).write_bytes(b"damaged")
    file_of(kept, ".json").write_bytes(b"{")
    store.remove(kept.handle)
    assert kept.handle not in store
    assert list(store.verify(older_than=-1)) == []


def test_a_file_that_changes_before_it_is_saved_is_not_saved(
    store: MediaStore, tmp_path: Path
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    media = Media.from_path(path)
    spoil(path)
    with pytest.raises(DamagedMediaError, match="changed before"):
        store.add(media)
    assert media.handle not in store
    assert list(store.verify(older_than=-1)) == []


def test_half_a_character_in_a_prompt_does_not_lose_a_picture(store: MediaStore) -> None:
    kept = store.add(PNG, arguments={"prompt": "a \ud83d cat"})
    assert store.provenance(kept.handle)["arguments"] == {"prompt": "a \ud83d cat"}


def test_a_medium_of_an_unknown_sidecar_without_checksum_is_whole(
    store: MediaStore, kept: Media
) -> None:
    path = file_of(kept, ".json")
    facts = json.loads(path.read_text())
    del facts["checksum"]
    path.write_text(json.dumps(facts))
    assert list(store.verify()) == []
    assert store.provenance(kept.handle)["tool"] == "draw"


def test_sizes_alone_are_compared_quickly(
    store: MediaStore, kept: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(file_of(kept))
    monkeypatch.setattr(store._folder, "digest", None)
    assert list(store.verify(contents=False)) == []
    file_of(kept).write_bytes(PNG[:1000])
    assert [problem.kind for problem in store.verify(contents=False)] == ["truncated"]


def test_what_may_be_under_way_is_left_alone(store: MediaStore, kept: Media) -> None:
    file_of(kept, ".json").unlink()
    left = leftover_of(kept)
    assert list(store.verify(repair=True)) == []
    assert store.sweep() == 0
    assert left.exists()
    assert not file_of(kept, ".json").exists()
    assert {problem.kind for problem in store.verify(older_than=-1)} == {
        "missing-sidecar", "leftover",
    }  # fmt: skip
    assert store.sweep(older_than=-1) == 1
    assert not left.exists()


def test_the_first_save_sweeps_what_died_yesterday(store: MediaStore, kept: Media) -> None:
    left, fresh = age(leftover_of(kept)), file_of(kept).parent / ".incoming" / "fresh.part"
    fresh.write_bytes(PNG[:500])
    again = MediaStore(store.root)
    assert again.get(kept.handle).read() == PNG
    assert left.exists()
    again.add(GIF)
    assert not left.exists()
    assert fresh.exists()


def test_other_files_are_nobodys_business(store: MediaStore, kept: Media) -> None:
    for name in ("notes.txt", "cat.png", "package.json", "0123456789ab", ".DS_Store"):
        (Path(store.root) / name).write_bytes(b"?")
    assert list(store.verify(repair=True, older_than=-1)) == []
    assert len(list(Path(store.root).iterdir())) == 8


def test_many_problems_come_one_at_a_time(store: MediaStore) -> None:
    folder = Path(store.root)
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:012x}.png.json").write_bytes(b"{")
    problems = store.verify(repair=True)
    assert isinstance(next(problems), Problem)
    left = len(list(folder.iterdir()))
    assert left == 401 - 1  # only the first was dealt with; and there is .incoming
    assert sum(1 for _ in problems) == 399


def test_repair_and_saves_at_once_lose_nothing(store: MediaStore, kept: Media) -> None:
    """Savers put good sidecars where a repairer sees bad ones."""
    path, stop = file_of(kept, ".json"), threading.Event()
    other = MediaStore(store.root)
    failures: list[Exception] = []

    def repair() -> None:
        while not stop.is_set():
            try:
                for _ in other.verify(repair=True):
                    continue
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=repair)
    thread.start()
    try:
        for turn in range(60):
            path.write_bytes(b"{")
            store.add(PNG, tool=f"turn {turn}")
            assert store.get(kept.handle).read() == PNG
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert list(store.verify(older_than=-1)) == []


def test_what_changed_in_a_memory_file_system_is_not_saved_under_its_old_name(
    store: MediaStore,
) -> None:
    elsewhere = MediaStore("memory://changed-before-saving")
    kept = elsewhere.add(PNG)
    file = fsspec.filesystem("memory").store[f"/changed-before-saving/{kept.handle}"]
    file.seek(0)
    file.write(b"GIF89a")
    with pytest.raises(DamagedMediaError, match="changed before"):
        store.add(kept)
    assert len(store) == 0


def test_what_was_discarded_is_not_saved_as_nothing(store: MediaStore) -> None:
    with Spool(1 << 20) as spool:
        spool.accept(PNG)
    media = Media.holding(spool, mime_type="image/png", size=spool.size)
    assert media.handle
    spool.discard()
    with pytest.raises(DamagedMediaError, match="changed before"):
        store.add(media)
    assert len(store) == 0


@pytest.mark.parametrize(
    "facts",
    [
        {"size": str(len(PNG))},
        {"arguments": 5},
        {"call": []},
        {"size": 10**400},
        {"width": 1 << 64},
    ],
    ids=lambda facts: str(facts)[:20],
)
def test_a_sidecar_of_other_types_is_read_or_reported(
    store: MediaStore, kept: Media, facts: dict[str, Any]
) -> None:
    rewrite(file_of(kept, ".json"), checksum=None, **facts)
    assert {each.kind for each in store.verify()} <= {"damaged-sidecar"}
    assert store.get(kept.handle).size == len(PNG)
    assert "<figure>" in store.gallery([kept.handle])


@pytest.mark.parametrize("line", ["[" * 100_000, "{", "5", '{"tool": [], "endpoint": 1}'])
def test_a_line_that_nobody_can_read_ends_no_ledger(store: MediaStore, line: str) -> None:
    store.record(Usage(tool="draw", endpoint="POST /sd"))
    with Path(store.root, "usage.jsonl").open("a") as ledger:
        ledger.write(f"{line}\n")
    store.record(Usage(tool="draw", endpoint="POST /sd"))
    assert [each.tool for each in store.usage()] == ["draw", "draw"]
