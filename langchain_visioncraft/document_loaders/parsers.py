"""Parsers: a picture or a recording becomes documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from typing_extensions import Unpack

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.schemas import DEFAULT_CAPTION_MODEL, TranscribeOptions
from langchain_visioncraft.client.twins import AnyClient
from langchain_visioncraft.document_loaders import pictures, recordings
from langchain_visioncraft.document_loaders.base import (
    VisionCraftParser,
    check_number,
    check_text,
)
from langchain_visioncraft.document_loaders.blobs import (
    Facts,
    document_id,
    local_path,
)
from langchain_visioncraft.document_loaders.caching import (
    Cache,
    CacheTypes,
    cache_key,
    recalled,
    remembered,
)
from langchain_visioncraft.document_loaders.connections import ConnectionSettings
from langchain_visioncraft.document_loaders.steps import (
    AskChatModel,
    CallEndpoint,
    PaidCall,
    Steps,
    Work,
)
from langchain_visioncraft.document_loaders.transcripts import Heard, joined, windows
from langchain_visioncraft.errors import (
    InvalidRequestError,
    MediaInputError,
    UnexpectedAnswerError,
)
from langchain_visioncraft.media import Media

RETRIEVAL_PROMPT = (
    "Describe this picture for a search index, in plain sentences: its subjects and what they do, "
    "the setting, any text in the picture word for word, and the style."
)
TRANSCRIPT_MODEL = "whisper"

DEFAULT_MAX_SIDE = 1024
DEFAULT_MAX_PIXELS = 64_000_000
DEFAULT_CHUNK_SECONDS = 600.0


class VisionCraftCaptionParser(VisionCraftParser):
    """Describes pictures, by a LLaVA chat model.

    ```python
    from langchain_core.documents.base import Blob

    from langchain_visioncraft import VisionCraftCaptionParser, VisionCraftTextToImage

    draw = VisionCraftTextToImage(width=384, height=256)
    picture = draw.store.get(draw.invoke({"prompt": "A lighthouse at dawn"}))

    parser = VisionCraftCaptionParser()
    [document] = parser.parse(Blob.from_path(picture.path))
    assert document.metadata["width"] == 384
    assert document.metadata["mime_type"] == "image/png"
    ```

    Metadata: `source`, `mime_type` (by content), `sha256`, `handle`, `width` and `height` (pixels,
    upright), `model`, `prompt`; of several frames or pages `frame` (from 0) and `frames`; of an
    animation `duration` (seconds). What the blob brings along is kept. The id depends on bytes,
    model, prompt and frame alone.

    Args:
        prompt: What to tell about a picture; taken literally. Default: for retrieval.
        model: For the default chat model. Only LLaVA models take images (2024-09).
        chat_model: Any LangChain chat model that takes images, instead. Without one, pictures go
            straight to the API; ``ChatVisionCraft(model=…)`` here brings LangChain's callbacks,
            tracing, cache and count of tokens.
        frames: Of animations and multi-page TIFFs: `"auto"` (the middle of an animation, all
            pages), `"first"`, `"middle"`, `"all"`, how many evenly spread ones, or their numbers.
        max_side: Larger pictures are scaled down to this before they are sent, in pixels; `None`
            never scales.
        max_pixels: Pictures with more are refused before they are decoded.
        client: A ready client (sync or async), instead of the settings of the connection.
        cache: Where answers are kept: one of LangChain's byte stores, the path of a folder, or
            an fsspec URL such as ``s3://bucket/answers``.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.

    Raises:
        ImportError: If Pillow is missing: ``pip install 'langchain-visioncraft[media]'``.
        InvalidRequestError: If an argument cannot be used.
    """

    kinds: ClassVar[tuple[str, ...]] = ("image",)

    def __init__(
        self,
        *,
        prompt: str = RETRIEVAL_PROMPT,
        model: str = DEFAULT_CAPTION_MODEL,
        chat_model: BaseChatModel | None = None,
        frames: pictures.FramesTypes = "auto",
        max_side: int | None = DEFAULT_MAX_SIDE,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        client: AnyClient | None = None,
        cache: CacheTypes = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        super().__init__(client=client, cache=cache, **connection)
        pictures.require_pillow()
        check_text("prompt", prompt)
        check_text("model", model)
        if max_side is not None:
            check_number("max_side", max_side, 1)
        check_number("max_pixels", max_pixels, 1)
        self.prompt = prompt
        self.frames = pictures.check_frames(frames)
        self.max_side = max_side
        self.max_pixels = max_pixels
        self._chat_model = chat_model
        self._model = model

    @property
    def model(self) -> str:
        """The name of the model that looks."""
        chat = self._chat_model
        if chat is None:
            return self._model
        name = getattr(chat, "model_name", None) or getattr(chat, "model", None)
        return str(name or type(chat).__name__)

    def documents(self, blob: Blob, facts: Facts, cache: Cache | None) -> Steps[None]:
        """One document a chosen frame."""
        look: pictures.Look = yield from Work(
            lambda: pictures.look_at(blob, facts, self.max_pixels)
        ).ask()
        for frame in pictures.chosen_frames(look, self.frames, facts.source):
            caption = yield from self._caption(blob, facts, frame, cache)
            several = look.frames > 1
            yield Document(
                caption,
                id=document_id(facts.sha256, self.model, self.prompt, f"frame:{frame}"),
                metadata=facts.metadata(
                    blob,
                    width=look.width,
                    height=look.height,
                    duration=look.duration,
                    frame=frame if several else None,
                    frames=look.frames if several else None,
                    model=self.model,
                    prompt=self.prompt,
                ),
            )

    def _caption(self, blob: Blob, facts: Facts, frame: int, cache: Cache | None) -> Steps[str]:
        chat = self._chat_model
        key = cache_key(
            "caption",
            {
                "sha256": facts.sha256,
                "frame": frame,
                "model": self.model,
                "class": f"{type(chat).__module__}.{type(chat).__name__}" if chat else None,
                "prompt": self.prompt,
                "max_side": self.max_side,
            },
        )
        known: str | None = yield from recalled(cache, key, lambda kept: str(kept["caption"]))
        if known:
            return known
        data: bytes = yield from Work(
            lambda: pictures.prepare(
                blob, facts, frame, max_side=self.max_side, max_pixels=self.max_pixels
            )
        ).ask()
        caption = (yield from self._asking(data).ask()).strip()
        if not caption:
            msg = f"{self.model} had nothing to say about {facts.source}."
            raise UnexpectedAnswerError(msg)
        yield from remembered(cache, key, {"caption": caption})
        return caption

    def _asking(self, picture: bytes) -> PaidCall[str]:
        if self._chat_model is None:
            arguments = {"image": picture, "prompt": self.prompt, "model": self.model}
            return CallEndpoint(self._clients, endpoints.caption, arguments)
        block = dict(Media.from_bytes(picture).block())
        message = HumanMessage([{"type": "text", "text": self.prompt}, block])
        return AskChatModel(self._chat_model, message)


class VisionCraftTranscriptParser(VisionCraftParser):
    """Writes down what is said in recordings, and in the sound tracks of videos.

    ```python
    from langchain_core.documents.base import Blob

    from langchain_visioncraft import VisionCraftTranscriptParser

    parser = VisionCraftTranscriptParser(by="segment")
    for document in parser.lazy_parse(Blob.from_path("recordings/spoken_note.ogg")):
        print(document.metadata["start"], document.page_content)
    ```

    Metadata: `source`, `mime_type` (by content), `sha256`, `handle`, `duration` (seconds), `model`,
    `task`, `language` (if the host names it), `start` and `end` (seconds from the beginning). What
    the blob brings along is kept. The id depends on bytes, model, task, language and part alone.

    A recording in which nobody speaks is an error, since it gives no document.

    Args:
        by: `"whole"` gives one document a recording, `"segment"` one a stretch as the host cuts
            them (some seconds), `"window"` groups segments.
        window_seconds: The longest window.
        overlap_seconds: How much of a window the next one repeats, in whole segments.
        chunk_seconds: Longer recordings are sent in parts, cut where it is quiet; `None` never
            cuts.
        task: `"transcribe"` keeps the language, `"translate"` gives English. Default: the host's.
        language: ISO 639-1 code such as `"en"`, or `"auto"`. Default: the host's.
        client: A ready client (sync or async), instead of the settings of the connection.
        cache: Where answers are kept: one of LangChain's byte stores, the path of a folder, or
            an fsspec URL such as ``s3://bucket/answers``.
        **connection: The settings of `VisionCraftClient`. `max_retries` is 6 by default.

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
        task: Literal["transcribe", "translate"] | None = None,
        language: str | None = None,
        client: AnyClient | None = None,
        cache: CacheTypes = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        super().__init__(client=client, cache=cache, **connection)
        recordings.require_pyav()
        if by not in ("whole", "segment", "window"):
            msg = f"by={by!r} is not valid: 'whole', 'segment' or 'window'."
            raise InvalidRequestError(msg)
        check_number("window_seconds", window_seconds, 1)
        check_number("overlap_seconds", overlap_seconds, 0)
        if overlap_seconds >= window_seconds:
            msg = f"overlap_seconds={overlap_seconds} must be less than {window_seconds=}."
            raise InvalidRequestError(msg)
        if chunk_seconds is not None:
            check_number("chunk_seconds", chunk_seconds, 1)
        try:
            TranscribeOptions(task=task, language=language)
        except ValueError as error:
            msg = f"task={task!r}, language={language!r} is not valid: {error}"
            raise InvalidRequestError(msg) from None
        self.by = by
        self.window_seconds = window_seconds
        self.overlap_seconds = overlap_seconds
        self.chunk_seconds = chunk_seconds
        self._options: dict[str, Any] = {"task": task, "language": language}

    @property
    def model(self) -> str:
        """The name of the model that listens."""
        return TRANSCRIPT_MODEL

    def documents(self, blob: Blob, facts: Facts, cache: Cache | None) -> Steps[None]:
        """One document a recording, a segment or a window."""
        heard: Heard = yield from self._listen(blob, facts, cache)
        if not heard.passages:
            msg = f"{facts.source} holds no speech ({heard.seconds:.0f} s were heard)."
            raise MediaInputError(msg)
        for number, group in enumerate(self._groups(heard)):
            passage = joined(group)
            part: str = self.by
            if part == "window":
                part += f":{self.window_seconds:g}:{self.overlap_seconds:g}"
            options = self._options.values()
            yield Document(
                passage.text,
                id=document_id(facts.sha256, self.model, *options, f"{part}:{number}"),
                metadata=facts.metadata(
                    blob,
                    duration=round(heard.seconds, 3),
                    model=self.model,
                    task=self._options["task"] or "transcribe",
                    language=heard.language,
                    start=passage.start,
                    end=passage.end,
                ),
            )

    def _groups(self, heard: Heard) -> Iterator[Any]:
        if self.by == "whole":
            return iter([heard.passages])
        if self.by == "segment":
            return ([passage] for passage in heard.passages)
        return windows(heard.passages, self.window_seconds, self.overlap_seconds)

    def _listen(self, blob: Blob, facts: Facts, cache: Cache | None) -> Steps[Heard]:
        key = cache_key("transcript", self._facts_of_call(facts))
        known: Heard | None = yield from recalled(cache, key, Heard.from_json)
        if known is not None:
            return known
        sound: recordings.Sound = yield from Work(lambda: recordings.listen(blob, facts)).ask()
        heard = Heard(sound.seconds)
        # At another rate it may be a little longer.
        longest = self.chunk_seconds or sound.seconds + 1
        if sound.silent:
            pass  # nothing to be heard, so nothing to pay for
        elif facts.kind == "audio" and sound.seconds <= longest:
            source = local_path(blob) or blob.as_bytes()
            transcript = yield from self._transcribe(source)
            heard.add(transcript, 0.0, sound.seconds)
        else:
            yield from self._listen_in_parts(blob, facts, cache, heard, longest)
        yield from remembered(cache, key, heard.to_json())
        return heard

    def _listen_in_parts(
        self, blob: Blob, facts: Facts, cache: Cache | None, heard: Heard, longest: float
    ) -> Steps[None]:
        with tempfile.TemporaryDirectory(prefix="visioncraft-") as folder:
            parts = recordings.cut(blob, facts, longest, Path(folder))
            try:
                while part := (yield from Work(lambda: next(parts, None)).ask()):
                    yield from self._hear_part(part, facts, cache, heard)
                    part.path.unlink()
            finally:
                parts.close()

    def _hear_part(
        self, part: recordings.Part, facts: Facts, cache: Cache | None, heard: Heard
    ) -> Steps[None]:
        if part.silent:
            return
        key = cache_key("transcript-part", {**self._facts_of_call(facts), "part": part.number})
        mine: Heard | None = yield from recalled(cache, key, Heard.from_json)
        if mine is None:
            mine = Heard(part.seconds)
            transcript = yield from self._transcribe(part.path)
            mine.add(transcript, part.start, part.seconds)
            yield from remembered(cache, key, mine.to_json())
        heard.language = heard.language or mine.language
        heard.passages += mine.passages

    def _transcribe(self, audio: Path | bytes) -> Steps[Any]:
        arguments = {"audio": audio, **self._options}
        return (yield from CallEndpoint(self._clients, endpoints.transcribe, arguments).ask())

    def _facts_of_call(self, facts: Facts) -> Mapping[str, Any]:
        return {
            "sha256": facts.sha256,
            "model": self.model,
            **self._options,
            "chunk_seconds": self.chunk_seconds,
        }
