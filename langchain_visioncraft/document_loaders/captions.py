"""Pictures become documents: the caption of a picture, a frame or a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import TypeAdapter
from typing_extensions import Unpack

from langchain_visioncraft._flows import Step, Steps, call, paid
from langchain_visioncraft._reasoning import split_reasoning
from langchain_visioncraft._threads import SMALL_BYTES, AtOnceIfQuick, in_thread
from langchain_visioncraft.client.pair import hide_key
from langchain_visioncraft.client.text_schemas import DEFAULT_CAPTION_MODEL
from langchain_visioncraft.document_loaders.base import (
    ParserSettings,
    VisionCraftParser,
    check_calls,
    check_number,
    check_text,
    require,
)
from langchain_visioncraft.document_loaders.caching import Cache, cached
from langchain_visioncraft.document_loaders.sources import MediaFile
from langchain_visioncraft.errors import (
    InvalidRequestError,
    MediaInputError,
    UnexpectedAnswerError,
)
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.animations import Animation, animation_of
from langchain_visioncraft.media.decoding import Frames
from langchain_visioncraft.media.ordinary import ordinary_format
from langchain_visioncraft.media.pixels import COSTS
from langchain_visioncraft.media.scaling import Scaled, scaled

FramesTypes: TypeAlias = Literal["auto", "first", "middle", "all"] | int | Sequence[int]
"""Which frames of an animation, or pages of a TIFF: a word, how many evenly spread ones, or their
numbers from 0 (negative ones count from the end)."""

RETRIEVAL_PROMPT = (
    "Describe this picture for a search index, in plain sentences: its subjects and what they do, "
    "the setting, any text in the picture word for word, and the style."
)
DEFAULT_MAX_SIDE = 1024
DEFAULT_MAX_PIXELS = 64_000_000
_FEW_PIXELS = 1 << 18
"""How many are decoded at once on the event loop, as long as that is fast."""


class VisionCraftCaptionParser(VisionCraftParser):
    """Describes pictures, with LLaVA or any other chat model.

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

    The metadata of each document are:

    - `source`, `mime_type` (by content), `sha256` and `handle`;
    - `width` and `height`: pixels, upright;
    - `model`: the requested model, or the engine that answered, if the host names one; then also
      `engine`;
    - `prompt`;
    - `frame` (from 0) and `frames`, if the file has several frames or pages;
    - `duration` of an animation, in seconds;
    - `damage`, a text, if the picture was truncated or damaged;
    - the metadata of the blob.

    The id depends only on source, bytes, model, prompt and frame.

    Args:
        prompt: What to describe; sent literally. Default: `RETRIEVAL_PROMPT`.
        model: The model of the API. Only LLaVA models take images (2024-09).
        chat_model: Any LangChain chat model that takes images, to use instead. Without one,
            pictures go straight to the API. With ``ChatVisionCraft(model=…)``, you get LangChain's
            callbacks, tracing, cache and token counts.
        frames: Which frames of animations and multi-page TIFFs to describe: `"auto"` (the middle of
            an animation, all pages), `"first"`, `"middle"`, `"all"`, the number of evenly spread
            frames, or a list of frames.
        max_side: Pixels. Larger pictures are scaled down before they are sent. `None`: never.
        max_pixels: Pictures with more pixels are refused before they are decoded. A pixel of WebP
            and JPEG 2000 counts four times, one of AVIF, HEIC and JPEG XL twice, and one that
            Pillow decodes in Python, as in QOI, sixteen times. To show the
            chosen frames of an animation, at most 16 times as many are composed.
        **settings: `max_calls` (a file with more frames to describe, by default 100, is refused
            before the first call), `strict` (whether a truncated or damaged picture is refused;
            otherwise its intact part is described), `client` (a ready one, sync or async, instead
            of the settings of the connection), `cache` (where answers are kept: a folder, an fsspec
            URL, or a byte store of LangChain), and the settings of `VisionCraftClient`;
            `max_retries` is 6 by default.

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
        frames: FramesTypes = "auto",
        max_side: int | None = DEFAULT_MAX_SIDE,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        **settings: Unpack[ParserSettings],
    ) -> None:
        hide_key(settings)
        super().__init__(**settings)
        require("Decoding pictures", "Pillow", "PIL")
        check_text("prompt", prompt)
        check_text("model", model)
        if max_side is not None:
            check_number("max_side", max_side, 1)
        check_number("max_pixels", max_pixels, 1)
        if not _is_valid(frames):
            words = (
                "'auto', 'first', 'middle', 'all', how many (from 1), or a list of numbers from 0"
            )
            msg = f"frames={frames!r} is not valid: {words}."
            raise InvalidRequestError(msg)
        self.prompt = prompt
        self.frames = frames
        self.max_side = max_side
        self.max_pixels = max_pixels
        self._chat_model = chat_model
        self._at_once = AtOnceIfQuick()
        self._answering: str | None = None  # the engine that answered last
        self._model = model

    @property
    def model(self) -> str:
        """The name of the model."""
        chat = self._chat_model
        if chat is None:
            return self._model
        name = getattr(chat, "model_name", None) or getattr(chat, "model", None)
        return str(name or type(chat).__name__)

    def parts(self, file: MediaFile) -> list[Frame]:
        """The chosen frames."""
        return frames_of(file, self.frames, self.max_pixels, self.max_calls)

    def documents(self, part: Frame, cache: Cache | None) -> Steps[list[Document]]:
        """One document, with the caption of the frame."""
        chat = self._chat_model
        facts = {
            "sha256": part.file.media.sha256,
            "frame": part.number,
            "host": self._host,
            "model": self.model,
            "class": f"{type(chat).__module__}.{type(chat).__name__}" if chat else None,
            "prompt": self.prompt,
            "max_side": self.max_side,
        }
        caption = yield from cached(cache, "caption", facts, self._caption(part), self._restored)
        self.check_damage(part.file, caption.damage)
        several = part.of > 1
        document = part.file.document(
            caption.text,
            (self.model, self.prompt, f"frame:{part.number}"),
            width=part.width,
            height=part.height,
            duration=part.duration,
            frame=part.number if several else None,
            frames=part.of if several else None,
            model=caption.engine or self.model,
            engine=caption.engine,
            prompt=self.prompt,
            damage=caption.damage,
        )
        return [document]

    @property
    def _host(self) -> str:
        """The source of answers: the cache keeps those of different hosts apart."""
        chat = self._chat_model
        if chat is None:
            return self._clients[0].settings.base_url
        return str(getattr(chat, "openai_api_base", None) or getattr(chat, "base_url", None))

    def _restored(self, data: Any) -> SeenFrame:
        """A cached caption; `ValueError` if another engine answers by now."""
        seen = _SEEN.validate_python(data)
        if not seen.text or (self._answering and seen.engine != self._answering):
            raise ValueError
        return seen

    def _caption(self, frame: Frame) -> Steps[SeenFrame]:
        file = frame.file

        def make_ready() -> Scaled:
            opening = frame.frames.at(frame.number)
            return scaled(file.media, self.max_side, opening=opening)

        in_tasks = self._at_once if _is_quick(frame) else in_thread
        picture: Scaled = yield Step(make_ready, partial(in_tasks, make_ready))
        self.check_damage(file, picture.damage)
        with file.named_in_errors():
            said: str = yield from self._ask(picture.data)
            # A lone surrogate, which a chat model may write, fits into no file or column.
            caption = said.strip().encode("utf-8", "replace").decode()
            if not caption:
                msg = f"{self.model} returned an empty caption for {file.source}."
                raise UnexpectedAnswerError(msg)
        engine = getattr(said, "engine", None)
        self._answering = engine or self._answering
        return SeenFrame(caption, picture.damage, engine)

    def _ask(self, picture: bytes) -> Steps[str]:
        chat = self._chat_model
        if chat is None:
            client, aclient = self._clients
            asking = call(
                client.caption, aclient.caption, picture, prompt=self.prompt, model=self.model
            )
            caption: str = yield paid(asking)
            return caption
        block = dict(Media.from_bytes(picture).block())
        message = HumanMessage([{"type": "text", "text": self.prompt}, block])
        answer: AIMessage = yield paid(call(chat.invoke, chat.ainvoke, [message]))
        _, caption = split_reasoning(str(answer.text))
        return caption


