"""Translates errors of httpx, httpx2 and the system into those of our own tree."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from langchain_visioncraft import errors
from langchain_visioncraft._compat import is_from_aiohttp, is_from_httpx, is_from_socksio
from langchain_visioncraft._redact import chain
from langchain_visioncraft.client.watching import current
from langchain_visioncraft.config import DEFAULT_BASE_URL


def translate(
    error: Exception, host: str, answered: bool, facts: Mapping[str, Any]
) -> errors.VisionCraftError | None:
    """The error of our tree for one of httpx, httpx2 or the system; ``None`` for a bug."""
    if is_from_httpx(error, "TimeoutException") and _is_timeout(error):
        name = type(error).__name__.removesuffix("Timeout").lower()
        what = "no connection" if name == "connect" else "no answer"
        hint = "" if name == "connect" else " Generations take minutes: raise timeout=."
        msg = f"{facts['endpoint']}: {what} from {host} in time.{hint}"
        timed_out = errors.TimedOutError(msg, **facts)
        timed_out.phase = name
        return timed_out
    if _certificate_problem(error):
        msg = (
            f"{facts['endpoint']}: the TLS certificate of {host} cannot be verified "
            f"({_certificate_problem(error)}). If you know why, pass verify='ca.pem', or "
            "verify=False, which gives your key to any host that answers."
        )
        return errors.CertificateError(msg, **facts)
    if is_from_httpx(error, "RemoteProtocolError") and "location header" in str(error):
        # Some versions read where a redirect leads even if it is not to be followed.
        msg = f"{facts['endpoint']}: {host} redirected to an invalid URL; it was not followed."
        return errors.UnsafeLinkError(msg, **facts)
    is_of_proxy = is_from_httpx(error, "ProxyError") or is_from_socksio(error, "SOCKSError")
    is_of_connection = isinstance(error, OSError) or is_from_aiohttp(error, "ClientError")
    if is_of_proxy or is_of_connection or is_from_httpx(error, "TransportError"):
        # What a proxy answers itself did not reach the host.
        answered = not is_of_proxy and (answered or came_back(error))
        when = "broke off in the middle of the answer" if answered else "failed"
        reason = str(error) or type(error).__name__
        advice = "" if answered else _advice(host)
        msg = f"{facts['endpoint']}: the connection to {host} {when} ({reason}).{advice}"
        failed = errors.ConnectionFailedError(msg, **facts)
        failed.answered = answered
        return failed
    return _without_a_connection(error, host, facts)


def _advice(host: str) -> str:
    if host == urlsplit(DEFAULT_BASE_URL).netloc:
        return (
            " The public service closed in January 2025, as far as is known: name a host that "
            "speaks the API by base_url= or VISIONCRAFT_BASE_URL, or start `visioncraft sandbox`."
        )
    if host.startswith(("127.", "localhost", "[::1]")):
        return " Is a server running there? `visioncraft sandbox` starts one."
    return ""


def came_back(error: BaseException) -> bool:
    """Whether a host answered anything, even an incomplete or malformed header.

    If so, the call was made, and may have been paid for.
    """
    unread = is_from_httpx(error, "RemoteProtocolError") and _NOTHING not in str(error)
    unread = unread or is_from_aiohttp(error, "ClientResponseError", "ClientPayloadError")
    return unread or current().came


_NOTHING = "without sending a response"
"""The library's message for a host that hung up before it answered, or within the headers."""


def timed_out(facts: Mapping[str, Any]) -> errors.TimedOutError:
    """The error of a call that reached its deadline."""
    seconds = current().seconds or 0.0
    msg = f"{facts['endpoint']} was stopped at its deadline, after {seconds:g} seconds."
    error = errors.TimedOutError(msg, **facts)
    error.phase = "deadline"
    return error


def _without_a_connection(
    error: Exception, host: str, facts: Mapping[str, Any]
) -> errors.VisionCraftError | None:
    """The same for errors that are not about a connection."""
    if is_from_httpx(error, "DecodingError"):
        msg = f"{facts['endpoint']}: the answer of {host} is damaged (its compression)."
        return errors.TruncatedAnswerError(msg, **facts)
    if is_from_httpx(error, "InvalidURL", "UnsupportedProtocol"):
        msg = f"{facts['endpoint']}: {host} cannot be called ({error})."
        return errors.InvalidRequestError(msg, **facts)
    return None


def _is_timeout(error: BaseException) -> bool:
    """Whether it really is a timeout: httpx-aiohttp reports any failed connection as one."""
    cause = error.__cause__
    if cause is None:
        return True
    return isinstance(cause, TimeoutError) or "timeout" in type(cause).__name__.lower()


def _certificate_problem(error: BaseException) -> str | None:
    links = list(chain(error))
    refused = [link for link in links if isinstance(link, ssl.SSLCertVerificationError)]
    if refused:  # aiohttp's own subclass of the system's error lacks the attribute
        words = [getattr(link, "verify_message", "") for link in refused]
        return next(filter(None, words), "certificate verify failed")
    for link in links:
        if isinstance(link, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
            return None  # the host closed the connection, which says nothing about its certificate
        if isinstance(link, ssl.SSLError):
            return link.reason or "TLS failed"
        if "CERTIFICATE_VERIFY_FAILED" in str(link):
            return "certificate verify failed"
    return None
