"""What is taken for a chat completion: not too long, uncompressed, of the right form, with an end.

A whole answer that is refused ends early, and its error waits in the response (`raise_refusal`):
raised while the SDK reads, it would be taken for a lost connection, and the call would be made
again. In a stream, which is read after that, it is raised at once.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import openai

from langchain_visioncraft.client.answers import is_error
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    UnexpectedAnswerError,
    VisionCraftError,
)
from langchain_visioncraft.media.media import readable_size

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest chat answer that is read, whole or streamed."""

_REFUSAL = "visioncraft_refusal"
_LOOKED_AT = "visioncraft_looked_at"
_LIKE_AN_ERROR = re.compile(r'"(?:error|errors|detail|success|ok|status|code|statusCode)"')
_FINISHED = re.compile(r'^\[DONE\]|"finish_reason"\s*:\s*"')

# ---- bytes ------------------------------------------------------------------------------------


def bound(response: Any) -> None:
    """Bound what will be read of a response; a response hook of httpx."""
    # Taken away, so that the library decompresses nothing: to a thousand times its size, at once.
    encoding = str(response.headers.pop("content-encoding", "identity")).strip().lower()
    if encoding not in ("", "identity"):
        _refuse(response, UnexpectedAnswerError, f"is compressed ({encoding[:40]!r}), unasked")
    library = sys.modules[type(response).__module__.partition(".")[0]]
    response.stream = _bounded_stream(library)(response)


async def abound(response: Any) -> None:
    """The same for an async client."""
    bound(response)


def raise_refusal(response: Any) -> None:
    """Raise why an answer was not read to its end, if it was not.

    Raises:
        AnswerTooLargeError: If it is longer than `MAX_ANSWER_BYTES`.
        UnexpectedAnswerError: If it is compressed, which nobody asked for.
    """
    refusal = response.extensions.get(_REFUSAL)
    if isinstance(refusal, VisionCraftError):
        raise refusal
    response.extensions[_LOOKED_AT] = True


def _refuse(response: Any, kind: type[VisionCraftError], what: str) -> None:
    url, endpoint = response.request.url, f"{response.request.method} {response.request.url.path}"
    host = url.netloc.decode("ascii", "replace")
    error = kind(
        f"The answer of {endpoint} on {host} {what}.",
        status=response.status_code,
        endpoint=endpoint,
        base_url=f"{url.scheme}://{host}",
    )
    response.extensions[_REFUSAL] = error
    if _LOOKED_AT in response.extensions:
        raise error


class _Bounded:
    """A stream of bytes that counts them."""

    def __init__(self, response: Any) -> None:
        self._response, self._stream = response, response.stream
        self._left = MAX_ANSWER_BYTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _is_refused(self, chunk: bytes = b"") -> bool:
        self._left -= len(chunk)
        if self._left < 0:
            most = readable_size(MAX_ANSWER_BYTES)
            what = f"is longer than {most}, the most that is read"
            _refuse(self._response, AnswerTooLargeError, what)
        return _REFUSAL in self._response.extensions

    def __iter__(self) -> Iterator[bytes]:
        if not self._is_refused():
            for chunk in self._stream:
                if self._is_refused(chunk):
                    return
                yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._is_refused():
            async for chunk in self._stream:
                if self._is_refused(chunk):
                    return
                yield chunk

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


@functools.cache
def _bounded_stream(library: Any) -> type[Any]:
    """The kind that a library takes: httpx and httpx2 take only their own."""
    return type("Bounded", (_Bounded, library.SyncByteStream, library.AsyncByteStream), {})


# ---- whole answers ----------------------------------------------------------------------------


def must_be_checked(response: Any, *, streamed: bool) -> bool:
    """Whether the body must be read and given to `check_completion`, before the SDK takes it."""
    if not response.request.url.path.endswith("/chat/completions"):
        return False
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not streamed or kind.endswith(("json", "html"))


def check_completion(response: Any, *, streamed: bool) -> None:
    """Raise for an answer under status 200 that is none, as the SDK would raise."""
    if streamed and response.content.lstrip().startswith((b"data:", b"event:", b":")):
        return  # a stream, only its type is wrong
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        raise openai.APIResponseValidationError(
            response=response, body=response.text, message="The answer is not JSON."
        ) from None
    message = "The answer is no chat completion."
    if isinstance(answer, dict) and not answer.get("error") and _has_messages(answer):
        if not streamed:
            # The type of an answer has been wrong; the SDK would give its text then.
            response.headers["content-type"] = "application/json"
            return
        message = "The host does not stream: it gave a whole answer."
    raise openai.APIResponseValidationError(response=response, body=answer, message=message)


def _has_messages(answer: Mapping[str, Any]) -> bool:
    choices = answer.get("choices")
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(
            isinstance(each, dict) and isinstance(each.get("message"), dict) for each in choices
        )
    )


# ---- streams ----------------------------------------------------------------------------------


class CutOffStreamError(openai.OpenAIError):
    """A stream ended with neither ``finish_reason`` nor ``[DONE]``: it is no short answer."""


def _as_error(event: Any) -> Any:
    """An event that tells an error, in the form in which the SDK knows one; ``None`` for others.

    The SDK keeps what stands under "error", and no words beside it.
    """
    text = event.data.strip()
    named = event.event == "error"
    if not named and text.startswith("{") and not _LIKE_AN_ERROR.search(text):
        return None
    try:
        data = json.loads(text)
        told = named or is_error(data)
    except (ValueError, RecursionError):
        # JSON that is damaged is another matter, and so is [DONE].
        data, told = text, bool(text) and (named or not text.startswith(("{", "[")))
    return type(event)(data=json.dumps({"error": data})) if told else None


class WholeStreams:
    """Reads the events of a stream as the SDK's decoder does, which takes any end for the end.

    Raises:
        CutOffStreamError: After the last event, if the answer was not finished with it. Of a stream
            without any event others say more.
    """

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._some = self._finished = False

    def iter_bytes(self, pieces: Iterator[bytes]) -> Iterator[Any]:
        """The events in these bytes."""
        for event in self._decoder.iter_bytes(pieces):
            self._look_at(event.data)
            yield _as_error(event) or event
        self._check_end()

    async def aiter_bytes(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The same for an async client."""
        async for event in self._decoder.aiter_bytes(pieces):
            self._look_at(event.data)
            yield _as_error(event) or event
        self._check_end()

    def _look_at(self, data: str) -> None:
        self._some = True
        self._finished = self._finished or bool(_FINISHED.search(data))

    def _check_end(self) -> None:
        if self._some and not self._finished:
            msg = "The stream ended with neither finish_reason nor [DONE]."
            raise CutOffStreamError(msg)
