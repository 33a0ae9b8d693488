"""What a file that fails means: for itself, or for the whole run."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_visioncraft.document_loaders.steps import Steps
from langchain_visioncraft.errors import (
    AuthenticationError,
    CertificateError,
    EndpointNotFoundError,
    MissingKeyError,
    RateLimitError,
    SubscriptionError,
)

CONCERN_ALL = (
    MissingKeyError,
    AuthenticationError,
    SubscriptionError,
    EndpointNotFoundError,
    CertificateError,
    RateLimitError,
)
"""What fails for one file fails for all: these are raised whatever `on_error` says.

A rate limit is among them when waiting for it did not help: it would only be hit again by every
further file. With a cache, the next run goes on from there.
"""


@dataclass(frozen=True)
class Skipped:
    """A file that could not be loaded, or not to its end.

    Attributes:
        source: Its path, URL or handle.
        reason: What was wrong.
        error: The class of the error.
    """

    source: str
    reason: str
    error: str


def guarded(
    steps: Steps[None], name: str, *, raised: tuple[type[BaseException], ...] = ()
) -> Steps[None]:
    """The same steps; what is wrong with this one file becomes a `Skipped` among the outputs.

    Args:
        steps: What to do for a file.
        name: Of the file.
        raised: What concerns all files, beside `CONCERN_ALL` and a package that is missing.
    """
    try:
        yield from steps
    except Exception as error:
        # Also what somebody else's chat model raises.
        if isinstance(error, (*CONCERN_ALL, ImportError, *raised)):
            raise
        reason = str(error) or type(error).__name__
        if name not in reason:
            reason = f"{name}: {reason}"
        yield Skipped(name, reason, type(error).__name__)
