"""`VisionCraftToolkit`: the tools that an agent needs, and no two that do the same."""

from __future__ import annotations

from typing import Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field, model_validator

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
from langchain_visioncraft.tools.base import ToolSettings
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


class VisionCraftToolkit(ToolSettings, BaseToolkit):
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
        text_to_image: Which engine draws: ``"image"`` (``/image/generate``), ``"sd"`` (``/sd``),
            ``"sd1"`` (``/generate``), ``"sdxl"`` (``/generate-xl``), ``"midjourney"`` or
            ``"openjourney"``.
        content: ``"text"``, or ``"blocks"`` to show the model the pictures.
        allowed_dirs: Folders from which a model may name local files. Default: none.
        tool_options: Constructor arguments for single tools, by tool name, such as
            ``{"visioncraft_text_to_image": {"width": 512}}``.
    """

    chat_model: BaseChatModel | None = Field(default=None, repr=False, exclude=True)
    text_to_image: Literal["image", "sd", "sd1", "sdxl", "midjourney", "openjourney"] = "sd"
    tool_options: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _make_one_client(self) -> Self:
        self.client = self._connect()
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
