"""The process that prepares a schema: if it ends, the schema is refused, with the limits."""

from __future__ import annotations

import signal
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


def test_a_frozen_application_prepares_schemas_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(schema_process, "_kept", None)
    assert served_apart(SCHEMA, is_small=True) == served(SCHEMA)


def test_the_reason_of_a_refusal_is_reported() -> None:
    with pytest.raises(UnservedSchemaError, match="here: Unsatisfiable schema"):
        served_apart({"type": "integer", "minimum": 5, "maximum": 3}, is_small=True)


SEARCHED = [{"type": "string", "pattern": f"(a|b)*{n}(a|b){{{n + 5}}}"} for n in range(9)]
HEAVY: dict[str, dict[str, Any]] = {
    "multiples": {"allOf": [{"type": "integer", "multipleOf": 9973}, {"multipleOf": 9967}]},
    "patterns": {"allOf": SEARCHED},
    "patterns of a property": {"allOf": [{"properties": {"x": each}} for each in SEARCHED]},
    "patterns without an end": {
        "$defs": {
            "a": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}, SEARCHED[0]]}}},
        },
        "properties": {"z": {"$ref": "#/$defs/a"}},
    },
}


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of time")
def test_what_was_ended_is_refused_even_if_no_process_has_a_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema_process, "_MOST_SECONDS", 0.5)
    handler = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # then, each seems to end well
    try:
        with pytest.raises(UnservedSchemaError, match="it takes more than"):
            served_apart(HEAVY["multiples"], is_small=True)
    finally:
        signal.signal(signal.SIGCHLD, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of time")
@pytest.mark.parametrize("name", HEAVY)
def test_what_takes_too_long_to_compile_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_process, "_MOST_SECONDS", 0.5)
    with pytest.raises(UnservedSchemaError):
        served_apart(HEAVY[name], is_small=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only there is memory limited")
@pytest.mark.parametrize("limit", ["_MOST_SECONDS", "_MOST_BYTES"])
def test_a_schema_past_the_limits_is_refused_with_them(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_process, limit, 1e-6 if limit == "_MOST_SECONDS" else 1 << 20)
    with pytest.raises(UnservedSchemaError, match=r" seconds or \d+ MB to compile"):
        served_apart(SCHEMA, is_small=True)


def test_a_schema_that_nobody_waits_for_is_prepared_no_further() -> None:
    with until(lambda: True), pytest.raises(StoppedError):
        served_apart(SCHEMA, is_small=True)
