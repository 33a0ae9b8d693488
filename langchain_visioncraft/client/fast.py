"""HTTP over aiohttp for the async client (the extra ``fast``): half the processor time of httpx.

It implements the part of ``httpx.AsyncClient`` that the driver uses, and raises httpx's errors, so
that no other code notices the difference. Proxies from the environment are left to httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import select
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError
from yarl import URL

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.transport import PerLoop
from langchain_visioncraft.client.watching import Watch, current
from langchain_visioncraft.errors import VisionCraftError

_NEVER_WAITS = 1 << 16
"""Bytes of a body that the event loop buffers; the rest waits until the host reads."""
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
"""aiohttp's errors, and httpx's counterparts; the first that fits counts."""


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str] = field(repr=False)  # or the body: one of them holds the key
    content: bytes | AsyncIterable[bytes] | None = field(repr=False)
    extensions: Mapping[str, Any] | None


class AiohttpClient:
    """Sends by aiohttp, from any event loop, with the options of an ``httpx.AsyncClient``."""

    build_request = _Request

    def __init__(self, **options: Any) -> None:
        self._sessions = PerLoop(functools.partial(_Session, options))
        self._write_seconds = options["timeout"].write

    async def send(self, request: _Request, **_: Any) -> _Answer:
        """Send a request; redirects are never followed."""
        session = (await self._sessions.get()).session
        content = request.content
        with _translating():
            async with asyncio.timeout(None) as writing:
                if isinstance(content, bytes) and len(content) > _NEVER_WAITS:
                    content = _pieces(content)
                if content is not None and not isinstance(content, bytes):
                    content = _watched(content, writing, self._write_seconds)
                answer = await session.request(
                    request.method,
                    _parsed(request.url),
                    headers=request.headers,
                    data=content,
                    allow_redirects=False,
                    server_hostname=(request.extensions or {}).get("sni_hostname"),
                )
        return _Answer(answer, reusable=request.headers.get("Connection") != "close")

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._sessions.aclose()


class _Session:
    """The connections of one event loop."""

    def __init__(self, options: dict[str, Any]) -> None:
        timeout: httpx.Timeout = options["timeout"]
        self.session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,
                ssl=options["verify"],
                keepalive_timeout=_KEPT_SECONDS,
                resolver=aiohttp.ThreadedResolver(),  # resolve names like the rest of the process
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
        # The client decides what is retried. aiohttp has no public switch for this.
        self.session._retry_connection = False

    async def aclose(self) -> None:
        await self.session.close()


@functools.lru_cache(maxsize=64)
def _parsed(url: str) -> URL:
    """The URL of a call, which is mostly that of the previous call."""
    return URL(url, encoded=True)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


class _Connector(aiohttp.TCPConnector):
    """Provides open connections, which report to the call's watch when bytes arrive."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        ours: Any = functools.partial(_Protocol, loop=self._loop)
        self._factory = ours

    async def connect(self, *args: Any, **options: Any) -> Any:
        connection: Any = await super().connect(*args, **options)
        if _has_news(connection):
            for _ in range(2):  # two rounds: one notices it, one reads it
                await asyncio.sleep(0)
            if not connection.protocol.is_connected():  # the host hung up after the last call
                connection.close()
                connection = await super().connect(*args, **options)
        watch = current()
        watch.came = False
        connection.protocol.watch = watch
        return connection


def _has_news(connection: Any) -> bool:
    """Whether data has arrived that the event loop has not read yet, such as the end."""
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

    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        """Tell whoever reads a body that it is damaged, which aiohttp does not."""
        payload = self._payload
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and payload is not None and not payload.is_eof():
            payload.set_exception(aiohttp.ClientPayloadError("its chunks are damaged"), exc)


async def _watched(
    chunks: AsyncIterable[bytes], writing: asyncio.Timeout, seconds: float | None
) -> AsyncIterator[bytes]:
    """Limit how long the host may take to read each piece of a long body."""
    now = asyncio.get_running_loop().time

    def wait(until: float | None) -> None:
        with contextlib.suppress(RuntimeError):  # it is answered already
            writing.reschedule(until)

    try:
        async for chunk in chunks:
            for at in range(0, len(chunk), _NEVER_WAITS):
                wait(None if seconds is None else now() + seconds)
                yield chunk[at : at + _NEVER_WAITS]
    finally:
        wait(None)


class _Headers:
    """The headers of an answer as in httpx: those of one name are joined."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str, default: Any = None) -> Any:
        found = self._headers.getall(name, None)
        if not found:
            return default
        joined = ", ".join(found)
        bare = joined.isascii()
        return joined if bare else joined.encode(errors="surrogateescape").decode(errors="replace")


class _Answer:
    """An answer, whose body is read as it arrives."""

    def __init__(self, answer: aiohttp.ClientResponse, *, reusable: bool) -> None:
        self._answer, self._reusable = answer, reusable
        self.status_code = answer.status
        self.headers = _Headers(answer.headers)

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body, decompressed."""
        chunks = self._chunks()
        if packed := self.headers.get("content-encoding"):
            unpacking = httpx.Response(
                200, headers={"content-encoding": packed.encode()}, content=chunks
            )
            chunks = unpacking.aiter_bytes()
        async for chunk in chunks:
            yield chunk

    async def _chunks(self) -> AsyncIterator[bytes]:
        with _translating():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        if self._reusable:
            self._answer.release()  # closes a connection that was not read to its end
        else:
            self._answer.close()


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        if isinstance(error.__cause__, VisionCraftError):  # from the body
            raise error.__cause__ from None
        name = next((name for kind, name in _ERRORS if isinstance(error, kind)), "WriteTimeout")
        words = str(error)
        if isinstance(error, aiohttp.ServerDisconnectedError):  # as httpx says it
            words = "Server disconnected without sending a response."
        raise getattr(httpx, name)(words) from error
