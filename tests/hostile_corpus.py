"""What an injected prompt may make a model write into a tool's arguments, and what happens then.

``python -m tests.hostile_corpus`` tries all of it and prints a table; the unit tests assert it.
Files are made here, small or sparse; nothing is connected to.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from langchain_visioncraft import MediaStore
from langchain_visioncraft.client import links
from langchain_visioncraft.errors import UnsafeLinkError, VisionCraftError
from langchain_visioncraft.media.access import readable_source
from langchain_visioncraft.media.inputs import Upload

PNG = (Path(__file__).parent / "media" / "cat.png").read_bytes()
SECONDS = 60.0
"""Nothing here may take longer: a FIFO or a device would keep a tool for ever."""

FORBIDDEN, INPUT, HANDLE = "ForbiddenInputError", "MediaInputError", "UnknownHandleError"


@dataclass(frozen=True)
class Case:
    """A hostile argument.

    Attributes:
        name: What it is.
        value: The argument, or what makes it in a prepared folder.
        expected: The name of the error, or ``sent on`` for what only the service may judge.
    """

    name: str
    value: Any
    expected: str


PATHS = (
    Case("parent folder", "../secret.png", FORBIDDEN),
    Case("parent folder, deep", "sub/../../secret.png", FORBIDDEN),
    Case("parent folder, encoded", "%2e%2e/secret.png", FORBIDDEN),
    Case("parent folder, backslashes", "..\\secret.png", FORBIDDEN),
    Case("absolute path", lambda place: str(place / "secret.png"), FORBIDDEN),
    Case("home", "~/secret.png", FORBIDDEN),
    Case("home of another user", "~root/.ssh/id_rsa", FORBIDDEN),
    Case("symlink to a file", "link.png", HANDLE),
    Case("symlink to a folder", "way/secret.png", FORBIDDEN),
    Case("symlinks in a circle", "round/secret.png", FORBIDDEN),
    Case("symlink to a device", "./zero.png", FORBIDDEN),
    Case("device", "/dev/zero", FORBIDDEN),
    Case("device by way of /proc", "/proc/self/fd/0", FORBIDDEN),
    Case("environment of this process", "/proc/self/environ", FORBIDDEN),
    Case("FIFO", "./pipe.png", FORBIDDEN),
    Case("socket", "./socket.png", FORBIDDEN),
    Case("folder", "./sub", FORBIDDEN),
    Case("UNC", "\\\\host\\share\\secret.png", FORBIDDEN),
    Case("UNC, slashes", "//host/share/secret.png", FORBIDDEN),
    Case("Windows device", "\\\\.\\PhysicalDrive0", FORBIDDEN),
    Case("drive", "C:\\secret.png", FORBIDDEN),
    Case("NUL", "cat.png\x00.txt", INPUT),
    Case("very long", "a/" * 50_000, INPUT),
    Case("very long name", "a" * 300, HANDLE),
    Case("lone surrogate", "\ud800.png", HANDLE),
    Case("right-to-left override", "\u202egnp.terces/..", FORBIDDEN),
    Case("file that is no picture", "notes.txt", INPUT),
    Case("SVG with a script", "script.svg", INPUT),
    Case("XML entity bomb", "bomb.svg", INPUT),
    Case("HTML that is called a picture", "page.png", INPUT),
    Case("ZIP that is called a picture", "zip.png", INPUT),
    Case("empty file", "empty.png", INPUT),
)
SCHEMES = tuple(
    Case(f"{text.partition(':')[0]}: URL", text, FORBIDDEN)
    for text in (
        "file:///etc/passwd", "ftp://127.0.0.1/a.png", "gopher://127.0.0.1:6379/_INFO",
        "dict://127.0.0.1:11211/stats", "ldap://127.0.0.1/", "jar:http://h/a!/b.png",
        "javascript:alert(1)", "s3://bucket/key.png", "gs://bucket/key.png", "memory://a.png",
        "unix:///var/run/docker.sock", "blob:https://h/1", "view-source:http://h/",
    )
)  # fmt: skip
TEXTS = (
    Case("data URL of 64 MiB", lambda _: "data:image/png;base64," + "A" * (64 << 20), INPUT),
    Case("data URL that is damaged", "data:image/png;base64", INPUT),
    Case("data URL, no base64", "data:image/png;base64,!!!!", INPUT),
    Case("data URL of HTML", "data:text/html,<!doctype html><script>alert(1)</script>", INPUT),
    Case("data URL of SVG", "data:image/svg+xml,<svg onload='alert(1)'/>", INPUT),
    Case("link of 1 MB", "http://h.example/" + "a" * 1_000_000, INPUT),
    Case("link without a host", "http:///a.png", INPUT),
    Case("link with a damaged host", "http://[::1/a.png", INPUT),
    Case("link with a damaged port", "http://h.example:99999999/a.png", INPUT),
    Case("empty", "", INPUT),
    Case("blanks", " \t\n ", INPUT),
    Case("quotes", "'\"`", INPUT),
    Case("number", 5, INPUT),
    Case("list", ["cat.png"], INPUT),
    Case("nothing", None, INPUT),
    Case("artifact with a forged place", {"location": "/etc/passwd"}, INPUT),
    Case("artifact with a forged handle", {"handle": "../../etc/passwd"}, FORBIDDEN),
)
HANDLES = tuple(
    Case(f"handle {text!r}", text, HANDLE)
    for text in (
        "000000000000.png", "000000000000", "000000000000.PNG", "000000000000.png.png", "*.png",
        "0000000000000000000000000000000000000000000000000000000000000000.png", "[0-9]*.png", "..",
        ".", "000000000000.json", ".visioncraft-0.part", "cat\n.png", "{0}.png", "%s%s%s.png",
        "${HOME}", "$(id).png", "'; DROP TABLE media; --",
    )
)  # fmt: skip
ARGUMENTS = (*PATHS, *SCHEMES, *TEXTS, *HANDLES)

LINKS = {
    "loopback": "http://127.0.0.1/a.png",
    "loopback, another": "http://127.9.9.9/a.png",
    "loopback, short": "http://127.1/a.png",
    "loopback, decimal": "http://2130706433/a.png",
    "loopback, octal": "http://0177.0.0.1/a.png",
    "loopback, hexadecimal": "http://0x7f000001/a.png",
    "loopback, mixed": "http://0x7f.0.1/a.png",
    "loopback, full width": "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/a.png",
    "loopback, circled digits": "http://①②⑦.⓪.⓪.①/a.png",
    "loopback, ideographic stops": "http://127。0。0。1/a.png",
    "loopback, trailing dot": "http://127.0.0.1./a.png",
    "this host": "http://0.0.0.0/a.png",
    "this host, zero": "http://0/a.png",
    "localhost": "http://localhost/a.png",
    "localhost, trailing dot": "http://localhost./a.png",
    "localhost, capitals": "http://LOCALHOST/a.png",
    "IPv6 loopback": "http://[::1]/a.png",
    "IPv6 loopback, long": "http://[0:0:0:0:0:0:0:1]/a.png",
    "IPv6 unspecified": "http://[::]/a.png",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]/a.png",
    "IPv4 in IPv6, hexadecimal": "http://[::ffff:7f00:1]/a.png",
    "IPv4 translated": "http://[::ffff:0:7f00:1]/a.png",
    "IPv4 compatible": "http://[::7f00:1]/a.png",
    "NAT64": "http://[64:ff9b::7f00:1]/a.png",
    "NAT64, local": "http://[64:ff9b:1::7f00:1]/a.png",
    "6to4": "http://[2002:7f00:1::]/a.png",
    "ISATAP": "http://[2001:470::5efe:a00:1]/a.png",
    "Teredo": "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/a.png",
    "zone": "http://[fe80::1%25lo]/a.png",
    "IPv6 link-local": "http://[fe80::1]/a.png",
    "IPv6 site-local": "http://[fec0::1]/a.png",
    "IPv6 unique local": "http://[fd00:ec2::254]/latest/meta-data/a.png",
    "IPv6 documentation": "http://[3fff::1]/a.png",
    "metadata": "http://169.254.169.254/latest/meta-data/a.png",
    "metadata, decimal": "http://2852039166/a.png",
    "metadata of Alibaba": "http://100.100.100.200/a.png",
    "metadata of Oracle": "http://192.0.0.192/a.png",
    "metadata of Azure": "http://168.63.129.16/machine/a.png",
    "private, 10": "http://10.0.0.1/a.png",
    "private, 172": "http://172.16.0.1/a.png",
    "private, 192": "http://192.168.0.1/a.png",
    "carrier": "http://100.64.0.1/a.png",
    "broadcast": "http://255.255.255.255/a.png",
    "multicast": "http://224.0.0.1/a.png",
    "name that resolves here": "http://here.example/a.png",
    "name that resolves here and abroad": "http://both.example/a.png",
    "user name": "http://user@93.184.216.34/a.png",
    "user name that looks like a host": "http://93.184.216.34@127.0.0.1/a.png",
    "user name and password": "http://93.184.216.34:80@127.0.0.1/a.png",
    "backslash": "http://93.184.216.34\\@127.0.0.1/a.png",
    "fragment as a host": "http://127.0.0.1#@93.184.216.34/a.png",
    "blanks in the host": "http://127.0.0.1 .example/a.png",
    "NUL": "http://127.0.0.1\x00.example/a.png",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://127.0.0.1/a.png",
    "data": "data:image/png;base64,AAAA",
    "damaged": "http://[::1",
    "endless": "http://93.184.216.34/" + "a" * 20_000,
    "endless label": "http://" + "a" * 70 + ".example/a.png",
}
"""Links that a host, or a redirect, may answer with; none may be followed."""

NAMES = {
    "here.example": ["127.0.0.1"],
    "both.example": ["93.184.216.34", "10.0.0.1"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
}


class ConnectedError(AssertionError):
    """Something was connected to."""


def look_up(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
    """`socket.getaddrinfo` without a network: numbers in every spelling, and the names above."""
    name = host.decode() if isinstance(host, bytes) else host
    name = name if ":" in name else name.encode("idna").decode("ascii")
    addresses = NAMES.get(name.lower())
    if addresses is None:
        with contextlib.suppress(OSError):
            addresses = [socket.inet_ntoa(socket.inet_aton(name.removesuffix(".")))]
    if addresses is None:
        addresses = [name] if ":" in name else ["93.184.216.34"]
    families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
    return [
        (family, socket.SOCK_STREAM, 6, "", (each, port))
        for family, each in zip(families, addresses, strict=True)
    ]


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Names resolve by the table above; every connection fails."""

    def connect(self: Any, address: Any) -> None:
        raise ConnectedError(address)

    with (
        mock.patch.object(socket, "getaddrinfo", look_up),
        mock.patch.object(socket.socket, "connect", connect),
        mock.patch.object(socket.socket, "connect_ex", connect),
    ):
        yield


