"""Hosts on this machine that keep all they get: the API, LangSmith, a proxy."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tool_service import KEY, completion, medium


class Host(ThreadingHTTPServer):
    """Keeps the head and the body of all that it gets; it is the API, a proxy and LangSmith."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self.tunnel_to: int | None = None
        self.cookie: str | None = None
        self.heads: list[dict[str, str]] = []
        self.lines: list[str] = []
        self.bodies: list[bytes] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_CONNECT(self) -> None:
        """A tunnel, wherever it is to lead, leads to a port of this machine."""
        self._keep(b"")
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.server.tunnel_to)) as upstream:
            back = threading.Thread(target=_pump, args=(upstream, self.connection))
            back.start()
            _pump(self.connection, upstream)
            back.join()
        self.close_connection = True

    def _answer(self) -> None:
        body = self._body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self._keep(body)
        status, content = self._content(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if content.startswith(b"{"):
            self.send_header("Content-Type", "application/json")
        if self.server.cookie is not None:
            self.send_header("Set-Cookie", self.server.cookie)
        self.end_headers()
        self.wfile.write(content)

    def _keep(self, body: bytes) -> None:
        self.server.lines.append(self.requestline)
        self.server.heads.append({name.lower(): text for name, text in self.headers.items()})
        self.server.bodies.append(body)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _content(self, body: bytes) -> tuple[int, bytes]:
        if b"a failure" in body and self.path.endswith("/sd"):
            return 400, json.dumps({"error": f"The key {KEY} is not good."}).encode()
        if self.path.endswith("/generate"):
            scheme = self.server.url.partition(":")[0]
            link = f"{scheme}://{self.headers['host']}/files/mask.png"
            return 200, json.dumps({"images": [link]}).encode()
        if self.path.endswith(("/sd", "/mask.png")):
            return 200, medium("mask.png")
        if self.path.endswith("/llm"):
            return 200, b"Hello."
        if self.path.endswith("/v1/chat/completions"):
            return 200, json.dumps(completion()).encode()
        return 200, b"{}"

    def log_message(self, *_: Any) -> None: ...


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def serving(host: Host) -> Iterator[Host]:
    """The host answers in here."""
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
