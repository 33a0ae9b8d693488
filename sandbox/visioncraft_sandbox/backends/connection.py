"""One server behind the sandbox: its address and names, requests to it, failures as refusals."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import anyio.lowlevel
import anyio.to_thread

from langchain_visioncraft._compat import httpx
from langchain_visioncraft._redact import redactor_of
from langchain_visioncraft.client.answers import service_message
from langchain_visioncraft.client.transport import no_cookies
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.hiding import values_in

_KINDS = {
    "--llm": {"openai": "openai"},
    "--vision-llm": {"openai": "openai"},
    "--images": {"a1111": "a1111", "forge": "a1111", "comfyui": "comfyui"},
    "--speech": {"openai": "openai", "whispercpp": "whispercpp"},
}
"""By option, the known prefixes and the kind of server that each means."""

_SHORTEST = 5
_WEIGHTS = re.compile(r"\.(?:safetensors|ckpt|pth?|bin|gguf|sft)$", re.IGNORECASE)
_VERSION = re.compile(r"v(?=\d)")
_SIGNS = re.compile(r"[^a-z0-9]+")
_NOT_PLAIN = re.compile(r"[^ -~]")
"""What the value of a header cannot hold."""
_CONNECT_SECONDS = 10.0
_PROBE_SECONDS = 5.0
_REFUSED = frozenset({400, 406, 409, 413, 415, 422})
_LONGEST_ENGINE = 200
_MISREAD = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    httpx.InvalidURL,  # of an id or a file name that no URL can hold
)
_MOST_BYTES = 256 << 20
"""Of one answer: eight large pictures in base64 take less."""
_MOST_VALUES = 1_000_000
"""Of one answer in JSON, each of which may take a hundred bytes."""
_HERE_BYTES = 1 << 17
"""Larger answers are decoded in a thread."""


@dataclass(frozen=True)
class Address:
    """One server."""

    option: str  # the option that names it, such as ``--images``
    url: str  # its root, without a trailing slash
    kind: str | None = None  # its API; ``None`` if it is to be detected

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def environment(self) -> str:
        """The variable that holds its key."""
        return f"VISIONCRAFT_SANDBOX_{self.option.strip('-').replace('-', '_').upper()}_KEY"

    def __str__(self) -> str:
        return f"The server behind {self.option} ({self.url})"


def is_url(text: str) -> bool:
    """Whether this is an address rather than a file."""
    return "://" in text


def parse_address(option: str, text: str) -> Address:
    """Read the address given for an option.

    Raises:
        ValueError: If it is malformed. The message omits the text where it may hold a secret.
    """
    kinds = _KINDS[option]
    prefix, plus, rest = text.strip().partition("+")
    if not plus or "://" in prefix:
        prefix, rest = "", text.strip()
    if prefix.lower() not in ("", *kinds):
        raise ValueError(f"{option}: {prefix!r} is not known; the prefixes are {', '.join(kinds)}.")
    try:
        parts = urlsplit(rest)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{option} takes the root of a server, such as http://127.0.0.1:8080.")
    address = Address(option, rest.rstrip("/"), kinds.get(prefix.lower()))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            f"{option} takes only the root of the server. Put its key, or user:password, into "
            f"{address.environment}."
        )
    return address


def closest(asked: str, offered: Sequence[str]) -> str | None:
    """The offered name that means the same, if there is one.

    Folders, file extensions, case, punctuation and the ``v`` of a version do not matter:
    ``dreamshaper_v8`` is ``SD15/DreamShaper_8.safetensors``. Otherwise one name may contain the
    other, if that is long enough: ``sdxl-base`` is ``sd_xl_base_1.0``.
    """
    if asked in offered:
        return asked
    wanted = _plain(asked)
    plain = {name: _plain(name) for name in offered}
    for name, form in plain.items():
        if form == wanted:
            return name
    near = [
        name
        for name, form in plain.items()
        if min(len(form), len(wanted)) >= _SHORTEST and (form in wanted or wanted in form)
    ]
    return min(near, key=lambda name: abs(len(plain[name]) - len(wanted)), default=None)


def _plain(name: str) -> str:
    stem = _WEIGHTS.sub("", PurePosixPath(name.replace("\\", "/")).name).lower()
    return _SIGNS.sub("", _VERSION.sub("", stem))


class BackendError(Refusal, RuntimeError):
    """A server behind the sandbox does not answer, or is of another kind: 503 for callers."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message)


