"""The process that prepares a schema: if it ends, the schema is refused, with the limits."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from visioncraft_sandbox.engines import schema_process
from visioncraft_sandbox.engines.answer_schemas import UnservedSchemaError, served
from visioncraft_sandbox.engines.schema_process import served_apart
from visioncraft_sandbox.engines.stopping import StoppedError, until

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    schema_process._kept.cache_clear()


def test_a_schema_is_prepared_as_in_this_process() -> None:
    for _ in range(2):
        assert served_apart(SCHEMA, is_small=True) == served(SCHEMA)
    assert served_apart(SCHEMA, is_small=False) == served(SCHEMA, is_small=False)
    assert schema_process._kept.cache_info().hits == 1


def test_the_reason_of_a_refusal_is_reported() -> None:
    with pytest.raises(UnservedSchemaError, match="here: Unsatisfiable schema"):
        served_apart({"type": "integer", "minimum": 5, "maximum": 3}, is_small=True)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of time")
def test_a_schema_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_process, "_MOST_SECONDS", 0.001)
    with pytest.raises(UnservedSchemaError, match=r"more than 0\.001 seconds or 512 MB to compile"):
        served_apart(SCHEMA, is_small=True)


def test_a_schema_that_nobody_waits_for_is_prepared_no_further() -> None:
    with until(lambda: True), pytest.raises(StoppedError):
        served_apart(SCHEMA, is_small=True)
