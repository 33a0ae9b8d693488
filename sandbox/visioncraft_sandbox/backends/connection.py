"""One server behind the sandbox: requests, and its failures told as the sandbox's own."""

from __future__ import annotations

from typing import Any

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.answers import service_message
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.addresses import Address

_CONNECT_SECONDS = 10.0
_PROBE_SECONDS = 5.0
_REFUSED = frozenset({400, 406, 409, 413, 415, 422})
_LONGEST_ENGINE = 200


class BackendError(RuntimeError):
    """A server behind the sandbox cannot be used: it is not there, or is something else."""


class Connection:
    """The way to one server. Its client is made at the first request and serves one event loop.

    Args:
        address: Where it stands.
        key: What it wants to see: a bearer token; ``user:password`` for hosts of pictures.
        seconds: How long it may be silent.
    """

    def __init__(self, address: Address, key: str | None, seconds: float) -> None:
        self.address = address
        self._key = key
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    def engine(self, kind: str, model: str | None = None) -> str:
        """What ``x-visioncraft-engine`` says: the kind, the host, the model."""
        # llama.cpp names a model by its path, which is the host's own business.
        shown = model.rpartition("/")[2] if model and model.startswith("/") else model
        told = f"{kind} ({self.address.host})" + (f", {shown}" if shown else "")
        return told.encode("ascii", "replace").decode()[:_LONGEST_ENGINE]

    async def close(self) -> None:
        """Close what is open; the next request opens it again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def probe(self, path: str) -> httpx.Response:
        """Look whether the server is there; any answer counts.

        Raises:
            BackendError: If it does not answer, or refuses the key.
        """
        try:
            answer = await self._opened().get(f"{self.address.url}{path}", timeout=_PROBE_SECONDS)
        except httpx.HTTPError as error:
            msg = f"{self.address} does not answer ({type(error).__name__}). Is it running there?"
            raise BackendError(msg) from error
        if answer.status_code in (401, 403):
            raise BackendError(self._key_problem())
        return answer

    async def send(
        self, method: str, path: str, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Make a request.

        Args:
            method: Of HTTP.
            path: After the root.
            stream: Whether the answer's body is left to be read.
            options: As httpx takes them: ``json``, ``data``, ``files``, ``params``.

        Raises:
            Refusal: 503 if the server is not reached or breaks off, 504 if it is silent too long.
        """
        client = self._opened()
        request = client.build_request(method, f"{self.address.url}{path}", **options)
        try:
            return await client.send(request, stream=stream)
        except httpx.HTTPError as error:
            raise self.gone(error) from error

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The same, where only success will do.

        Raises:
            Refusal: As `send`, and as `refusal` for an answer with an error status.
        """
        answer = await self.send(method, path, **options)
        if not answer.is_success:
            raise self.refusal(answer)
        return answer

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """The same, where only JSON will do.

        Raises:
            Refusal: As `ask`, and 502 if the answer is no JSON.
        """
        answer = await self.ask(method, path, **options)
        return self.decoded(answer)

    def decoded(self, answer: httpx.Response) -> Any:
        """The JSON of an answer.

        Raises:
            Refusal: 502 if it is none.
        """
        try:
            return answer.json()
        except ValueError as error:
            raise Refusal(502, f"{self.address} answered with something else than JSON.") from error

    def gone(self, error: httpx.HTTPError) -> Refusal:
        """The refusal for a request that broke."""
        if isinstance(error, httpx.TimeoutException) and not isinstance(
            error, httpx.ConnectTimeout
        ):
            return Refusal(504, f"{self.address} was silent for {self._seconds:g} seconds.")
        message = f"{self.address} does not answer ({type(error).__name__}). Try again later."
        return Refusal(503, message)

    def refusal(self, answer: httpx.Response) -> Refusal:
        """The refusal for an answer with an error status; its body must be read.

        What the caller can correct stays 400 and a limit 429; a wrong key, a missing model and a
        failure are not the caller's and become 502 or 503.
        """
        status = answer.status_code
        if status in (401, 403):
            return Refusal(502, self._key_problem())
        said = service_message(answer.content)
        message = f"{self.address} answered {status}" + (f": {said}" if said else "")
        message = message if message.endswith((".", "!", "?")) else f"{message}."
        if status == 429:
            wait = answer.headers.get("retry-after")
            return Refusal(429, message, {"Retry-After": wait} if wait else {})
        if status in _REFUSED:
            return Refusal(400, message)
        return Refusal(503 if status == 503 else 502, message)

    def _key_problem(self) -> str:
        has = "refused the key in" if self._key else "wants a key: put it into"
        return f"{self.address} {has} {self.address.environment}."

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            headers: dict[str, str] = {}
            auth = None
            if self._key and self.address.option == "--images" and ":" in self._key:
                user, _, password = self._key.partition(":")
                auth = httpx.BasicAuth(user, password)
            elif self._key:
                headers["authorization"] = f"Bearer {self._key}"
            timeout = httpx.Timeout(self._seconds, connect=_CONNECT_SECONDS)
            limits = httpx.Limits(max_connections=None)
            self._client = httpx.AsyncClient(
                headers=headers, auth=auth, timeout=timeout, limits=limits
            )
        return self._client
