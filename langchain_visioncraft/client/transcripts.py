"""Transcripts: the words of a recording and their times, in any form that hosts use."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from langchain_visioncraft.errors import InvalidRequestError

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_visioncraft.client.subtitles import Stretch


class Segment(BaseModel):
    """A part of a transcript. Fields that a host adds are kept."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    start: float = Field(description="Seconds from the beginning.")
    end: float | None = Field(
        None, description="Seconds from the beginning; None where the host does not say."
    )
    text: str


class Transcript(BaseModel):
    """The words of a recording. Rely only on `text`; fields that a host adds are kept.

    The segments are in the order of their times, and hold the same words as `text`: words that a
    host returns only in one of the two are added to the other.

    Attributes:
        text: The whole text.
        segments: The parts, with their times in seconds, if the host returns them.
        language: ISO 639-1 code or a name, if the host returns it.
        input_length_ms: Length of the recording in milliseconds, if the host returns it.
    """

    model_config = ConfigDict(extra="allow", defer_build=True)

    text: str
    segments: list[Segment] = []
    language: str | None = None
    input_length_ms: float | None = None

    @field_validator("text")
    @classmethod
    def _without_blanks_around_it(cls, value: str) -> str:
        return value.strip()

    @field_validator("segments", mode="before")
    @classmethod
    def _keep_what_has_words(cls, value: Any) -> Any:
        items = value if isinstance(value, list) else []
        return _in_order([item for item in items if _text_of(item) is not None])

    @field_validator("language", "input_length_ms", mode="wrap")
    @classmethod
    def _keep_what_fits(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            return None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        joined = " ".join(segment.text.strip() for segment in self.segments)
        said, words = _words(joined), _words(self.text)
        if len(words) < len(said) and said.startswith(words):
            self.text = joined.strip()
        elif self.segments and len(said) < len(words):
            self.segments = _with_gaps_filled(self.segments, self.text)
        return self

    def to_srt(self) -> str:
        """The transcript as SubRip subtitles (``.srt``)."""
        return self._written("srt")

    def to_vtt(self) -> str:
        """The transcript as WebVTT subtitles (``.vtt``), which web pages show."""
        return self._written("vtt")

    def _written(self, kind: Literal["srt", "vtt"]) -> str:
        from langchain_visioncraft.client.subtitles import write_subtitles  # noqa: PLC0415 -- rare

        return write_subtitles(self._stretches(), kind)

    def _stretches(self) -> list[Stretch]:
        if self.segments:
            return [(each.start, each.end, each.text) for each in self.segments]
        milliseconds = self.input_length_ms
        return [(0.0, milliseconds and milliseconds / 1000, self.text)]

    @classmethod
    def from_documents(cls, documents: Iterable[Document]) -> Self:
        """Rebuild a transcript from the documents of `VisionCraftTranscriptParser`.

        ```python
        from langchain_visioncraft import VisionCraftMediaLoader
        from langchain_visioncraft.client import Transcript

        documents = VisionCraftMediaLoader("recordings/spoken_note.ogg").load()
        print(Transcript.from_documents(documents).to_srt())
        ```

        Args:
            documents: All documents of one recording, in any order. Words that overlapping
                windows repeat count once.

        Raises:
            InvalidRequestError: If they belong to several recordings, or have no times.
        """
        segments: list[Segment] = []
        before: list[str] = []
        facts: dict[str, Any] = {}
        for document in sorted(documents, key=_start_of):
            metadata, text = document.metadata, document.page_content
            facts = facts or metadata
            if metadata.get("sha256") != facts.get("sha256"):
                msg = (
                    f"{metadata.get('source')} and {facts.get('source')} are two recordings: give "
                    "the documents of one."
                )
                raise InvalidRequestError(msg)
            start, words = _start_of(document), text.split()
            if segments and start < (last := segments[-1].end or 0.0):
                rest = _without_repeated(before[-len(words) :], words)
                if rest is not None:
                    start, text, words = last, " ".join(rest), rest
            if words:
                end = seconds_in(metadata.get("end"))
                segments.append(Segment(start=start, end=end, text=text))
                before = words
        seconds = seconds_in(facts.get("duration"))
        return cls(
            text=" ".join(segment.text for segment in segments),
            segments=segments,
            language=facts.get("language"),
            input_length_ms=None if seconds is None else seconds * 1000,
        )


def _start_of(document: Document) -> float:
    start = seconds_in(document.metadata.get("start"))
    if start is None:
        msg = (
            "A document has no start time (metadata['start']): pass documents made by "
            "VisionCraftTranscriptParser."
        )
        raise InvalidRequestError(msg)
    return start


def _without_repeated(before: list[str], words: list[str]) -> list[str] | None:
    """The words without a beginning that repeats the end of `before`; ``None`` without one."""
    # As in the search by Knuth, Morris and Pratt, which takes linear time: at each place, how many
    # words up to there are also the first ones.
    row = [*words, None, *before]
    counts = [0]
    for word in row[1:]:
        count = counts[-1]
        while count and row[count] != word:
            count = counts[count - 1]
        counts.append(count + (row[count] == word))
    return words[counts[-1] :] if counts[-1] else None


def _text_of(item: Any) -> str | None:
    text = item.get("text") if isinstance(item, Mapping) else getattr(item, "text", None)
    return text if isinstance(text, str) else None


def _in_order(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Segments by their times. One without a start begins where the one before it ends."""
    found: list[dict[str, Any]] = []
    last = 0.0
    for item in items:
        fields = dict(item) if isinstance(item, Mapping) else item.model_dump()
        start, end = seconds_in(fields.get("start")), seconds_in(fields.get("end"))
        start = last if start is None else start
        last = start if end is None else max(end, start)
        found.append({**fields, "start": start, "end": end})
    found.sort(key=lambda fields: fields["start"])
    for fields, following in pairwise(found):
        if fields["end"] is None:
            fields["end"] = following["start"]
    return found


def seconds_in(value: Any) -> float | None:
    """A finite number, also one written as text; `None` if this is anything else."""
    try:
        seconds = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


# In scripts without spaces between words, each character counts as a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def _words(text: str) -> str:
    """The words of a text, separated by blanks."""
    return "".join(f" {word}" for word in _WORD.findall(text)) + " "


def _with_gaps_filled(segments: list[Segment], text: str) -> list[Segment]:
    """The segments, with the words of the text that they lack inserted in place.

    They stay as they are if the text does not contain them in order: its wording then differs.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    words = _words(text)
    # Where each word begins among the others, with one blank before each.
    begins = [0, *accumulate(end - start + 1 for start, end in spans)]
    filled: list[Segment] = []
    at, until = 0, 0.0

    def fill(place: int, end: float | None) -> None:
        first, last = bisect_left(begins, at), bisect_left(begins, place)
        if first < last:
            said = text[spans[first][0] : spans[last - 1][1]]
            start = until if end is None else min(until, end)
            filled.append(Segment(start=start, end=end, text=said))

    for segment in segments:
        own = _words(segment.text)
        place = words.find(own, at)
        if place < 0:
            return segments
        fill(place, segment.start)
        filled.append(segment)
        at = place + len(own) - 1
        until = segment.start if segment.end is None else segment.end
    fill(len(words) - 1, None)
    return filled
