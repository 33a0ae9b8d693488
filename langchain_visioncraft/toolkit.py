"""`VisionCraftToolkit`: the tools that an agent needs, one for each capability."""

from __future__ import annotations

import secrets
from typing import Any, Literal, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field, model_validator

from langchain_visioncraft import tools as all_tools
from langchain_visioncraft._threads import in_thread
from langchain_visioncraft.client import Capabilities
from langchain_visioncraft.client.drawing import BEST_FIRST, Engine
from langchain_visioncraft.client.pair import client_pair
from langchain_visioncraft.context import run_store
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media import Media
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
from langchain_visioncraft.tools.engines import TEXT_TO_IMAGE
from langchain_visioncraft.tools.jobs import route_of
from langchain_visioncraft.tools.settings import ToolSettings

_SEEDS = 2**31
"""Seeds are smaller than this."""

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
    """Tools that share one client and one store, so handles pass from tool to tool.

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
            one that the host offers, and leaves out all tools that the host does not support;
            `get_tools` then asks the host once, unless `capabilities` is given.
        capabilities: What the host offers, from ``client.capabilities()``; tools for anything else
            are left out. Default: all tools.
        content: ``"text"``, or ``"blocks"`` to show the model the pictures.
        allowed_dirs: Folders from which a model may name local files. Default: none.
        cache: Whether a repeated request, with the same seed if the engine takes one, is answered
            from the store without a call. Default: no.
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
            self.get_tools()  # raises errors in their options now
        return self

    def get_tools(self) -> list[BaseTool]:
        """One tool that draws, and one for each other capability that the host offers.

        Raises:
            VisionCraftError: If ``text_to_image="auto"`` has to ask the host, and that fails.
            ValueError: If `capabilities` lack the chosen engine.
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
                "Use 'auto', or leave `capabilities` out to try it."
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

    def again(self, handle: str, **changes: Any) -> list[Media]:
        """Make a medium again with the arguments in its sidecar, and with its seed, if it has one.

        ```python
        from langchain_visioncraft import MediaStore, VisionCraftToolkit
        from visioncraft_sandbox import Sandbox

        with Sandbox(models=False) as sandbox:
            toolkit = VisionCraftToolkit(
                api_key="any", base_url=sandbox.url, store=MediaStore("memory://again"),
                text_to_image="image",
            )
            draw = toolkit.get_tools()[0]
            handle = draw.invoke({"prompt": "a fox", "width": 64, "height": 64}).split()[0]
            [same] = toolkit.again(handle)
            [other] = toolkit.vary(handle)
            [large] = toolkit.again(handle, width=128, height=128)
        assert same.handle == handle != other.handle
        ```

        Args:
            handle: The handle of a medium in the store.
            **changes: Arguments of the tool that made it, which replace the recorded ones.

        Raises:
            InvalidRequestError: If no tool of this package made it.
            VisionCraftError: If it cannot be made again.
        """
        tool, call = self._repeated(handle, changes)
        return Media.from_artifact(tool.invoke(call).artifact)

    async def aagain(self, handle: str, **changes: Any) -> list[Media]:
        """The same as `again`, async."""
        tool, call = await in_thread(self._repeated, handle, changes)
        return Media.from_artifact((await tool.ainvoke(call)).artifact)

    def vary(self, handle: str, **changes: Any) -> list[Media]:
        """Make a medium again, but with another seed: see `again`.

        An engine that takes no seed decides itself how different the result is.
        """
        tool, call = self._repeated(handle, changes, vary=True)
        return Media.from_artifact(tool.invoke(call).artifact)

    async def avary(self, handle: str, **changes: Any) -> list[Media]:
        """The same as `vary`, async."""
        tool, call = await in_thread(self._repeated, handle, changes, True)
        return Media.from_artifact((await tool.ainvoke(call)).artifact)

    def _repeated(
        self, handle: str, changes: dict[str, Any], vary: bool = False
    ) -> tuple[VisionCraftTool, ToolCall]:
        """The tool that made a medium, and its call."""
        made = run_store(self.store).provenance(handle)
        kind = next((each for each in _makers() if _name_of(each) == made.get("tool")), None)
        if kind is None:
            msg = f"{handle} cannot be made again: its sidecar names no tool of this package."
            raise InvalidRequestError(msg)
        own: dict[str, Any] = {"cache": False} if vary else {}
        for version, endpoint in kind.api_versions.items():
            if route_of(endpoint) == made.get("call", {}).get("endpoint"):
                own[kind.version_field] = version
                break
        tool = self._make(kind, handle_tool_error=False, handle_validation_error=False, **own)
        given = made.get("arguments", {})
        known = {name: given[name] for name in tool.args if name in given}
        known.pop("image_count", None)
        if vary and "seed" in tool.args:
            known["seed"] = secrets.randbelow(_SEEDS)
        call = ToolCall(type="tool_call", id="again", name=tool.name, args={**known, **changes})
        return tool, call

    def _make(self, kind: type[VisionCraftTool], **extra: Any) -> VisionCraftTool:
        name = _name_of(kind)
        names = ("client", "store", "content", "allowed_dirs", "cache")
        shared = {each: getattr(self, each) for each in names}
        return kind(**{**shared, **extra, **self.tool_options.get(name, {})})


def _makers() -> list[type[VisionCraftTool]]:
    kinds = (
        getattr(all_tools, name) for name in all_tools.__all__ if name.startswith("VisionCraft")
    )
    return [kind for kind in kinds if kind is not VisionCraftTool and kind.makes_media]
