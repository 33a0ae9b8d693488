"""One flow that is run, and how its caller hears of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_visioncraft.client.flow import Progress
from langchain_visioncraft.client.spool import LocalError


@dataclass
class Run:
    """One flow that is run.

    Attributes:
        on_progress: Is called with each `Progress`.
        folder: For answers too long for memory.
        began: In seconds of the monotonic clock.
        linked: Bytes of the files that answers linked to.
    """

    on_progress: Callable[[Progress], Any] | None = None
    folder: Path | None = None
    began: float = field(default_factory=time.monotonic)
    linked: int = 0

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


@contextlib.contextmanager
def calling_back() -> Iterator[None]:
    """Around a caller's function while an answer arrives: its errors are its own."""
    try:
        yield
    except Exception as error:
        raise LocalError(error) from error
