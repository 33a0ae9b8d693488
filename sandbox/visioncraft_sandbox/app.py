"""The ASGI application: every documented request of all generations of the VisionCraft API.

Those without a key are answered here: lists, limits, and files behind links.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from langchain_visioncraft.version import __version__
from visioncraft_sandbox import (
    routes_chat,
    routes_drawing,
    routes_media,
    routes_midjourney,
)
from visioncraft_sandbox.answers import (
    ENGINE_HEADER,
    Refusal,
    json_response,
    refusal_response,
    style_of,
)
from visioncraft_sandbox.backends.hosts import Backends
from visioncraft_sandbox.catalog import LIMITS, LISTS
from visioncraft_sandbox.engine_pool import CATALOG, EnginePool
from visioncraft_sandbox.fault_gate import FaultGate
from visioncraft_sandbox.faults import FaultBook
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.operations import UNEXPECTED, Services, route
from visioncraft_sandbox.page.gate import PageGate
from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.protection import Protection
from visioncraft_sandbox.records import Received, Recorder
from visioncraft_sandbox.settings import SandboxConfig
from visioncraft_sandbox.validation import Bodies, Limiter


class _Application(Starlette):
    """With `Protection` around everything, including the answer to an unexpected error."""

    def __init__(self, config: SandboxConfig, **settings: Any) -> None:
        super().__init__(**settings)
        self._allowed_hosts = config.allowed_hosts

    def build_middleware_stack(self) -> ASGIApp:
        """The middlewares and the routes, as one application."""
        return Protection(super().build_middleware_stack(), self._allowed_hosts)


def create_app(
    config: SandboxConfig | None = None,
    *,
    faults: FaultBook | None = None,
) -> Starlette:
    """Build the application.

    Args:
        config: Its configuration.
        faults: The faults to inject; more can be added while it runs.

    Returns:
        An application whose ``state`` has ``services``, ``faults``, ``requests`` and, with a page,
        its ``journal``.
    """
    config = config or SandboxConfig()
    faults = faults if faults is not None else FaultBook()
    requests: deque[Received] = deque(maxlen=config.requests_kept)
    operations = (
        *routes_drawing.OPERATIONS,
        *routes_midjourney.OPERATIONS,
        *routes_media.OPERATIONS,
    )
    routes = [
        *(operation.route() for operation in operations),
        *routes_media.ROUTES,
        *routes_chat.ROUTES,
        *(route("GET", path, _names) for path in LISTS),
        route("GET", "/limits", _limits),
        route("GET", "/files/{name}", _file),
        route("GET", "/", _index),
    ]
    faults.serve(routes)
    backends = Backends(config)
    secrets = (*config.keys, *backends.secrets)
    journal = Journal(config.page_entries, config.page_bytes, secrets) if config.page else None
    app = _Application(
        config,
        routes=routes,
        middleware=[
            Middleware(Bodies, max_bytes=config.max_body_bytes),
            *([Middleware(PageGate, journal=journal)] if journal is not None else []),
            # The recorder is outermost, so that it records the answer as changed by a fault.
            Middleware(Recorder, log=requests, keys=secrets),
            Middleware(ApiPrefix),
            Middleware(FaultGate, book=faults),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _http_error},
        lifespan=_lifespan,
    )
    app.state.services = Services(
        config=config,
        pool=EnginePool(config),
        files=FileStore(config.files_max_bytes, config.files_seconds),
        limiter=Limiter(config.limits),
        backends=backends,
    )
    app.state.midjourney = routes_midjourney.Midjourney(config.midjourney_seconds)
    app.state.faults = faults
    app.state.requests = requests
    app.state.journal = journal
    return app


async def _names(request: Request, services: Services) -> Response:
    return json_response(await services.backends.names(request.url.path), CATALOG)


async def _limits(*_: object) -> Response:
    """JSON under ``text/plain``, as the service has served it."""
    text = json.dumps(LIMITS, indent=2)
    return Response(text, media_type="text/plain", headers={ENGINE_HEADER: CATALOG})


async def _file(request: Request, services: Services) -> Response:
    name = request.path_params["name"]
    found = services.files.get(name)
    if found is None:
        if services.files.is_gone(name):
            raise Refusal(410, "This link has expired.")
        raise Refusal(404, "There is no such file.")
    return Response(found.data, media_type=found.mime_type, headers={ENGINE_HEADER: found.engine})


async def _index(request: Request, _: Services) -> Response:
    """A description of the sandbox, and its endpoints."""
    endpoints = [f"{method} {path}" for method, path in endpoints_of(request.app)]
    what = f"A sandbox of langchain-visioncraft {__version__}, not the VisionCraft service"
    return json_response({"name": what, "endpoints": endpoints}, CATALOG)


def endpoints_of(api: Starlette) -> list[tuple[str, str]]:
    """The method and the path of every endpoint."""
    return [
        (method, route.path)
        for route in api.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


class ApiPrefix:
    """Serves every path under ``/api``, too, where hosts have had the newest ones since 2024-09."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("path", "").startswith("/api/"):
            scope = {**scope, "path": scope["path"].removeprefix("/api")}
        await self._app(scope, receive, send)


def wind_down(app: Starlette) -> None:
    """End long answers such as open pages before the server stops. Thread-safe."""
    services: Services = app.state.services
    services.pool.close()
    if app.state.journal is not None:
        app.state.journal.closed = True


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    services: Services = app.state.services
    await services.backends.open()
    services.pool.closed = False  # it may have run before
    if app.state.journal is not None:
        app.state.journal.closed = False
    yield
    wind_down(app)
    await services.backends.close()


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = {
        404: f"This host doesn't have {request.method} {request.url.path}.",
        405: f"{request.url.path} does not take {request.method}.",
        500: UNEXPECTED,
    }.get(status, str(getattr(error, "detail", "")))
    headers = dict(getattr(error, "headers", None) or {})
    return refusal_response(Refusal(status, message, headers), style_of(request.url.path))
