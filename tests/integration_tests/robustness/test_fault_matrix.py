"""A part of the fault matrix: the quick columns, with each fault. `make faults` runs all of it."""

from __future__ import annotations

import re

import pytest
from client_driving import REQUIRED
from fault_columns import COLUMNS
from fault_matrix import try_all
from fault_table import NOT_APPLICABLE, Row, rows

from langchain_visioncraft import errors

TABLE = rows()
KINDS = {"call", "poll", "link", "task"}
QUICK = [column for column in COLUMNS if column.quick]


# One test: cells are many and small, and waiting is done together.
def test_each_fault_ends_as_the_table_says() -> None:
    found = try_all(QUICK, TABLE, lambda: None)
    wrong = {key: str(outcome) for key, outcome in found.items() if not outcome.is_good}
    assert not wrong
    assert {column for _, column, _ in found} == {column.name for column in QUICK}


def test_the_quick_columns_are_of_every_kind() -> None:
    assert {column.kind for column in QUICK} == KINDS


def test_every_endpoint_has_a_column() -> None:
    assert {column.name.partition(",")[0] for column in COLUMNS} == set(REQUIRED)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_row_can_be_read(row: Row) -> None:
    assert set(row.expected) <= KINDS
    told = [text for text in row.expected.values() if text != NOT_APPLICABLE]
    assert told
    for text in told:
        name = re.fullmatch(r"(\w+) x\d+", text)
        assert name is not None, text
        assert name[1] == "ok" or issubclass(getattr(errors, name[1]), errors.VisionCraftError)
    if not row.order.startswith("("):
        assert row.fault("POST /sd", port=1, path="/sd")
