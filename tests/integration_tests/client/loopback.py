"""A host on this machine that answers with exactly the bytes that a test gives."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from langchain_visioncraft.client import endpoints

HANG_UP = b""
"""An answer that is none: the connection is closed."""

Answer: TypeAlias = bytes | Callable[[socket.socket], None]


@dataclass
class Seen:
    """A request: its head, and what its body was."""

    head: str
    size: int
    sha256: str
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header."""
        for line in self.head.splitlines()[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer with a Content-Length: the true one, or another."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def unannounced(body: bytes) -> bytes:
    """An answer without a Content-Length; it ends with the connection."""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body


class RawHost:
    """Gives its answers in turn, the last one for ever; each with its own connection handling."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._answers = list(answers)
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _begin(self, work: Any, *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            with self._lock:
                self._open.add(connection)
            stack.callback(self._forget, connection)
            while self._receive(connection):
                if not self._respond(connection):
                    return

    def goodbyes(self, seconds: float = 60) -> bool:
        """Wait until all connections are closed; whether they are."""
        deadline = time.monotonic() + seconds
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self._open

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def _receive(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        seen = Seen(text, len(body), "", body)
        digest = hashlib.sha256(body)
        announced = int(seen.header("content-length") or 0)
        while seen.size < announced:
            piece = connection.recv(65536)
            if not piece:
                return False
            seen.size += len(piece)
            digest.update(piece)
            if seen.size < 1 << 20:
                seen.body += piece
        seen.sha256 = digest.hexdigest()
        self.seen.append(seen)
        return True

    def _respond(self, connection: socket.socket) -> bool:
        with self._lock:
            told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(told):
            told(connection)
            return False
        connection.sendall(told)
        return bool(told) and b"Connection: close" not in told


NAMES = answer(b'["one", "two"]')


def names() -> Any:
    return endpoints.list_names(family="sd", kind="models")


def draw() -> Any:
    return endpoints.text_to_image(prompt="x", model="m")


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
