"""Settings: arguments first, then ``VISIONCRAFT_*`` variables.

This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError

API_KEY_VARIABLE = "VISIONCRAFT_API_KEY"
BASE_URL_VARIABLE = "VISIONCRAFT_BASE_URL"

DEFAULT_BASE_URL = "https://visioncraft.top"
"""The host of the newest document (2024-09)."""

DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_READ_TIMEOUT = 600.0
"""Seconds. A generation takes 5 s to several minutes; the documents' own examples wait forever."""

_LONGEST_TIMEOUT = 1e9
"""Seconds. Sockets do not accept infinity; use ``None`` to wait forever."""

DEFAULT_MAX_RETRIES = 2

_LONGEST_KEY = 8192
"""Characters: the most that common servers accept in one header."""

TimeoutTypes: TypeAlias = float | tuple[float | None, float | None] | None
"""Seconds: one number for the read timeout, or ``(connect, read)``; ``None`` in the pair waits
forever, ``None`` alone means the defaults."""


def _named(folder: Any) -> Any:
    """Refuse an empty name, such as from an unset variable: it would be the current folder."""
    if folder == "":
        raise ValueError("a folder has an empty name; '.' is the current one")
    return folder


# At run time, pydantic converts values to the last types; type checkers see what may be passed.
if TYPE_CHECKING:
    KeyTypes: TypeAlias = str | SecretStr | None
    FolderTypes: TypeAlias = Sequence[str | Path]
else:
    KeyTypes = SecretStr | None
    FolderTypes = list[Annotated[Path, BeforeValidator(_named)]]

VerifyTypes: TypeAlias = bool | str | ssl.SSLContext
"""``True``, ``False``, the path of a CA bundle, or a ready context."""


@dataclass(frozen=True)
class Timeout:
    """Seconds to wait for a connection, and between two pieces of an answer; ``None``: forever."""

    connect: float | None = DEFAULT_CONNECT_TIMEOUT
    read: float | None = DEFAULT_READ_TIMEOUT

    @classmethod
    def of(cls, value: TimeoutTypes) -> Timeout:
        """Parse ``timeout=``, or raise `InvalidRequestError`."""
        if value is None:
            return cls()
        pair = value if isinstance(value, tuple | list) else (DEFAULT_CONNECT_TIMEOUT, value)
        numbers = [part for part in pair if part is not None]
        if len(pair) != 2 or not all(_is_positive(part) for part in numbers):
            msg = (
                f"timeout={value!r} is not valid: give seconds as a positive number, or a pair "
                "(connect, read) whose parts are positive numbers or None (wait forever)."
            )
            raise InvalidRequestError(msg)
        return cls(*pair)


def _is_positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value <= _LONGEST_TIMEOUT


@dataclass(frozen=True)
class Settings:
    """The settings of a client for one host."""

    base_url: str = DEFAULT_BASE_URL
    api_key: SecretStr | None = None
    verify: VerifyTypes = True
    timeout: Timeout = Timeout()
    max_retries: int = DEFAULT_MAX_RETRIES

    def require_key(self) -> str:
        """The key in clear text, for the moment of sending, or a `MissingKeyError`."""
        if self.api_key is None:
            raise MissingKeyError
        return self.api_key.get_secret_value()


def resolve(
    *,
    api_key: str | SecretStr | None = None,
    base_url: str | None = None,
    verify: VerifyTypes | None = None,
    timeout: TimeoutTypes = None,
    max_retries: int | None = None,
) -> Settings:
    """Check the arguments, and fill in what is missing: from the environment, or the defaults.

    They are those of `VisionCraftClient`. The key may be missing here.

    Raises:
        InvalidRequestError: If a value cannot be used.
    """
    api_key = as_secret(api_key)
    if max_retries is None:
        max_retries = DEFAULT_MAX_RETRIES
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        msg = f"max_retries={max_retries!r} is not valid: give an integer of at least 0."
        raise InvalidRequestError(msg)
    if verify == "" or not isinstance(verify, bool | str | ssl.SSLContext | None):
        msg = (
            f"verify={verify!r} is not valid: give True, False, the path of a CA bundle or of a "
            "folder of certificates, or an ssl.SSLContext."
        )
        raise InvalidRequestError(msg)
    if verify is False:
        warnings.warn(
            "TLS certificates are not checked (verify=False): anyone between you and the host can "
            "read your key and change the answers. Prefer verify='/path/to/ca.pem'.",
            UserWarning,
            stacklevel=3,
        )
    return Settings(
        base_url=normalize_base_url(base_url)
        if base_url
        else normalize_base_url(os.environ.get(BASE_URL_VARIABLE), BASE_URL_VARIABLE),
        api_key=sendable_key(api_key) or as_secret(environment_key()),
        verify=True if verify is None else verify,
        timeout=Timeout.of(timeout),
        max_retries=max_retries,
    )


def environment_key() -> str | None:
    """The key from the environment, without surrounding blanks; ``None`` if there is none.

    Raises `MissingKeyError` if it cannot be sent.
    """
    key = sendable_key(os.environ.get(API_KEY_VARIABLE), API_KEY_VARIABLE)
    return key.get_secret_value() if key else None


def as_secret(api_key: str | SecretStr | None) -> SecretStr | None:
    """A wrapped key, so that tracebacks with locals do not show it."""
    return SecretStr(api_key) if isinstance(api_key, str) else api_key


def sendable_key(api_key: str | SecretStr | None, source: str = "api_key=") -> SecretStr | None:
    """A key as it is sent, without surrounding blanks; ``None`` for none.

    Raises `MissingKeyError` if it cannot be sent: httpx would repeat it in its error.
    """
    api_key = as_secret(api_key) or SecretStr("")
    key = SecretStr(api_key.get_secret_value().strip())
    if len(key.get_secret_value()) > _LONGEST_KEY:
        msg = (
            f"The key in {source} cannot be sent: it has more than {_LONGEST_KEY:,} characters, "
            "which no server takes in a header. Give your host's key, or any text for a sandbox."
        )
        raise MissingKeyError(msg)
    if not all("!" <= character <= "~" for character in key.get_secret_value()):
        msg = (
            f"The key in {source} cannot be sent: it contains spaces, control characters or "
            "non-ASCII characters. Give your host's key, or any text for a sandbox."
        )
        raise MissingKeyError(msg)
    return key if key.get_secret_value() else None


def normalize_base_url(url: str | None, name: str = "base_url") -> str:
    """Normalize the root of a host: no trailing ``/`` or ``/v1``.

    Raises `InvalidRequestError`, with this name of the setting, if it is not the http(s) URL of a
    host.
    """
    text = (url or "").strip() or DEFAULT_BASE_URL
    problem = _problem_of(text)
    if problem:
        # The URL itself is not repeated: it may hold a password or a key.
        msg = (
            f"{name} is not valid: {problem}. Give the root of the host, such as "
            f"{DEFAULT_BASE_URL} or http://127.0.0.1:8765."
        )
        raise InvalidRequestError(msg)
    root = text.rstrip("/")
    return root.removesuffix("/v1").rstrip("/")


def _problem_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")  # as in a look-up, which refuses empty and overlong labels
        readable = url.isprintable()
    except ValueError:
        readable = False
    if not readable:
        return "it is not a URL"
    if parts.scheme not in ("http", "https"):
        return "it must begin with http:// or https://"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it must not hold a user name or a password"
    if parts.query or parts.fragment:
        return "it must not hold a query or a fragment"
    return None
