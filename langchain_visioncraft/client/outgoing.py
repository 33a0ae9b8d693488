"""A request as plain data, and its JSON body, in which files are sent as base64.

Base64 is encoded while it is sent, with one chunk in memory at a time. Python's `json` would hold a
200 MB recording three times (761 MB, measured).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from langchain_visioncraft.client.watching import bounded
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.inputs import DataURL, Upload

SHORT_BYTES = 1 << 18
"""Bodies up to this length are sent in one piece."""


class JSONBody:
    """A JSON object as an iterable of bytes with a known length; it can be sent again.

    Every `Upload` in it becomes base64, and a `SecretStr` its text. Raises `InvalidRequestError` if
    it cannot be written as JSON, and `MediaInputError` if a file is missing, empty or of the wrong
    type.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        marked: dict[str, Upload | SecretStr] = {}
        mark = secrets.token_hex()  # unguessable, so that no prompt can contain it

        def leave_mark(value: Any) -> str:
            if not isinstance(value, Upload | SecretStr):
                msg = f"a {type(value).__name__} is among the parameters"
                raise TypeError(msg)
            key = f"{mark}-{len(marked)}."
            marked[key] = value
            return key

        try:
            rest = json.dumps(
                fields,
                default=leave_mark,
                separators=(",", ":"),
                ensure_ascii=False,
                allow_nan=False,
            )
        except (TypeError, ValueError, RecursionError) as error:
            msg = f"The parameters cannot be sent as JSON: {error}."
            raise InvalidRequestError(msg) from error
        self._parts: list[bytes | tuple[Upload, int]] = []
        for key, value in marked.items():
            before, _, rest = rest.partition(key)
            # A lone surrogate cannot be sent as UTF-8, and would mean nothing to the service.
            self._parts.append(before.encode("utf-8", "replace"))
            if isinstance(value, SecretStr):
                self._parts.append(_text(value))
                continue
            size = value.check()
            if isinstance(value, DataURL):
                self._parts.append(value.head())
            self._parts.append((value, size))
        self._parts.append(rest.encode("utf-8", "replace"))
        self.content_length = sum(
            len(part) if isinstance(part, bytes) else _base64_length(part[1])
            for part in self._parts
        )

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from _encode(*part)

    def content(self) -> bytes | JSONBody:
        """The body for a sync HTTP client: plain bytes if it is short."""
        return b"".join(self) if self._is_short() else self

    def async_content(self) -> bytes | AsyncIterable[bytes]:
        """The body for an async HTTP client; the libraries tell the two apart by their methods."""
        return b"".join(self) if self._is_short() else _AsyncChunks(self)

    def _is_short(self) -> bool:
        # Each piece is a separate write, with a timeout and a turn of the event loop.
        return self.content_length <= SHORT_BYTES


class _AsyncChunks:
    """The chunks of a body for an async client; it can be sent again."""

    def __init__(self, body: JSONBody) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Reading a chunk from disk and encoding it takes well under a millisecond: less than a trip
        # to a thread.
        for chunk in self._body:
            yield chunk


def _text(secret: SecretStr) -> bytes:
    return json.dumps(secret.get_secret_value())[1:-1].encode()


def _base64_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _encode(upload: Upload, size: int) -> Iterator[bytes]:
    expected, sent = _base64_length(size), 0
    for chunk in upload.source.encoded():
        sent += len(chunk)
        if sent > expected:
            break
        yield chunk
    if sent != expected:
        msg = f"{upload.source.label} changed while it was sent; send it again."
        raise MediaInputError(msg)


@dataclass(frozen=True)
class Outgoing:
    """A request as plain data, including the key, which no other part of a flow holds.

    Attributes:
        abroad: Whether it goes to a host other than the API's own. A user's HTTP client may carry
            credentials and cookies, which other hosts must not get.
        streams: Whether the answer may report progress while it arrives.
        link: Whether it is a link from an answer.
    """

    method: Literal["GET", "POST"]
    url: str
    endpoint: str
    host: str
    headers: dict[str, str] = field(repr=False)
    content: JSONBody | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    abroad: bool = False
    streams: bool = False
    link: bool = False

    def request(self, http: Any, content: Any) -> Any:
        """The request for this client, with the body in the form that it sends."""
        request = bounded(
            http.build_request(
                method=self.method,
                url=self.url,
                headers=self.headers,
                content=content,
                extensions=self.extensions or None,
            )
        )
        if self.abroad:
            ours = {name.lower() for name in self.headers} | {"host"}
            for name in [name for name in request.headers if name.lower() not in ours]:
                del request.headers[name]
            if request.url != self.url:  # a client may have parameters of its own
                request.url = type(request.url)(self.url)
        return request

    def options(self) -> dict[str, Any]:
        """How it is sent."""
        return {"follow_redirects": False, **({"auth": None} if self.abroad else {})}
