"""The one place where errors of OpenAI's SDK and of the HTTP library become this package's errors.

An error that is raised belongs to both trees: to ours, with its facts, and to that of the original
class, so that code which catches ``openai.RateLimitError`` or LangChain's ``ModelRateLimitError``
keeps working.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import openai
from langchain_core.exceptions import ContextOverflowError

from langchain_visioncraft import errors
from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft._redact import MASK, Redactor, chain, forget_locals, redactor_of
from langchain_visioncraft.chat_models import normalizing
from langchain_visioncraft.chat_models.completions import CutOffStreamError, OverdueError
from langchain_visioncraft.chat_models.connection import CHAT_PATH
from langchain_visioncraft.client import refusals, translation
from langchain_visioncraft.client.answers import service_message

CHAT_ENDPOINT = f"POST {CHAT_PATH}"

_IN_ORDER: dict[type[Exception], tuple[type[errors.VisionCraftError], str]] = {
    CutOffStreamError: (errors.TruncatedAnswerError, "{error}"),
    OverdueError: (errors.TimedOutError, "was ended at its deadline, {error}"),
    json.JSONDecodeError: (errors.TruncatedAnswerError, "streamed JSON that is damaged"),
    UnicodeDecodeError: (errors.TruncatedAnswerError, "streamed bytes that are not UTF-8"),
    normalizing.BrokenOffAnswerError: (
        errors.TruncatedAnswerError,
        "did not finish its answer: {error}",
    ),
    normalizing.UnreadableAnswerError: (
        errors.UnexpectedAnswerError,
        "answered with status 200, but not as documented: {error}",
    ),
    # langchain-openai's own limit for the time between two chunks.
    TimeoutError: (errors.TimedOutError, "stopped streaming ({error})"),
    openai.OpenAIError: (errors.ResponseError, "gave no answer ({error})"),
}
"""The class and the message for each kind of error; the first class that fits counts."""

_OF_RAW_BYTES = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that no longer hold once the content is decoded or redacted."""

_CONTEXT = re.compile(
    r"(?:maximum|max\.?) (?:context|sequence) length|context[ _](?:length|window|size)"
    r"|too many (?:input |prompt )?tokens|prompt is too long",
    re.IGNORECASE,
)


@functools.cache
def both(*classes: Any) -> type[Exception]:
    """A subclass of all these classes, with the name of the first."""
    needed = [
        each
        for each in classes
        if not any(issubclass(other, each) for other in classes if other is not each)
    ]
    first = needed[0]
    members = {
        "__module__": first.__module__,
        "__doc__": first.__doc__,
        "__qualname__": first.__qualname__,
        "__reduce__": _reduce,
        "_classes": classes,
    }
    return type(first.__name__, tuple(needed), members)


def _reduce(error: Any) -> tuple[Any, ...]:
    return _rebuild, (error._classes, error.args, error.__dict__.copy())


def _rebuild(classes: Any, args: tuple[Any, ...], facts: dict[str, Any]) -> Exception:
    kind = both(*classes)
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


def as_both(ours: errors.VisionCraftError, error: Exception, *extra: type[Exception]) -> Exception:
    """This package's error as an instance of other classes, too, with the facts of both errors."""
    facts = {**error.__dict__, **ours.__dict__}
    return _rebuild((type(ours), *extra, type(error)), (ours.message,), facts)


_Found: TypeAlias = tuple[errors.VisionCraftError, tuple[type[Exception], ...]]
"""An error of this package, and further classes for it."""


