"""The middleware that records every request for the page, and serves the page."""

from __future__ import annotations

from importlib import import_module

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.engines.stopping import reporter
from visioncraft_sandbox.fault_gate import FAULT_KEY
from visioncraft_sandbox.faults import Fault
from visioncraft_sandbox.page.journal import Journal

PREFIX = "/page/"
_PAGE = "visioncraft_sandbox.page.routes"
"""Imported at the first visit: templates are slow to import, and a sandbox starts fast."""


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
                # Before it is sent: a caller with the answer finds it on the page.
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
