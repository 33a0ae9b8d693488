"""Routes without a key: lists, limits, files behind links, and a page for people."""

from __future__ import annotations

import html
import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from langchain_visioncraft.version import __version__
from visioncraft_sandbox.answers import ENGINE_HEADER, ErrorStyle, json_response
from visioncraft_sandbox.catalog import LIMITS, LISTS
from visioncraft_sandbox.engine_pool import CATALOG
from visioncraft_sandbox.operations import Services, guarded

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>VisionCraft sandbox</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
code{{background:#f0f0f4;padding:.1em .3em;border-radius:4px}}</style></head><body>
<h1>VisionCraft sandbox</h1>
<p>This is <b>not</b> the VisionCraft service. It is a sandbox of
<code>langchain-visioncraft {version}</code> that answers the same requests on this machine with
drawing code and small open models. The header <code>x-visioncraft-engine</code> of every answer
names the engine that made it.</p>
<p>{models} Keys: {keys}.</p>
<ul>{endpoints}</ul>
</body></html>
"""


async def _names(request: Request) -> Response:
    services: Services = request.app.state.services
    return json_response(await services.backends.names(request.url.path), CATALOG)


async def names(request: Request) -> Response:
    """``GET`` of a list: its names."""
    return await guarded(_names(request), ErrorStyle.TEXT)


async def limits(_: Request) -> Response:
    """``GET /limits``: JSON under ``text/plain``, as the service has served it."""
    text = json.dumps(LIMITS, indent=2)
    return Response(text, media_type="text/plain", headers={ENGINE_HEADER: CATALOG})


async def file(request: Request) -> Response:
    """``GET /files/{name}``: a generated file; 410 once it has expired, 404 if unknown."""
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
    """``GET /``: a page for people."""
    services: Services = request.app.state.services
    lines = [f"{method} {path}" for method, path in endpoints_of(request.app)]
    return HTMLResponse(
        _PAGE.format(
            version=html.escape(__version__),
            models="Models are on." if services.config.models else "Models are off.",
            keys="only those given at its start" if services.config.keys else "any",
            endpoints="".join(f"<li><code>{html.escape(line)}</code></li>" for line in lines),
        )
    )


def endpoints_of(api: Starlette) -> list[tuple[str, str]]:
    """The method and the path of every endpoint."""
    return [
        (method, route.path)
        for route in api.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        *(Route(path, names, methods=["GET"]) for path in LISTS),
        Route("/limits", limits, methods=["GET"]),
        Route("/files/{name}", file, methods=["GET"]),
        Route("/", index, methods=["GET"]),
    ]
