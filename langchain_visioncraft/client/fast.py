"""The async client's HTTP over aiohttp, of the extra ``fast``: a third of the processor time.

Only the wire is aiohttp's. Requests, answers and errors are httpx's own, so that nothing else knows
the difference. Proxies of the environment are left to httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import select
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.pools import LoopSafeAsyncClient
from langchain_visioncraft.client.watching import Watch, current

_NEVER_WAITS = 1 << 16
"""Bytes of a body that the event loop takes at once; the rest waits for the host to read."""
_BUFFER = 1 << 18
_LONGEST_HEADER = 1 << 16
_KEPT_SECONDS = 5.0

_ERRORS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "ConnectTimeout"),
    (aiohttp.ServerTimeoutError, "ReadTimeout"),
    (aiohttp.ClientConnectorError, "ConnectError"),
    (aiohttp.ServerDisconnectedError, "RemoteProtocolError"),
    (aiohttp.ClientPayloadError, "RemoteProtocolError"),
    (aiohttp.ClientResponseError, "RemoteProtocolError"),
    (aiohttp.NonHttpUrlClientError, "UnsupportedProtocol"),
    (aiohttp.InvalidURL, "InvalidURL"),
    (aiohttp.ClientError, "ReadError"),
)
"""What aiohttp raises, and what httpx calls it; the first that fits counts."""


class AiohttpClient(LoopSafeAsyncClient):
    """An `AsyncClient` that sends by aiohttp, and may be used from several event loops."""

    def build_request(self, method: str, url: Any, **options: Any) -> httpx.Request:
        """The request as it is: this client has no headers, cookies or parameters of its own."""
        return httpx.Request(method, _parsed(str(url)), **options)

    def _open(self) -> _Session:
        return _Session(self._inner_options)


@functools.lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """The URL of a call, which is mostly the same as that of the call before."""
    return httpx.URL(url)


class _Session:
    """The connections of one event loop."""

    def __init__(self, options: dict[str, Any]) -> None:
        timeout: httpx.Timeout = options["timeout"]
        self._write_seconds = timeout.write
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,
                ssl=options["verify"],
                keepalive_timeout=_KEPT_SECONDS,
                resolver=aiohttp.ThreadedResolver(),  # as the rest of the process resolves
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=timeout.connect, sock_read=timeout.read
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_BUFFER,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        # What is tried again is for the client to say. aiohttp has no public switch for it.
        self._session._retry_connection = False

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_: Any
    ) -> httpx.Response:
        """Send a request; redirects are never followed."""
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        with _translating():
            async with asyncio.timeout(None) as writing:
                body = _Body(request, writing, self._write_seconds)
                try:
                    answer = await self._session.request(
                        request.method,
                        URL(str(request.url), encoded=True),
                        headers=headers,
                        data=body.data(),
                        allow_redirects=False,
                        server_hostname=request.extensions.get("sni_hostname"),
                    )
                except Exception:
                    if body.failed is not None:
                        raise body.failed from None
                    raise
                finally:
                    body.over = True
        reusable = request.headers.get("connection") != "close"
        response = _Response(
            answer.status,
            headers=answer.raw_headers or [*answer.headers.items()],  # vcr has only these
            stream=_Answer(answer, reusable=reusable),
            request=request,
        )
        if not stream:
            await response.aread()
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """Gives connections that are open, and that say to the call's watch what came back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        ours: Any = functools.partial(_Protocol, loop=self._loop)
        self._factory = ours

    async def connect(self, *args: Any, **options: Any) -> Any:
        connection: Any = await super().connect(*args, **options)
        if _has_news(connection):
            for _ in range(2):  # rounds: one sees it, one reads it
                await asyncio.sleep(0)
            if not connection.protocol.is_connected():  # the host hung up after the last call
                connection.close()
                connection = await super().connect(*args, **options)
        watch = current()
        watch.came = False
        connection.protocol.watch = watch
        return connection


def _has_news(connection: Any) -> bool:
    """Whether something has come that the event loop has not read yet, such as the end."""
    sock = connection.transport and connection.transport.get_extra_info("socket")
    if sock is None or not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class _Protocol(ResponseHandler):
    watch: Watch | None = None

    def data_received(self, data: bytes) -> None:
        if self.watch is not None:
            self.watch.came = True
        super().data_received(data)


class _Body:
    """The body of a request, and a watch over how long the host takes to read of it."""

    def __init__(
        self, request: httpx.Request, writing: asyncio.Timeout, seconds: float | None
    ) -> None:
        self._request, self._writing, self._seconds = request, writing, seconds
        self.failed: Exception | None = None
        self.over = False

    def data(self) -> bytes | AsyncIterable[bytes] | None:
        """What aiohttp sends."""
        stream = self._request.stream
        if isinstance(stream, httpx.ByteStream):
            whole = b"".join(stream)
            if len(whole) <= _NEVER_WAITS:
                return whole or None
        return self._watched()

    async def _watched(self) -> AsyncIterator[bytes]:
        chunks = cast("AsyncIterable[bytes]", self._request.stream)
        try:
            async for chunk in chunks:
                for at in range(0, len(chunk), _NEVER_WAITS):
                    self._wait(self._seconds)
                    yield chunk[at : at + _NEVER_WAITS]
        except Exception as error:
            self.failed = error  # aiohttp would say that the connection failed
            raise
        finally:
            self._wait(None)

    def _wait(self, seconds: float | None) -> None:
        if not self.over:  # else it is answered already
            now = asyncio.get_running_loop().time()
            self._writing.reschedule(None if seconds is None else now + seconds)


class _Response(httpx.Response):
    """An answer that was not compressed is passed on as it arrives."""

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes, None]:
        whole = chunk_size is None and "content-encoding" not in self.headers
        chunks = self.stream if whole else super().aiter_bytes(chunk_size)
        async for chunk in cast("AsyncIterable[bytes]", chunks):
            yield chunk


class _Answer(httpx.AsyncByteStream):
    """The body of an answer as it arrives."""

    def __init__(self, answer: aiohttp.ClientResponse, *, reusable: bool) -> None:
        self._answer, self._reusable = answer, reusable

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translating():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        if self._reusable:
            self._answer.release()  # closes what was not read to its end
        else:
            self._answer.close()


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        name = next((name for kind, name in _ERRORS if isinstance(error, kind)), "WriteTimeout")
        words = str(error)
        if isinstance(error, aiohttp.ServerDisconnectedError):  # as httpx says it
            words = "Server disconnected without sending a response."
        raise getattr(httpx, name)(words) from error
