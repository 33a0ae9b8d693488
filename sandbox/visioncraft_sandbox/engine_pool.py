"""The engines, loaded at first use and run in threads, so that the event loop never blocks.

All of them spend their time in C code that releases the interpreter's lock, or in short steps.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engines.stopping import StoppedError, go_on, until
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.settings import SandboxConfig

if TYPE_CHECKING:
    from visioncraft_sandbox.engines.eyes import Eyes
    from visioncraft_sandbox.engines.language import LanguageModel
    from visioncraft_sandbox.engines.speech import Transcriber
    from visioncraft_sandbox.engines.upscaling import Upscaler

_ResultT = TypeVar("_ResultT")

unfinished: ContextVar[set[Any]] = ContextVar("unfinished", default=set[Any]())  # noqa: B039 -- of nobody
"""The tasks of a request that have not ended, and hold its pictures."""

DRAWING = "drawing (Pillow, OpenMoji)"
MOTION = "motion (Pillow, OpenMoji, PyAV)"
REWORK = "rework (Pillow, NumPy)"
VISION = "vision (SSD-MobileNetV2, EfficientNet-Lite3, PP-OCR)"
MEASURING = "vision (measurements)"
PLANNER = "planner (rules)"
CATALOG = "catalog"


@cache
def _shared(engine: Callable[[], Any]) -> Any:
    """The engine of this class for all sandboxes, which is made once."""
    return engine()


class Lane:
    """Runs tasks in threads, a bounded number at a time."""

    def __init__(self, pool: EnginePool, most: int) -> None:
        self._pool = pool
        self._limiter = anyio.CapacityLimiter(most)

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return self._limiter.statistics().tasks_waiting

    async def __call__(self, task: Callable[[], _ResultT]) -> _ResultT:
        """Run a task; refused with 503 if its engine is missing or the sandbox stops."""
        gone, begun = threading.Event(), threading.Event()

        def run() -> _ResultT:
            begun.set()
            with until(lambda: gone.is_set() or self._pool.closed):
                go_on()
                return task()

        # It keeps its place until it has ended, even when nobody waits for it any more.
        working = asyncio.ensure_future(anyio.to_thread.run_sync(run, limiter=self._limiter))

        def forget(done: asyncio.Future[_ResultT]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None and gone.is_set():
                error.__traceback__ = None  # its frames hold what the task worked on

        working.add_done_callback(forget)
        tasks = unfinished.get()
        tasks.add(working)
        working.add_done_callback(tasks.discard)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            gone.set()
            if not begun.is_set():
                working.cancel()  # so that what it holds is released now
            raise
        except StoppedError as error:
            raise Refusal(503, "The sandbox is stopping.") from error
        except EngineUnavailable as error:
            raise Refusal(503, str(error)) from error
        except ImportError as error:
            message = (
                f"This engine needs the package {error.name or error!r}, which is not installed: "
                "pip install 'langchain-visioncraft[sandbox]', then `visioncraft setup`."
            )
            raise Refusal(503, message) from error


class EnginePool:
    """Runs the engines for one application.

    All sandboxes of a process share the models: loading them takes time and memory, and they keep
    no state between calls.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self.work = Lane(self, max(2, os.cpu_count() or 1))
        """Engines' own work, at most one task for each core."""

        # It holds Python's lock for milliseconds at a time; the event loop needs the lock for every
        # step, and would wait for as many such threads as there are.
        self.parse = Lane(self, 1)
        """Parsing JSON and checking chats: work in pure Python."""

        self.plan = Lane(self, 1)
        """Planning chats, in the one process of the planner."""

        self.read = Lane(self, 2)
        """Decoding pictures and recordings."""

        self.listen = Lane(self, 4)
        """Transcribing, which may take half as long as a recording: other work does not wait."""

        self.links = anyio.CapacityLimiter(16)
        """Fetching links."""

        self.fetched = 0
        """The bytes from links that all requests hold."""

        self.look_up = Lane(self, 64)
        """Looking up hosts, which may take long, even after the callers have left."""

        self.load = Lane(self, 1)
        """Loading engines: importing some takes a second."""

        self.write = Lane(self, 4)
        """The language model's tasks."""

        self.large = anyio.CapacityLimiter(2)
        """The requests that may hold large pictures."""

        self.small = anyio.CapacityLimiter(32)
        """The requests that may hold any pictures."""

        self.forwarded = anyio.CapacityLimiter(2)
        """The recordings that a server transcribes: each may take 230 MB."""

        self.closed = False
        """Whether the application is shutting down, so that long work ends early."""

    def close(self) -> None:
        """End running work."""
        self.closed = True

    def upscaler(self) -> Upscaler:
        """The upscaler; refused with 501 if models are off."""
        self._require_models("Upscaling")
        from visioncraft_sandbox.engines.upscaling import Upscaler  # noqa: PLC0415  # heavy

        upscaler: Upscaler = _shared(Upscaler)
        return upscaler

    def transcriber(self) -> Transcriber:
        """The transcriber; refused with 501 if models are off."""
        self._require_models("Transcription")
        from visioncraft_sandbox.engines.speech import Transcriber  # noqa: PLC0415  # heavy

        transcriber: Transcriber = _shared(Transcriber)
        return transcriber

    def eyes(self) -> Eyes | None:
        """The vision models; `None` if models are off, so that pictures are only measured."""
        from visioncraft_sandbox.engines.eyes import Eyes  # noqa: PLC0415  # heavy

        return _shared(Eyes) if self._config.models else None

    def language_model(self) -> LanguageModel:
        """The language model, which loads at first use; refused with 501 if models are off."""
        if self._config.llm_file is None:
            self._require_models("Text generation")
        from visioncraft_sandbox.engines.language import shared_model  # noqa: PLC0415  # heavy

        return shared_model(self._config.llm_file)

    def _require_models(self, what: str) -> None:
        if not self._config.models:
            message = (
                f"{what} is switched off here: this sandbox runs without models (--no-models, or "
                "Sandbox(models=False)). Start it without that option, after `visioncraft setup`."
            )
            raise Refusal(501, message)
