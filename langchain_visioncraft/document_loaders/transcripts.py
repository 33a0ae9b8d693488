"""Transcripts put together, and grouped into passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.client import Transcript


@dataclass(frozen=True)
class Passage:
    """What is said between two moments, in seconds."""

    start: float
    end: float
    text: str


@dataclass
class Heard:
    """What was heard in a whole recording.

    Attributes:
        seconds: The length of the recording.
        language: As the host named it.
        passages: In order, with times that count from the beginning of the recording.
    """

    seconds: float
    language: str | None = None
    passages: list[Passage] = field(default_factory=list)

    def add(self, transcript: Transcript, start: float, seconds: float) -> None:
        """Append the transcript of the part that begins at `start` and is `seconds` long."""
        self.language = self.language or transcript.language
        segments = [segment for segment in transcript.segments if segment.text.strip()]
        if not segments and transcript.text:
            # A host that gives no times: all that is known is the part.
            self.passages.append(Passage(start, start + seconds, transcript.text))
        for segment in segments:
            # Whisper pads the last stretch, so its times may lie beyond the end.
            begin = min(max(segment.start, 0.0), seconds)
            end = min(max(segment.end, begin), seconds)
            times = round(start + begin, 3), round(start + end, 3)
            self.passages.append(Passage(*times, segment.text.strip()))

    @property
    def text(self) -> str:
        """All that was said."""
        return " ".join(passage.text for passage in self.passages)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        rows = [[passage.start, passage.end, passage.text] for passage in self.passages]
        return {"seconds": self.seconds, "language": self.language, "passages": rows}

    @classmethod
    def from_json(cls, data: Any) -> Heard:
        """Back from plain data.

        Raises:
            ValueError: If it is something else.
        """
        passages = [Passage(float(a), float(b), str(text)) for a, b, text in data["passages"]]
        return cls(float(data["seconds"]), data["language"], passages)


def windows(
    passages: Sequence[Passage], seconds: float, overlap: float
) -> Iterator[Sequence[Passage]]:
    """Group passages into windows of at most `seconds`, each beginning `overlap` before the last.

    Passages are never cut: a longer one is a window of its own.
    """
    first = 0
    while first < len(passages):
        until = passages[first].start + seconds
        last = first + 1
        while last < len(passages) and passages[last].end <= until:
            last += 1
        yield passages[first:last]
        if last == len(passages):
            return
        resume = passages[last - 1].end - overlap
        following = last
        while following - 1 > first and passages[following - 1].start >= resume:
            following -= 1
        # A window that would only repeat the end of this one is of no use.
        while following < last and passages[last].end > passages[following].start + seconds:
            following += 1
        first = following


def joined(passages: Sequence[Passage]) -> Passage:
    """Several passages as one."""
    text = " ".join(passage.text for passage in passages)
    return Passage(passages[0].start, max(passage.end for passage in passages), text)
