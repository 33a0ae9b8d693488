"""The page's own application: HTML, events, media and forms."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from python_multipart.multipart import parse_options_header
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.version import __version__
from visioncraft_sandbox.answers import Refusal, json_bytes
from visioncraft_sandbox.app import endpoints_of
from visioncraft_sandbox.connections import cancel_on_disconnect
from visioncraft_sandbox.fault_gate import read_ahead
from visioncraft_sandbox.operations import Services
from visioncraft_sandbox.page import reading
from visioncraft_sandbox.page.forms import CAPABILITIES, Capability
from visioncraft_sandbox.page.gate import MEDIA_POLICY, Guard, key_of
from visioncraft_sandbox.page.journal import Entry, Journal
from visioncraft_sandbox.page.views import Filter, Writer, events, render, summary
from visioncraft_sandbox.uploads import decode_picture

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MOST_STREAMS = 16
"""The most open pages: each renders every change as HTML."""


def create_page(api: Starlette, journal: Journal) -> Starlette:
    """Build the page of this API."""
    services: Services = api.state.services
    page = _Page(api, journal, services)
    return Starlette(
        routes=[
            Route("/", _while_wanted(page.index)),
            Route("/page/journal", _while_wanted(page.journal)),
            Route("/page/events", page.events),
            Route("/page/form", _while_wanted(page.form)),
            Route("/page/try/{capability}", page.try_it, methods=["POST"]),
            Route("/page/entry/{mark}/{number}", _while_wanted(page.entry)),
            Route("/page/item/{mark}/{number}", _while_wanted(page.item)),
            Route("/page/media/{mark}/{number}/{side}/{index}", _while_wanted(page.medium)),
            Mount(
                "/page/static",
                StaticFiles(packages=[("visioncraft_sandbox.page", "static")]),
                name="static",
            ),
        ],
        middleware=[Middleware(Guard, config=services.config)],
        exception_handlers={Refusal: _refused},
    )


def _while_wanted(answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> Any:
    """The same, but nobody waits in turn any more once the browser has left."""

    async def serve(request: Request) -> Response:
        return await cancel_on_disconnect(request, answer(request))

    return serve


class _Events(StreamingResponse):
    """The changes for an open page, which counts from here to its end."""

    def __init__(self, page: _Page, changes: AsyncIterator[str]) -> None:
        super().__init__(changes, media_type="text/event-stream")
        self._page = page
        page.streams += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._page.streams -= 1


class _Page:
    """The routes, around one journal."""

    def __init__(self, api: Starlette, journal: Journal, services: Services) -> None:
        self._api = api
        self._journal = journal
        self._services = services
        self.streams = 0
        self._parsing = anyio.Lock()
        # Long work does not delay a page that is being opened, and one thread each leaves
        # the interpreter's lock to the event loop.
        self._light = partial(anyio.to_thread.run_sync, limiter=anyio.CapacityLimiter(1))
        self._heavy = partial(anyio.to_thread.run_sync, limiter=anyio.CapacityLimiter(1))
        self._writer = Writer(journal, services.files)
        # Endpoints that do work come first, lists last.
        pairs = sorted(endpoints_of(api), key=lambda pair: (pair[0] == "GET", pair[1]))
        self._endpoints = [f"{method} {path}" for method, path in pairs if path != "/"]

    async def index(self, request: Request) -> Response:
        """``GET /``: the whole page."""
        config = self._services.config
        values = {
            "version": __version__,
            "base_url": str(request.base_url).rstrip("/"),
            "any_key": not config.keys,
            "models": config.models,
            "capabilities": list(CAPABILITIES.values()),
            **self._listed(_filter_of(request)),
            **await self._form_values(request),
        }
        return await self._html("index.html", **values)

    async def journal(self, request: Request) -> Response:
        """``GET /page/journal``: the list, when the filter has changed."""
        wanted = _filter_of(request)
        query = request.url.query
        answer = await self._html("journal.html", **self._listed(wanted))
        answer.headers["hx-push-url"] = f"/?{query}" if wanted != Filter() else "/"
        return answer

    def _listed(self, wanted: Filter) -> dict[str, Any]:
        version = self._journal.version
        entries = self._journal.entries()
        fitting = [entry for entry in entries if wanted.takes(entry)]
        return {
            "filter": wanted,
            "endpoints": self._endpoints,
            "mark": self._journal.mark,
            "seen": version,
            "items": partial(self._writer.items, fitting),
            "summary": summary(entries),
        }

    async def events(self, request: Request) -> Response:
        """``GET /page/events``: the changes, as server-sent events."""
        known = request.headers.get("last-event-id") or request.query_params.get("after", "")
        if self.streams >= _MOST_STREAMS:
            raise HTTPException(503, f"The page is open {_MOST_STREAMS} times already.")
        changes = events(self._journal, self._writer, _filter_of(request), known, self._heavy)
        return _Events(self, changes)

    async def entry(self, request: Request) -> Response:
        """``GET /page/entry/…``: one entry in full."""
        found = self._find(request)
        read = await self._heavy(partial(self._writer.read, found))
        template = "detail.html" if "hx-request" in request.headers else "entry.html"
        values = {"entry": found, "reading": read, "version": __version__}
        return await self._html(template, **values)

    async def item(self, request: Request) -> Response:
        """``GET /page/item/…``: an item of the list that took too long to read with it."""
        task = partial(self._writer.item, self._find(request))
        return HTMLResponse(await self._heavy(task))

    async def medium(self, request: Request) -> Response:
        """``GET /page/media/…``: the bytes of a picture, video or recording."""
        found = self._find(request)
        place = request.path_params["side"], _number(request, "index")
        if place[0] not in ("in", "out"):
            raise HTTPException(404)
        read = partial(reading.medium_bytes, found, self._services.files, *place)
        data = await self._heavy(read)
        if data is None:
            raise HTTPException(410, "This is no longer kept.")
        if "still" in request.query_params:
            most = self._services.config.max_pixels
            data = await self._heavy(partial(_first_frame, data, most))
        mime = type_of(data) or "application/octet-stream"
        headers = {
            "content-security-policy": MEDIA_POLICY,
            "content-disposition": "inline",
            "cache-control": "private, max-age=3600, immutable" if found.done else "no-store",
        }
        return ranged(data, mime, request.headers.get("range"), headers)

    async def _html(self, template: str, **values: Any) -> Response:
        """Render a template in a thread: compiling it, and reading its content, take a while."""
        return HTMLResponse(await self._light(partial(render, template, **values)))

    async def form(self, request: Request) -> Response:
        """``GET /page/form``: the form of one capability."""
        return await self._html("form.html", **await self._form_values(request))

    async def _form_values(self, request: Request) -> dict[str, Any]:
        name = request.query_params.get("try", "")
        capability = CAPABILITIES.get(name) or next(iter(CAPABILITIES.values()))
        controls = capability.controls
        paths = {control.names for control in controls if control.names}
        return {
            "capability": capability,
            "shown": controls[: len(capability.shown)],
            "more": controls[len(capability.shown) :],
            "names": {path: await self._services.backends.names(path) for path in paths},
        }

    async def try_it(self, request: Request) -> Response:
        """``POST /page/try/…``: call the API with the form's values."""
        capability = CAPABILITIES.get(request.path_params["capability"])
        if capability is None:
            raise HTTPException(404)
        most = self._services.config.most_of_a_body
        announced = request.headers.get("content-length", "")
        if not announced.isdecimal() or int(announced) > most:
            raise HTTPException(413, f"A form may have at most {most:,} bytes.")
        kind, options = parse_options_header(request.headers.get("content-type"))
        if (kind, options.get(b"charset", b"utf-8").lower()) != (b"multipart/form-data", b"utf-8"):
            # Others take quadratic time, or many times the memory.
            raise HTTPException(415, "A form must be multipart/form-data, in UTF-8.")
        # Read before it is parsed, so that no stalled upload holds open files.
        request = Request(request.scope, await read_ahead(request.receive))
        count = len(capability.controls)
        bounds: dict[str, Any] = {"max_files": count, "max_fields": count, "max_part_size": most}
        key = key_of(request.headers, self._services.config)
        token = {} if capability.is_chat else {"token": key}
        try:
            async with self._parsing, request.form(**bounds) as form:
                body = {**token, **await capability.body(form)}
                content = await anyio.to_thread.run_sync(json_bytes, body)
        except (ValueError, ClientDisconnect) as error:
            raise HTTPException(400, "The form has values that cannot be sent as JSON.") from error
        headers = {"authorization": f"Bearer {key}", "user-agent": "the page's form"}
        work = self._call(str(request.base_url), capability, content, headers)
        result = await cancel_on_disconnect(request, work)
        if "hx-request" in request.headers:
            return await self._html("result.html", **result)
        return RedirectResponse(f"/?try={capability.name}", 303)

    async def _call(
        self, root: str, capability: Capability, content: bytes, headers: dict[str, str]
    ) -> dict[str, Any]:
        transport = httpx.ASGITransport(self._api)
        async with httpx.AsyncClient(transport=transport, base_url=root) as client:
            try:
                answer = await client.post(capability.path, content=content, headers=headers)
            except ConnectionError as error:  # an injected fault
                return {"capability": capability, "status": None, "error": str(error)}
        return {"capability": capability, "status": answer.status_code, "error": ""}

    def _find(self, request: Request) -> Entry:
        found = self._journal.find(_number(request, "number"))
        if found is None or request.path_params["mark"] != self._journal.mark:
            raise HTTPException(404, "This request is no longer kept.")
        return found


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  # registered for it
    return PlainTextResponse(error.message, error.status, error.headers)


