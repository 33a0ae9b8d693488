"""Access to the page and its forms, and what a browser may do with them."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.protection import with_headers
from visioncraft_sandbox.settings import SandboxConfig
from visioncraft_sandbox.validation import check_key

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
        return urlsplit(origin).netloc == headers.get("host")
    # Without an origin, only the browser's own word for the site counts.
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
    except (binascii.Error, UnicodeDecodeError, Refusal):
        return None
