"""The body of an answer: in memory while it is short, in a file that goes away when it is long."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path

import pytest

from langchain_visioncraft.client.spool import MEMORY_BYTES, Spool
from langchain_visioncraft.errors import AnswerTooLargeError

BIG = bytes(MEMORY_BYTES + 1)


def filled(folder: Path, data: bytes = BIG, limit: int = 1 << 30) -> Spool:
    spool = Spool(limit, folder)
    for at in range(0, len(data), 1 << 16):
        spool.accept(data[at : at + (1 << 16)])
    spool.finish()
    return spool


def test_a_short_body_stays_in_memory(tmp_path: Path) -> None:
    spool = filled(tmp_path, b"short")
    assert spool.path is None
    assert spool.open().read() == b"short"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, MEMORY_BYTES, MEMORY_BYTES + 1, 3 * MEMORY_BYTES])
def test_size_and_bytes_are_those_that_came(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    spool = filled(tmp_path, data)
    assert spool.size == size
    with spool.open() as file:
        assert file.read() == data


def test_a_long_body_lies_in_a_file_that_goes_with_the_spool(tmp_path: Path) -> None:
    spool = filled(tmp_path / "new")
    assert spool.path is not None
    assert spool.path.exists()
    del spool
    gc.collect()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_discarded_body_leaves_nothing(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    spool.discard()
    spool.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_is_too_long_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(MEMORY_BYTES + 10, tmp_path)
    spool.endpoint = "POST /sd"
    spool.accept(BIG)
    with pytest.raises(AnswerTooLargeError, match=r"POST /sd, .* is larger than 1\.0 MB"):
        spool.accept(bytes(100))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [0, 1, 10, MEMORY_BYTES, MEMORY_BYTES + 10])
def test_as_many_bytes_as_are_allowed_are_accepted_and_not_one_more(
    tmp_path: Path, limit: int
) -> None:
    spool = Spool(limit, tmp_path)
    assert spool.accept(bytes(limit))
    assert spool.accept(b"")
    with pytest.raises(AnswerTooLargeError):
        spool.accept(b"1")
    whole = Spool(limit, tmp_path)
    with pytest.raises(AnswerTooLargeError):
        whole.accept(bytes(limit + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "is_in_memory"), [(MEMORY_BYTES, True), (MEMORY_BYTES + 1, False)]
)
def test_a_body_is_in_memory_up_to_a_mebibyte(
    tmp_path: Path, size: int, is_in_memory: bool
) -> None:
    assert (filled(tmp_path, bytes(size)).path is None) is is_in_memory


def test_an_announced_length_is_refused_before_it_comes(tmp_path: Path) -> None:
    spool = Spool(100, tmp_path)
    spool.expect(100)
    with pytest.raises(AnswerTooLargeError, match="Raise max_answer_bytes"):
        spool.expect(101)


def test_only_the_beginning_is_kept_where_that_is_enough(tmp_path: Path) -> None:
    spool = Spool(100, tmp_path, keep=5)
    assert spool.accept(b"1234")
    assert not spool.accept(b"5678")
    assert spool.open().read() == b"12345"
    exact = Spool(100, tmp_path, keep=5)
    assert not exact.accept(b"12345")


def test_a_file_can_be_taken_over_once(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    assert spool.take_file(tmp_path / "mine.bin")
    assert not spool.take_file(tmp_path / "again.bin")
    with spool.open() as file:
        assert file.read() == BIG
    del spool
    gc.collect()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.bin"]


def test_a_file_that_cannot_be_moved_stays_readable(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    assert not spool.take_file(tmp_path / "no such folder" / "mine.bin")
    with spool.open() as file:
        assert file.read() == BIG


def test_a_pickle_holds_the_bytes(tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(filled(tmp_path)))
    assert again.open().read() == BIG
