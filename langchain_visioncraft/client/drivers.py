"""The sync driver: `VisionCraftClient` runs flows and waits. It needs no asyncio.

The code that both drivers share is in `client/serving.py`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_visioncraft._driving import drive
from langchain_visioncraft.client import links
from langchain_visioncraft.client.flow import Flow, Progress
from langchain_visioncraft.client.outgoing import Outgoing
from langchain_visioncraft.client.serving import Run, ServingClient, calling_back
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.client.watching import current, in_time

if TYPE_CHECKING:
    from langchain_visioncraft._compat import httpx

ResultT = TypeVar("ResultT")

_TURN_SECONDS = 0.05
"""Between two attempts to get past a rate limiter, which itself would wait beyond a deadline."""


class VisionCraftClient(ServingClient):
    """Runs flows and waits for them. It can be pickled, and is safe in threads and after forks.

    ```python
    from langchain_visioncraft.client import VisionCraftClient, endpoints
    from visioncraft_sandbox import Sandbox

    with Sandbox(models=False) as sandbox:
        with VisionCraftClient(api_key="any", base_url=sandbox.url) as client:
            models = client.run(endpoints.list_names(family="sd", kind="models"))
    assert "sdxl-base" in models
    ```

    The arguments are those of `BaseClient`.
    """

    _given = "http_client"

    def run(
        self,
        flow: Flow[ResultT],
        *,
        on_progress: Callable[[Progress], Any] | None = None,
        spool_dir: Path | None = None,
        deadline: float | None = None,
    ) -> ResultT:
        """Run a flow and return its result.

        Args:
            flow: From a function of `endpoints`.
            on_progress: A function that is called with each `Progress` of a long task.
            spool_dir: Folder for answers too large for memory. Default: the system's.
            deadline: Seconds for the whole flow. Default: the client's own.

        Raises:
            VisionCraftError: One of the tree in `langchain_visioncraft.errors`.
        """
        running = self.running(on_progress, spool_dir, deadline)
        with self._closing_after_interrupt(), running as run:
            return drive(flow, lambda step: drive(self.serve(step, run), lambda work: work()))

    def _sleep(self, seconds: float) -> None:
        time.sleep(current().left(seconds) or 0.0)

    def _report(self, progress: Progress, run: Run) -> None:
        if run.on_progress is not None:
            run.on_progress(progress)

    def _wait_for_turn(self) -> None:
        assert self.rate_limiter is not None  # noqa: S101 -- else nobody waits
        watch = current()
        if watch.seconds is None:
            self.rate_limiter.acquire(blocking=True)
            return
        while not watch.is_over and not self.rate_limiter.acquire(blocking=False):
            time.sleep(watch.left(_TURN_SECONDS) or 0.0)

    def _resolve(self, link: links.Link, endpoint: str) -> Any:
        with self.translating(endpoint, link.host):
            return in_time(
                lambda: socket.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)
            )

    @contextlib.contextmanager
    def _closing_after_interrupt(self) -> Iterator[None]:
        """Clean up after Ctrl-C: the HTTP library's pool then holds an orphaned connection."""
        try:
            with self._own_lock():
                self._busy += 1
            yield
        except KeyboardInterrupt:
            if self._busy == 1:  # otherwise other threads still use it
                self.close()
            raise
        finally:
            with self._own_lock():
                self._busy -= 1

    def _send(self, outgoing: Outgoing, run: Run) -> tuple[httpx.Response, Spool]:
        with self.translating(outgoing.endpoint, outgoing.host):
            http = self.http()
            body = outgoing.content
            request = outgoing.request(http, body and body.content())
            response = http.send(request, stream=True, **outgoing.options())
            try:
                current().came = True
                progress_in = self.progress_in(outgoing, run)
                with self.spool(response, outgoing, run) as spool:
                    for chunk in response.iter_bytes():
                        self.check_time(run)
                        if not spool.accept(chunk):
                            break
                        for progress in progress_in(chunk):
                            with calling_back():
                                self._report(progress, run)
            finally:
                response.close()
        return response, spool

    def _open(self) -> httpx.Client:
        # The HTTP library is imported at the first call: nothing else takes as long.
        from langchain_visioncraft._compat import httpx  # noqa: PLC0415
        from langchain_visioncraft.client.transport import build, client_options  # noqa: PLC0415

        options = client_options(self.settings.verify, self.settings.timeout)
        http = build(httpx.Client, **options)
        # A tool has no `close`; its connections are closed with it, or with the interpreter.
        self._closer = weakref.finalize(self, _close_in, self._process, http)
        return http

    def close(self) -> None:
        """Close the connections; the next call opens new ones. Your own HTTP client stays open."""
        with self._own_lock():
            closer, self._closer, self._http = self._closer, None, None
        if closer is not None:
            closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close_in(process: int, http: httpx.Client) -> None:
    if os.getpid() == process:  # a forked child must not close its parent's connections
        http.close()
