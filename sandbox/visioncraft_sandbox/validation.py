"""Checks of requests: body, key, rate limit, and the parameters with their documented bounds."""

from __future__ import annotations

import hmac
import json
import math
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_visioncraft._json import DEEPEST, is_deeper_than
from langchain_visioncraft.client import fields
from visioncraft_sandbox.answers import Refusal, busy, refusal_response, style_of
from visioncraft_sandbox.connections import Connection
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.hiding import values_in
from visioncraft_sandbox.settings import Limit, SandboxConfig

_ParametersT = TypeVar("_ParametersT", bound=fields.Request)

# Parsing a smaller body takes less time than handing it to a thread.
_PARSE_HERE_BYTES = 1 << 18
_SMALLEST_PIECE = 1 << 12
_SMALL_BYTES = 1 << 17
"""Up to this size, a body is read even if others leave no room for it."""
_ARRIVAL_SECONDS = 30.0
"""A body that has been arriving for longer makes room for others."""
_MOST_WORKING = 600
"""Of at most 700 connections: the others are for lists, files and the page."""
_LONGEST_KEY = 4096
_MOST_KEYS = 10_000
_MOST_ITEMS, _LONGEST_ITEM = 10_000, 1000
"""Of a list or an object among the parameters."""
_MOST_DIGITS = 400
"""More than the largest float has. Reading an integer takes time that grows with their square."""
_VALUE_BYTES = 200
"""What Python takes for a value, such as a text of one letter, beyond its bytes in the body."""
_MOST_VALUES = 200_000
"""Values in a body: Python parses all of them without letting the event loop run."""
_LARGE_BYTES = 32 << 20
"""The most bytes of a body with a letter that makes Python keep all others in four bytes each."""
_WIDE = re.compile(rb"[\xf0-\xf4]|\\u[dD][89a-fA-F]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(eq=False)
class _Body:
    """The part of a body that has arrived."""

    connection: Connection
    size: int = 0
    values: int = 0

    @property
    def held(self) -> int:
        """The memory that it takes; one of more values is refused before it is parsed."""
        return self.size + _VALUE_BYTES * min(self.values, _MOST_VALUES)


class Bodies:
    """Limits the number of present requests for work, and the memory of all bodies.

    Bodies are counted as they arrive: a connection that only announces a large one blocks nobody.
    One that stops within it makes room for others.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._most = max_bytes
        self._held = 0
        self._arriving: dict[_Body, float] = {}  # when each began, the oldest first
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        body = _Body(Connection.of(scope))
        works = scope.get("method") == "POST"
        is_form = scope.get("path", "").startswith("/page/")

        async def counted() -> Message:
            message = await receive()
            # A small piece is put together with the next: it takes many times its size.
            while (
                message.get("more_body", False) and len(message.get("body", b"")) < _SMALLEST_PIECE
            ):
                before, message = message.get("body", b""), await receive()
                if message["type"] == "http.request":
                    message["body"] = before + message.get("body", b"")
            part, before = message.get("body", b""), body.held
            body.size += len(part)
            body.values += 0 if is_form else values_in(part)
            self._held += body.held - before
            if message.get("more_body", False):
                self._arriving.setdefault(body, time.monotonic())
            else:
                self._arriving.pop(body, None)
            if body.size > _SMALL_BYTES and not self._has_room(body):
                raise busy("Other requests hold too much memory")
            return message

        self._working += works
        try:
            if works and self._working > _MOST_WORKING:
                refusal = busy(f"{_MOST_WORKING} requests are being answered")
                await refusal_response(refusal, style_of(scope["path"]))(scope, receive, send)
            else:
                await self._app(scope, counted, send)
        except Refusal as refusal:  # while something other than a route read the body
            await refusal_response(refusal, style_of(scope["path"]))(scope, receive, send)
        finally:
            self._arriving.pop(body, None)
            self._held -= body.held
            self._working -= works

    def _has_room(self, body: _Body) -> bool:
        """Whether all bodies fit, if need be without those that have been arriving for long."""
        long_ago = time.monotonic() - _ARRIVAL_SECONDS
        for each, began in list(self._arriving.items()):
            if self._held <= self._most or began > long_ago:
                break
            if each is not body:
                each.connection.abort()
                self._held -= each.held
                each.size = each.values = 0
                del self._arriving[each]
        return self._held <= self._most


async def read_body(request: Request, pool: EnginePool, max_bytes: int) -> dict[str, Any]:
    """Read the JSON object of a request with any ``Content-Type``.

    The documents' own examples send JSON as a form (``requests.post(data=...)``, ``curl -d``).
    """
    too_large = Refusal(413, f"The request is larger than {max_bytes:,} bytes.")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise too_large
            parts.append(part)
    except ClientDisconnect as error:
        raise Refusal(400, "The connection broke before the request was complete.") from error
    if size > _PARSE_HERE_BYTES:
        return await pool.parse(partial(_parse, parts))
    return _parse(parts)


def _parse(parts: list[bytes]) -> dict[str, Any]:
    """The body from these pieces, which are released: a large one is in memory twice at most."""
    data = b"".join(parts)
    parts.clear()
    if not data.strip():
        raise Refusal(400, "The request has no body; send a JSON object.")
    if values_in(data) > _MOST_VALUES:
        raise Refusal(400, f"The body has more than {_MOST_VALUES:,} values.")
    encoding = json.detect_encoding(data)
    is_utf8 = encoding.startswith("utf-8")
    if len(data) > _LARGE_BYTES and (not is_utf8 or _WIDE.search(data)):
        most = f"{_LARGE_BYTES >> 20} MiB"
        kinds = "that is not in UTF-8, or with emoji or other letters beyond U+FFFF"
        raise Refusal(413, f"A body {kinds} may have at most {most}.")
    halves = not is_utf8 or _SURROGATE.search(data) is not None
    try:
        text = data.decode(encoding)
        del data
        body = json.loads(
            text, parse_constant=_no_number, parse_float=_finite, parse_int=_short_integer
        )
        del text
    except json.JSONDecodeError as error:
        where = f"{error.msg} at character {error.pos}"
        raise Refusal(400, f"The body is not valid JSON ({where}).") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The body must be a JSON object.")
    if is_deeper_than(body, DEEPEST):
        raise Refusal(400, f"The body is nested deeper than {DEEPEST} levels.")
    if halves and not _is_unicode(body):
        raise Refusal(400, "The body contains a lone surrogate (half a character).")
    return body


def _no_number(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity, which Python writes, are not JSON


def _short_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(digits)
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):  # it would be written as Infinity
        raise ValueError(digits)
    return number


def _is_unicode(body: dict[str, Any]) -> bool:
    """Whether all texts can be encoded again, in an answer or a file."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def check_key(given: object, config: SandboxConfig) -> str:
    """Check and return the caller's key; refused with 401 if it is missing or wrong."""
    key = given.strip() if isinstance(given, str) else ""
    if not key:
        raise Refusal(401, "Your API key is missing: put it into `token`.")
    if len(key) > _LONGEST_KEY:
        raise Refusal(401, "Your API key is invalid.")
    if config.keys:
        # All are compared, each in constant time, so that timing reveals nothing.
        given_bytes = key.encode("utf-8", "surrogatepass")
        known_keys = [known.encode("utf-8", "surrogatepass") for known in config.keys]
        matches = [hmac.compare_digest(given_bytes, known) for known in known_keys]
        if not any(matches):
            raise Refusal(401, "Your API key is invalid.")
    return key


def bearer_key(request: Request) -> str:
    """The key of an ``Authorization: Bearer`` header; empty if there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


class Limiter:
    """Counts the calls of each key to each limited endpoint in a sliding window."""

    def __init__(
        self, limits: Mapping[str, Limit], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = dict(limits)
        self._clock = clock
        self._calls: dict[int, deque[float]] = {}

    def check(self, endpoint: str, key: str) -> None:
        """Count a call of an endpoint such as ``POST /sd``; refuse it with 429 at the limit."""
        limit = self._limits.get(endpoint)
        if limit is None:
            return
        now = self._clock()
        # The latest comes last; callers may invent any number of keys, of any length.
        caller = hash((endpoint, key))
        calls = self._calls[caller] = self._calls.pop(caller, deque())
        if len(self._calls) > _MOST_KEYS:
            del self._calls[next(iter(self._calls))]
        while calls and calls[0] <= now - limit.seconds:
            calls.popleft()
        if len(calls) < limit.calls:
            calls.append(now)
            return
        wait = calls[0] + limit.seconds - now if calls else limit.seconds
        seconds = max(1, math.ceil(wait))
        raise Refusal(
            limit.status,
            f"Free users can make {limit.calls} requests to {endpoint.partition(' ')[2]} per "
            f"{duration_text(limit.seconds)}. Try again in {seconds} seconds.",
            {"Retry-After": str(seconds)} if limit.announce else {},
        )


def duration_text(seconds: float) -> str:
    """A duration as the service writes it: ``5 minutes``, ``1 hour``."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:g} second{'s' if seconds != 1 else ''}"


def check_parameters(schema: type[_ParametersT], body: Mapping[str, Any]) -> _ParametersT:
    """Check parameters against an endpoint's request model; unknown ones are ignored."""
    # To the service, null means the same as no value.
    known = {name: body[name] for name in schema.model_fields if body.get(name) is not None}
    for name in schema.media_kinds:
        # In code a request also takes paths and Media; callers must not reach local files.
        if name in known and not isinstance(known[name], str):
            raise Refusal(400, f"{name} must be a string: base64 or a URL.")
    for name, value in known.items():
        # Otherwise the schema would report a problem of each, and the lists of names another.
        items = value if isinstance(value, list | dict) else ()
        if len(items) > _MOST_ITEMS or any(
            isinstance(item, str) and len(item) > _LONGEST_ITEM for item in items
        ):
            bounds = f"{_MOST_ITEMS:,} items, and texts of {_LONGEST_ITEM:,} characters in them"
            raise Refusal(400, f"{name}: at most {bounds}.")
    problems = [f"{name} is required" for name in sorted(schema.required_by_api - set(known))]
    try:
        parameters = schema.model_validate(known)
    except ValidationError as error:
        problems += problems_of(error)
    if problems:
        raise Refusal(400, "; ".join(dict.fromkeys(problems)) + ".")
    return parameters


def check_texts(parameters: fields.Request, longest: int) -> None:
    """Refuse texts that are too long, other than media."""
    for name in type(parameters).model_fields:
        value = getattr(parameters, name)
        if name not in parameters.media_kinds and isinstance(value, str) and len(value) > longest:
            raise Refusal(400, f"{name}: at most {longest:,} characters here.")


def problems_of(error: ValidationError) -> list[str]:
    """What is wrong, in the words of the API."""
    problems = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            problems.append(f"{name} is required")
        else:
            text = problem["msg"].removeprefix("Value error, ").rstrip(".")
            problems.append(f"{name}: {text}" if name else text)
    return problems
