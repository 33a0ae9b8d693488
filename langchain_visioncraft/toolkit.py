"""`VisionCraftToolkit`: the tools that an agent needs, and no two that do the same."""

from __future__ import annotations

from typing import Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field, model_validator

from langchain_visioncraft.client import Capabilities
from langchain_visioncraft.client.engines import BEST_FIRST, Engine
from langchain_visioncraft.client.pair import client_pair
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
    VisionCraftCaption,
    VisionCraftTranscribe,
    VisionCraftCatalog,
    VisionCraftLimits,
)


def _name_of(kind: type[VisionCraftTool]) -> str:
    return str(kind.model_fields["name"].default)


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
            ``"sd1"`` (``/generate``), ``"sdxl"`` (``/generate-xl``), ``"midjourney"``,
            ``"openjourney"``, or one of `VisionCraftTextToImageEngine`. ``"auto"`` takes the best
            that the host offers, and leaves out all tools that it does not: `get_tools` then asks
            the host once, unless `capabilities` says it.
        capabilities: What the host offers, from ``client.capabilities()``: other tools are left
            out. Default: all tools.
        content: ``"text"``, or ``"blocks"`` to show the model the pictures.
        allowed_dirs: Folders from which a model may name local files. Default: none.
        tool_options: Constructor arguments for single tools, by tool name, such as
            ``{"visioncraft_text_to_image": {"width": 512}}``.
    """

    chat_model: BaseChatModel | None = Field(default=None, repr=False, exclude=True)
    text_to_image: Engine | Literal["auto"] = "sd"
    capabilities: Capabilities | None = None
    tool_options: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _make_one_client(self) -> Self:
        self.client = self._connect()
        engines = [*TEXT_TO_IMAGE] if self.text_to_image == "auto" else [self.text_to_image]
        kinds = [*(TEXT_TO_IMAGE[engine] for engine in engines), *_OTHERS]
        names = [*dict.fromkeys(_name_of(kind) for kind in kinds)]
        unknown = sorted(set(self.tool_options) - set(names))
        if unknown:
            msg = f"tool_options: {', '.join(unknown)} is not among {', '.join(names)}"
            raise ValueError(msg)
        if self.text_to_image != "auto" or self.capabilities is not None:
            self.get_tools()  # raises now what is wrong with their options
        return self

    def get_tools(self) -> list[BaseTool]:
        """One tool that draws, and one for each other capability, as far as the host has them.

        Raises:
            VisionCraftError: If ``text_to_image="auto"`` has to ask the host, and fails.
            ValueError: If `capabilities` do not hold the engine that was chosen.
        """
        if self.text_to_image == "auto" and self.capabilities is None:
            assert self.client is not None  # noqa: S101 -- made by the validator
            self.capabilities = client_pair(self.client)[0].capabilities()
        tools = [self._drawing_tool(), *map(self._offered, _OTHERS)]
        return [tool for tool in tools if tool is not None]

    def _drawing_tool(self) -> VisionCraftTool | None:
        engines = [*BEST_FIRST] if self.text_to_image == "auto" else [self.text_to_image]
        for engine in engines:
            kind = TEXT_TO_IMAGE[engine]
            chosen = {kind.version_field: engine} if kind.api_versions else {}
            tool = self._offered(kind, **chosen)
            if tool is not None or self.text_to_image != "auto":
                break
        if tool is None and self.text_to_image != "auto":
            msg = (
                f"text_to_image={self.text_to_image!r}: this host does not offer it. "
                "Take 'auto', or leave `capabilities` out to try it."
            )
            raise ValueError(msg)
        return tool

    def _offered(self, kind: type[VisionCraftTool], **chosen: Any) -> VisionCraftTool | None:
        """The tool in the first version that the host offers; ``None`` if it offers none."""
        if kind is VisionCraftCaption:
            chosen = {"chat_model": self.chat_model}
        tool = self._make(kind, **chosen)
        if self.capabilities is None or kind is VisionCraftCatalog or chosen.get("chat_model"):
            return tool
        if tool.endpoint().__name__ in self.capabilities:
            return tool
        versions = {} if kind.version_field in chosen else kind.api_versions
        for version, endpoint in versions.items():
            if endpoint.__name__ in self.capabilities:
                return self._make(kind, **{kind.version_field: version})
        return None

    def _make(self, kind: type[VisionCraftTool], **extra: Any) -> VisionCraftTool:
        name = _name_of(kind)
        shared = {
            "client": self.client,
            "store": self.store,
            "content": self.content,
            "allowed_dirs": self.allowed_dirs,
        }
        return kind(**{**shared, **extra, **self.tool_options.get(name, {})})
