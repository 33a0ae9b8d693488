"""Connections to the sandbox that no HTTP client makes: malformed, idle, and too many."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from visioncraft_sandbox import Sandbox, connections

pytestmark = pytest.mark.enable_socket

PATIENCE = 60.0


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with Sandbox(models=False) as sandbox:
        parts = urlsplit(sandbox.url)
        yield parts.hostname or "", parts.port or 0


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE)


def everything_from(connected: socket.socket) -> bytes:
    parts = []
    while part := connected.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answer_to(address: tuple[str, int], sent: bytes) -> bytes:
    with connect(address) as connected:
        connected.sendall(sent)
        return everything_from(connected).lower()


GET = b"GET /limits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421),
        (b"GET /limits HTTP/1.1\r\n\r\n", 400),
        (GET + b"Host: evil.example\r\n\r\n", 400),
        (GET + b"A header: 1\r\n\r\n", 400),
        (GET + b"\x00: 1\r\n\r\n", 400),
        (GET + b"Content-Length: -1\r\n\r\n", 400),
        (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (GET.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (GET.replace(b"/limits", b"http://localhost/limits") + b"\r\n", 404),
        (GET.replace(b"localhost", b"evil.example") + b"\r\n", 421),
        (b"GET /limits HTTP/1.0\r\n\r\n", 421),
        (GET.replace(b"GET", b"CONNECT").replace(b"/limits", b"localhost:80") + b"\r\n", 404),
    ],
)
def test_every_answer_to_what_is_sent_has_the_headers_for_browsers(
    address: tuple[str, int], sent: bytes, status: int
) -> None:
    answer = answer_to(address, sent)
    head = answer.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"http/1.1 %d" % status)
    assert b"\r\nx-content-type-options: nosniff" in head
    assert b"\r\ncross-origin-resource-policy: same-origin" in head
    assert b"\r\nx-visioncraft-engine: " in head


def test_garbage_behind_an_answer_that_has_begun_ends_the_connection(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(address) as connected:
        connected.sendall(head)
        begun = connected.recv(1 << 16)
        connected.sendall(b"not a chunk\r\n")
        rest = everything_from(connected)
    assert begun.startswith(b"HTTP/1.1 404")
    assert b"HTTP/1.1" not in rest
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_a_request_in_very_many_tiny_chunks_is_refused(address: tuple[str, int]) -> None:
    head = b"POST /sd HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(address) as connected:
        connected.sendall(head)
        said = b""
        with suppress(ConnectionError):  # what it does not read resets the connection
            connected.sendall(b"1\r\nx\r\n" * 2_000_000)
            said = everything_from(connected)
    assert b" 400 " in said or not said
    assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")


def test_a_request_in_small_chunks_is_read(address: tuple[str, int]) -> None:
    head = GET.replace(b"GET /limits", b"POST /sd") + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"1\r\n%c\r\n" % each for each in b'{"token": ""}'.ljust(1000))
    assert b" 401 " in answer_to(address, head + body + b"0\r\n\r\n")


def test_whoever_keeps_the_sandbox_waiting_makes_room_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 8)
    with Sandbox(models=False) as sandbox, ExitStack() as stack:
        parts = urlsplit(sandbox.url)
        address = parts.hostname or "", parts.port or 0
        head = b"POST /sd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
        sending = stack.enter_context(connect(address))
        sending.sendall(head + b"{")
        assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")
        idle = [stack.enter_context(connect(address)) for _ in range(30)]
        assert idle[0].recv(1) == b""
        for _ in range(9):
            assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")
        # One whose request has begun outlives those that have not sent any.
        sending.sendall(b"}".ljust(98))
        assert b" 401 " in sending.recv(1 << 16)
