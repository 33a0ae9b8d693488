"""The transcription tool."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from langchain_visioncraft.client import Transcript, text_schemas
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.jobs import Job


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
        artifact = {**result.model_dump(mode="json"), "source": job.sources[0]}
        written = {"srt": result.to_srt, "vtt": result.to_vtt}.get(self.format)
        text = written() if written and result.text else result.text
        return text or "(No speech was heard in this recording.)", artifact
