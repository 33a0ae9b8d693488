"""Recordings, and the sound tracks of videos, become documents: the words, with their times."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from langchain_core.documents import Document
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import Unpack

from langchain_visioncraft._flows import Steps, call, paid, work
from langchain_visioncraft._redact import shortened
from langchain_visioncraft.client import Transcript
from langchain_visioncraft.client.pair import hide_key
from langchain_visioncraft.client.text_schemas import TranscribeOptions
from langchain_visioncraft.document_loaders.base import (
    ParserSettings,
    VisionCraftParser,
    check_calls,
    check_number,
    require,
)
from langchain_visioncraft.document_loaders.caching import Cache, cached
from langchain_visioncraft.document_loaders.sources import MediaFile
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media import Media

TRANSCRIPT_MODEL = "whisper"
DEFAULT_CHUNK_SECONDS = 600.0
DEFAULT_MAX_SECONDS = 6 * 3600.0

_MOST_REPEATED = 0.9
"""Share of a window's text: all windows together hold at most ten times the transcript."""
_MOST_ADDED = 500
"""Characters of a fact that a host adds, since each document repeats it."""


class VisionCraftTranscriptParser(VisionCraftParser):
    """Transcribes recordings and the sound tracks of videos, with Whisper.

    ```python
    from langchain_core.documents.base import Blob

    from langchain_visioncraft import VisionCraftTranscriptParser

    parser = VisionCraftTranscriptParser(by="segment")
    for document in parser.lazy_parse(Blob.from_path("recordings/spoken_note.ogg")):
        print(document.metadata["start"], document.page_content)
    ```

    The metadata of each document are:

    - `source`, `mime_type` (by content), `sha256` and `handle`;
    - `duration`, `start` and `end`: seconds, from the beginning;
    - `model`, `task`, and `language`, if the host names it;
    - `damage`, a text, if the recording was truncated or damaged;
    - `note`, a text, if the host has one, such as that this may be a language it does not know;
    - the metadata of the blob.

    The id depends only on source, bytes, model, task, language and part.

    If a file has several sound tracks, those with sound are mixed, as far as they are in the
    language of the first of them.

    A recording without speech raises an error, since it has no document.

    Args:
        by: What a document holds: the `"whole"` recording, a `"segment"` of some seconds as the
            host cuts them, or a `"window"` of several segments.
        window_seconds: The longest window.
        overlap_seconds: How much of a window the next one repeats, in whole segments: at most nine
            tenths of its text.
        chunk_seconds: Longer recordings are sent in parts, cut at quiet places. `None`: never.
        max_seconds: A longer recording is refused before the first call; `None` refuses none.
        task: `"transcribe"` keeps the language, `"translate"` gives English. Default: the host's.
        language: ISO 639-1 code such as `"en"`, or `"auto"`. Default: the host's.
        **settings: `max_calls` (a recording that would be sent in more parts, by default 100, is
            refused before the first call), `strict` (whether a truncated or damaged recording is
            refused; otherwise its intact part is transcribed), `client` (a ready one, sync or
            async, instead of the settings of the connection), `cache` (where answers are kept: a
            folder, an fsspec URL, or a byte store of LangChain), and the settings of
            `VisionCraftClient`; `max_retries` is 6 by default.

    Raises:
        ImportError: If PyAV is missing: ``pip install 'langchain-visioncraft[media]'``.
        InvalidRequestError: If an argument cannot be used.
    """

    kinds: ClassVar[tuple[str, ...]] = ("audio", "video")

    def __init__(
        self,
        *,
        by: Literal["whole", "segment", "window"] = "segment",
        window_seconds: float = 60.0,
        overlap_seconds: float = 10.0,
        chunk_seconds: float | None = DEFAULT_CHUNK_SECONDS,
        max_seconds: float | None = DEFAULT_MAX_SECONDS,
        task: Literal["transcribe", "translate"] | None = None,
        language: str | None = None,
        **settings: Unpack[ParserSettings],
    ) -> None:
        hide_key(settings)
        super().__init__(**settings)
        require("Listening to recordings", "PyAV and NumPy", "av", "numpy")
        if by not in ("whole", "segment", "window"):
            msg = f"by={by!r} is not valid: give 'whole', 'segment' or 'window'."
            raise InvalidRequestError(msg)
        check_number("window_seconds", window_seconds, 1)
        check_number("overlap_seconds", overlap_seconds, 0)
        if overlap_seconds >= window_seconds:
            msg = f"overlap_seconds={overlap_seconds} must be less than {window_seconds=}."
            raise InvalidRequestError(msg)
        if chunk_seconds is not None:
            check_number("chunk_seconds", chunk_seconds, 1)
        if max_seconds is not None:
            check_number("max_seconds", max_seconds, 1)
        try:
            TranscribeOptions(task=task, language=language)
        except ValueError as error:
            msg = f"task={task!r}, language={language!r} is not valid: {error}"
            raise InvalidRequestError(msg) from None
        self.by = by
        self.window_seconds = window_seconds
        self.overlap_seconds = overlap_seconds
        self.chunk_seconds = chunk_seconds
        self.max_seconds = max_seconds
        self._options: dict[str, Any] = {"task": task, "language": language}

    @property
    def model(self) -> str:
        """The name of the model."""
        return TRANSCRIPT_MODEL

    def parts(self, file: MediaFile) -> list[MediaFile]:
        """The recording: its segments are known only after the call."""
        return [file]

    def documents(self, part: MediaFile, cache: Cache | None) -> Steps[list[Document]]:
        """One document for the recording, each segment, or each window."""
        facts = self._facts_of_call(part)
        hearing = self._hear(part, cache)
        heard = yield from cached(cache, "transcript", facts, hearing, _HEARD.validate_python)
        self.check_damage(part, heard.damage)
        if not heard.passages:
            msg = f"{part.source} holds no speech ({heard.seconds:.0f} s were heard)."
            raise MediaInputError(msg)
        return [
            self._document(part, heard, number, joined(group))
            for number, group in enumerate(self._groups(heard.passages))
        ]

    def _document(self, file: MediaFile, heard: Heard, number: int, passage: Passage) -> Document:
        part: str = self.by
        if part == "window":
            part += f":{self.window_seconds:g}:{self.overlap_seconds:g}"
        return file.document(
            passage.text,
            (self.model, *self._options.values(), f"{part}:{number}"),
            duration=round(heard.seconds, 3),
            model=self.model,
            task=self._options["task"] or "transcribe",
            language=heard.language,
            start=passage.start,
            end=passage.end,
            damage=heard.damage,
            note=heard.note,
        )

    def _groups(self, passages: Sequence[Passage]) -> Iterable[Sequence[Passage]]:
        if self.by == "whole":
            return [passages]
        if self.by == "segment":
            return ([passage] for passage in passages)
        return windows(passages, self.window_seconds, self.overlap_seconds)

    def _hear(self, file: MediaFile, cache: Cache | None) -> Steps[Heard]:
        """Send a recording; a long one, or the sound of a video, in parts."""
        from langchain_visioncraft.document_loaders import recordings  # noqa: PLC0415 -- the extra
        from langchain_visioncraft.media.listening import listen  # noqa: PLC0415
        from langchain_visioncraft.media.sound import Sound  # noqa: PLC0415

        sound: Sound = yield work(listen, file.recording, max_seconds=self.max_seconds)
        self.check_damage(file, sound.damage)
        # At another sample rate it may be a little longer.
        longest = self.chunk_seconds or sound.seconds + 1
        if not sound.tracks:  # nothing to hear, so nothing to pay for
            return Heard(sound.seconds, None, [], sound.damage)
        if file.kind == "audio" and sound.plain and sound.seconds <= longest:
            whole = yield from self._transcribe(file, file.media, 0.0, sound.seconds)
            return whole._replace(damage=sound.damage)
        calls = math.ceil(sound.seconds / recordings.shortest_part(longest))
        check_calls(file.source, f"{sound.seconds:,.0f} seconds", calls, self.max_calls)
        heard: list[Heard] = []
        with (
            tempfile.TemporaryDirectory(prefix="visioncraft-") as folder,
            closing(recordings.cut(file.recording, sound, longest, Path(folder))) as parts,
        ):
            while part := (yield work(next, parts, None)):
                if not part.silent:
                    facts = {**self._facts_of_call(file), "part": part.number}
                    hearing = self._transcribe(file, part.path, part.start, part.seconds)
                    kept = cached(cache, "transcript-part", facts, hearing, _HEARD.validate_python)
                    heard.append((yield from kept))
                part.path.unlink()
        language = next((each.language for each in heard if each.language), None)
        passages = [said for each in heard for said in each.passages]
        note = next((each.note for each in heard if each.note), None)
        return Heard(sound.seconds, language, passages, sound.damage, note)

    def _transcribe(
        self, file: MediaFile, audio: Media | Path, start: float, seconds: float
    ) -> Steps[Heard]:
        client, aclient = self._clients
        hearing = call(client.transcribe, aclient.transcribe, audio, **self._options)
        with file.named_in_errors():
            transcript: Transcript = yield paid(hearing)
        return Heard.of(transcript, start, seconds)

    def _facts_of_call(self, file: MediaFile) -> dict[str, Any]:
        return {
            "sha256": file.media.sha256,
            "host": self._clients[0].settings.base_url,
            "model": self.model,
            **self._options,
            "chunk_seconds": self.chunk_seconds,
        }


