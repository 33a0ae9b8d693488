"""A part of the fault matrix: the quick columns, with each fault. `make faults` runs all of it."""

from __future__ import annotations

import re

import pytest
from client_driving import REQUIRED
from fault_columns import COLUMNS
from fault_matrix import try_all
from fault_table import NOT_APPLICABLE, Row, rows

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy, errors

TABLE = rows()
KINDS = {"call", "poll", "link", "task", "chat", "stream"}
QUICK = [column for column in COLUMNS if column.quick]


# One test: cells are many and small, and waiting is done together; beside others it takes a while.
@pytest.mark.timeout(300)
def test_each_fault_ends_as_the_table_says() -> None:
    found = try_all(QUICK, TABLE, lambda: None)
    wrong = {key: str(outcome) for key, outcome in found.items() if not outcome.is_good}
    assert not wrong
    assert {column for _, column, _ in found} == {column.name for column in QUICK}


def test_the_quick_columns_are_of_every_kind() -> None:
    assert {column.kind for column in QUICK} == KINDS


def test_every_endpoint_and_chat_model_has_a_column() -> None:
    names = {column.name.partition(",")[0] for column in COLUMNS}
    models = (ChatVisionCraft, ChatVisionCraftLegacy)
    chats = {f"{model.__name__}.{way}" for model in models for way in ("invoke", "stream")}
    assert names == {*REQUIRED, *chats}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_row_can_be_read(row: Row) -> None:
    assert set(row.expected) <= KINDS
    told = [text for text in row.expected.values() if text != NOT_APPLICABLE]
    assert told
    for text in told:
        read = re.fullmatch(r"(\w+(?: and \w+)*) x\d+", text)
        assert read is not None, text
        for name in read[1].split(" and "):
            assert name == "ok" or issubclass(getattr(errors, name), errors.VisionCraftError)
    if not row.order.startswith("("):
        assert row.fault("POST /sd", port=1, path="/sd")
