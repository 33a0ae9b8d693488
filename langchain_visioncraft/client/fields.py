"""The parts of requests: their base, prompts, media, LoRAs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from langchain_visioncraft.client.options import LeftOutIfEmpty, TakesEmptyTexts
from langchain_visioncraft.media.inputs import MediaKind, MediaSource, Upload, parse_source
from langchain_visioncraft.media.media import Media

Prompt: TypeAlias = Annotated[
    str, Field(min_length=1, description="What to draw, in words: subject, setting, light, style.")
]
NegativePrompt: TypeAlias = Annotated[
    str | None, LeftOutIfEmpty(), Field(description="What must not be in the picture, in words.")
]
OptionalText: TypeAlias = Annotated[str | None, LeftOutIfEmpty()]
if TYPE_CHECKING:
    from PIL.Image import Image

    MediaInput: TypeAlias = str | bytes | Path | Media | MediaSource | Image
else:
    MediaInput = Annotated[
        str | bytes | Path | Media | MediaSource,
        BeforeValidator(parse_source),
        WithJsonSchema({"type": "string"}),
    ]
"""An http(s) URL, a data URL or base64; in code also a path, bytes, `Media` or a PIL image."""

Loras: TypeAlias = Annotated[
    dict[str, float] | None, Field(description="LoRA names with their weights.")
]


class Request(TakesEmptyTexts):
    """Base of all requests: unknown fields are refused, and unset fields are not sent."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), frozen=True, defer_build=True
    )

    media_kinds: ClassVar[dict[str, MediaKind]] = {}
    """The fields that carry media, and their kinds."""

    required_by_api: ClassVar[frozenset[str]] = frozenset()
    """Fields with a default here that a host requires: they are always sent."""

    suggested: ClassVar[dict[str, Any]] = {}
    """Defaults of tools and commands that replace those here, to fit all generations."""

    def body(self) -> dict[str, Any]:
        """The JSON body; a medium is its URL, or an `Upload` that the driver streams."""
        body: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None or field.exclude:
                continue
            if isinstance(value, MediaSource):
                value = value.url or Upload(value, name, self.media_kinds[name])
            body[name] = value
        return body
