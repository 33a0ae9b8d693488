"""The OpenAI SDK's two clients, without OpenAI's key, identity and headers."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import os
import sys
import weakref
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import openai

from langchain_visioncraft._compat import httpx, is_from_aiohttp, is_from_httpx
from langchain_visioncraft._driving import adrive, drive
from langchain_visioncraft._redact import Redactor, redactor_of
from langchain_visioncraft.chat_models import completions
from langchain_visioncraft.chat_models.normalizing import sound
from langchain_visioncraft.chat_models.response_formats import forms_of, is_refused
from langchain_visioncraft.client.flow import LONGEST_RETRY_WAIT, RETRY_STATUSES
from langchain_visioncraft.client.refusals import retry_after
from langchain_visioncraft.client.translation import came_back
from langchain_visioncraft.client.transport import LoopSafeAsyncClient, build, client_options
from langchain_visioncraft.client.watching import Watch, bounded, current, resumed, watched
from langchain_visioncraft.context import run_key
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.version import __version__

if TYPE_CHECKING:
    from langchain_visioncraft.config import Settings, Timeout

CHAT_PATH = "/v1/chat/completions"

USER_AGENT = f"langchain-visioncraft/{__version__}"

_NO_REQUEST: Any = httpx.Request("POST", CHAT_PATH)
"""A stand-in request for the SDK's errors, which require one: the real one holds the key."""


def connect(settings: Settings, model: Any) -> tuple[VisionCraftSDK, AsyncVisionCraftSDK]:
    """Build the SDK's clients for a chat model with these settings; nothing is sent.

    Models with the same `verify` and `timeout` share the default HTTP clients. These read
    `completions.MAX_ANSWER_BYTES` of an answer at most; the async one works in any event loop.
    """
    options: dict[str, Any] = {
        "base_url": f"{settings.base_url}/v1",
        "timeout": _timeout_of_sdk(settings.timeout),
        "max_retries": settings.max_retries,
        "default_query": model.default_query,
    }
    http_client, http_async_client = model.http_client, model.http_async_client
    if http_client is None or http_async_client is None:
        shared = _shared_clients(settings.verify, settings.timeout)
        http_client = http_client or shared[0]
        http_async_client = http_async_client or shared[1]
    # The key is not a local variable: tracebacks may show those.
    client = VisionCraftSDK(api_key=settings.require_key(), http_client=http_client, **options)
    async_client = AsyncVisionCraftSDK(
        api_key=settings.require_key(), http_client=http_async_client, **options
    )
    for each in (client, async_client):
        each.own_headers = dict(model.default_headers or {})
        each.deadline = model.deadline
        each.organization = each.project = each.webhook_secret = each.admin_api_key = None
    return client, async_client


def _timeout_of_sdk(timeout: Timeout) -> Any:
    return openai.Timeout(connect=timeout.connect, read=timeout.read, write=timeout.read, pool=None)


class _OurClient:
    """Identifies the caller, and nothing else.

    The SDK would add the organization and project of the environment, whatever is in
    ``OPENAI_CUSTOM_HEADERS``, and a description of this machine.
    """

    api_key: str
    own_headers: Mapping[str, str] = {}
    deadline: float | None = None
    """Seconds for a call with its retries, or a stream to its end."""
    form = 0
    """The number of the form of ``response_format`` that the host accepted last."""

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        return {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **self.own_headers,
            "Authorization": f"Bearer {self._key}",
        }

    @property
    def _key(self) -> str:
        key = run_key()
        return key.get_secret_value() if key else self.api_key

    @property
    def _redact(self) -> Redactor:
        # A word, such as "visioncraft" for a sandbox, may be part of a tool's name.
        return redactor_of("" if self._key.isalpha() else self._key)

    def _without_key(self, response: Any) -> Any:
        """The response; its headers, which LangChain passes on if asked to, do not hold the key."""
        for name, text in [*response.headers.items()]:
            told_name, told = self._redact.told([name, text])
            if told_name != name:
                del response.headers[name]
            if [told_name, told] != [name, text]:
                response.headers[told_name] = told
        return response

    def _process_response_data(self, *, data: Any, cast_to: Any, response: Any) -> Any:  # noqa: ARG002
        # Decoded JSON: LangChain would only dump objects again.
        return response.extensions.get(completions.ANSWER, data)

    def _make_status_error_from_response(self, response: Any) -> openai.APIStatusError:
        if response.is_closed and response.is_stream_consumed:
            response = completions.beginning(response)
        response.encoding = "utf-8"  # the host's charset may be invalid, or slow to decode
        inherited: Any = super()
        error: openai.APIStatusError = inherited._make_status_error_from_response(response)
        return error

    def _build_request(self, options: Any, **more: Any) -> Any:
        inherited: Any = super()
        try:
            return bounded(inherited._build_request(options, **more))
        except UnicodeEncodeError:
            # Lone surrogates, which models sometimes write, and which no request can hold.
            written = sound(json.dumps([options.json_data, options.extra_json], ensure_ascii=False))
            body, extra = json.loads(written)
            whole = options.model_copy(update={"json_data": body, "extra_json": extra})
            return bounded(inherited._build_request(whole, **more))
        except (TypeError, ValueError) as error:
            msg = f"Nothing was sent: the request cannot be written as JSON ({error})."
            raise InvalidRequestError(msg) from error

    def _asking(self, options: Any) -> Generator[Any, Any, Any]:
        """Try each form of the ``response_format`` until the host accepts one."""
        # The user's own HTTP client may follow redirects, with its headers and the conversation.
        options = options.model_copy(update={"follow_redirects": False})
        body, refusals = options.extra_json or {}, []
        for number, form in forms_of(body.get("response_format"), self.form):
            own = {"extra_json": {**body, "response_format": form}}
            try:
                answer = yield options.model_copy(update=own) if form else options
            except openai.APIStatusError as error:
                if not is_refused(error.status_code, str(error)):
                    raise
                refusals.append(error)
            else:
                self.form = number
                return answer
        raise refusals[0]

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[Watch]:
        with resumed(Watch(self.deadline, current().began)) as watch:
            if watch.is_over:
                raise completions.OverdueError(watch)
            try:
                yield watch
            except Exception as error:
                if watch.is_over:
                    raise completions.OverdueError(watch) from error
                if is_from_httpx(error, "TimeoutException"):  # the SDK reads no body
                    raise openai.APITimeoutError(request=_NO_REQUEST) from error
                if is_from_httpx(error, "TransportError") or is_from_aiohttp(error, "ClientError"):
                    raise openai.APIConnectionError(request=_NO_REQUEST) from error
                raise

    def _calculate_retry_timeout(
        self, remaining_retries: int, options: Any, response_headers: Any = None
    ) -> float:
        error = sys.exception()
        if current().is_over or (response_headers is None and error and came_back(error)):
            # Also for an unreadable answer: it may have been paid for.
            raise openai.APIConnectionError(request=_NO_REQUEST) from error
        inherited: Any = super()
        seconds: float = inherited._calculate_retry_timeout(
            remaining_retries, options, response_headers
        )
        return current().left(seconds) or 0.0

    def _should_stream_response_body(self, request: Any) -> bool:  # noqa: ARG002
        return True  # `_process_response` limits what is read, whichever HTTP client reads it

    def _should_retry(self, response: Any) -> bool:
        # The SDK retries more, such as anything that the host marks `x-should-retry: true`.
        inherited: Any = super()
        wait = retry_after(response.headers, None) or 0.0
        worth = response.status_code in RETRY_STATUSES and wait <= LONGEST_RETRY_WAIT
        return worth and bool(inherited._should_retry(response))

    def _make_sse_decoder(self) -> Any:
        inherited: Any = super()
        return completions.WholeStreams(inherited._make_sse_decoder(), current(), self._redact)

    def _parse_retry_after_header(self, response_headers: Any = None) -> float | None:
        return None if response_headers is None else retry_after(response_headers, None)


