"""Routes without a key: lists, limits, files behind links, and a description of the sandbox."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from langchain_visioncraft.version import __version__
from visioncraft_sandbox.answers import ENGINE_HEADER, Refusal, json_response
from visioncraft_sandbox.catalog import LIMITS, LISTS
from visioncraft_sandbox.engine_pool import CATALOG
from visioncraft_sandbox.operations import Services, route


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


ROUTES = (
    *(route("GET", path, _names) for path in LISTS),
    route("GET", "/limits", _limits),
    route("GET", "/files/{name}", _file),
    route("GET", "/", _index),
)
