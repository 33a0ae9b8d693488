"""What happens when a file fails, and the report on a run."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langchain_core.documents import Document

from langchain_visioncraft.errors import (
    AuthenticationError,
    CertificateError,
    EndpointNotFoundError,
    MissingKeyError,
    RateLimitError,
    SubscriptionError,
)
from langchain_visioncraft.media.handles import digest_of_text

OnError: TypeAlias = Literal["raise", "skip", "document"]

CONCERN_ALL = (
    MissingKeyError,
    AuthenticationError,
    SubscriptionError,
    EndpointNotFoundError,
    CertificateError,
    RateLimitError,
)
"""Errors that would occur for every file: they are raised whatever `on_error` is.

A rate limit is one of them if waiting for it did not help. With a cache, the next run resumes.
"""


def document_id(*parts: Any) -> str:
    """The same id for the same parts, as a UUID, the only form that every vector store takes."""
    return str(uuid.UUID(digest_of_text("\x00".join(map(str, parts)))[:32]))


@dataclass(frozen=True)
class Skipped:
    """A file that could not be loaded, or not completely.

    Attributes:
        source: Its path, URL or handle.
        reason: The problem.
        error: The class of the error.
    """

    source: str
    reason: str
    error: str

    @classmethod
    def because_of(cls, error: Exception, source: str) -> Skipped:
        """A file that is skipped because of this error."""
        reason = str(error) or type(error).__name__
        if source not in reason:
            reason = f"{source}: {reason}"
        return cls(source, reason, type(error).__name__)

    def document(self) -> Document:
        """A document in its place that reports the failure."""
        return Document(
            f"[{self.reason}]",
            id=document_id("error", self.source, self.error),
            metadata={"source": self.source, "error": self.reason, "error_type": self.error},
        )


@dataclass
class LoadReport:
    """The outcome of a run.

    Attributes:
        files: How many files were read.
        documents: How many documents were made from them.
        skipped: Which files were not loaded, and why.
    """

    files: int = 0
    documents: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def count(self, outputs: Iterable[Document | Skipped], on_error: OnError) -> Iterator[Document]:
        """Count the result of one file, and yield its documents."""
        self.files += 1
        for output in outputs:
            if isinstance(output, Document):
                self.documents += 1
                yield output
                continue
            self.skipped.append(output)
            if on_error == "document":
                yield output.document()

    def __str__(self) -> str:
        lines = [f"{self.documents} documents of {self.files} files, {len(self.skipped)} skipped"]
        return "\n".join([*lines, *(f"- {each.reason}" for each in self.skipped)])