class Connection:
    """A connection to one server.

    The key is a bearer token, or ``user:password`` for hosts of pictures; `seconds` is the longest
    wait for data. The client is made at the first request, for one event loop.
    """

    def __init__(self, address: Address, key: str | None, seconds: float) -> None:
        self.address = address
        self._key = key
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None
        user, is_pair, password = (key or "").partition(":")
        self._pair = (user, password) if is_pair and address.option == "--images" else None
        sent = base64.b64encode((key or "").encode()).decode()
        self.secrets = tuple(filter(None, (key, *((password, sent) if self._pair else ()))))
        """What the server may repeat, but callers must not see."""

    def told(self, value: Any) -> Any:
        """A server's words to be passed on: without its key and lone surrogates."""
        for secret in self.secrets or ("",):
            value = redactor_of(secret).told(value)
        return value

    def words(self, answer: httpx.Response) -> str:
        """A server's words about an error, redacted before anything is cut off; may be empty."""
        data = answer.content
        for secret in self.secrets or ("",):
            data = redactor_of(secret).beginning(io.BytesIO(data))
        return str(self.told(service_message(data) or ""))

    def engine(self, kind: str, model: str | None = None) -> str:
        """The value of ``x-visioncraft-engine``: the kind, the host and the model."""
        # llama.cpp names a model by its path, which is not for callers.
        shown = model.rpartition("/")[2] if model and model.startswith("/") else model
        name = f"{kind} ({self.address.host})" + (f", {shown}" if shown else "")
        return _NOT_PLAIN.sub("?", self.told(name))[:_LONGEST_ENGINE]

    async def close(self) -> None:
        """Close the client; the next request opens another."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def probe(self, path: str, method: str = "GET") -> httpx.Response:
        """Check that the server answers and accepts the key; raises `BackendError` if not."""
        try:
            answer = await self._answer(method, path, timeout=_PROBE_SECONDS)
            answer = await self._whole(answer)
        except httpx.HTTPError as error:
            raise BackendError(
                f"{self.address} does not answer ({type(error).__name__}). Is it running there?"
            ) from error
        if answer.status_code in (401, 403):
            raise BackendError(self._key_problem())
        return answer

    async def find_models(self, roots: Iterable[str]) -> tuple[str, list[Mapping[str, Any]]] | None:
        """The first root with OpenAI's list of models, and that list; ``None`` without one."""
        for root in roots:
            answer = await self.probe(f"{root}/models")
            try:
                data = (await self.decoded(answer)).get("data") if answer.is_success else None
            except (Refusal, AttributeError):
                continue
            if isinstance(data, list):
                return root, [each for each in data if isinstance(each, Mapping) and "id" in each]
        return None

    async def send(
        self, method: str, path: str, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Make a request; refused with 503 if it fails, with 504 after a long silence."""
        try:
            answer = await self._answer(method, path, **options)
            return answer if stream else await self._whole(answer)
        except httpx.HTTPError as error:
            raise self.failure(error) from error

    async def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The status and the headers; the body is still to be read, and not compressed."""
        client = self._open_client()
        request = client.build_request(method, f"{self.address.url}{path}", **options)
        answer = await client.send(request, stream=True)
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            await answer.aclose()
            raise Refusal(
                502, f"{self.address} returned a compressed answer, which was not asked for."
            )
        return answer

    async def _whole(self, answer: httpx.Response) -> httpx.Response:
        """The same answer with its body, which is bounded."""
        data = bytearray()
        try:
            async for part in answer.aiter_raw():
                await anyio.lowlevel.checkpoint()  # many tiny ones may have arrived at once
                data += part
                self.check_size(len(data))
        finally:
            await answer.aclose()
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=bytes(data), request=answer.request
        )

    async def read(self, answer: httpx.Response) -> httpx.Response:
        """Read the rest of a streamed answer; refused as by `send`."""
        try:
            return await self._whole(answer)
        except httpx.HTTPError as error:
            raise self.failure(error) from error

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a request that must succeed."""
        answer = await self.send(method, path, **options)
        if not answer.is_success:
            raise self.refusal(answer)
        return answer

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """Make a request that must succeed with JSON."""
        return await self.decoded(await self.ask(method, path, **options))

    async def decoded(self, answer: httpx.Response) -> Any:
        """The JSON of an answer, without the key; refused with 502 if it is something else."""
        try:
            if len(answer.content) <= _HERE_BYTES:
                return self._json_of(answer)
            return await anyio.to_thread.run_sync(self._json_of, answer)
        except (ValueError, RecursionError) as error:
            raise Refusal(502, f"{self.address} returned something other than JSON.") from error

    def _json_of(self, answer: httpx.Response) -> Any:
        if values_in(answer.content) > _MOST_VALUES:
            raise Refusal(502, f"{self.address} returned more than {_MOST_VALUES:,} values.")
        return self.told(json.loads(answer.content, parse_constant=_refuse, parse_float=_finite))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Refuse with 502 what is JSON, but not in the shape of this server's API."""
        try:
            yield
        except _MISREAD as error:
            message = f"{self.address} returned an answer that its API does not have."
            raise Refusal(502, message) from error

    def check_size(self, size: int) -> None:
        """Refuse an answer of more bytes than any has."""
        if size > _MOST_BYTES:
            raise Refusal(502, f"{self.address} returned more than {_MOST_BYTES >> 20} MiB.")

    def failure(self, error: httpx.HTTPError) -> Refusal:
        """The refusal for a request that failed."""
        if isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)):
            return Refusal(504, f"{self.address} was silent for {self._seconds:g} seconds.")
        message = f"{self.address} does not answer ({type(error).__name__}). Try again later."
        return Refusal(503, message)

    def refusal(self, answer: httpx.Response) -> Refusal:
        """The refusal for an answer with an error status; its body must be read.

        Errors that the caller can correct stay 400, and a limit 429. A wrong key, a missing model
        and a failure are not the caller's fault: they become 502 or 503.
        """
        status = answer.status_code
        if status in (401, 403):
            return Refusal(502, self._key_problem())
        said = self.words(answer)
        message = f"{self.address} answered {status}" + (f": {said}" if said else "")
        message = message if message.endswith((".", "!", "?")) else f"{message}."
        if status == 429:
            wait = _NOT_PLAIN.sub("", self.told(answer.headers.get("retry-after", ""))).strip()
            return Refusal(429, message, {"Retry-After": wait} if wait else {})
        if status in _REFUSED:
            return Refusal(400, message)
        return Refusal(503 if status == 503 else 502, message)

    def _key_problem(self) -> str:
        has = "refused the key in" if self._key else "requires a key: put it into"
        return f"{self.address} {has} {self.address.environment}."

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            bearer = (
                {"authorization": f"Bearer {self._key}"} if self._key and not self._pair else {}
            )
            self._client = httpx.AsyncClient(
                # A small compressed answer may expand to gigabytes.
                headers={"accept-encoding": "identity", **bearer},
                cookies=no_cookies(),
                auth=httpx.BasicAuth(*self._pair) if self._pair else None,
                timeout=httpx.Timeout(self._seconds, connect=_CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=None),
            )
        return self._client


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        _refuse(text)
    return number
