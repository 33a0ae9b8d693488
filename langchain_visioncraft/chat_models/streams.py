"""A stream that ends before its answer does is an error: it would pass for a short answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai

_DONE = "[DONE]"
_FINISHED = re.compile(r'"finish_reason"\s*:\s*"')


class CutOffStreamError(openai.OpenAIError):
    """A stream ended with neither ``finish_reason`` nor ``[DONE]``."""


class WholeStreams:
    """Reads the events of a stream as the SDK's decoder does, which takes any end for the end.

    Raises:
        CutOffStreamError: After the last event, if the answer was not finished with it.
    """

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def iter_bytes(self, pieces: Iterator[bytes]) -> Iterator[Any]:
        """The events in these bytes."""
        end = _End()
        for event in self._decoder.iter_bytes(pieces):
            end.look_at(event.data)
            yield event
        end.check()

    async def aiter_bytes(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The same for an async client."""
        end = _End()
        async for event in self._decoder.aiter_bytes(pieces):
            end.look_at(event.data)
            yield event
        end.check()


class _End:
    """Whether the end came. Of a stream without any event others say more."""

    def __init__(self) -> None:
        self._some = self._came = False

    def look_at(self, data: str) -> None:
        self._some = True
        self._came = self._came or data.startswith(_DONE) or bool(_FINISHED.search(data))

    def check(self) -> None:
        if self._some and not self._came:
            msg = "The stream ended with neither finish_reason nor [DONE]."
            raise CutOffStreamError(msg)
