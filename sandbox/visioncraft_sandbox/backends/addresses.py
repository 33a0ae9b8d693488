"""Addresses of servers: ``[kind+]http://host[:port][/path]``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_KINDS = {
    "--llm": {"openai": "openai"},
    "--vision-llm": {"openai": "openai"},
    "--images": {"a1111": "a1111", "forge": "a1111", "comfyui": "comfyui"},
    "--speech": {"openai": "openai", "whispercpp": "whispercpp"},
}
"""By option, the known prefixes and the kind of server that each means."""


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
