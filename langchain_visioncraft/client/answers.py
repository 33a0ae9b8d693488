"""What the service says when it fails: messages, waiting times, and the error that fits.

The shapes come from the documents' error table (2024-09) and from what hosts were seen to send.
"""

from __future__ import annotations

import contextlib
import email.utils
import html
import http
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from langchain_visioncraft import errors

LONGEST_WAIT = 1e9
"""Seconds, some thirty years. What is longer is no wait, but a mistake of the host."""

MAX_MESSAGE = 500
"""Characters of a service's message that are passed on."""

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
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_MAX_HTML = 4096
"""Characters of a page that are searched for its title."""

_FOR_PEOPLE = (
    *("message", "detail", "details", "error", "errors", "msg", "reason", "description"),
    *("errordescription", "errormessage", "title"),
)
"""Where hosts put words, in lower case and without "_"; what explains most comes first."""
_FOR_MACHINES = ("code", "type", "status")
_FAILED = ("error", "fail", "failed", "failure")
_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception)")
_NO_WORD = re.compile(r"[\W_]+")
_DEEPEST = 6
_MOST_PROBLEMS = 20
_MAX_SEARCHED = 1 << 14
"""Characters of all that an answer says that are looked through for the kind of its error."""


def _plain(text: str) -> str:
    """The words of a text, without numbers and signs, and without what every error says."""
    words = re.sub(r"[\W\d_]+", " ", text).casefold().split()
    return " ".join(word for word in words if word not in _IN_EVERY_ERROR)


_IN_EVERY_ERROR = frozenset({"http", "https", "error", "errors", "status", "code"})
_SAYS_NOTHING = frozenset(
    map(
        _plain,
        (
            *("", *(status.phrase for status in http.HTTPStatus), "internal error", "server error"),
            *("unknown error", "an error occurred", "something went wrong", "failed", "failure"),
            *("fail", "request failed", "invalid request", "access denied", "permission denied"),
        ),
    )
)
"""No more than a status says."""


class Said(NamedTuple):
    """What an answer says.

    That is the words for a person, if there are any; all words and codes, to tell what kind of
    error it is; and the status that hosts repeat in the body of a failure.
    """

    message: str | None
    everything: str
    code: int | None = None


def service_message(body: bytes) -> str | None:
    """Find the service's own words in the body of an error.

    Understands JSON of many shapes (`said_in`), plain text, and the title of a proxy's HTML page.
    """
    return _said_by(body).message


def _said_by(body: bytes) -> Said:
    text = body.decode("utf-8", "replace")
    try:
        return said_in(json.loads(text))
    except (ValueError, RecursionError):
        return said_in(text)


def said_in(answer: Any) -> Said:
    """What a decoded answer says, wherever hosts have put it.

    A bare phrase such as "Forbidden" counts only where there is nothing better; different sentences
    are joined.

    ```python
    from langchain_visioncraft.client.answers import said_in

    answer = {"error": "Forbidden", "message": "You can make 5 requests per minute"}
    assert said_in(answer).message == "You can make 5 requests per minute"
    ```
    """
    texts = [" ".join(text.split()) for text in _texts(answer, 0)]
    telling = [text for text in texts if not _is_bare(text)]
    words = [text for text in telling if not text.startswith('{"')] or telling
    message = _joined(words) if words else max(texts, key=len, default="")
    everything = " ".join([*texts, *_codes(answer, 0)])[:_MAX_SEARCHED]
    return Said(_shorten(message) or None, everything, _code_in(answer, 0))


def _texts(value: Any, depth: int) -> Iterator[str]:
    """All texts for a person in a part of an answer, the most telling first."""
    if isinstance(value, str):
        yield from _texts_in_text(value, depth)
    elif depth > _DEEPEST:
        return
    elif isinstance(value, list):
        for item in value[:_MOST_PROBLEMS]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, Mapping):
        parts = {str(name).lower().replace("_", ""): part for name, part in value.items()}
        named = [parts[name] for name in _FOR_PEOPLE if name in parts]
        found = [text for part in named for text in _texts(part, depth + 1)]
        if not found:  # {"status": "error", "data": {"message": "..."}}
            nested = [part for part in parts.values() if isinstance(part, Mapping)]
            found = [text for part in nested for text in _texts(part, depth + 1)]
        if not found and depth and value:
            found = _dumped(value)
        where = _place(value.get("loc"))
        yield from (f"{where}: {text}" if where else text for text in found)


def _texts_in_text(text: str, depth: int) -> Iterator[str]:
    text = text.strip()
    if text.startswith(("{", "[")) and depth <= _DEEPEST:  # JSON within JSON
        with contextlib.suppress(ValueError, RecursionError):
            if found := list(_texts(json.loads(text), depth + 1)):
                yield from found
                return
    if text:
        yield _html_title(text) if text.startswith("<") else text


