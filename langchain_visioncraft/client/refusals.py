"""Chooses the error for an answer that is a refusal or a failure, and the wait after it."""

from __future__ import annotations

import contextlib
import email.utils
import re
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urljoin, urlsplit

from langchain_visioncraft import errors
from langchain_visioncraft.client.answers import Said, dumped, is_error, said_by, said_in, shorten
from langchain_visioncraft.media.urls import splittable

LONGEST_WAIT = 1e9
"""Seconds, some thirty years. A longer wait is a mistake of the host."""

_UNITS = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "m": 60}
_UNITS |= {"hour": 3600, "hr": 3600, "h": 3600, "day": 86400, "d": 86400}
_UNIT = r"(?P<unit>seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])\b"
_COUNT = r"(?P<count>\d{1,9}(?:\.\d{1,9})?)"
_WAIT = re.compile(
    rf"\b(?:in|after|wait(?: for)?|for)\s+(?:another\s+)?{_COUNT}\s*{_UNIT}", re.IGNORECASE
)
_SECONDS = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_WINDOW = re.compile(rf"\b(?:per|every|each)\s+{_COUNT}?\s*{_UNIT}", re.IGNORECASE)
_LIMIT = re.compile(
    r"\blimits?\b|\bquota\b|too many requests|\bexceeded\b|\bslow down\b", re.IGNORECASE
)
_ALLOWED = re.compile(
    r"\b(?:you|users?) can\b"
    r"|\b(?:requests?|calls?|generations?|messages?|images?) (?:per|every|each)\b",
    re.IGNORECASE,
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


def retry_after(headers: Mapping[str, str], message: str | None) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or from the sentence.

    A date is compared with the answer's own ``Date``. Waits beyond `LONGEST_WAIT` are ignored.
    """
    header = headers.get("retry-after", "").strip()
    then = _time_of(header)
    if then is not None:  # by the clock of the host, which set the date
        return _bounded(then - (_time_of(headers.get("date", "")) or time.time()))
    if _SECONDS.fullmatch(header):
        return _bounded(float(header))
    for pattern in (_WAIT, _WINDOW):
        match = pattern.search(message or "")
        if match:
            unit = match["unit"].lower()
            scale = _UNITS.get(unit) or _UNITS[unit.removesuffix("s")]
            return _bounded(float(match["count"] or 1) * scale)
    return None


def _bounded(seconds: float) -> float | None:
    return max(0.0, seconds) if seconds <= LONGEST_WAIT else None


def _time_of(date: str) -> float | None:
    """Seconds since 1970 of a date in a header; ``None`` if it is not a date."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        then = email.utils.parsedate_to_datetime(date)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    return None


def unknown_kind(message: str | None) -> str | None:
    """Which list a refused name belongs to (``"samplers"``); ``None`` if no name was refused."""
    match = _UNKNOWN_NAME.search(message or "")
    if not match:
        return None
    kind = match["kind"] or match["kind2"] or match["kind3"]
    return f"{kind.lower()}s"


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes | Said,
    *,
    endpoint: str,
    base_url: str,
    key_sent: bool = True,
) -> errors.APIStatusError:
    """The error that fits an answer with an error status, by the beginning of its body.

    The names of headers are in lower case, or the mapping ignores case. `key_sent` says whether the
    call carried the key, which may then be wrong.
    """
    said = body if isinstance(body, Said) else said_by(body)
    wait = retry_after(headers, said.everything)
    kind = _classify(status, said, wait)
    detail = said.message
    advice = "" if status == 501 else _ADVICE.get(kind, "")  # "not implemented": for good
    if kind is errors.RateLimitError:
        until = "wait before you try again" if wait is None else f"try again in {wait:g} seconds"
        advice = f"A limit is reached; {until}."
    if kind is errors.AuthenticationError and not key_sent:
        advice = (
            "The API documents {endpoint} without a key, so none was sent; this host needs one."
        )
    host = urlsplit(base_url).netloc
    says = f": {detail}" if detail else ""
    ending = "" if says.endswith((".", "!", "?")) else "."
    message = f"{endpoint} on {host} answered {status}{says}{ending}"
    if kind is errors.EndpointNotFoundError and " /image/" in endpoint and base_url[-4:] != "/api":
        advice += f" Since 2024-09 it was served under /api: try base_url={base_url + '/api'!r}."
    return kind(
        f"{message} {advice.format(endpoint=endpoint, host=host)}".strip(),
        status=status,
        detail=detail,
        endpoint=endpoint,
        base_url=base_url,
        retry_after=wait if kind in (errors.RateLimitError, errors.ServerError) else None,
    )


def redirected(response: Any, *, endpoint: str, base_url: str) -> errors.UnexpectedAnswerError:
    """The error of a redirect. A call carries the key, and hosts that moved redirect."""
    try:
        parts = urlsplit(urljoin(base_url, splittable(response.headers.get("location", ""))))
        target = f"{parts.scheme}://{parts.hostname}"
    except ValueError:
        target = "nowhere"
    status = response.status_code
    msg = (
        f"{endpoint} on {urlsplit(base_url).netloc} was redirected ({status}) to {target}. The "
        "call carries the key, so it was not sent on. If the host moved and you trust the new "
        "one, set base_url (VISIONCRAFT_BASE_URL) to it."
    )
    return errors.UnexpectedAnswerError(msg, status=status, endpoint=endpoint, base_url=base_url)


def error_under_200(answer: Any, *, endpoint: str, base_url: str) -> errors.APIStatusError | None:
    """The error that a JSON answer under status 200 holds; ``None`` if it holds none."""
    if not is_error(answer):
        return None
    said = said_in(answer)
    if said.message is None:
        said = said._replace(message=shorten("".join(dumped(answer))) or None)
    status = said.code if said.code and 400 <= said.code < 600 else 200
    limit = _LIMIT.search(said.everything) or _ALLOWED.search(said.everything)
    if status == 200 and limit and retry_after({}, said.everything) is not None:
        status = 429
    return status_error(status, {}, said, endpoint=endpoint, base_url=base_url)


_REFUSED = frozenset({200, 400, 404, 405, 415, 422})
_ADVICE: dict[type[errors.APIStatusError], str] = {
    errors.AuthenticationError: "The key is wrong, or no longer active: check "
    "VISIONCRAFT_API_KEY or api_key=.",
    errors.SubscriptionError: "The key's subscription (Telegram channel, or premium) does not "
    "cover this.",
    errors.EndpointNotFoundError: "{host} does not offer {endpoint}. Hosts differ in what they "
    "offer (client.capabilities() finds out): set another base_url (VISIONCRAFT_BASE_URL), another "
    "api_version, or another tool.",
    errors.ServerError: "The service failed; try again later.",
}


def _classify(status: int, said: Said, wait: float | None) -> type[errors.APIStatusError]:
    kind: type[errors.APIStatusError] = errors.APIStatusError
    detail = said.everything
    limited = wait is not None or _LIMIT.search(detail) or _ALLOWED.search(detail)
    # "Subscribe to premium to get more than 10 images per 5 minutes" is a limit, too.
    lapsed = _NOT_SUBSCRIBED.search(detail) and not _WINDOW.search(detail)
    if 429 in (status, said.code) or (status == 403 and limited and not lapsed):
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
