"""HTTP clients read the proxies of the environment, which may be damaged and hold passwords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft.errors import InvalidRequestError

ClientT = TypeVar("ClientT")


def build(kind: Callable[..., ClientT], **options: Any) -> ClientT:
    """Make an HTTP client of this kind.

    Raises:
        InvalidRequestError: If a proxy of the environment cannot be used.
    """
    try:
        return kind(**options)
    except Exception as error:
        if not (isinstance(error, ValueError) or is_from_httpx(error, "InvalidURL")):
            raise
    # Not in the handler: a password with a "/" is taken for a port, which that error repeats.
    msg = (
        "A proxy of the environment cannot be used: check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY. "
        "Such a URL looks like http://user:password@proxy.example:3128, and special characters of "
        "its password are percent-encoded. To use none, unset them or set NO_PROXY=*."
    )
    raise InvalidRequestError(msg)
