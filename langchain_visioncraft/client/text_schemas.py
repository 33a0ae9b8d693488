"""Requests whose answer is text: transcripts, chat, captions, limits; see `schemas`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from langchain_visioncraft.client.fields import MediaInput, OptionalText, Request
from langchain_visioncraft.client.options import ChatOptions, LeftOutIfEmpty, Options
from langchain_visioncraft.client.schemas import picture_to
from langchain_visioncraft.media.inputs import DataURL, MediaKind, MediaSource


class TranscribeOptions(Options):
    """Optional parameters of ``POST /whisper``; hosts since 2024-04 take them."""

    task: Annotated[Literal["transcribe", "translate"] | None, LeftOutIfEmpty()] = Field(
        default=None, description="'transcribe' keeps the language, 'translate' gives English."
    )
    language: OptionalText = Field(
        default=None,
        pattern=r"^([a-z]{2}|auto)$",
        description="ISO 639-1 code, e.g. 'en', or 'auto'.",
    )


class TranscribeRequest(TranscribeOptions, Request):
    """``POST /whisper`` (2024-03): the words of a recording."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"audio": "audio"}

    audio: MediaInput = Field(kw_only=False, description="The recording: a handle or a URL.")


class LimitsRequest(Request):
    """``GET /limits`` (2024-03): the tiers and their limits."""


class ChatRequest(ChatOptions, Request):
    """``POST /v1/chat/completions``: an OpenAI chat completion, not streamed."""

    model: str = Field(min_length=1, description="A model of the family 'llm'.")
    messages: list[dict[str, Any]] = Field(min_length=1, description="OpenAI chat messages.")


DEFAULT_CAPTION_MODEL = "llava-1.5-7b-hf"
DEFAULT_CAPTION_PROMPT = (
    "Describe this picture in two or three sentences: its subjects, the setting, any text in it, "
    "and its style."
)


class CaptionRequest(Request):
    """``POST /v1/chat/completions`` with a picture: what a LLaVA model sees in it."""

    media_kinds: ClassVar[dict[str, MediaKind]] = {"image": "image"}

    image: MediaInput = Field(kw_only=False, description=picture_to("look at"))
    prompt: Annotated[str, LeftOutIfEmpty()] = Field(
        default=DEFAULT_CAPTION_PROMPT,
        kw_only=False,
        min_length=1,
        description="What to tell about it, or a question.",
    )
    model: Annotated[str, LeftOutIfEmpty()] = Field(
        default=DEFAULT_CAPTION_MODEL,
        min_length=1,
        description="The chat model that looks. Only LLaVA models take pictures (2024-09).",
    )

    def body(self) -> dict[str, Any]:
        """The JSON body: one message with the words and the picture."""
        assert isinstance(self.image, MediaSource)  # noqa: S101 -- `MediaInput` made it one
        picture = self.image.url or DataURL(self.image, "image", "image")
        content = [
            {"type": "text", "text": self.prompt},
            {"type": "image_url", "image_url": {"url": picture}},
        ]
        return {"model": self.model, "messages": [{"role": "user", "content": content}]}


class LegacyChatRequest(Request):
    """``POST /llm`` (2024-03): a chat answer; a message may carry ``image`` (base64 or URL)."""

    model: str = Field(min_length=1, description="A model of the family 'llm'.")
    messages: list[dict[str, Any]] = Field(
        min_length=1, description="Messages: role, content, and image for LLaVA."
    )