def _is_quick(frame: Frame) -> bool:
    """Whether a picture is decoded in little time, and in this process."""
    if frame.of > 1 or frame.width * frame.height > _FEW_PIXELS:
        return False
    if frame.file.media.size > SMALL_BYTES:
        return False
    with frame.file.media.open() as file:
        return ordinary_format(file) is not None


class SeenFrame(NamedTuple):
    """A caption, the damage of its picture, and the engine, if known; valid as JSON."""

    text: str
    damage: str | None
    engine: str | None = None


_SEEN = TypeAdapter(SeenFrame)


class Frame(NamedTuple):
    """A picture, or one of its frames or pages.

    Frames are numbered from 0. Width and height are in pixels, upright; the duration is that of the
    whole animation in seconds.
    """

    file: MediaFile
    frames: Frames
    number: int
    of: int
    width: int
    height: int
    duration: float | None


def frames_of(file: MediaFile, chosen: FramesTypes, max_pixels: int, max_calls: int) -> list[Frame]:
    """The chosen frames of a picture in order, according to its headers."""
    media, mime_type = file.media, file.media.mime_type
    frames = Frames(media, name=file.source, max_pixels=max_pixels)
    with frames.at(0) as image:
        count = 1 if mime_type in _SINGLE else getattr(image, "n_frames", 1)
        pages = mime_type == "image/tiff"  # whose frames have no duration
        animated = count > 1 and not pages
        if chosen == "auto":
            chosen = "middle" if animated else "all"
        duration, numbers = None, _chosen(chosen, count, file.source)
        # Here, as a file of a hundred bytes may declare a billion frames.
        check_calls(file.source, f"{len(numbers):,} frames", len(numbers), max_calls)
        if animated:
            most = _MOST_TIMES * max_pixels
            motion = _motion(media, frames, count, most)
            duration = round(motion.seconds, 3) or None
            # To show a frame, Pillow composes all before it.
            canvas = max(motion.width * motion.height, math.prod(image.size))
            canvas *= COSTS.get(mime_type, 1)
            if numbers[-1] * canvas > most or (numbers[-1] and canvas > max_pixels):
                msg = (
                    f"{file.source} has {count:,} frames of {motion.width}x{motion.height} pixels: "
                    f"up to the last of the chosen ones, more than {max_pixels:,} pixels would be "
                    f"decoded at once, or more than {most:,} in all. Choose earlier ones, such as "
                    "frames='first'."
                )
                raise MediaInputError(msg)
        width, height = media.width or image.width, media.height or image.height
        found = []
        for number in numbers:
            if pages:  # each page has its own size, and Pillow rotates it
                with frames.at(number) as page:
                    width, height = page.size
            found.append(Frame(file, frames, number, count, width, height, duration))
    return found


