"""Shows the steps of an agent while it works: one line per step, with its time."""

from __future__ import annotations

import time
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_LONGEST = 96


class StepDisplay:
    """Turns the events of `astream_events` into lines, and a spinner for what is under way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._running: dict[str, tuple[Any, float, str]] = {}
        self._steps = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: dict[str, Any]) -> None:
        """Take the next event."""
        kind, run = event["event"], event["run_id"]
        if kind == "on_tool_start":
            what = _call(event["name"], event["data"].get("input") or {})
            self._start(run, what)
        elif kind == "on_tool_end":
            self._end_tool(run, event["data"]["output"])
        elif kind == "on_custom_event" and run in self._running:
            self._report(run, str(event["data"].get("message", "")))
        elif kind == "on_chat_model_start" and not self._inside_a_tool(event):
            self._start(run, "[dim]the agent thinks[/]")
        elif kind == "on_chat_model_end":
            self._end_thought(run, event["data"]["output"])

    def _inside_a_tool(self, event: dict[str, Any]) -> bool:
        return any(parent in self._running for parent in event.get("parent_ids", ()))

    def _start(self, run: str, what: str) -> None:
        task = self._progress.add_task(what, total=None)
        self._running[run] = task, time.monotonic(), what

    def _report(self, run: str, progress: str) -> None:
        task, _, what = self._running[run]
        self._progress.update(task, description=f"{what} [cyan]{escape(progress)}[/]")

    def _stop(self, run: str) -> tuple[float, str]:
        task, began, what = self._running.pop(run)
        self._progress.remove_task(task)
        return time.monotonic() - began, what

    def _end_tool(self, run: str, message: Any) -> None:
        seconds, what = self._stop(run)
        self._steps += 1
        failed = getattr(message, "status", "success") == "error"
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self._console.print(f"{mark} [bold]{self._steps:>2}[/] {what} [dim]{seconds:.1f} s[/]")
        result = " ".join(str(message.content).split())
        style = "red" if failed else "cyan"
        self._console.print(Padding(f"[{style}]→ {escape(_short(result, 160))}[/]", (0, 0, 0, 5)))

    def _end_thought(self, run: str, message: Any) -> None:
        if run not in self._running:
            return
        self._stop(run)
        if message.text and not message.tool_calls:
            self._console.print(f"\n{escape(message.text)}")


def _call(name: str, arguments: dict[str, Any]) -> str:
    shown = ", ".join(f"{key}={_short(str(value))}" for key, value in arguments.items())
    return f"[bold]{name.removeprefix('visioncraft_')}[/] [dim]{escape(shown)}[/]"


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
