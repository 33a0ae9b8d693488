"""Connections to the sandbox that no HTTP client makes: malformed, idle, and too many."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from visioncraft_sandbox import Fault, Sandbox, connections, validation

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


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox for at most eight connections."""
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 8)
    with Sandbox(models=False) as sandbox:
        yield sandbox


def address_of(sandbox: Sandbox) -> tuple[str, int]:
    parts = urlsplit(sandbox.url)
    return parts.hostname or "", parts.port or 0


def test_whoever_keeps_the_sandbox_waiting_makes_room_for_others(crowded: Sandbox) -> None:
    address = address_of(crowded)
    head = b"POST /sd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    with ExitStack() as stack:
        sending = stack.enter_context(connect(address))
        sending.sendall(head + b"{")
        assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")
        idle = [stack.enter_context(connect(address))]
        for _ in range(30):
            sending.sendall(b" ")
            idle.append(stack.enter_context(connect(address)))
            # Its data may arrive after the next connection.
            assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")
        assert idle[0].recv(1) == b""
        # One that goes on with its request outlives those that have not sent any.
        sending.sendall(b"}".ljust(68))
        assert b" 401 " in sending.recv(1 << 16)


def test_while_all_clients_wait_for_answers_others_are_refused(crowded: Sandbox) -> None:
    crowded.faults.inject(Fault(endpoint="GET /limits", delay=600, times=8))
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect(address_of(crowded))).sendall(GET + b"\r\n")
        while len(crowded.requests) < 8:
            time.sleep(0.01)
        answer = answer_to(address_of(crowded), GET + b"\r\n")
    assert answer.startswith(b"http/1.1 503")
    assert b"too many connections" in answer


LARGE = bytes(20 << 20)
"""More than the buffers of two sockets hold."""


def unread_answers(stack: ExitStack, sandbox: Sandbox, count: int, *, close: bool) -> None:
    """Ask for a large file this often, and read only the beginning of the answer."""
    name = sandbox.files.add(LARGE, "test")
    head = f"GET /files/{name} HTTP/1.1\r\nHost: localhost\r\n"
    head += "Connection: close\r\n\r\n" if close else "\r\n"
    for _ in range(count):
        connected = stack.enter_context(connect(address_of(sandbox)))
        connected.sendall(head.encode())
        assert connected.recv(12) == b"HTTP/1.1 200"


def open_connections(sandbox: Sandbox) -> list[connections.SandboxProtocol]:
    server = sandbox._server
    assert server is not None
    found = list(server.server_state.connections)
    return [each for each in found if isinstance(each, connections.SandboxProtocol)]


@pytest.mark.parametrize("close", [True, False])
def test_clients_that_do_not_read_their_answers_make_room_for_others(
    crowded: Sandbox, *, close: bool
) -> None:
    with ExitStack() as stack:
        unread_answers(stack, crowded, 30, close=close)
        assert len(open_connections(crowded)) <= 8
        assert answer_to(address_of(crowded), GET + b"\r\n").startswith(b"http/1.1 200")


def test_clients_that_do_not_read_streamed_answers_make_room_for_others(crowded: Sandbox) -> None:
    crowded.faults.inject(Fault(endpoint="GET /limits", oversize=len(LARGE), times=20))
    with ExitStack() as stack:
        for _ in range(20):
            connected = stack.enter_context(connect(address_of(crowded)))
            connected.sendall(b"GET /limits HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connected.recv(12) == b"HTTP/1.1 200"
            while not all(each.keeps_waiting for each in open_connections(crowded)):
                time.sleep(0.01)  # until the buffers of the sockets are full
        newcomer = GET.replace(b"/limits", b"/")
        assert answer_to(address_of(crowded), newcomer + b"\r\n").startswith(b"http/1.1 200")


def test_unread_answers_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 3 * len(LARGE)
    monkeypatch.setattr(connections, "_MOST_UNSENT_BYTES", most)
    with Sandbox(models=False) as sandbox, ExitStack() as stack:
        unread_answers(stack, sandbox, 12, close=False)
        while sum(each.unsent for each in open_connections(sandbox)) > most:
            time.sleep(0.01)  # until the buffers of the last socket are full


@pytest.mark.parametrize("close", [True, False])
def test_a_client_that_reads_nothing_of_its_answer_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, *, close: bool
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0.0)
    with Sandbox(models=False) as sandbox, ExitStack() as stack:
        unread_answers(stack, sandbox, 3, close=close)
        while open_connections(sandbox):
            assert answer_to(address_of(sandbox), GET + b"\r\n").startswith(b"http/1.1 200")


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_uploads_that_have_lasted_long_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(validation, "_ARRIVAL_SECONDS", seconds)
    head = b"POST /sd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000000\r\n\r\n"
    with Sandbox(models=False, max_body_bytes=8_000_000) as sandbox, ExitStack() as stack:
        stopped = stack.enter_context(connect(address_of(sandbox)))
        stopped.sendall(head + bytes(5_000_000))
        with httpx.Client(base_url=sandbox.url, timeout=30) as client:
            while max((each.body_bytes for each in sandbox.requests), default=0) < 5_000_000:
                assert client.get("/limits").status_code == 200
            answer = client.post("/sd", content=bytes(4_000_000))
        assert answer.status_code == (503 if seconds else 400)
        with suppress(ConnectionError):
            assert seconds or everything_from(stopped) == b""


def test_clients_that_wait_for_work_leave_places_for_others(
    crowded: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_MOST_WORKING", 6)
    crowded.faults.inject(Fault(endpoint="POST /sd", delay=600, times=None))
    address = address_of(crowded)
    post = b"POST /sd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(connect(address)).sendall(post)
        while len(crowded.requests) < 6:
            time.sleep(0.01)
        for _ in range(20):
            more = stack.enter_context(connect(address))
            more.sendall(post)
            head = more.recv(1 << 16).lower()
            assert head.startswith(b"http/1.1 503")
            assert b"\r\nretry-after: 5\r\n" in head
        assert answer_to(address, GET + b"\r\n").startswith(b"http/1.1 200")
    assert len(crowded.requests) == 7
