"""Where a server stands and what it speaks: ``[kind+]http://host[:port][/path]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

IMAGE_KINDS = {"a1111": "a1111", "forge": "a1111", "comfyui": "comfyui"}
SPEECH_KINDS = {"openai": "openai", "whispercpp": "whispercpp"}
CHAT_KINDS = {"openai": "openai"}


@dataclass(frozen=True)
class Address:
    """One server.

    Attributes:
        option: The option that names it, such as ``--images``.
        url: Its root, without a slash at the end.
        kind: What it speaks, if that was said; otherwise it is found out by asking.
    """

    option: str
    url: str
    kind: str | None = None

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
    """Whether this is meant as an address rather than as a file."""
    return "://" in text


def parse_address(option: str, text: str, kinds: Mapping[str, str]) -> Address:
    """Read an address.

    Args:
        option: The option that it is for.
        text: Such as ``http://127.0.0.1:7860`` or ``comfyui+http://127.0.0.1:8188``.
        kinds: The prefixes that are known, and the kind that each means.

    Raises:
        ValueError: If it is no such address. The text is not repeated where it may hold a secret.
    """
    prefix, plus, rest = text.strip().partition("+")
    if not plus or "://" in prefix:
        prefix, rest = "", text.strip()
    if prefix.lower() not in ("", *kinds):
        msg = f"{option}: {prefix!r} is not known; before the + may stand {', '.join(kinds)}."
        raise ValueError(msg)
    try:
        parts = urlsplit(rest)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        msg = f"{option} takes the root of a server, such as http://127.0.0.1:8080."
        raise ValueError(msg)
    address = Address(option, rest.rstrip("/"), kinds.get(prefix.lower()))
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = (
            f"{option}: the address is the root of the server alone. Its key, or user:password, "
            f"goes into {address.environment}."
        )
        raise ValueError(msg)
    return address
