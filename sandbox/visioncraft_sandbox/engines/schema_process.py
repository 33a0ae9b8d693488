"""Prepares a caller's schema in a process of its own, which it may crash, occupy or fill."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from langchain_visioncraft.media.confined import apart, confine, is_possible
from visioncraft_sandbox.engines.answer_schemas import UnservedSchemaError, served
from visioncraft_sandbox.engines.stopping import go_on

_MOST_BYTES = 512 << 20
_MOST_SECONDS = 2
"""Of the processor's time. Writing an answer may take some times as long, while others wait."""
_STEP_SECONDS = 0.1
_MOST_WAITS = 600
_LONGEST_KEPT = 1 << 14


def served_apart(schema: Mapping[str, Any], *, is_small: bool) -> dict[str, Any]:
    """A stricter schema that the engine takes, as `served` makes it.

    Raises:
        UnservedSchemaError: If there is none, or if it costs too much to compile.
    """
    if not is_possible():
        return served(schema, is_small=is_small)
    sent = json.dumps([schema, is_small]).encode()
    result = json.loads((_kept if len(sent) <= _LONGEST_KEPT else _prepared)(sent))
    if "problem" in result:
        raise UnservedSchemaError(result["problem"])
    closed: dict[str, Any] = result["schema"]
    return closed


def _prepared(sent: bytes) -> bytes:
    with apart(__name__, [_MOST_SECONDS, _MOST_BYTES], io.BytesIO(sent)) as process:
        for _ in range(_MOST_WAITS):
            go_on()
            with contextlib.suppress(subprocess.TimeoutExpired):
                found, _ = process.communicate(timeout=_STEP_SECONDS)
                break
    # Where SIGCHLD is ignored, one that was killed has no status.
    if process.returncode or not found.endswith(b"\n"):
        most = f"{_MOST_SECONDS} seconds or {_MOST_BYTES >> 20} MB"
        raise UnservedSchemaError(f"it takes more than {most} to compile, or ends the compiler")
    return found


_kept = lru_cache(maxsize=16)(_prepared)
"""Agents send the same schemas again and again."""


def main() -> None:
    """Prepare the schema of standard input."""
    confine(*json.loads(sys.argv[1]))
    schema, is_small = json.load(sys.stdin.buffer)
    result: dict[str, Any] = {}
    try:
        result["schema"] = served(schema, is_small=is_small)
    except UnservedSchemaError as error:
        result["problem"] = error.reason
    sys.stdout.write(json.dumps(result) + "\n")