class VisionCraftSDK(_OurClient, openai.OpenAI):
    """The SDK's client for VisionCraft."""

    def request(self, cast_to: Any, options: Any, *args: Any, **more: Any) -> Any:
        """Make a call, with the SDK's retries, within the deadline."""
        inherited = super().request
        with self._in_time():
            return drive(
                self._asking(options), lambda asked: inherited(cast_to, asked, *args, **more)
            )

    def _process_response(self, **options: Any) -> Any:
        response, streamed = self._without_key(options["response"]), bool(options.get("stream"))
        try:
            completions.bound(response)
            if completions.must_be_checked(response, streamed=streamed):
                response.read()
                completions.check_completion(response, self._redact, streamed=streamed)
        except BaseException:
            response.close()  # a stream would keep its connection
            raise
        return super()._process_response(**options)


class AsyncVisionCraftSDK(_OurClient, openai.AsyncOpenAI):
    """The SDK's async client for VisionCraft."""

    async def request(self, cast_to: Any, options: Any, *args: Any, **more: Any) -> Any:
        """Make a call, with the SDK's retries, within the deadline."""
        inherited = super().request
        with self._in_time() as watch:
            async with asyncio.timeout(watch.left()):
                return await adrive(
                    self._asking(options), lambda asked: inherited(cast_to, asked, *args, **more)
                )

    async def _process_response(self, **options: Any) -> Any:
        response, streamed = self._without_key(options["response"]), bool(options.get("stream"))
        try:
            completions.bound(response)
            if completions.must_be_checked(response, streamed=streamed):
                await response.aread()
                completions.check_completion(response, self._redact, streamed=streamed)
        except BaseException:
            await response.aclose()
            raise
        return await super()._process_response(**options)


_BOUNDED: dict[str, Any] = {"event_hooks": {"response": [completions.bound]}}
_ABOUNDED: dict[str, Any] = {"event_hooks": {"response": [completions.abound]}}


class _SharedClient(httpx.Client):
    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


@functools.lru_cache(maxsize=32)
def _shared_clients(verify: Any, timeout: Timeout) -> tuple[Any, Any]:
    # Loading the trusted certificates takes longer than everything else in a constructor.
    options = client_options(verify, timeout)
    kind: Any
    async_kind: Any
    kind, async_kind, async_options = _SharedClient, LoopSafeAsyncClient, {**options}
    if not issubclass(openai.DefaultHttpxClient, httpx.Client):
        # An SDK before 3, on httpx, beside an installed httpx2.
        import httpx as classic  # noqa: PLC0415

        kind, async_kind = openai.DefaultHttpxClient, openai.DefaultAsyncHttpxClient
        options |= {"timeout": _timeout_of_sdk(timeout), "limits": classic.Limits()}
        # A connection that is kept alive belongs to one event loop, and would fail in the next one.
        unkept = classic.Limits(max_connections=None, max_keepalive_connections=0)
        async_options = {**options, "limits": unkept}
    options |= _BOUNDED
    client = build(kind, **options)
    _open_clients[client] = options
    return client, build(async_kind, **async_options, **_ABOUNDED)


_open_clients: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()


def _reopen_shared_clients() -> None:
    """In a forked process: it would read the answers to its parent, and write into its calls."""
    for client, options in list(_open_clients.items()):
        client.__init__(**options)
        watched(client)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_reopen_shared_clients)


@atexit.register
def _close_shared_clients() -> None:
    for client in list(_open_clients):
        with contextlib.suppress(Exception):
            client.close()