@dataclass(frozen=True)
class Boundary:
    """Translates the errors of a call."""

    base_url: str
    key: str = field(repr=False)
    model: str = ""

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Raise errors from inside the block as this package's, ``from`` the original."""
        try:
            yield
        except errors.VisionCraftError as error:
            _forget_key(error, self.key)
            forget_locals(error)  # the HTTP library's frames hold the key
            raise
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit) as error:
            forget_locals(error)
            raise
        except Exception as error:
            _forget_key(error, self.key)
            ours = self.translate(error)
            forget_locals(error)
            if ours is None:
                raise
            redactor_of(self.key).clean(ours)
            raise ours from error

    def translate(self, error: Exception) -> Exception | None:
        """This package's error for a foreign one; ``None`` if the service is not involved."""
        ours: errors.VisionCraftError | None = None
        extra: tuple[type[Exception], ...] = ()
        if isinstance(error, openai.APIStatusError):
            ours, extra = self._of_status(error)
        elif isinstance(error, openai.APIConnectionError):
            ours = self._of_connection(error)
        elif isinstance(error, openai.APIError):
            ours, extra = self._of_answer(error)
        elif found := [_IN_ORDER[each] for each in _IN_ORDER if isinstance(error, each)]:
            kind, what = found[0]
            ours = self._error(kind, what.format(error=error))
        elif is_from_httpx(error, "HTTPError", "InvalidURL"):
            # An SDK before 3 lets these through when a stream breaks off.
            ours = translation.translate(error, self._host, True, self._facts)
        if ours is None:
            return None
        return as_both(ours, error, *extra)

    @property
    def _host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def _facts(self) -> dict[str, Any]:
        return {"endpoint": CHAT_ENDPOINT, "base_url": self.base_url}

    def _error(
        self, kind: type[errors.VisionCraftError], what: str, **facts: Any
    ) -> errors.VisionCraftError:
        return kind(f"{CHAT_ENDPOINT} on {self._host} {what}.", **self._facts, **facts)

    def _of_status(self, error: openai.APIStatusError) -> _Found:
        status, headers = error.response.status_code, error.response.headers
        if status < 400:
            return refusals.redirected(error.response, **self._facts), ()
        ours = refusals.status_error(status, headers, _content(error.response), **self._facts)
        extra: tuple[type[Exception], ...] = ()
        if refusals.unknown_kind(ours.detail) == "models":
            known = errors.UnknownNameError(
                f"{ours.message} The model was {self.model!r}; the chat model's list_models() "
                "returns the names."
            )
            known.__dict__.update({**ours.__dict__, "message": known.message, "name": self.model})
            ours = known
        elif isinstance(ours, errors.BadRequestError) and _CONTEXT.search(ours.detail or ""):
            extra = (ContextOverflowError,)
        return ours, extra

    def _of_connection(self, error: openai.APIConnectionError) -> errors.VisionCraftError:
        """The SDK says little; the error of the HTTP library below it says why."""
        causes = list(chain(error))
        answered = any("incomplete" in str(cause) for cause in causes)
        for cause in causes:
            if isinstance(cause, errors.VisionCraftError):
                return cause  # from `completions.bound`, while the SDK read
            if isinstance(cause, Exception) and not isinstance(cause, openai.OpenAIError):
                found = translation.translate(cause, self._host, answered, self._facts)
                if found is not None:
                    return found
        if isinstance(error, openai.APITimeoutError):
            return self._error(errors.TimedOutError, "gave no answer in time")
        return self._error(errors.ConnectionFailedError, f"was not reached ({error})")

    def _of_answer(self, error: openai.APIError) -> _Found:
        """The error for a body under status 200 that is not an answer."""
        body = error.body
        if isinstance(error, openai.APIResponseValidationError):
            content = _content(error.response)
            what = _cut_off(content)
            if what is not None:
                return self._error(errors.TruncatedAnswerError, what, status=200), ()
            held, says = body, service_message(content)
        else:
            # An error event in a stream: the SDK passes on the value of "error".
            held, says = {"error": body or error.message}, None
        failure = refusals.error_under_200(held, **self._facts)
        if failure is not None:
            ours: errors.VisionCraftError = errors.UnexpectedAnswerError("")
            ours.__dict__.update(failure.__dict__)
            return ours, (type(failure),)
        hint = f" ({says})" if says else ""
        what = (
            "answered with status 200, but not as documented: "
            f"{error.message.removesuffix('.')}{hint}. "
            "Is it really the root of a VisionCraft host, and is the service up? If only "
            "streams fail, use disable_streaming=True"
        )
        return self._error(errors.UnexpectedAnswerError, what, status=200, detail=says), ()


def _cut_off(content: bytes) -> str | None:
    """How an answer is incomplete: empty, or damaged JSON; ``None`` if it is not."""
    if not content.strip():
        return "returned an empty answer"
    if not content.lstrip().startswith((b"{", b"[")):
        return None
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return "returned JSON that is damaged or cut off"
    return None


def _content(response: Any) -> bytes:
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001 -- not read, or closed too early: httpx and httpx2 differ
        return b""
    return content


def _forget_key(error: BaseException, key: str) -> None:
    """Redact the key in the finished request, and in an answer that repeats it."""
    redact = redactor_of(key)
    for link in chain(error):
        with contextlib.suppress(Exception):  # there may be no request, or a stand-in for one
            request = getattr(link, "request", None) or link.response.request  # type: ignore[attr-defined]
            if "authorization" in request.headers:
                request.headers["authorization"] = f"Bearer {MASK}"
        redact.clean(link)
        if hasattr(response := vars(link).get("response"), "status_code"):
            vars(link)["response"] = _redacted(response, redact)


def _redacted(response: Any, redact: Redactor) -> Any:
    content, headers = _content(response), dict(response.headers)
    shown = (content, headers, response.extensions.get("reason_phrase"))
    if redact(shown) == shown:
        return response
    kept = {name: text for name, text in headers.items() if name.lower() not in _OF_RAW_BYTES}
    return type(response)(
        response.status_code,
        headers=redact(kept),
        content=redact(content),
        request=response.request,
    )
