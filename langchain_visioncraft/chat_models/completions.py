"""Checks that an answer is a chat completion: short enough, uncompressed, well-formed, complete."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import functools
import itertools
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import openai

from langchain_visioncraft._redact import CUT, Redactor, shortened
from langchain_visioncraft.chat_models.normalizing import (
    MOST_VALUES,
    REASONING,
    decoded,
    no_more,
    normalized,
    readable,
    values_in,
)
from langchain_visioncraft.chat_models.streams import NormalizedStream
from langchain_visioncraft.client.answers import is_error
from langchain_visioncraft.client.watching import Watch, current, resumed
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    UnexpectedAnswerError,
    VisionCraftError,
)
from langchain_visioncraft.media.media import readable_size

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest chat answer that is read, whole or streamed."""

MAX_ERROR_BYTES = 1024 * 1024
"""The part of the body of an error that is read: its values are copied several times."""

_FREE_VALUES = 16
"""Values of an event that do not count: a piece of a text has about as many."""

_ENCODINGS = frozenset({"br", "compress", "deflate", "gzip", "x-gzip", "zstd"})
ANSWER = "visioncraft_answer"
"""The attribute of a response that holds its answer in OpenAI's form."""
_LIKE_AN_ERROR = re.compile(r'"(?:error|errors|detail|success|ok|status|code|statusCode)"')
_PING = re.compile(
    r"\W*(?:ping|keep.?alive|heartbeat|(?:openrouter )?processing)\W{0,9}", re.IGNORECASE
)
"""Data that some hosts send to keep a connection alive."""
_WORDS = frozenset({"content", REASONING, "refusal", "arguments", "text"})
"""What a model says. Elsewhere, a host may repeat the key."""
_DEEPEST_WORDS = 8
_SHORT = 100
_LINE_END = re.compile(rb"\r\n?|\n")
_END = b"\n\n"
"""Some hosts omit the empty line after the last event, which would then be lost."""


# ---- bytes ------------------------------------------------------------------------------------


def bound(response: Any) -> None:
    """Limit how much of a response is read, and for how long; a response hook of httpx.

    Raises:
        UnexpectedAnswerError: If it is compressed. The body of a compressed error is not read.
    """
    current().came = True
    # Removed, so that the library decompresses nothing: a body may grow a thousandfold at once.
    encoding = str(response.headers.pop("content-encoding", "identity")).strip().lower()
    is_plain = encoding in ("", "identity")
    if response.is_success and not is_plain:
        named = encoding if encoding in _ENCODINGS else "in an unknown way"  # the host's own words
        raise _refused(response, UnexpectedAnswerError, f"is compressed ({named}), unasked")
    library = sys.modules[type(response).__module__.partition(".")[0]]
    response.stream = _bounded_stream(library)(response, MAX_ANSWER_BYTES if is_plain else 0)


async def abound(response: Any) -> None:
    """The same for an async client."""
    bound(response)


def beginning(response: Any) -> Any:
    """The response of an error, without what is too long of its body; it is read already."""
    if len(response.content) <= MAX_ERROR_BYTES:
        return response
    left = ("content-encoding", "content-length", "transfer-encoding")
    headers = {name: text for name, text in response.headers.items() if name not in left}
    content = response.content[:MAX_ERROR_BYTES] + CUT.encode()
    return type(response)(
        response.status_code, headers=headers, content=content, request=response.request
    )


def _refused(response: Any, kind: type[VisionCraftError], what: str) -> VisionCraftError:
    url, endpoint = response.request.url, f"{response.request.method} {response.request.url.path}"
    host = url.netloc.decode("ascii", "replace")
    return kind(
        f"The answer of {endpoint} on {host} {what}.",
        status=response.status_code,
        endpoint=endpoint,
        base_url=f"{url.scheme}://{host}",
    )


