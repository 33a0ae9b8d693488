"""The tools that look at pictures and listen to recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import Field, PrivateAttr, SecretStr

from langchain_visioncraft._reasoning import split_reasoning
from langchain_visioncraft.client import Transcript, text_schemas
from langchain_visioncraft.client.decode import Caption
from langchain_visioncraft.client.options import LeftOutIfEmpty
from langchain_visioncraft.media.access import label_for_provenance, readable_source
from langchain_visioncraft.media.inputs import MediaSource, Upload
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.jobs import Job


class VisionCraftCaption(VisionCraftTool):
    """Describes a picture, or answers a question about it, with a LLaVA chat model.

    The content is the text. The artifact is a dictionary: ``caption``, ``prompt``, ``source``
    and ``model``.

    Attributes:
        chat_model: Any LangChain chat model that takes images. Default: `ChatVisionCraft` with
            `model` and this tool's connection.
        model: The model of the default chat model. Only LLaVA models take images (2024-09).
        prompt: The question if the caller does not give one.
    """

    name: str = "visioncraft_caption"
    description: str = (
        "Look at a picture: describe it, or answer a question about it. Takes the handle or URL "
        "of the picture; gives a text."
    )
    chat_model: BaseChatModel | None = Field(default=None, repr=False, exclude=True)
    model: Annotated[str, LeftOutIfEmpty()] = text_schemas.DEFAULT_CAPTION_MODEL
    prompt: Annotated[str, LeftOutIfEmpty()] = text_schemas.DEFAULT_CAPTION_PROMPT

    hidden_from_model: ClassVar[frozenset[str]] = frozenset({"model"})
    makes_media: ClassVar[bool] = False
    endpoint_name = "caption"

    _default_chat_model: BaseChatModel | None = PrivateAttr(default=None)

    def _rebuild(self) -> None:
        super()._rebuild()
        self._default_chat_model = None

    def prepare(self, arguments: Mapping[str, Any]) -> Job:
        """Find the picture and put it into a chat message."""
        source = readable_source(arguments["image"], self.store, self.allowed_dirs)
        prompt = arguments.get("prompt") or self.prompt
        content: list[str | dict[Any, Any]] = [
            {"type": "text", "text": prompt},
            _image_block(source),
        ]
        label = label_for_provenance(source)
        shown = {"image": label, "prompt": prompt}
        return Job(work=[HumanMessage(content)], arguments=shown, sources=[label])

    def execute(self, job: Job) -> str:
        """Ask the chat model."""
        return _answer_in(self._chat().invoke(job.work))

    async def aexecute(self, job: Job) -> str:
        """Ask the chat model without blocking."""
        return _answer_in(await self._chat().ainvoke(job.work))

    def finish(self, result: str, job: Job) -> tuple[str, dict[str, Any]]:
        """The caption, with its question and source."""
        chat = self._chat()
        name = getattr(chat, "model_name", None) or getattr(chat, "model", None) or self.model
        artifact = {
            "caption": result.strip(),
            "prompt": job.arguments["prompt"],
            "source": job.sources[0],
            "model": getattr(result, "engine", None) or str(name),
        }
        return result.strip(), artifact

    def _chat(self) -> BaseChatModel:
        if self.chat_model is not None:
            return self.chat_model
        if self._default_chat_model is None:
            # Only now: a chat model needs its key at once, but a tool's schema needs none.
            from langchain_visioncraft.chat_models import ChatVisionCraft  # noqa: PLC0415

            client = self._sync_client
            self._default_chat_model = ChatVisionCraft(
                model=self.model,
                vision=True,
                # A caption is one result; its chunks would mix with the agent's own words.
                disable_streaming=True,
                api_key=SecretStr(client.key()),
                base_url=client.settings.base_url,
                verify=client.settings.verify,
                timeout=(client.settings.timeout.connect, client.settings.timeout.read),
                max_retries=client.settings.max_retries,
                http_client=client.http_client,
                http_async_client=client.http_async_client,
                rate_limiter=client.rate_limiter,
                deadline=client.deadline,
            )
        return self._default_chat_model


def _answer_in(message: AIMessage) -> str:
    """The text without the model's reasoning, which other chat models leave in it."""
    _, answer = split_reasoning(str(message.text))
    return Caption(answer, message.response_metadata.get("model_name"))


def _image_block(source: MediaSource) -> dict[str, Any]:
    if source.url is not None:
        return {"type": "image", "url": source.url}
    Upload(source, "image", "image").check()
    with source.open() as file:
        return dict(Media.from_bytes(file.read()).block())


class VisionCraftTranscribe(VisionCraftTool, text_schemas.TranscribeOptions):
    """Transcribes a recording with ``POST /whisper`` (2024-03).

    The content is the text. The artifact is the whole transcript as a dictionary: ``text``,
    ``segments`` with their times in seconds, ``language``, and ``source``;
    ``Transcript.model_validate`` reads it.

    Attributes:
        format: The form of the content: ``"text"``, or subtitles with times, ``"srt"`` or
            ``"vtt"``.
    """

    name: str = "visioncraft_transcribe"
    description: str = (
        "Write down what is said in a recording (speech to text). Takes the handle or URL of an "
        "audio or video file; gives the text."
    )
    format: Literal["text", "srt", "vtt"] = "text"
    makes_media: ClassVar[bool] = False
    endpoint_name = "transcribe"

    def finish(self, result: Transcript, job: Job) -> tuple[str, dict[str, Any]]:
        """The text, and the transcript with its times."""
        # With a type among the facts that a host adds, it would be taken for a medium.
        facts = result.model_dump(mode="json", exclude={"mime_type"})
        artifact = {**facts, "source": job.sources[0]}
        written = {"srt": result.to_srt, "vtt": result.to_vtt}.get(self.format)
        text = written() if written and result.text else result.text
        return text or "(No speech was heard in this recording.)", artifact