def _number(request: Request, name: str) -> int:
    """A number in the path; the converter of Starlette fails for one of 5,000 digits."""
    text = request.path_params[name]
    if not re.fullmatch("[0-9]{1,18}", text):
        raise HTTPException(404)
    return int(text)


def _filter_of(request: Request) -> Filter:
    query = request.query_params
    return Filter(query.get("endpoint", ""), query.get("failed") == "1")


def _first_frame(data: bytes, max_pixels: int) -> bytes:
    """A still of an animation, for people who prefer reduced motion."""
    buffer = io.BytesIO()
    try:
        decode_picture(data, "still", max_pixels).convert("RGBA").save(buffer, "PNG")
    except Refusal as error:
        raise HTTPException(415, error.message) from error
    return buffer.getvalue()


def ranged(data: bytes, mime: str, wanted: str | None, headers: Mapping[str, str]) -> Response:
    """Bytes, or the one part of them in a ``Range`` header; some browsers need it for videos.

    A header that cannot be used is answered with everything (RFC 9110, 14.2).
    """
    sent = {"accept-ranges": "bytes", **headers}
    match = _RANGE.fullmatch((wanted or "").strip())
    if match is None or not (match[1] or match[2]):
        return Response(data, media_type=mime, headers=sent)
    size = len(data)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    else:
        first, last = max(0, size - int(match[2])), size - 1
    if first >= size or first > last:
        return Response(status_code=416, headers={**sent, "content-range": f"bytes */{size}"})
    sent["content-range"] = f"bytes {first}-{last}/{size}"
    return Response(data[first : last + 1], 206, media_type=mime, headers=sent)
