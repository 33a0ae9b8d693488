"""One server behind the sandbox: requests to it, and its failures as refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.answers import service_message
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.addresses import Address

_CONNECT_SECONDS = 10.0
_PROBE_SECONDS = 5.0
_REFUSED = frozenset({400, 406, 409, 413, 415, 422})
_LONGEST_ENGINE = 200


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

    def engine(self, kind: str, model: str | None = None) -> str:
        """The value of ``x-visioncraft-engine``: the kind, the host and the model."""
        # llama.cpp names a model by its path, which is not for callers.
        shown = model.rpartition("/")[2] if model and model.startswith("/") else model
        name = f"{kind} ({self.address.host})" + (f", {shown}" if shown else "")
        return name.encode("ascii", "replace").decode()[:_LONGEST_ENGINE]

    async def close(self) -> None:
        """Close the client; the next request opens another."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def probe(self, path: str, method: str = "GET") -> httpx.Response:
        """Check that the server answers and accepts the key; raises `BackendError` if not."""
        try:
            answer = await self._open_client().request(
                method, f"{self.address.url}{path}", timeout=_PROBE_SECONDS
            )
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
                data = answer.json().get("data") if answer.is_success else None
            except (ValueError, AttributeError):
                continue
            if isinstance(data, list):
                return root, [each for each in data if isinstance(each, Mapping) and "id" in each]
        return None

    async def send(
        self, method: str, path: str, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Make a request; refused with 503 if it fails, with 504 after a long silence."""
        client = self._open_client()
        request = client.build_request(method, f"{self.address.url}{path}", **options)
        try:
            return await client.send(request, stream=stream)
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
        return self.decoded(await self.ask(method, path, **options))

    def decoded(self, answer: httpx.Response) -> Any:
        """The JSON of an answer; refused with 502 if it is something else."""
        try:
            return answer.json()
        except ValueError as error:
            raise Refusal(502, f"{self.address} returned something other than JSON.") from error

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
        has = "refused the key in" if self._key else "requires a key: put it into"
        return f"{self.address} {has} {self.address.environment}."

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            user, is_pair, password = (self._key or "").partition(":")
            basic = bool(is_pair) and self.address.option == "--images"
            bearer = {"authorization": f"Bearer {self._key}"} if self._key and not basic else {}
            self._client = httpx.AsyncClient(
                headers=bearer,
                auth=httpx.BasicAuth(user, password) if basic else None,
                timeout=httpx.Timeout(self._seconds, connect=_CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=None),
            )
        return self._client
