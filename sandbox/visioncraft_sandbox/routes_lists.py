"""Routes without a key: lists, limits, files behind links, and what this is."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from langchain_visioncraft.version import __version__
from visioncraft_sandbox.answers import ENGINE_HEADER, ErrorStyle, json_response
from visioncraft_sandbox.catalog import LIMITS, LISTS
from visioncraft_sandbox.engine_pool import CATALOG
from visioncraft_sandbox.operations import Services, guarded


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
    """``GET /``: what this is, and its endpoints."""
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


def routes() -> list[Route]:
    """The routes of this module."""
    return [
        *(Route(path, names, methods=["GET"]) for path in LISTS),
        Route("/limits", limits, methods=["GET"]),
        Route("/files/{name}", file, methods=["GET"]),
        Route("/", index, methods=["GET"]),
    ]