_MOST_TIMES = 16
"""How many times as many pixels are composed to show frames of an animation."""
_SINGLE = ("image/jpeg", "image/vnd.adobe.photoshop")
"""Formats whose further pictures are a camera's previews, or layers."""


def _motion(media: Media, frames: Frames, count: int, most: int) -> Animation:
    """The size and duration that an animation declares, or else those of its decoded frames."""
    with media.open() as file:
        if (found := animation_of(file, media.mime_type)) is not None:
            return found
    with frames.at(0) as image:
        size, milliseconds = image.size, 0.0
    if size[0] * size[1] * count * COSTS.get(media.mime_type, 1) <= most:
        for number in range(count):
            with frames.at(number) as image:
                milliseconds += float(image.info.get("duration") or 0)
    return Animation(*size, milliseconds / 1000)


def _chosen(frames: FramesTypes, count: int, source: str) -> Sequence[int]:
    """The numbers of the chosen frames, in order."""
    if frames == "first" or (count == 1 and isinstance(frames, str | int)):
        return [0]
    if frames == "middle":
        return [count // 2]
    if isinstance(frames, str):  # all of them
        return range(count)
    if isinstance(frames, int):
        wanted = min(frames, count)
        # The middles of equal stretches: the first and last frames are often blank.
        return [(2 * index + 1) * count // (2 * wanted) for index in range(wanted)]
    there = {number % count for number in frames if -count <= number < count}
    if not there:
        msg = f"{source} has {count} frames, and none of {list(frames)}."
        raise MediaInputError(msg)
    return sorted(there)


def _is_valid(frames: Any) -> bool:
    if isinstance(frames, str):
        return frames in ("auto", "first", "middle", "all")
    if isinstance(frames, int):
        return frames > 0 and not isinstance(frames, bool)
    numbers = isinstance(frames, Sequence) and all(type(number) is int for number in frames)
    return numbers and bool(frames)