def _place(loc: Any) -> str:
    """Where a 422 finds its problem."""
    parts = loc if isinstance(loc, list) else [loc]
    return ".".join(str(part) for part in parts if part not in ("body", None))


def _dumped(value: Any) -> list[str]:
    try:
        return [json.dumps(value, ensure_ascii=False)]
    except (ValueError, RecursionError):
        return []


def _is_bare(text: str) -> bool:
    """Whether this is only the name of a status or of an exception."""
    return bool(_EXCEPTION.fullmatch(text)) or _plain(text) in _SAYS_NOTHING


def _joined(texts: Sequence[str]) -> str:
    """Different texts in a row; what another holds is not repeated."""
    plain = [f" {_NO_WORD.sub(' ', text).casefold().strip()} " for text in texts]
    kept = [
        text
        for at, text in enumerate(texts)
        if not any(
            plain[at] in other and (plain[at] != other or before < at)
            for before, other in enumerate(plain)
            if before != at
        )
    ]
    return "; ".join([*(text.rstrip(".;") for text in kept[:-1]), kept[-1]])


def _codes(value: Any, depth: int) -> Iterator[str]:
    """A code for machines, such as ``rate_limit_exceeded``, as words."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:_MOST_PROBLEMS]:
            yield from _codes(item, depth + 1)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name in _FOR_MACHINES and isinstance(part, str):
                yield part.replace("_", " ")
            yield from _codes(part, depth + 1)


def _code_in(answer: Any, depth: int) -> int | None:
    """The status of a failure that hosts repeat in the body, beside the error or inside it."""
    if not isinstance(answer, Mapping) or depth > _DEEPEST:
        return None
    for name in ("statusCode", "code", "status"):
        code = answer.get(name)
        if isinstance(code, int) and code >= 400:
            return code
    return _code_in(answer.get("error"), depth + 1)


def is_error(answer: Any) -> bool:
    """Whether a JSON answer under status 200 is an error."""
    if isinstance(answer, list):
        return bool(answer) and all(
            isinstance(item, Mapping) and (is_error(item) or {"code", "message"} <= item.keys())
            for item in answer
        )
    if not isinstance(answer, Mapping):
        return False
    return (
        _code_in(answer, 0) is not None
        or any(answer.get(name) for name in ("error", "errors", "detail"))
        or any(answer.get(name) is False for name in ("success", "ok"))
        or (str(answer.get("status")).lower() in _FAILED and said_in(answer).message is not None)
    )


def _html_title(text: str) -> str:
    text = text[:_MAX_HTML]
    match = _TITLE.search(text)
    title = match and (match[1] or match[2])
    plain = html.unescape(_TAG.sub(" ", title or text))
    return f"HTML page: {' '.join(plain.split())}"


def _shorten(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # half a character cannot be printed
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def retry_after(headers: Mapping[str, str], message: str | None) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or from the sentence.

    A date is read against the answer's own ``Date``. More than `LONGEST_WAIT` is none.

    ```python
    from langchain_visioncraft.client.answers import retry_after

    assert retry_after({}, "Free users can make 10 images per 5 minutes") == 300
    assert retry_after({}, "Too many requests, try again in 42 seconds") == 42
    ```
    """
    header = headers.get("retry-after", "").strip()
    then = _time_of(header)
    if then is not None:  # by the clock of the host, whose date it is
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
    """Seconds since 1970 of a date in a header; ``None`` if it is none."""
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
    body: bytes,
    *,
    endpoint: str,
    base_url: str,
    key_sent: bool = True,
) -> errors.APIStatusError:
    """The error that fits an answer with an error status, by the beginning of its body.

    The names of headers are in lower case, or the mapping ignores case. `key_sent` says whether the
    call carried the key, which may then be wrong.
    """
    said = _said_by(body)
    return _error(status, headers, said, endpoint=endpoint, base_url=base_url, key_sent=key_sent)


def _error(
    status: int,
    headers: Mapping[str, str],
    said: Said,
    *,
    endpoint: str,
    base_url: str,
    key_sent: bool = True,
) -> errors.APIStatusError:
    wait = retry_after(headers, said.everything)
    kind = _classify(status, said, wait)
    detail = said.message
    advice = _wait_advice(wait) if kind is errors.RateLimitError else _ADVICE.get(kind, "")
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
        parts = urlsplit(urljoin(base_url, response.headers.get("location", "")))
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
        said = said._replace(message=_shorten("".join(_dumped(answer))) or None)
    status = said.code if said.code and 400 <= said.code < 600 else 200
    limit = _LIMIT.search(said.everything) or _ALLOWED.search(said.everything)
    if status == 200 and limit and retry_after({}, said.everything) is not None:
        status = 429
    return _error(status, {}, said, endpoint=endpoint, base_url=base_url)


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


def _wait_advice(wait: float | None) -> str:
    if wait is None:
        return "A limit is reached; wait before you try again."
    return f"A limit is reached; try again in {wait:g} seconds."
