"""Which links in an answer may be followed: public addresses, or the API's own origin.

An answer is not trusted: a link could lead into the user's network (a router, a cloud's metadata
service). So the name is resolved here, every address is checked, and the connection goes to the
address that was checked, not to what the name resolves to a moment later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from langchain_visioncraft._redact import Redactor, shortened
from langchain_visioncraft.errors import UnsafeLinkError
from langchain_visioncraft.media.urls import percent_encoded, splittable

MAX_REDIRECTS = 5
_LONGEST = 16_384
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Link:
    """An absolute link that passed the first check; one to the API's own origin needs no more.

    If it is pinned, `url` holds an address, and the headers and extensions hold its name.
    """

    url: str
    host: str
    port: int
    own: bool
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)


def check_link(url: str, *, base_url: str, endpoint: str) -> Link:
    """Check the form of a link; a relative one belongs to the API's own origin.

    Raises `UnsafeLinkError` if it is not http(s), or holds a user name.
    """
    if len(url) > _LONGEST:  # to encode a long name takes longer than to receive it
        raise _unsafe(url, "it is too long", base_url, endpoint)
    try:
        joined = urljoin(f"{base_url}/", splittable(url))
        absolute = percent_encoded(joined)
        parts = urlsplit(absolute)
        host, port = parts.hostname, parts.port
        name = (host or "").encode("idna").decode()  # as in a look-up and in a Host header
    except ValueError:
        raise _unsafe(url, "it is damaged", base_url, endpoint) from None
    if len(absolute) > _LONGEST or _CONTROL.search(joined) or not absolute.isprintable():
        raise _unsafe(url, "it is damaged", base_url, endpoint)
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        raise _unsafe(absolute, "it is not a plain http(s) URL", base_url, endpoint)
    origin = urlsplit(base_url)
    own = (host, port or _PORTS[parts.scheme]) == (
        origin.hostname,
        origin.port or _PORTS[origin.scheme],
    )
    return Link(absolute, name, port or _PORTS[parts.scheme], own)


def check_without_key(link: Link, redact: Redactor, *, base_url: str, endpoint: str) -> None:
    """Raise `UnsafeLinkError` for a link that would take the key to another host."""
    sent = [link.url, link.host]
    if redact.told(sent) != sent:
        reason = "it holds the key, which only the API's own host may get"
        raise _unsafe(link.url, reason, base_url, endpoint)


def pin(link: Link, addresses: Sequence[Any], *, base_url: str, endpoint: str) -> Link:
    """Fix the connection of a link to one of the addresses to which its host resolved.

    Raises `UnsafeLinkError` if any of them is not public.
    """
    found = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in addresses]
    private = [address for address in found if not is_public(address)]
    if private or not found:
        reason = f"{link.host} is not a public address ({private[0] if private else 'none'})"
        raise _unsafe(link.url, reason, base_url, endpoint)
    # IPv4 first: a machine without IPv6 still resolves IPv6 addresses.
    address = min(found, key=lambda candidate: candidate.version)
    parts = urlsplit(link.url)
    literal = f"[{address}]" if address.version == 6 else str(address)
    pinned = parts._replace(netloc=f"{literal}:{link.port}", fragment="")
    return replace(
        link,
        url=urlunsplit(pinned),
        # A pool knows only addresses: a connection kept alive would serve another host's link.
        headers={"Host": _host_header(link.host, parts.port), "Connection": "close"},
        extensions={"sni_hostname": link.host} if parts.scheme == "https" else {},
    )


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is public, even if an IPv4 address is embedded in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _carried(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which this one leads through a translator or a tunnel."""
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return last
    if (int(address) >> 32) & 0xFDFFFFFF == _ISATAP and address in _GLOBAL_UNICAST:
        return last
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = 0x5EFE
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure: the host of a virtual machine
    ipaddress.IPv4Network("192.0.0.0/24"),  # 192.0.0.192: Oracle's metadata; Pythons disagree
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4, withdrawn
    ipaddress.IPv6Network("3fff::/20"),  # documentation, since 2024
)

RESOLVE_OPTIONS: dict[str, int] = {"type": socket.SOCK_STREAM}


def _host_header(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _unsafe(url: str, reason: str, base_url: str, endpoint: str) -> UnsafeLinkError:
    shown = shortened(url, 200)
    msg = f"{endpoint} answered with the link {shown!r}, which was not followed: {reason}."
    error = UnsafeLinkError(msg, endpoint=endpoint, base_url=base_url)
    error.reason = reason
    return error
