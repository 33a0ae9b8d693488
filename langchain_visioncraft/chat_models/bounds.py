"""No answer fills the memory: a bound on what the shared HTTP clients of chat models read.

A whole answer that is refused ends early, and the error waits in the response for whoever looks at
it (`raise_refusal`): raised while the SDK reads, it would be taken for a lost connection, and the
call would be made again. In a stream, which is read after that, it is raised at once.
"""

from __future__ import annotations

import functools
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
    VisionCraftError,
)
from langchain_visioncraft.media.media import readable_size

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest chat answer that is read, whole or streamed, after decompression."""

_REFUSAL = "visioncraft_refusal"
_LOOKED_AT = "visioncraft_looked_at"
_PIECE_BYTES = 1 << 20
_GZIP_OR_ZLIB = 47


def bound(response: Any) -> None:
    """Bound the answer of a response whose body was not read yet; a response hook of httpx."""
    response.stream = _sync_kind(_library_of(response))(response.stream, _Meter(response))


async def abound(response: Any) -> None:
    """The same for an async client."""
    response.stream = _async_kind(_library_of(response))(response.stream, _Meter(response))


def raise_refusal(response: Any) -> None:
    """Raise why an answer was not read to its end, if it was not.

    Raises:
        AnswerTooLargeError: If it is longer than `MAX_ANSWER_BYTES`.
        TruncatedAnswerError: If its compression is damaged.
        UnexpectedAnswerError: If it is compressed in a way that nobody asked for.
    """
    refusal = response.extensions.get(_REFUSAL)
    if isinstance(refusal, VisionCraftError):
        raise refusal
    response.extensions[_LOOKED_AT] = True


def _library_of(response: Any) -> Any:
    return sys.modules[type(response).__module__.partition(".")[0]]


class _Meter:
    """Counts what arrives of one answer, and decompresses it piece by piece."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._left = MAX_ANSWER_BYTES
        # The library would decompress a whole chunk at once, to a thousand times its size.
        encoding = str(response.headers.pop("content-encoding", "identity")).strip().lower()
        self._decoder: Any = None
        self.refused = False
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif encoding not in ("", "identity"):
            self._refuse(UnexpectedAnswerError, f"is compressed with {encoding[:40]!r}, unasked")

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What this chunk holds, as long as it is within the bound."""
        if self._decoder is None:
            if self._counts(len(chunk)):
                yield chunk
            return
        while chunk and not self.refused:
            try:
                piece = self._decoder.decompress(chunk, _PIECE_BYTES)
            except zlib.error:
                self._refuse(TruncatedAnswerError, "is damaged (its compression)")
                return
            chunk = self._decoder.unconsumed_tail
            if piece and self._counts(len(piece)):
                yield piece

    def _counts(self, size: int) -> bool:
        self._left -= size
        if self._left < 0:
            most = readable_size(MAX_ANSWER_BYTES)
            self._refuse(AnswerTooLargeError, f"is longer than {most}, the most that is read")
        return not self.refused

    def _refuse(self, kind: type[VisionCraftError], what: str) -> None:
        self.refused = True
        request = self._response.request
        url, endpoint = request.url, f"{request.method} {request.url.path}"
        host = url.netloc.decode("ascii", "replace")
        error = kind(
            f"The answer of {endpoint} on {host} {what}.",
            status=self._response.status_code,
            endpoint=endpoint,
            base_url=f"{url.scheme}://{host}",
        )
        self._response.extensions[_REFUSAL] = error
        if _LOOKED_AT in self._response.extensions:
            raise error


# httpx and httpx2 take only streams of their own kind.


@functools.cache
def _sync_kind(library: Any) -> type[Any]:
    class Bounded(library.SyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, meter: _Meter) -> None:
            self._stream, self._meter = stream, meter

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def __iter__(self) -> Iterator[bytes]:
            if self._meter.refused:
                return
            for chunk in self._stream:
                yield from self._meter.pieces(chunk)
                if self._meter.refused:
                    return

        def close(self) -> None:
            self._stream.close()

    return Bounded


@functools.cache
def _async_kind(library: Any) -> type[Any]:
    class Bounded(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, meter: _Meter) -> None:
            self._stream, self._meter = stream, meter

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            if self._meter.refused:
                return
            async for chunk in self._stream:
                for piece in self._meter.pieces(chunk):
                    yield piece
                if self._meter.refused:
                    return

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Bounded
