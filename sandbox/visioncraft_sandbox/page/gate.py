"""Records requests for the page, and controls who may see it and what a browser may do."""

from __future__ import annotations

import base64
from importlib import import_module

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engines.stopping import reporter
from visioncraft_sandbox.fault_gate import FAULT_KEY
from visioncraft_sandbox.faults import Fault
from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.protection import with_headers
from visioncraft_sandbox.settings import SandboxConfig
from visioncraft_sandbox.validation import check_key

PREFIX = "/page/"
_PAGE = "visioncraft_sandbox.page.routes"
"""Imported at the first visit: templates are slow to import, and a sandbox starts fast."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MEDIA_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-frame-options": "DENY",
    # With a stricter one, a browser would not send the origin of a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

_ANY_KEY = "sandbox"


class PageGate:
    """The outermost middleware: faults and recorded requests leave out the page's own traffic."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal
        self._page: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _is_for_page(scope):
            page = await self._built(scope)
            await page(scope, receive, send)
        else:
            await self._noted(scope, receive, send)

    async def _built(self, scope: Scope) -> ASGIApp:
        if self._page is None:
            routes = await anyio.to_thread.run_sync(import_module, _PAGE)
            if self._page is None:  # others may have waited for the import, too
                self._page = routes.create_page(scope["app"], self._journal)
        return self._page

    async def _noted(self, scope: Scope, receive: Receive, send: Send) -> None:
        journal = self._journal
        query = scope["query_string"].decode("latin-1")
        entry = journal.begin(scope["method"], scope["path"], query, scope["headers"])

        def finish(*, complete: bool) -> None:
            fault: Fault | None = scope.get(FAULT_KEY)
            entry.fault = str(fault) if fault else None
            journal.finish(entry, complete=complete)

        async def note_request() -> Message:
            message = await receive()
            entry.request.add(message.get("body", b""))
            return message

        async def note_answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                entry.answer_headers = dict(Headers(raw=list(message.get("headers", []))))
            entry.answer.add(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # Before it is sent, so that a caller with the answer finds it on the page.
                finish(complete=True)
            elif not entry.done:
                journal.touch(entry)
            await send(message)

        def note_progress(done: float) -> None:
            entry.progress = done
            journal.touch(entry)

        reporter.set(note_progress)  # each request runs in a context of its own
        try:
            await self._app(scope, note_request, note_answer)
        finally:
            if not entry.done:
                finish(complete=False)


def _is_for_page(scope: Scope) -> bool:
    if scope["path"].startswith(PREFIX):
        return True
    return (
        scope["path"] == "/"
        and scope["method"] in ("GET", "HEAD")
        and "text/html" in Headers(scope=scope).get("accept", "")
    )


class Guard:
    """Checks access to the page, and adds the headers that protect it.

    `protection.Protection` has checked the host.
    """

    def __init__(self, app: ASGIApp, config: SandboxConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, with_headers(send, _HEADERS))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if is_embedded_elsewhere(headers):
            return PlainTextResponse("Other sites may link to the page, but not embed it.", 403)
        if self._config.keys and key_of(headers, self._config) is None:
            text = "This sandbox has keys: sign in with any name, and a key as the password."
            challenge = {"www-authenticate": 'Basic realm="VisionCraft sandbox", charset="UTF-8"'}
            return PlainTextResponse(text, 401, challenge)
        if scope["method"] not in ("GET", "HEAD") and not comes_from_the_page(headers):
            return PlainTextResponse("This form was sent by another site; send it here.", 403)
        return None


def is_embedded_elsewhere(headers: Headers) -> bool:
    """Whether another site's page embeds this, instead of linking to it."""
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    return site in ("cross-site", "same-site") and mode != "navigate"


def comes_from_the_page(headers: Headers) -> bool:
    """Whether a browser sent this from the page itself."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == headers.get("host")
    # Without an origin, only the browser's `Sec-Fetch-Site` counts.
    return headers.get("sec-fetch-site") == "same-origin"


def key_of(headers: Headers, config: SandboxConfig) -> str | None:
    """The key for the page's own calls; ``None`` if no valid one was given."""
    if not config.keys:
        return _ANY_KEY
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        password = base64.b64decode(value, validate=True).decode().partition(":")[2]
        return check_key(password, config)
    except (ValueError, Refusal):
        return None