def prepare(place: Path) -> tuple[MediaStore, Path]:
    """A store, and an allowed folder full of traps beside a secret."""
    allowed = place / "allowed"
    (allowed / "sub").mkdir(parents=True)
    (place / "secret.png").write_bytes(PNG)
    (allowed / "link.png").symlink_to(place / "secret.png")
    (allowed / "way").symlink_to(place)
    (allowed / "round").symlink_to(allowed / "about")
    (allowed / "about").symlink_to(allowed / "round")
    (allowed / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(allowed / "pipe.png")
    os.mknod(allowed / "socket.png", stat.S_IFSOCK | 0o600)
    files = {
        "notes.txt": b"my notes",
        "script.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "bomb.svg": b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>"
        b"<svg>&b;</svg>",
        "page.png": b"<!doctype html><script>alert(1)</script>",
        "zip.png": b"PK\x03\x04" + bytes(60),
        "empty.png": b"",
    }
    for name, data in files.items():
        (allowed / name).write_bytes(data)
    return MediaStore(place / "store"), allowed


def outcome_of(case: Case, place: Path, store: MediaStore, allowed: Path) -> str:
    """What a tool would do with this argument: the name of its error, or ``sent on``."""
    value = case.value(place) if callable(case.value) else case.value
    try:
        source = readable_source(value, store, [allowed])
        if source.url is None:
            Upload(source, "image", "image").check()
    except VisionCraftError as error:
        # What is not recoverable ends the agent's run; a long message fills the model's context.
        bad = not error.recoverable or len(str(error)) > 1000
        return f"{type(error).__name__}{' (unfit for a model)' if bad else ''}"
    return "sent on"


def outcome_of_link(url: str) -> str:
    """What the client would do with this link in an answer."""
    try:
        link = links.check_link(url, base_url="http://service.example", endpoint="POST /sd")
        found = socket.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)
        links.pin(link, found, base_url="http://service.example", endpoint="POST /sd")
    except UnsafeLinkError as error:
        return type(error).__name__
    return "followed"


def in_time(work: Callable[[], str]) -> str:
    """The outcome, or ``hangs``."""
    done: list[str] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            done.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return done[0] if done else "hangs"


def main() -> int:
    """Try everything and print a table; 1 if anything is not as expected."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, no_network():
        place = Path(folder).resolve()
        store, allowed = prepare(place)
        rows = [
            (f"argument: {case.name}", case.expected, outcome_of(case, place, store, allowed))
            for case in ARGUMENTS
        ]
        rows += [
            (f"link: {name}", "UnsafeLinkError", outcome_of_link(url))
            for name, url in LINKS.items()
        ]
    for name, expected, found in rows:
        wrong += found != expected
        sign = "ok " if found == expected else "BAD"
        sys.stdout.write(f"{sign}  {name:<50.50}  {found}\n")
    sys.stdout.write(f"{len(rows)} tried, {wrong} not as expected\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
