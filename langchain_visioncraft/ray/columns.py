"""Columns: what is read, and what is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from langchain_core.documents import Document

from langchain_visioncraft.document_loaders.base import VisionCraftParser
from langchain_visioncraft.document_loaders.captions import VisionCraftCaptionParser
from langchain_visioncraft.document_loaders.reports import Skipped
from langchain_visioncraft.document_loaders.transcripts import VisionCraftTranscriptParser
from langchain_visioncraft.errors import InvalidRequestError

_READABLE = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.null())
_SEGMENTS = pa.list_(pa.struct({"start": pa.float64(), "end": pa.float64(), "text": pa.string()}))
_COMMON = {"_sha256": pa.string(), "_error": pa.string(), "_error_type": pa.string()}


def _captioned(documents: Sequence[Document]) -> dict[str, Any]:
    # Several frames or pages are separated by an empty line.
    return {"": "\n\n".join(document.page_content for document in documents)}


def _transcribed(documents: Sequence[Document]) -> dict[str, Any]:
    return {
        "": " ".join(document.page_content for document in documents),
        # Start and end are among the metadata; of the others Arrow takes none.
        "_segments": [{**each.metadata, "text": each.page_content} for each in documents],
        "_language": documents[0].metadata.get("language"),
    }


class Kind(NamedTuple):
    """What is made of a file: by which function, by which parser, in which columns."""

    function: str
    """The public function, as users call it."""
    parser: type[VisionCraftParser]
    types: Mapping[str, pa.DataType]
    """Of the columns, by the ends of their names."""
    values: Callable[[Sequence[Document]], dict[str, Any]]


CAPTION = Kind("caption", VisionCraftCaptionParser, {"": pa.string(), **_COMMON}, _captioned)
TRANSCRIPT = Kind(
    "transcribe",
    VisionCraftTranscriptParser,
    {"": pa.string(), "_segments": _SEGMENTS, "_language": pa.string(), **_COMMON},
    _transcribed,
)


def values_of(kind: Kind, outputs: Sequence[Any]) -> dict[str, Any]:
    """The values of a row, from what came of its file; those that are left out are null."""
    last: Document | Skipped = outputs[-1]
    if isinstance(last, Skipped):
        return {"_error": last.reason, "_error_type": last.error}
    return {**kind.values(outputs), "_sha256": last.metadata["sha256"]}


def added(rows: pa.Table, kind: Kind, output: str, values: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows with the columns; their types do not depend on the values."""
    for ending, of_type in kind.types.items():
        column = pa.array([row.get(ending) for row in values], of_type)
        rows = rows.append_column(output + ending, column)
    return rows


def check_columns(kind: Kind, column: str, output: str, schema: Any) -> None:
    """Refuse to read a column that is missing or holds something else, and to write over columns.

    Raises:
        InvalidRequestError: If one does. Other types than Arrow's are not checked.
    """
    types = dict(zip(schema.names, schema.types, strict=True))
    if column not in types:
        msg = f"The dataset has no column {column!r}. Its columns: {', '.join(types) or 'none'}."
        raise InvalidRequestError(msg)
    if isinstance(types[column], pa.DataType) and types[column] not in _READABLE:
        msg = (
            f"Column {column!r} holds {types[column]}: it must hold paths or URLs (texts), or the "
            "bytes of files, as ray.data.read_binary_files gives them."
        )
        raise InvalidRequestError(msg)
    if taken := [output + ending for ending in kind.types if output + ending in types]:
        msg = f"The dataset has {', '.join(taken)} already: name other columns with output=."
        raise InvalidRequestError(msg)
