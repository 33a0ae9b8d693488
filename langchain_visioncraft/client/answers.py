"""What the service says when it fails: messages, waiting times, and the error that fits.

The shapes come from the documents' error table (2024-09) and from what hosts were seen to send.
"""

from __future__ import annotations

import contextlib
import email.utils
import html
import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from langchain_visioncraft import errors

MAX_MESSAGE = 500
"""Characters of a service's message that are passed on."""

_UNITS = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "m": 60}
_UNITS |= {"hour": 3600, "hr": 3600, "h": 3600, "day": 86400, "d": 86400}
_UNIT = r"(?P<unit>seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])\b"
_WAIT = re.compile(
    rf"\b(?:in|after|wait(?: for)?|for)\s+(?:another\s+)?(?P<count>\d+(?:\.\d+)?)\s*{_UNIT}",
    re.IGNORECASE,
)
_WINDOW = re.compile(rf"\b(?:per|every|each)\s+(?P<count>\d+(?:\.\d+)?)?\s*{_UNIT}", re.IGNORECASE)
_LIMIT = re.compile(
    r"\blimits?\b|\bquota\b|too many requests|\bexceeded\b|\bslow down\b", re.IGNORECASE
)
_NOT_SUBSCRIBED = re.compile(r"\bsubscri|\bpremium\b", re.IGNORECASE)
_TOO_LARGE = re.compile(r"\btoo (?:large|big|long)\b", re.IGNORECASE)
_UNKNOWN_NAME = re.compile(
    r"(?:doesn't|does not|don't|do not) have (?:an? |the |this )?(?P<kind>model|sampler|scheduler"
    r"|refiner|lora)|(?:unknown|invalid|no such|unsupported) (?P<kind2>model|sampler|scheduler"
    r"|refiner|lora)|(?P<kind3>model|sampler|scheduler|refiner|lora)\b.{0,80}"
    r"(?:not found|does not exist|doesn't exist|is not available|not supported|is unknown)",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_MAX_HTML = 4096
"""Characters of a page that are searched for its title."""


def service_message(body: bytes) -> str | None:
    """Find the service's own words in the body of an error.

    Understands ``{"error": "…"}``, ``{"error": {"message": "…"}}``, ``{"detail": "…"}``, the list
    of a 422, plain text, and the title of a proxy's HTML page.
    """
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return None
    try:
        found = message_in(json.loads(text))
    except (ValueError, RecursionError):
        found = _html_title(text) if text.startswith("<") else text
    return _shorten(found) if found else None


def message_in(answer: Any) -> str | None:
    """The error message in a decoded JSON answer; ``None`` if it holds none."""
    if isinstance(answer, str):
        return answer or None
    if not isinstance(answer, Mapping):
        return None
    for name in ("error", "detail", "message", "msg"):
        found = answer.get(name)
        if isinstance(found, Mapping):
            found = message_in(found) or json.dumps(found)
        if isinstance(found, list):
            found = "; ".join(_problem(item) for item in found)
        if isinstance(found, str) and found:
            return found
    return None


def error_in(answer: Any) -> str | None:
    """The error message of a JSON answer under status 200; ``None`` if it is no error."""
    if not isinstance(answer, Mapping):
        return None
    failed = (_code_in(answer) or 0) >= 400
    if failed or answer.get("error") or answer.get("detail"):
        return _shorten(message_in(answer) or json.dumps(answer))
    return None


def _code_in(answer: Mapping[str, Any]) -> int | None:
    """The status that hosts repeat in the body, beside the error or inside it."""
    error = answer.get("error")
    for place in (answer, error if isinstance(error, Mapping) else {}):
        for name in ("statusCode", "code", "status"):
            code = place.get(name)
            if isinstance(code, int) and not isinstance(code, bool):
                return code
    return None


def _problem(item: Any) -> str:
    """One entry of a 422's ``detail`` list."""
    if not isinstance(item, Mapping):
        return str(item)
    loc = item.get("loc")
    parts = loc if isinstance(loc, list) else [loc]
    where = ".".join(str(part) for part in parts if part not in ("body", None))
    what = str(item.get("msg", "")) or json.dumps(item)
    return f"{where}: {what}" if where else what


def _html_title(text: str) -> str | None:
    text = text[:_MAX_HTML]
    match = _TITLE.search(text)
    title = match and (match[1] or match[2])
    plain = html.unescape(_TAG.sub(" ", title or text))
    return f"HTML page: {' '.join(plain.split())}"


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def retry_after(headers: Mapping[str, str], message: str | None) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or from the sentence.

    ```python
    from langchain_visioncraft.client.answers import retry_after

    assert retry_after({}, "Free users can make 10 images per 5 minutes") == 300
    assert retry_after({}, "Too many requests, try again in 42 seconds") == 42
    ```
    """
    header = headers.get("retry-after", "").strip()
    if header:
        try:
            seconds = float(header)
            return max(0.0, seconds) if math.isfinite(seconds) else None
        except ValueError:
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                then = email.utils.parsedate_to_datetime(header)
                return max(0.0, then.timestamp() - time.time())
    for pattern in (_WAIT, _WINDOW):
        match = pattern.search(message or "")
        if match:
            unit = match["unit"].lower()
            scale = _UNITS.get(unit) or _UNITS[unit.removesuffix("s")]
            return float(match["count"] or 1) * scale
    return None


def unknown_kind(message: str | None) -> str | None:
    """Which list a refused name belongs to (``"samplers"``); ``None`` if no name was refused."""
    match = _UNKNOWN_NAME.search(message or "")
    if not match:
        return None
    kind = match["kind"] or match["kind2"] or match["kind3"]
    return f"{kind.lower()}s"


def status_error(
    status: int, headers: Mapping[str, str], body: bytes, *, endpoint: str, base_url: str
) -> errors.APIStatusError:
    """Build the error that fits an answer with an error status.

    Args:
        status: 400 to 599.
        headers: Of the answer; names in lower case, or a case-insensitive mapping.
        body: Of the answer, or its beginning.
        endpoint: Method and path, for the message.
        base_url: The root of the host, for the message.
    """
    detail = service_message(body)
    wait = retry_after(headers, detail)
    kind = _classify(status, detail or "", wait)
    advice = _wait_advice(wait) if kind is errors.RateLimitError else _ADVICE.get(kind, "")
    host = urlsplit(base_url).netloc
    says = f": {detail}" if detail else ""
    ending = "" if says.endswith((".", "!", "?")) else "."
    message = f"{endpoint} on {host} answered {status}{says}{ending}"
    return kind(
        f"{message} {advice.format(endpoint=endpoint, host=host)}".strip(),
        status=status,
        detail=detail,
        endpoint=endpoint,
        base_url=base_url,
        retry_after=wait if kind in (errors.RateLimitError, errors.ServerError) else None,
    )


def error_under_200(answer: Any, *, endpoint: str, base_url: str) -> errors.APIStatusError | None:
    """The error that a JSON answer under status 200 holds; ``None`` if it holds none."""
    detail = error_in(answer)
    if detail is None:
        return None
    code = _code_in(answer) or 200
    status = code if 400 <= code < 600 else 200
    if status == 200 and _LIMIT.search(detail) and retry_after({}, detail) is not None:
        status = 429
    body = json.dumps({"error": detail}).encode()
    return status_error(status, {}, body, endpoint=endpoint, base_url=base_url)


_REFUSED = frozenset({200, 400, 404, 405, 415, 422})
_ADVICE: dict[type[errors.APIStatusError], str] = {
    errors.AuthenticationError: "The key is wrong, or no longer active: check "
    "VISIONCRAFT_API_KEY or api_key=.",
    errors.SubscriptionError: "The key's subscription (Telegram channel, or premium) does not "
    "cover this.",
    errors.EndpointNotFoundError: "{host} does not offer {endpoint}. Hosts differ in what they "
    "offer: set another base_url (VISIONCRAFT_BASE_URL), another api_version, or another tool.",
    errors.ServerError: "The service failed; try again later.",
}


def _classify(status: int, detail: str, wait: float | None) -> type[errors.APIStatusError]:
    kind: type[errors.APIStatusError] = errors.APIStatusError
    limited = wait is not None or bool(_LIMIT.search(detail))
    # "Subscribe to premium to get more than 10 images per 5 minutes" is a limit, too.
    lapsed = _NOT_SUBSCRIBED.search(detail) and not _WINDOW.search(detail)
    if status == 429 or (status == 403 and limited and not lapsed):
        kind = errors.RateLimitError
    elif status == 401:
        kind = errors.AuthenticationError
    elif status == 413 and _TOO_LARGE.search(detail):
        kind = errors.BadRequestError
    elif status in (402, 403, 413):
        kind = errors.SubscriptionError
    elif status == 404 and not unknown_kind(detail):
        kind = errors.EndpointNotFoundError
    elif status in _REFUSED:
        kind = errors.BadRequestError
    elif status >= 500:
        kind = errors.ServerError
    return kind


def _wait_advice(wait: float | None) -> str:
    if wait is None:
        return "A limit is reached; wait before you try again."
    return f"A limit is reached; try again in {wait:g} seconds."
