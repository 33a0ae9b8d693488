"""`VisionCraftToolkit`: the tools that an agent needs, and no two that do the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field, SecretStr, SkipValidation, model_validator

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.config import VerifyTypes
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.tools import (
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftImageToImage,
    VisionCraftImageToVideo,
    VisionCraftLimits,
    VisionCraftTextToGif,
    VisionCraftTool,
    VisionCraftTranscribe,
    VisionCraftUpscale,
)
from langchain_visioncraft.tools.images import TEXT_TO_IMAGE

_OTHERS: tuple[type[VisionCraftTool], ...] = (
    VisionCraftImageToImage,
    VisionCraftTextToGif,
    VisionCraftImageToVideo,
    VisionCraftUpscale,
    VisionCraftTranscribe,
    VisionCraftCatalog,
    VisionCraftLimits,
)
_CONNECTION = (
    "api_key",
    "base_url",
    "verify",
    "timeout",
    "max_retries",
    "http_client",
    "http_async_client",
    "rate_limiter",
)


class VisionCraftToolkit(KnownKeywords, BaseToolkit):
    """Nine tools around one client and one store, so that handles pass from tool to tool.

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftToolkit

    toolkit = VisionCraftToolkit(api_key="any", store=MediaStore("memory://"))
    names = [tool.name for tool in toolkit.get_tools()]
    assert names[:2] == ["visioncraft_text_to_image", "visioncraft_image_to_image"]
    ```

    Attributes:
        client: A ready client (sync or async), instead of the settings of the connection.
        store: Where media are kept. Default: ``visioncraft-media``.
        chat_model: The chat model that captions pictures. Default: LLaVA of the same host.
        text_to_image: Which engine draws: ``"sd"`` (``/sd``), ``"sd1"`` (``/generate``),
            ``"sdxl"`` (``/generate-xl``), ``"midjourney"`` or ``"openjourney"``.
        content: ``"text"``, or ``"blocks"`` to show the model the pictures.
        allowed_dirs: Folders from which a model may name local files. Default: none.
        tool_options: Constructor arguments for single tools, by tool name, such as
            ``{"visioncraft_text_to_image": {"width": 512}}``.
    """

    # pydantic's messages show a part of what was passed in, and with it the key.
    model_config = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(default=None, repr=False)
    base_url: str | None = None
    verify: SkipValidation[VerifyTypes | None] = None
    timeout: float | tuple[float | None, float | None] | None = None
    max_retries: int | None = None
    http_client: Any = Field(default=None, repr=False, exclude=True)
    http_async_client: Any = Field(default=None, repr=False, exclude=True)
    rate_limiter: BaseRateLimiter | None = Field(default=None, repr=False, exclude=True)
    client: VisionCraftClient | AsyncVisionCraftClient | None = Field(
        default=None, repr=False, exclude=True
    )
    store: MediaStore = Field(default_factory=MediaStore, exclude=True)
    chat_model: BaseChatModel | None = Field(default=None, repr=False, exclude=True)
    text_to_image: Literal["sd", "sd1", "sdxl", "midjourney", "openjourney"] = "sd"
    content: Literal["text", "blocks"] = "text"
    allowed_dirs: list[Path] = Field(default_factory=list)
    tool_options: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _make_one_client(self) -> Self:
        given = {name: getattr(self, name) for name in _CONNECTION}
        if self.client is None:
            self.client = VisionCraftClient(**given)
        elif any(value is not None for value in given.values()):
            msg = "Give either client= or the settings of a connection: a client has its own."
            raise ValueError(msg)
        names = [tool.name for tool in self.get_tools()]
        unknown = sorted(set(self.tool_options) - set(names))
        if unknown:
            msg = f"tool_options: {', '.join(unknown)} is not among {', '.join(names)}"
            raise ValueError(msg)
        return self

    def get_tools(self) -> list[BaseTool]:
        """One tool that draws, and one for each other capability."""
        classes = (TEXT_TO_IMAGE[self.text_to_image], *_OTHERS)
        tools: list[BaseTool] = [self._make(kind) for kind in classes]
        caption = self._make(VisionCraftCaption, chat_model=self.chat_model)
        return [*tools[:5], caption, *tools[5:]]

    def _make(self, kind: type[VisionCraftTool], **extra: Any) -> VisionCraftTool:
        name = kind.model_fields["name"].default
        shared = {
            "client": self.client,
            "store": self.store,
            "content": self.content,
            "allowed_dirs": self.allowed_dirs,
        }
        return kind(**{**shared, **extra, **self.tool_options.get(name, {})})
