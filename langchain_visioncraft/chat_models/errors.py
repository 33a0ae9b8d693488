"""The one place where errors of OpenAI's SDK and of the HTTP library become this package's.

What is raised is an instance of both trees: of ours, with its facts, and of the class that it came
from, so that code which catches ``openai.RateLimitError`` or LangChain's ``ModelRateLimitError``
goes on to work.

```python
import openai

from langchain_visioncraft.chat_models.errors import both
from langchain_visioncraft.errors import RateLimitError

assert issubclass(both(RateLimitError, openai.RateLimitError), openai.RateLimitError)
```
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import openai
from langchain_core import exceptions as langchain_errors

from langchain_visioncraft import errors
from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft.chat_models.connection import CHAT_PATH
from langchain_visioncraft.client.answers import (
    error_under_200,
    service_message,
    status_error,
    unknown_kind,
)

CHAT_ENDPOINT = f"POST {CHAT_PATH}"

_MASK = "**********"
_SHORTEST_SECRET = 8
"""A shorter key is a word like "any" for a sandbox; masking it would only garble messages."""

_CONTEXT = re.compile(
    r"(?:maximum|max\.?) (?:context|sequence) length|context (?:length|window|size)\b"
    r"|too many (?:input |prompt )?tokens|prompt is too long",
    re.IGNORECASE,
)


@functools.cache
def both(*classes: type[Exception]) -> type[Exception]:
    """A class that is all of these; it is shown under the name of the first."""
    needed: list[type[Exception]] = []
    for each in classes:
        if not any(issubclass(other, each) for other in classes if other is not each):
            needed.append(each)
    first = needed[0]
    members = {
        "__module__": first.__module__,
        "__doc__": first.__doc__,
        "__qualname__": first.__qualname__,
        "__reduce__": _reduce,
        "_classes": tuple(needed),
    }
    return type(first.__name__, tuple(needed), members)


def _reduce(error: Any) -> tuple[Any, ...]:
    return _rebuild, (error._classes, error.args, error.__dict__.copy())  # noqa: SLF001 -- of `both`


def _rebuild(classes: Any, args: tuple[Any, ...], facts: dict[str, Any]) -> Exception:
    kind = both(*classes)
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


@dataclass(frozen=True)
class Boundary:
    """Translates what a call raises.

    Attributes:
        base_url: The root of the host.
        key: Never to be seen in an error.
        endpoint: Method and path.
        model: The model that was asked for.
    """

    base_url: str
    key: str
    endpoint: str = CHAT_ENDPOINT
    model: str = ""

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Raise what happens inside as this package's error, ``from`` what it was."""
        try:
            yield
        except errors.VisionCraftError:
            raise
        except Exception as error:
            _forget_key(error, self.key)
            ours = self.translate(error)
            if ours is None:
                raise
            raise ours from error

    def translate(self, error: Exception) -> Exception | None:
        """This package's error for a foreign one; ``None`` if it is no matter of the service."""
        extra: tuple[type[Exception], ...] = ()
        if isinstance(error, openai.APIStatusError):
            ours: errors.VisionCraftError = self._of_status(error)
            if _CONTEXT.search(ours.detail or "") and isinstance(ours, errors.BadRequestError):
                extra = (langchain_errors.ContextOverflowError,)
        elif isinstance(
            error, openai.APITimeoutError | TimeoutError | asyncio.TimeoutError
        ) or is_from_httpx(error, "TimeoutException"):
            ours = self._of_timeout(error)
        elif isinstance(error, openai.APIConnectionError) or is_from_httpx(error, "TransportError"):
            ours = self._of_connection(error)
        elif isinstance(error, openai.LengthFinishReasonError):
            ours = self._fact(
                errors.TruncatedAnswerError,
                "gave an answer that is cut off, because it reached max_tokens. Raise max_tokens",
            )
        elif isinstance(error, openai.APIError):
            ours, extra = self._of_answer(error)
        elif isinstance(error, json.JSONDecodeError):
            ours = self._fact(errors.TruncatedAnswerError, "streamed JSON that is damaged")
        elif isinstance(error, openai.OpenAIError) or is_from_httpx(error, "HTTPError"):
            ours = self._fact(errors.UnexpectedAnswerError, f"failed: {error}")
        else:
            return None
        kind = both(type(ours), *extra, type(error))
        args = (ours.message,)
        return _rebuild(kind._classes, args, {**error.__dict__, **ours.__dict__})  # type: ignore[attr-defined]  # noqa: SLF001

    @property
    def _host(self) -> str:
        return urlsplit(self.base_url).netloc

    def _fact(
        self, kind: type[errors.VisionCraftError], what: str, **facts: Any
    ) -> errors.VisionCraftError:
        message = f"{self.endpoint} on {self._host} {what}."
        return kind(message, endpoint=self.endpoint, base_url=self.base_url, **facts)

    def _of_status(self, error: openai.APIStatusError) -> errors.APIStatusError:
        ours = status_error(
            error.response.status_code,
            error.response.headers,
            _content(error.response),
            endpoint=self.endpoint,
            base_url=self.base_url,
        )
        if unknown_kind(ours.detail) == "models":
            better = errors.UnknownNameError(
                f"{ours.message} The model was {self.model!r}; list_models() gives the names."
            )
            better.__dict__.update({**ours.__dict__, "message": better.message, "name": self.model})
            return better
        return ours

    def _of_timeout(self, error: Exception) -> errors.VisionCraftError:
        names = " ".join(type(link).__name__ for link in _chain(error))
        phase = "connect" if "ConnectTimeout" in names else "read"
        what = "was not connected" if phase == "connect" else "gave no answer"
        ours = errors.TimedOutError(
            f"{self.endpoint} on {self._host} {what} in time. Give it longer with timeout=…, or "
            "try again.",
            endpoint=self.endpoint,
            base_url=self.base_url,
        )
        ours.phase = phase
        return ours

    def _of_connection(self, error: Exception) -> errors.VisionCraftError:
        causes = list(_chain(error))
        text = " ".join(str(cause) for cause in causes)
        if "CERTIFICATE_VERIFY_FAILED" in text or any(
            isinstance(cause, ssl.SSLError) for cause in causes
        ):
            return self._fact(
                errors.CertificateError,
                "was not asked: its TLS certificate could not be verified (free certificates "
                "expire now and then). Name a CA bundle with verify='/path/to/ca.pem', or "
                "switch the check off with verify=False",
            )
        reason = str(causes[-1]) or type(causes[-1]).__name__
        ours = errors.ConnectionFailedError(
            f"{self.endpoint}: the connection to {self._host} failed ({reason}).",
            endpoint=self.endpoint,
            base_url=self.base_url,
        )
        ours.answered = "complete" in text  # h11: "without sending complete message body"
        return ours

    def _of_answer(
        self, error: openai.APIError
    ) -> tuple[errors.VisionCraftError, tuple[type[Exception], ...]]:
        """An answer under status 200 that is none."""
        body = error.body
        if isinstance(error, openai.APIResponseValidationError):
            response = error.response
            held, says = body, service_message(_content(response))
        else:
            # An error event in a stream: the SDK gives what was under "error".
            held = {"error": body or error.message}
            if isinstance(body, dict):
                held["code"] = body.get("code")
            says = None
        failure = error_under_200(held, endpoint=self.endpoint, base_url=self.base_url)
        if failure is not None:
            ours: errors.VisionCraftError = errors.UnexpectedAnswerError("")
            ours.__dict__.update(failure.__dict__)
            return ours, (type(failure),)
        what = error.message.removesuffix(".").removeprefix("The answer is ")
        hint = f" ({says[:200]})" if says else ""
        return (
            self._fact(
                errors.UnexpectedAnswerError,
                f"answered 200, but not as documented: {what}{hint}. Is it really the root of a "
                "VisionCraft host? If the host does not stream, use disable_streaming=True",
                status=200,
                detail=says,
            ),
            (),
        )


def _content(response: Any) -> bytes:
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001 -- not read, or closed too early: httpx and httpx2 differ
        return b""
    return content


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, …"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _forget_key(error: BaseException, key: str) -> None:
    """Take the key out of the finished request, and out of an answer that repeats it."""
    for link in _chain(error):
        with contextlib.suppress(Exception):  # there may be no request, or a stand-in for one
            request = getattr(link, "request", None) or link.response.request  # type: ignore[attr-defined]
            if "authorization" in request.headers:
                request.headers["authorization"] = f"Bearer {_MASK}"
        if len(key) < _SHORTEST_SECRET:
            continue
        link.args = tuple(_masked(part, key) for part in link.args)
        for name, value in list(link.__dict__.items()):
            link.__dict__[name] = _masked(value, key)


def _masked(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return value.replace(key, _MASK)
    if isinstance(value, dict | list):
        text = json.dumps(value, default=str)
        return json.loads(text.replace(key, _MASK)) if key in text else value
    content = _content(value) if hasattr(value, "status_code") else b""
    if key.encode() in content:
        return type(value)(
            value.status_code,
            headers={"content-type": value.headers.get("content-type", "")},
            content=content.replace(key.encode(), _MASK.encode()),
            request=value.request,
        )
    return value