class _Bounded:
    """A stream of bytes with a limit; beyond it, the body of an error ends, any other raises."""

    def __init__(self, response: Any, most: int) -> None:
        self._response, self._stream, self._left = response, response.stream, most
        self._watch = current()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _is_over(self, chunk: bytes) -> bool:
        if self._watch.is_over:
            raise OverdueError(self._watch)
        self._left -= len(chunk)
        if self._left < 0 and self._response.is_success:
            what = f"is larger than {readable_size(MAX_ANSWER_BYTES)}, the limit"
            raise _refused(self._response, AnswerTooLargeError, what)
        return self._left < 0

    def __iter__(self) -> Iterator[bytes]:
        return itertools.takewhile(lambda chunk: not self._is_over(chunk), self._stream)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            if self._is_over(chunk):
                return
            yield chunk

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


@functools.cache
def _bounded_stream(library: Any) -> type[Any]:
    """The stream class that the library accepts: httpx and httpx2 accept only their own."""
    return type("Bounded", (_Bounded, library.SyncByteStream, library.AsyncByteStream), {})


# ---- whole answers ----------------------------------------------------------------------------


def must_be_checked(response: Any, *, streamed: bool) -> bool:
    """Whether the body must be read and passed to `check_completion` before the SDK gets it."""
    if not response.request.url.path.endswith("/chat/completions"):
        return False
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not streamed or kind.endswith(("json", "html"))


def check_completion(response: Any, redact: Redactor, *, streamed: bool) -> None:
    """Convert an answer to OpenAI's form, and put it where the SDK's clients look for it.

    Raises:
        APIResponseValidationError: For a body under status 200 that is not a chat completion.
        UnreadableAnswerError: For one with a part that has no evident meaning.
        BrokenOffAnswerError: For one that the host could not finish.
    """
    response.encoding = "utf-8"  # as JSON is; the host's charset may be invalid
    content = response.content.removeprefix(codecs.BOM_UTF8)
    if streamed and content.lstrip().startswith((b"data:", b"event:", b":", b"id:", b"retry:")):
        return  # a stream with a wrong type
    message = "The answer is not a chat completion."
    try:
        answer = decoded(content)
    except (ValueError, RecursionError):
        answer, message = response.text, "The answer is not JSON."
    if _is_completion(answer) and streamed:
        message = "The host does not stream: it returned a whole answer."
    elif _is_completion(answer):
        with readable():
            answer = response.extensions[ANSWER] = _redacted(normalized(answer), redact)
        if not answer.get("error"):
            # Hosts have sent a wrong type, with which the SDK would return the text.
            response.headers["content-type"] = "application/json"
            return
    raise openai.APIResponseValidationError(response=response, body=answer, message=message)


def _redacted(part: Any, redact: Redactor, depth: int = 0) -> Any:
    """The same with the key redacted everywhere except in the model's own words."""
    if part is None or isinstance(part, int):
        return part
    if isinstance(part, str) and len(part) <= _SHORT:
        return _told(redact, part)
    if depth > _DEEPEST_WORDS or not isinstance(part, dict | list):
        return redact.told(part)
    if isinstance(part, list):
        return [_redacted(each, redact, depth + 1) for each in part]
    return {
        _redacted(name, redact): held
        if name in _WORDS and isinstance(held, str)
        else _redacted(held, redact, depth + 1)
        for name, held in part.items()
    }


@functools.lru_cache(maxsize=256)
def _told(redact: Redactor, text: str) -> Any:
    """Names and values that each piece of a stream repeats."""
    return redact.told(text)


def _is_completion(answer: Any) -> bool:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(isinstance(each, dict) for each in choices)
        and not answer.get("error")
    )


# ---- streams ----------------------------------------------------------------------------------


class CutOffStreamError(openai.OpenAIError):
    """A stream was empty, or ended before its answer was complete."""


