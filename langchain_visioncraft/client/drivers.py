"""The two drivers: `VisionCraftClient` and `AsyncVisionCraftClient` run flows over HTTP.

What both do in the same way is in `client/base.py`; only what waits is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import socket
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_visioncraft._flows import adrive, drive, needs_asyncio
from langchain_visioncraft.client import links
from langchain_visioncraft.client.flow import Flow, Progress, Step
from langchain_visioncraft.client.outgoing import Outgoing
from langchain_visioncraft.client.running import Run, calling_back
from langchain_visioncraft.client.serving import ServingClient
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.client.translation import timed_out
from langchain_visioncraft.client.watching import checked_deadline, current, watching

if TYPE_CHECKING:
    from langchain_visioncraft._compat import httpx

ResultT = TypeVar("ResultT")


class VisionCraftClient(ServingClient):
    """Runs flows, and waits for them. Safe for threads and forks; it pickles.

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

    def run(
        self,
        flow: Flow[ResultT],
        *,
        on_progress: Callable[[Progress], Any] | None = None,
        spool_dir: Path | None = None,
        deadline: float | None = None,
    ) -> ResultT:
        """Do what a flow asks for, and give its result.

        Args:
            flow: From a function of `endpoints`.
            on_progress: Is called with each `Progress` of a long task.
            spool_dir: Folder for answers too long for memory; the system's own by default.
            deadline: Seconds for all of it. Default: the client's own.

        Raises:
            VisionCraftError: One of the tree in `langchain_visioncraft.errors`.
        """
        run = Run(on_progress, spool_dir)
        seconds = self.deadline if deadline is None else checked_deadline(deadline)
        with self._closing_after_interrupt(), self.running() as spools, watching(seconds):

            def do(step: Step) -> Any:
                result = drive(self.serve(step, run), lambda work: work())
                if isinstance(result, Spool):
                    spools.add(result)
                return result

            return drive(flow, do)

    def _sleep(self, seconds: float) -> None:
        time.sleep(current().left(seconds) or 0.0)

    def _report(self, progress: Progress, run: Run) -> None:
        if run.on_progress is not None:
            run.on_progress(progress)

    def _wait_for_turn(self) -> None:
        assert self.rate_limiter is not None  # noqa: S101 -- else nobody waits
        self.rate_limiter.acquire(blocking=True)

    def _resolve(self, link: links.Link, endpoint: str) -> Any:
        with self.translating(endpoint, link.host):
            return socket.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)

    @contextlib.contextmanager
    def _closing_after_interrupt(self) -> Iterator[None]:
        """Ctrl-C also interrupts the HTTP library, whose pool then holds an orphaned connection."""
        try:
            with self._own_lock():
                self._busy += 1
            yield
        except KeyboardInterrupt:
            if self._busy == 1:  # otherwise other threads still talk
                self.close()
            raise
        finally:
            with self._own_lock():
                self._busy -= 1

    def _send(self, outgoing: Outgoing, run: Run) -> tuple[httpx.Response, Spool]:
        with self.translating(outgoing.endpoint, outgoing.host) as state:
            http = self.http()
            body = outgoing.content
            request = outgoing.request(http, body and body.content())
            response = http.send(request, stream=True, **outgoing.options())
            try:
                state.answered = True
                watch = self.watching(outgoing, run)
                with self.spool(response, outgoing, run) as spool:
                    for chunk in response.iter_bytes():
                        self.check_time(outgoing.endpoint)
                        if not spool.accept(chunk):
                            break
                        for progress in watch(chunk):
                            with calling_back():
                                self._report(progress, run)
            finally:
                response.close()
        return response, spool

    def http(self) -> httpx.Client:
        """The HTTP client of this process, made at the first call."""
        if self.http_client is not None:
            given: httpx.Client = self.http_client
            return given
        if self._lender is not None:
            lent: httpx.Client = self._lender.http()
            return lent
        # An HTTP library is imported at the first call: it takes longer than all else.
        from langchain_visioncraft.client.opening import new_client  # noqa: PLC0415

        # After a fork, parent and child must not talk over the same connections.
        with self._own_lock():
            if self._http is None:
                self._http = new_client(self.settings)
                # A tool has no `close`; its connections go with it, or with the interpreter.
                self._closer = weakref.finalize(self, _close_in, self._process, self._http)
            http: httpx.Client = self._http
            return http

    def as_async(self) -> AsyncVisionCraftClient:
        """The async client with the same settings."""
        return self._other(AsyncVisionCraftClient)

    def close(self) -> None:
        """Close the connections; the next call opens new ones. A client that was given stays."""
        with self._own_lock():
            closer, self._closer, self._http = self._closer, None, None
        if closer is not None:
            closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close_in(process: int, http: httpx.Client) -> None:
    if os.getpid() == process:  # a forked child must not say goodbye over its parent's connections
        http.close()


