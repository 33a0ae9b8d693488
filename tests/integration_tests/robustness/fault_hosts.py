"""Hosts for the fault matrix: a sandbox that draws each picture once, and a door before it."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import select
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, Self
from unittest import mock

import openai
import trustme
from fault_callers import CAP
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.fault_gate import FAULT_KEY

from langchain_visioncraft.chat_models import completions
from langchain_visioncraft.client import links, serving


class Remembering:
    """Gives the same answer to the same request, so that thousands of calls draw one picture."""

    def __init__(self, app: ASGIApp, answers: dict[Any, list[Message]]) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST" or _is_of_task(scope):
            await self._app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        known = self._answers.get((scope["path"], body))
        if known is None:
            known = await self._ask(scope, body, receive)
            self._answers[scope["path"], body] = known
        for message in known:
            await send(dict(message))

    async def _ask(self, scope: Scope, body: bytes, receive: Receive) -> list[Message]:
        said: list[Message] = []
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            return next(given, None) or await receive()  # later: whether the caller has left

        async def note(message: Message) -> None:
            said.append(message)

        await self._app(scope, again, note)
        return said


def _is_of_task(scope: Scope) -> bool:
    """A task is not remembered while it is being done, nor one that is to go wrong."""
    fault = scope.get(FAULT_KEY)
    return "result" in scope["path"] or (fault is not None and fault.task is not None)


def remembering_sandbox(**options: Any) -> Sandbox:
    """A sandbox that does each piece of work once."""
    sandbox = Sandbox(midjourney_seconds=0.0, allowed_hosts=("elsewhere.example",), **options)
    sandbox._app.user_middleware.append(Middleware(Remembering, answers={}))
    return sandbox


def open_connections(sandbox: Sandbox) -> int:
    """How many connections the sandbox has at this moment."""
    server = sandbox._server
    return len(server.server_state.connections) if server is not None else 0


def keep_connections(sandbox: Sandbox) -> None:
    """Never end an idle connection, so that a lost one is noticed."""
    if sandbox._server is not None:
        sandbox._server.config.timeout_keep_alive = 3600


@functools.cache
def _certificates() -> tuple[trustme.CA, trustme.CA]:
    return trustme.CA(), trustme.CA()


class Door:
    """A port before a sandbox: closed, or with a certificate that nobody knows, until repaired."""

    def __init__(self, sandbox: Sandbox, *, tls: bool) -> None:
        self._inside = int(sandbox.url.rpartition(":")[2])
        self._tls: ssl.SSLContext | None = None
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))  # taken, but nobody listens: connections are refused
        self._threads: list[threading.Thread] = []
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._socket.getsockname()[1]}"
        self.verify: ssl.SSLContext | bool = True
        if tls:
            known, unknown = _certificates()
            self.verify = ssl.create_default_context()
            known.configure_trust(self.verify)
            self._tls = _server_context(unknown)
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def repair(self) -> None:
        """From now on all is well."""
        if self._tls is None:
            self._open()
        else:
            self._tls = _server_context(_certificates()[0])

    def _open(self) -> None:
        self._socket.listen()
        self._start(self._accept)

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                outside, _ = self._socket.accept()
            except OSError:
                return
            self._start(self._serve, outside)

    def _serve(self, outside: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(outside.close)
            if self._tls is not None:
                outside = stack.enter_context(self._tls.wrap_socket(outside, server_side=True))
            inside = stack.enter_context(socket.create_connection(("127.0.0.1", self._inside)))
            while True:
                ready, _, _ = select.select([outside, inside], [], [])
                for source, target in ((outside, inside), (inside, outside)):
                    if source not in ready:
                        continue
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    target.sendall(data)


def _server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """No backoff and short polls: what a host asks for is still waited."""
    with (
        mock.patch.object(serving, "_backoff", return_value=0.0),
        mock.patch.object(openai._base_client, "INITIAL_RETRY_DELAY", 0.0),
        mock.patch("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.01),
        mock.patch("langchain_visioncraft.client.tasks.LONGEST_PAUSE", 0.02),
    ):
        yield


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """Chat models accept `CAP`; a folder for temporary files that nothing else uses."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(completions, "MAX_ANSWER_BYTES", CAP),
        mock.patch.object(tempfile, "tempdir", folder),
    ):
        yield


@contextlib.contextmanager
def elsewhere_is_here() -> Iterator[None]:
    """``elsewhere.example`` is this machine, and counts as a public host."""
    resolve, is_public = socket.getaddrinfo, links.is_public

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "elsewhere.example" else host, *args, **options)

    def counts_as_public(address: Any) -> bool:
        return address == ipaddress.ip_address("127.0.0.1") or is_public(address)

    with (
        mock.patch.object(socket, "getaddrinfo", getaddrinfo),
        mock.patch.object(links, "is_public", counts_as_public),
    ):
        yield
