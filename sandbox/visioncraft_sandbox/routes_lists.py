"""What needs no key: the lists, the limits, the files behind links, and a page for people."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from importlib import metadata

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from visioncraft_sandbox.answers import ENGINE_HEADER, ErrorStyle, json_response
from visioncraft_sandbox.catalog import LIMITS, LISTS
from visioncraft_sandbox.operations import Services, guarded
from visioncraft_sandbox.workshop import CATALOG

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>VisionCraft sandbox</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
code{{background:#f0f0f4;padding:.1em .3em;border-radius:4px}}</style></head><body>
<h1>VisionCraft sandbox</h1>
<p>This is <b>not</b> the VisionCraft service. It is a sandbox of
<code>langchain-visioncraft {version}</code> that answers the same requests on this machine with
drawing code and small open models. The header <code>x-visioncraft-engine</code> of every answer
says what made it.</p>
<p>{models} Keys: {keys}.</p>
<ul>{endpoints}</ul>
</body></html>
"""


def _list_endpoint(path: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(services: Services) -> Response:
        names = await services.backends.names(path)
        return json_response(names, CATALOG)

    async def endpoint(request: Request) -> Response:
        return await guarded(answer(request.app.state.services), ErrorStyle.TEXT)

    return endpoint


def limits(_: Request) -> Response:
    """``GET /limits``: JSON under ``text/plain``, as the service has served it."""
    return Response(
        json.dumps(LIMITS, indent=2), media_type="text/plain", headers={ENGINE_HEADER: CATALOG}
    )


async def file(request: Request) -> Response:
    """``GET /files/{name}``: a generated file; 410 when its time is over, 404 if unknown."""
    services: Services = request.app.state.services
    name = request.path_params["name"]
    found = services.files.get(name)
    if found is None:
        gone = services.files.is_gone(name)
        return JSONResponse(
            {"error": "This link has expired." if gone else "There is no such file."},
            status_code=410 if gone else 404,
        )
    return Response(found.data, media_type=found.mime_type, headers={ENGINE_HEADER: found.engine})


async def index(request: Request) -> Response:
    """``GET /``: what this is, for people."""
    services: Services = request.app.state.services
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    lines = [
        f"{method} {route.path}"
        for route in routes
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]
    return HTMLResponse(
        _PAGE.format(
            version=html.escape(_version()),
            models="Models run here." if services.config.models else "Models are switched off.",
            keys="only those it was given" if services.config.keys else "any that is not empty",
            endpoints="".join(f"<li><code>{html.escape(line)}</code></li>" for line in lines),
        )
    )


def _version() -> str:
    try:
        return metadata.version("langchain-visioncraft")
    except metadata.PackageNotFoundError:
        return "(from source)"


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        *(Route(path, _list_endpoint(path), methods=["GET"]) for path in LISTS),
        Route("/limits", _async(limits), methods=["GET"]),
        Route("/files/{name}", file, methods=["GET"]),
        Route("/", index, methods=["GET"]),
    ]


def _async(endpoint: Callable[[Request], Response]) -> Callable[[Request], object]:
    # Starlette runs plain functions in threads; these have nothing to wait for.
    async def answer(request: Request) -> Response:
        return endpoint(request)

    return answer
