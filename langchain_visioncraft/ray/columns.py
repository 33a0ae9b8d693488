"""Columns: what is read, and what is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from langchain_core.documents import Document

from langchain_visioncraft.document_loaders.guarding import Skipped
from langchain_visioncraft.errors import InvalidRequestError

_SEGMENT = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string())])


def check_source(column: str, names: Sequence[str], types: Sequence[Any]) -> None:
    """Refuse a column that is not there, or holds something else than paths, URLs or bytes.

    Args:
        column: Its name.
        names: Of the columns of a dataset.
        types: Of these columns, as far as they are known: other things than Arrow's are passed.

    Raises:
        InvalidRequestError: If it cannot be used.
    """
    if column not in names:
        msg = f"The dataset has no column {column!r}. Its columns: {', '.join(names) or 'none'}."
        raise InvalidRequestError(msg)
    kind = types[list(names).index(column)]
    if isinstance(kind, pa.DataType) and not _is_readable(kind):
        msg = (
            f"Column {column!r} holds {kind}: it must hold paths or URLs (texts), or the bytes of "
            "files, as ray.data.read_binary_files gives them."
        )
        raise InvalidRequestError(msg)


def _is_readable(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_null(kind)
    )


def check_new(added: Sequence[str], names: Sequence[str]) -> None:
    """Refuse to write over columns.

    Raises:
        InvalidRequestError: If one of the new columns is there already.
    """
    taken = [name for name in added if name in names]
    if taken:
        msg = f"The dataset has {', '.join(taken)} already: name other columns with output=."
        raise InvalidRequestError(msg)


@dataclass(frozen=True)
class Columns:
    """What is added for every row.

    Attributes:
        output: The first column; the names of the others begin with it.
    """

    output: str

    def schema(self) -> pa.Schema:
        """The columns that are added."""
        return pa.schema(
            [
                (self.output, pa.string()),
                *self.further(),
                (f"{self.output}_sha256", pa.string()),
                (f"{self.output}_error", pa.string()),
                (f"{self.output}_error_type", pa.string()),
            ]
        )

    def further(self) -> list[tuple[str, Any]]:
        """Columns of this kind alone."""
        return []

    def values(self, documents: Sequence[Document]) -> Mapping[str, Any]:
        """Their values in a row that was seen or heard; the others are null."""
        # Several frames or pages are told apart by an empty line.
        text = "\n\n".join(document.page_content for document in documents)
        return {self.output: text, f"{self.output}_sha256": documents[0].metadata["sha256"]}

    def failed(self, skipped: Skipped) -> Mapping[str, Any]:
        """Their values in a row that was not."""
        return {
            f"{self.output}_error": skipped.reason,
            f"{self.output}_error_type": skipped.error,
        }

    def added(self, rows: pa.Table, values: Sequence[Mapping[str, Any]]) -> pa.Table:
        """The rows with the columns; their types do not depend on the values."""
        for field in self.schema():
            column = pa.array([row.get(field.name) for row in values], type=field.type)
            rows = rows.append_column(field, column)
        return rows


class TranscriptColumns(Columns):
    """A transcript also has segments with times, and a language."""

    def further(self) -> list[tuple[str, Any]]:
        """The segments, in order, and the language as the host names it."""
        return [
            (f"{self.output}_segments", pa.list_(_SEGMENT)),
            (f"{self.output}_language", pa.string()),
        ]

    def values(self, documents: Sequence[Document]) -> Mapping[str, Any]:
        """One document is one segment."""
        segments = [
            {
                "start": document.metadata["start"],
                "end": document.metadata["end"],
                "text": document.page_content,
            }
            for document in documents
        ]
        return {
            **super().values(documents),
            self.output: " ".join(document.page_content for document in documents),
            f"{self.output}_segments": segments,
            f"{self.output}_language": documents[0].metadata.get("language"),
        }