class Passage(NamedTuple):
    """The words between two times, in seconds from the beginning of the recording."""

    start: float
    end: float
    text: str


class Heard(NamedTuple):
    """The speech in a recording, or in a part of it, and its length; valid as JSON."""

    seconds: float
    language: str | None
    passages: list[Passage]
    damage: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, transcript: Transcript, start: float, seconds: float) -> Heard:
        """The passages of a transcript, for the part that begins at `start` and lasts `seconds`."""
        passages: list[Passage] = []
        for segment in transcript.segments:
            # Whisper pads the last stretch, so its times may exceed the duration.
            begin = min(max(segment.start, 0.0), seconds)
            end = seconds if segment.end is None else min(max(segment.end, begin), seconds)
            if text := segment.text.strip():
                passages.append(Passage(round(start + begin, 3), round(start + end, 3), text))
        if not passages and transcript.text:
            # The host returns no times, so use those of the part.
            passages.append(Passage(start, start + seconds, transcript.text))
        added = (transcript.language, (transcript.model_extra or {}).get("note"))
        language, note = (
            shortened(each, _MOST_ADDED) if isinstance(each, str) else None for each in added
        )
        return cls(seconds, language, passages, note=note)


_HEARD = TypeAdapter(Heard, config=ConfigDict(allow_inf_nan=False))


def windows(
    passages: Sequence[Passage], seconds: float, overlap: float
) -> Iterator[Sequence[Passage]]:
    """Group passages into windows of at most `seconds`, each beginning `overlap` before the last.

    Passages are never cut: one that is longer is a separate window. The overlap is shorter where
    it would be nearly all of a window's text.
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
        # Times may be wrong, so they alone do not bound what is repeated.
        room = _MOST_REPEATED * sum(len(passage.text) + 1 for passage in passages[first:last])
        following = last
        while following - 1 > first and passages[following - 1].start >= resume:
            room -= len(passages[following - 1].text) + 1
            if room < 0:
                break
            following -= 1
        # A window that would only repeat the end of this one is useless.
        while following < last and passages[last].end > passages[following].start + seconds:
            following += 1
        first = following


def joined(passages: Sequence[Passage]) -> Passage:
    """Several passages as one."""
    text = " ".join(passage.text for passage in passages)
    return Passage(passages[0].start, max(passage.end for passage in passages), text)