class AsyncVisionCraftClient(ServingClient):
    """Runs flows without blocking. Safe for several event loops, one after another; it pickles.

    ```python
    import asyncio

    from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints
    from visioncraft_sandbox import Sandbox


    async def main() -> None:
        async with AsyncVisionCraftClient(api_key="any", base_url=sandbox.url) as client:
            flows = [endpoints.text_to_gif(prompt=f"{n} birds at dawn") for n in (2, 3)]
            gifs = await asyncio.gather(*map(client.run, flows))
        assert all(gif.mime_type == "image/gif" for [gif] in gifs)


    with Sandbox(models=False) as sandbox:
        asyncio.run(main())
    ```

    The arguments are those of `BaseClient`.
    """

    async def run(
        self,
        flow: Flow[ResultT],
        *,
        on_progress: Callable[[Progress], Awaitable[Any] | Any] | None = None,
        spool_dir: Path | None = None,
        deadline: float | None = None,
    ) -> ResultT:
        """Do what a flow asks for, and give its result.

        Args:
            flow: From a function of `endpoints`.
            on_progress: Is called, and awaited if it is async, with each `Progress`.
            spool_dir: Folder for answers too long for memory; the system's own by default.
            deadline: Seconds for all of it. Default: the client's own.

        Raises:
            VisionCraftError: One of the tree in `langchain_visioncraft.errors`.
        """
        needs_asyncio()
        run = Run(on_progress, spool_dir)
        seconds = self.deadline if deadline is None else checked_deadline(deadline)
        endpoint = "The call"
        with self.running() as spools, watching(seconds):

            async def do(step: Step) -> Any:
                nonlocal endpoint
                endpoint = getattr(step, "endpoint", endpoint)
                result = await adrive(self.serve(step, run), lambda work: work())
                if isinstance(result, Spool):
                    spools.add(result)
                return result

            try:
                async with asyncio.timeout(seconds) as scope:
                    return await adrive(flow, do)
            except TimeoutError:
                if not scope.expired():
                    raise
                raise timed_out(self.facts(endpoint)) from None

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _report(self, progress: Progress, run: Run) -> None:
        if run.on_progress is not None:
            waiting = run.on_progress(progress)
            if inspect.isawaitable(waiting):
                await waiting

    async def _wait_for_turn(self) -> None:
        assert self.rate_limiter is not None  # noqa: S101 -- else nobody waits
        await self.rate_limiter.aacquire(blocking=True)

    async def _resolve(self, link: links.Link, endpoint: str) -> Any:
        with self.translating(endpoint, link.host):
            loop = asyncio.get_running_loop()
            return await loop.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)

    async def _send(self, outgoing: Outgoing, run: Run) -> tuple[httpx.Response, Spool]:
        with self.translating(outgoing.endpoint, outgoing.host) as state:
            # The first one takes up to half a second, in which no other task would run.
            ready = self.http_async_client or self._http
            http = ready or await asyncio.to_thread(self.http)
            body = outgoing.content
            request = outgoing.request(http, body and body.async_content())
            response = await http.send(request, stream=True, **outgoing.options())
            try:
                state.answered = True
                watch = self.watching(outgoing, run)
                with self.spool(response, outgoing, run) as spool:
                    async for chunk in response.aiter_bytes():
                        if not spool.accept(chunk):
                            break
                        for progress in watch(chunk):
                            with calling_back():
                                await self._report(progress, run)
            finally:
                await response.aclose()
        return response, spool

    def http(self) -> httpx.AsyncClient:
        """The HTTP client of this process, made at the first call."""
        if self.http_async_client is not None:
            given: httpx.AsyncClient = self.http_async_client
            return given
        if self._lender is not None:
            lent: httpx.AsyncClient = self._lender.http()
            return lent
        from langchain_visioncraft.client.opening import new_async_client  # noqa: PLC0415 -- as above

        with self._own_lock():
            if self._http is None:
                self._http = new_async_client(self.settings)
            http: httpx.AsyncClient = self._http
            return http

    def as_sync(self) -> VisionCraftClient:
        """The sync client with the same settings."""
        return self._other(VisionCraftClient)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones. A client that was given stays."""
        with self._own_lock():
            http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