class OverdueError(openai.OpenAIError):
    """An answer or a stream was not complete at the deadline of this watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(f"after {watch.seconds:g} seconds")


class _Event(NamedTuple):
    """An event that was already read, in the form that the SDK expects."""

    value: Any
    data: str = ""
    event: str | None = None

    def json(self) -> Any:
        return self.value


class WholeStreams:
    """Reads the events of a stream as the SDK's decoder does, in OpenAI's form.

    Raises:
        CutOffStreamError: After the last event, if the answer is incomplete, or there was no event:
            the SDK accepts any end of the stream.
    """

    def __init__(self, decoder: Any, watch: Watch, redact: Redactor) -> None:
        self._decoder, self._stream, self._watch = decoder, NormalizedStream(), watch
        self._redact = redact
        self._some = self._done = False
        self._values = 0
        self._line: list[bytes] = []
        self._is_first, self._after_cr = True, False

    def iter_bytes(self, pieces: Iterator[bytes]) -> Iterator[Any]:
        """The events in these bytes."""
        for piece in self._sound(pieces):
            yield from self._take(piece)
        yield from self._end()

    async def aiter_bytes(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The same for an async client."""
        async for piece in self._asound(pieces):
            for read in self._take(piece):
                yield read
        for read in self._end():
            yield read

    def _take(self, piece: bytes) -> Iterator[Any]:
        """The events that end in a piece; SDKs before 3 find its lines in quadratic time."""
        # The end of a line may be cut in two.
        *lines, rest = _LINE_END.split(piece.removeprefix(b"\n") if self._after_cr else piece)
        for line in lines:
            self._line.append(line)
            whole, self._line = b"".join(self._line), []
            if self._is_first:
                whole, self._is_first = whole.removeprefix(codecs.BOM_UTF8), False
            if event := self._decoder.decode(whole.decode()):
                yield from self._read(event)
        self._line.append(rest)
        self._after_cr = piece.endswith(b"\r")

    def _sound(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        while True:
            with self._in_time(), resumed(self._watch):
                piece = next(pieces, None)
            if piece is None:
                break
            yield piece
        yield _END

    async def _asound(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            with self._in_time():
                async with asyncio.timeout(self._watch.left()):
                    piece = await anext(pieces, None)
            if piece is None:
                break
            yield piece
        yield _END

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if self._watch.is_over:
                raise OverdueError(self._watch) from error
            raise
        if self._watch.is_over:
            raise OverdueError(self._watch)

    def _read(self, event: Any) -> Iterator[Any]:
        text = event.data.strip()
        failed = event.event == "error"
        if self._done:  # older SDKs read on
            return
        if not failed and (not text or _PING.fullmatch(text)):
            return
        if text.startswith("[DONE]"):
            yield from self._end(done=True)
            yield event
            return
        self._values += max(0, values_in(text) - _FREE_VALUES)
        no_more("values", range(self._values), MOST_VALUES)
        try:
            value = decoded(text)
        except (ValueError, RecursionError) as error:
            lines = text.splitlines()
            if len(lines) > 1:  # without an empty line between events
                for line in lines:
                    yield from self._read(_Event(None, line, event.event))
                return
            if text.startswith(("{", "[")) and not failed:
                msg = "The event is not valid JSON"
                raise json.JSONDecodeError(msg, shortened(text, 100), 0) from error
            value, failed = text or "error", True
        if value is None:
            return
        self._some = True
        if failed or (_LIKE_AN_ERROR.search(text) and is_error(value)):
            # The SDK keeps only the value of "error", without text beside it; null is not an error.
            yield _Event({"error": value or "error"})
        else:
            with readable():
                yield from self._events(self._stream.read(value))

    def _end(self, *, done: bool = False) -> Iterator[Any]:
        if self._done:
            return
        self._done = done
        if not self._some:
            msg = (
                "answered with status 200, but streamed nothing. If the host does not stream, use "
                "disable_streaming=True"
            )
            raise CutOffStreamError(msg)
        if not (done or self._stream.finish):
            msg = (
                "streamed an answer that was cut off: it came to an end with neither finish_reason "
                "nor [DONE]. If the host never sends them, use disable_streaming=True"
            )
            raise CutOffStreamError(msg)
        with readable():
            yield from self._events(self._stream.end())

    def _events(self, chunks: Iterator[dict[str, Any]]) -> Iterator[_Event]:
        return (_Event(_redacted(chunk, self._redact)) for chunk in chunks)
