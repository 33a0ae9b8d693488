"""Progress of slow tools, reported to LangChain's callbacks and LangGraph's streams."""

from __future__ import annotations

import sys
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.runnables.config import ensure_config

from langchain_visioncraft.client import Progress

PROGRESS_EVENT = "visioncraft_progress"
"""Name of the custom event that reports progress; the `type` in LangGraph streams."""


def report(progress: Progress) -> None:
    """Report to callbacks, to ``stream_mode="custom"`` and to the deltas of the tool call."""
    event = _event(progress)
    if _in_a_run():
        dispatch_custom_event(PROGRESS_EVENT, event)
    _stream(event)


async def areport(progress: Progress) -> None:
    """The same as `report`, async."""
    event = _event(progress)
    if _in_a_run():
        await adispatch_custom_event(PROGRESS_EVENT, event)
    _stream(event)


def _in_a_run() -> bool:
    # Frameworks that call `_run` themselves have no run, and no listener.
    return ensure_config().get("callbacks") is not None


def _stream(event: dict[str, Any]) -> None:
    """Write to LangGraph's stream, which does not pass on callbacks' custom events."""
    if "langgraph.pregel" not in sys.modules:  # LangGraph is not loaded, so this is not in a graph
        return
    from langgraph.config import get_stream_writer  # noqa: PLC0415
    from langgraph.prebuilt import ToolRuntime  # noqa: PLC0415

    try:
        write = get_stream_writer()
    except (RuntimeError, KeyError):  # not in a graph
        return
    told = {"type": PROGRESS_EVENT, **event}
    write(told)
    # It finds the call in the context, so it needs no runtime. Older versions lack it.
    if emit := getattr(ToolRuntime, "emit_output_delta", None):
        emit(None, told)


def _event(progress: Progress) -> dict[str, Any]:
    return {"message": progress.message, "elapsed": progress.elapsed, **progress.details}
