"""The async driver: `AsyncVisionCraftClient` runs flows without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_visioncraft._driving import adrive
from langchain_visioncraft._flows import needs_asyncio
from langchain_visioncraft._threads import SMALL_BYTES, in_thread
from langchain_visioncraft.client import links
from langchain_visioncraft.client.flow import Flow, Progress
from langchain_visioncraft.client.outgoing import Outgoing
from langchain_visioncraft.client.serving import Run, ServingClient, calling_back
from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.client.translation import timed_out
from langchain_visioncraft.client.watching import current

if TYPE_CHECKING:
    from langchain_visioncraft._compat import httpx

ResultT = TypeVar("ResultT")


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

    _given = "http_async_client"

    async def run(
        self,
        flow: Flow[ResultT],
        *,
        on_progress: Callable[[Progress], Awaitable[Any] | Any] | None = None,
        spool_dir: Path | None = None,
        deadline: float | None = None,
    ) -> ResultT:
        """Run a flow and return its result, as `VisionCraftClient.run` does.

        `on_progress` may be async; it is awaited then.
        """
        needs_asyncio()
        with self.running(on_progress, spool_dir, deadline) as run:
            try:
                async with asyncio.timeout(run.watch.seconds) as scope:
                    return await adrive(
                        flow,
                        lambda step: adrive(self.serve(step, run), lambda work: work()),
                        _resumed,
                    )
            except TimeoutError:
                if not scope.expired():
                    raise
                raise timed_out(self.facts(run.endpoint)) from None

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
        with self.translating(outgoing.endpoint, outgoing.host):
            # The first one takes up to half a second, which would block all other tasks.
            ready = self.http_async_client or self._http
            http = ready or await asyncio.to_thread(self.http)
            body = outgoing.content
            request = outgoing.request(http, body and body.async_content())
            response = await http.send(request, stream=True, **outgoing.options())
            try:
                current().came = True
                progress_in = self.progress_in(outgoing, run)
                with self.spool(response, outgoing, run) as spool:
                    async for chunk in response.aiter_bytes():
                        if not spool.accept(chunk):
                            break
                        for progress in progress_in(chunk):
                            with calling_back():
                                await self._report(progress, run)
            finally:
                await response.aclose()
        return response, spool

    def _open(self) -> Any:
        """An HTTP client: over aiohttp if possible."""
        from urllib.request import getproxies  # noqa: PLC0415 -- brings HTTP and e-mail along

        from langchain_visioncraft.client import transport  # noqa: PLC0415 -- as above

        options = transport.client_options(self.settings.verify, self.settings.timeout)
        if not {"http", "https", "all"} & getproxies().keys():  # which httpx supports better
            with contextlib.suppress(ImportError):
                from langchain_visioncraft.client.fast import AiohttpClient  # noqa: PLC0415

                return AiohttpClient(**options)
        return transport.build(transport.LoopSafeAsyncClient, **options)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones. Your own HTTP client stays open."""
        with self._own_lock():
            http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _resumed(send: Callable[[Any], Any], result: Any) -> Any:
    """Go on with the result of a step; reading a long answer would block the event loop."""
    long = isinstance(result, Spool) and result.size > SMALL_BYTES
    return await in_thread(send, result) if long else send(result)
