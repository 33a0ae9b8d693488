"""A sandbox in a thread of the process that uses it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, Self

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette

from langchain_visioncraft._keywords import unknown_keyword
from visioncraft_sandbox.app import create_app, wind_down
from visioncraft_sandbox.backends.connection import BackendError
from visioncraft_sandbox.connections import BACKLOG, SandboxProtocol
from visioncraft_sandbox.faults import Fault, FaultBook
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.records import Received
from visioncraft_sandbox.settings import SandboxConfig

_READY_SECONDS = 30.0
_STOP_SECONDS = 15.0
_GRACE_SECONDS = 1


class Sandbox:
    """The VisionCraft API on this machine, for as long as a ``with`` block lasts.

    ```python
    from visioncraft_sandbox import Fault, Sandbox

    with Sandbox(models=False) as sandbox:
        sandbox.faults.inject(Fault(endpoint="POST /sd", status=503))
        print(sandbox.url)                  # http://127.0.0.1:40123
    ```

    ``async with`` starts and stops it without blocking the event loop.

    Args:
        models: Whether the models may run; see `SandboxConfig.models`.
        keys: The accepted keys; empty accepts any key.
        faults: Faults to inject at the start, as `Fault` or as on the command line.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        allowed_hosts: Other host names to answer to; see `SandboxConfig`.
        settings: Any other field of `SandboxConfig`, such as `limits`, `page`,
            `midjourney_seconds`, and `llm`, `images` and `speech`, which replace the small models.

    Attributes:
        faults: The injected faults; `inject` adds more.
        requests: The requests received, oldest first; keys are redacted.
    """

    def __init__(
        self,
        *,
        models: bool = True,
        keys: Iterable[str] = (),
        faults: Iterable[Fault | str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        allowed_hosts: Iterable[str] = (),
        **settings: Any,
    ) -> None:
        known = tuple(SandboxConfig.__dataclass_fields__)
        for name in set(settings) - set(known):
            raise TypeError(unknown_keyword("Sandbox", name, known))
        self.config = SandboxConfig(
            models=models,
            keys=_texts(keys),
            allowed_hosts=(host, *_texts(allowed_hosts)),
            **settings,
        )
        self.faults = FaultBook()
        self.faults.inject(*faults)
        self._address = (host, port)
        self._app = create_app(self.config, faults=self.faults)
        self.requests: deque[Received] = self._app.state.requests
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._url: str | None = None
        self._failure: BaseException | None = None
        self._changing = threading.RLock()  # stopping waits for the end of starting

    @property
    def url(self) -> str:
        """The root of the host, such as ``http://127.0.0.1:40123``.

        Raises:
            RuntimeError: If it is not running.
        """
        if self._url is None:
            msg = "This sandbox is not running; use it in a `with` block or call start()."
            raise RuntimeError(msg)
        return self._url

    @property
    def files(self) -> FileStore:
        """The files behind links."""
        files: FileStore = self._app.state.services.files
        return files

    def start(self) -> Self:
        """Start, and return when it answers.

        Raises:
            OSError: If the port is taken.
            BackendError: If a server behind it does not answer; a RuntimeError.
            RuntimeError: If it is running already, or does not start.
        """
        with self._changing:
            return self._started()

    def _started(self) -> Self:
        if self._thread is not None:
            msg = "This sandbox is running already."
            raise RuntimeError(msg)
        listener = listen(*self._address)
        host, port = listener.getsockname()[:2]
        ready = threading.Event()
        server = SandboxServer(self._app, ready)
        self._failure = None
        thread = threading.Thread(
            target=self._run,
            args=(server, listener, ready),
            name="visioncraft-sandbox",
            daemon=True,
        )
        self._server, self._thread = server, thread
        thread.start()
        ready.wait(_READY_SECONDS)
        if not server.started:
            self.stop()
            if isinstance(self._failure, BackendError):
                raise self._failure
            msg = "The sandbox did not start."
            raise RuntimeError(msg) from self._failure
        self._url = url_of(host, port)
        return self

    def stop(self) -> None:
        """Stop, and return when it has stopped; does nothing if it is not running."""
        with self._changing:
            server, thread = self._server, self._thread
            self._server = self._thread = self._url = None
            if server is None or thread is None:
                return
            wind_down(self._app)
            server.should_exit = True
            thread.join(_STOP_SECONDS)

    def _run(self, server: uvicorn.Server, listener: socket.socket, ready: threading.Event) -> None:
        async def serve() -> None:
            # The application's own start would only log an error.
            await self._app.state.services.backends.open()
            await server.serve(sockets=[listener])

        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # raised by start(), in the caller's thread
            self._failure = error
        finally:
            listener.close()
            ready.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        try:
            return await anyio.to_thread.run_sync(self.start)
        except anyio.get_cancelled_exc_class():  # the thread goes on to start it
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


class SandboxServer(uvicorn.Server):
    """Serves with `SandboxProtocol`, and closes open pages before it waits for other requests.

    Logging is left to the process.
    """

    def __init__(self, app: Starlette, ready: threading.Event | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=SandboxProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            backlog=BACKLOG,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report that it is ready."""
        await super().startup(sockets=sockets)
        if self._ready is not None:
            self._ready.set()

    async def on_tick(self, counter: int) -> bool:
        """Look at each connection once a second."""
        if counter % 10 == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, SandboxProtocol):
                    connection.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wind down, then stop."""
        wind_down(self._app)
        await super().shutdown(sockets=sockets)


def url_of(host: str, port: int) -> str:
    """The root of the server that listens on this address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address; raises OSError if it is taken or not one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only if the protocol is named; with it, every answer
    # takes 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
