"""Writes the page of an illustrated story, with the provenance of each file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from langchain_core.messages import ToolMessage

from langchain_visioncraft import Media, MediaStore

_TEMPLATES = Path(__file__).parent / "templates"
DRAWING_TOOLS = ("visioncraft_image", "visioncraft_text_to_image", "visioncraft_text_to_image_sdxl")
_VERBS = {
    **dict.fromkeys(DRAWING_TOOLS, "drew"),
    "visioncraft_text_to_gif": "animated",
    "visioncraft_image_to_video": "filmed",
    "visioncraft_image_to_image": "repainted",
    "visioncraft_upscale": "enlarged",
    "visioncraft_caption": "looked at",
    "visioncraft_transcribe": "listened to",
}


@dataclass
class Step:
    """One call of a tool, and what came of it."""

    tool: str
    arguments: dict[str, Any]
    text: str
    artifact: Any
    media: list[Media] = field(default_factory=list)

    @property
    def medium(self) -> Media:
        """The first medium that it gave."""
        return self.media[0]

    @property
    def source(self) -> str | None:
        """The handle or file that it worked on."""
        value = self.arguments.get("image") or self.arguments.get("audio")
        return str(value) if value else None

    @property
    def verb(self) -> str:
        """What was done, in one word."""
        return _VERBS.get(self.tool, self.tool.removeprefix("visioncraft_"))


def steps_of(messages: list[Any]) -> list[Step]:
    """The successful tool calls of an agent's messages, in order."""
    calls = {
        call["id"]: call for message in messages for call in getattr(message, "tool_calls", ())
    }
    steps = []
    for message in messages:
        if not isinstance(message, ToolMessage) or message.status == "error":
            continue
        artifact = message.artifact
        first = artifact[0] if isinstance(artifact, list) and artifact else artifact
        has_media = isinstance(first, dict) and "handle" in first
        steps.append(
            Step(
                tool=message.name or "",
                arguments=calls[message.tool_call_id]["args"],
                text=message.text,
                artifact=artifact,
                media=Media.from_artifact(artifact) if has_media else [],
            )
        )
    return steps


def write_page(
    output: Path,
    *,
    title: str,
    story: list[str],
    messages: list[Any],
    store: MediaStore,
    note: Path,
) -> Path:
    """Write ``index.html`` beside the store's folder, and give its path."""
    steps = steps_of(messages)

    def made_by(name: str) -> list[Step]:
        return [step for step in steps if step.tool == f"visioncraft_{name}"]

    pictures = [step.medium for step in steps if step.tool in DRAWING_TOOLS]
    transcripts = made_by("transcribe")
    if transcripts:
        shutil.copy(note, output / note.name)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(("html", "jinja"))
    )
    html = environment.get_template("story.html.jinja").render(
        title=title,
        spreads=list(zip(story, pictures, strict=False)),
        last_pages=pictures[len(story) :],
        enlarged=[(step, store.get(step.source or "")) for step in made_by("upscale")],
        gifs=made_by("text_to_gif"),
        videos=made_by("image_to_video"),
        captions=made_by("caption"),
        transcripts=transcripts,
        note=note.name,
        steps=steps,
        provenance={medium.handle: store.provenance(medium.handle) for medium in store},
        closing=messages[-1].text if messages else "",
    )
    page = output / "index.html"
    page.write_text(html, encoding="utf-8")
    return page
