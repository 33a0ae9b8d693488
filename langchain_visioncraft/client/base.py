"""The base of both clients: settings, key, copies, pickles."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import SecretStr

from langchain_visioncraft import errors
from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft._redact import Redactor, chain, redactor_of
from langchain_visioncraft.client.watching import checked_deadline
from langchain_visioncraft.config import (
    TimeoutTypes,
    VerifyTypes,
    as_secret,
    environment_key,
    resolve,
    sendable_key,
)

if TYPE_CHECKING:
    from langchain_core.rate_limiters import BaseRateLimiter

    from langchain_visioncraft.client.endpoints import EndpointMethods as ClientMethods
else:
    # Importing the request models takes longer than everything else that a client needs, so the
    # endpoints are looked up when one is accessed.

    @functools.cache
    def _endpoints() -> dict[str, Any]:
        from langchain_visioncraft.client.endpoints import EndpointMethods  # noqa: PLC0415 -- slow

        return {name: each for name, each in vars(EndpointMethods).items() if name[:1] != "_"}

    def _method(name: str, client: Any, kind: type) -> Any:
        if name.startswith("_") or name not in _endpoints():
            msg = f"{kind.__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=client or kind)
        return _endpoints()[name].__get__(client, kind)

    class _Later(type):
        def __getattr__(cls, name: str) -> Any:
            return _method(name, None, cls)

        def __dir__(cls) -> list[str]:
            return [*super().__dir__(), *_endpoints()]

    class ClientMethods(metaclass=_Later):
        """The methods of clients."""

        def __getattr__(self, name: str) -> Any:
            return _method(name, self, type(self))

        def __dir__(self) -> list[str]:
            return [*super().__dir__(), *_endpoints()]


DEFAULT_MAX_ANSWER_BYTES = 256 * 1024 * 1024
_RUNTIME = frozenset({"_lock", "_http", "_process", "_closer", "_busy", "_lender"})
_ClientT = TypeVar("_ClientT", bound="BaseClient")


class BaseClient(KnownKeywords, ClientMethods):
    """Base of the drivers.

    Args:
        api_key: The key. Default: the environment variable ``VISIONCRAFT_API_KEY``. A missing key
            raises only when a call needs it.
        base_url: Root of the host; a trailing ``/`` or ``/v1`` is ignored. Default:
            ``VISIONCRAFT_BASE_URL``, else ``https://visioncraft.top``.
        verify: Whether TLS certificates are checked (default), or a CA bundle, or an SSL context.
        timeout: Seconds: one number for reading, or ``(connect, read)``. Default: ``(10, 600)``.
        max_retries: How often a failed call is retried. Default: 2.
        http_client: Your own ``httpx.Client`` (or httpx2's), which is used as it is and not closed.
        http_async_client: Your own ``httpx.AsyncClient`` (or httpx2's); likewise.
        rate_limiter: A rate limiter to wait for before every call of the API, including retries.
        max_answer_bytes: The limit for an answer, and for the total of all files that the answers
            of a call link to. Default: 256 MiB.
        retry_after_timeout: Whether a call is retried after a read timeout. Default: no, since the
            work may have been done and paid for.
        deadline: Seconds for a whole call, with its retries, waits and links. `timeout` bounds only
            the time between two pieces of an answer. Default: none.

    Raises:
        InvalidRequestError: If an argument is invalid. Nothing is sent.
    """

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        verify: VerifyTypes | None = None,
        timeout: TimeoutTypes = None,
        max_retries: int | None = None,
        http_client: Any = None,
        http_async_client: Any = None,
        rate_limiter: BaseRateLimiter | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        retry_after_timeout: bool = False,
        deadline: float | None = None,
    ) -> None:
        api_key = as_secret(api_key)
        self.settings = resolve(
            api_key=api_key,
            base_url=base_url,
            verify=verify,
            timeout=timeout,
            max_retries=max_retries,
        )
        # A key from the environment is never pickled: it is read again where the pickle is loaded.
        self._key_was_given = bool(api_key and api_key.get_secret_value().strip())
        if isinstance(verify, str):
            from langchain_visioncraft.client.transport import tls_context  # noqa: PLC0415 -- slow

            tls_context(verify)  # fails now, not at the first call
        self.http_client = http_client
        self.http_async_client = http_async_client
        self.rate_limiter = rate_limiter
        self.max_answer_bytes = max_answer_bytes
        self.retry_after_timeout = retry_after_timeout
        self.deadline = checked_deadline(deadline)
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._http: Any = None
        self._closer: weakref.finalize[Any, Any] | None = None
        self._process = os.getpid()
        self._busy = 0
        self._lender: Any = None

    def _own_lock(self) -> threading.Lock:
        """The lock of this process: after a fork, a lock held by another thread stays locked."""
        if self._process != os.getpid():
            self._start()
        return self._lock

    def as_kind(self, kind: type[_ClientT]) -> _ClientT:
        """A sync or an async client with the same settings."""
        other = kind.__new__(kind)  # the constructor would repeat its warnings
        other.__setstate__({**self.__getstate__(), "settings": self.settings})
        return other

    def with_key(self, api_key: str | SecretStr | None) -> Self:
        """The same client with another key, over the same connections, for one of many tenants."""
        api_key = as_secret(api_key)
        other = self.as_kind(type(self))
        other.settings = dataclasses.replace(self.settings, api_key=sendable_key(api_key))
        other._key_was_given, other._lender = True, self
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name not in _RUNTIME}
        if not self._key_was_given:
            state["settings"] = dataclasses.replace(self.settings, api_key=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def __repr__(self) -> str:
        # A traceback with locals also shows clients whose construction failed.
        settings = vars(self).get("settings")
        return f"{type(self).__name__}(base_url={settings.base_url if settings else None!r})"

    def key(self) -> str:
        """The key in clear text, for the moment of sending, or a `MissingKeyError`."""
        if self.settings.api_key is None and (late := environment_key()):
            return late
        return self.settings.require_key()

    def without_key(self, error: errors.VisionCraftError) -> errors.VisionCraftError:
        """The same error, with ``***`` where a host repeated the key, also in what caused it.

        Hosts have repeated the request in their errors, and may do so under any status, and in
        unreadable headers.
        """
        redact = self.redactor()
        for link in chain(error):
            redact.clean(link)
        return error

    def redactor(self) -> Redactor:
        """The function that redacts the key in a host's words."""
        with contextlib.suppress(errors.MissingKeyError):
            return redactor_of(self.key())
        return redactor_of("")

    def facts(self, endpoint: str) -> dict[str, Any]:
        """The facts of an error."""
        return {"endpoint": endpoint, "base_url": self.settings.base_url}
