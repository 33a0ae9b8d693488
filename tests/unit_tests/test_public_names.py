"""The public names, pinned; and what importing them costs."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import langchain_visioncraft
from langchain_visioncraft import client, errors, media, tools
from langchain_visioncraft.client import endpoints

PUBLIC = {
    "AsyncVisionCraftClient", "ChatVisionCraft", "ChatVisionCraftLegacy", "Media", "MediaStore",
    "VisionCraftCaption",
    "VisionCraftCatalog", "VisionCraftClient", "VisionCraftError", "VisionCraftImageToImage",
    "VisionCraftImageToVideo", "VisionCraftLimits", "VisionCraftMidjourney",
    "VisionCraftOpenjourney", "VisionCraftTextToGif", "VisionCraftTextToImage",
    "VisionCraftTextToImageSD1", "VisionCraftTextToImageSDXL", "VisionCraftTool",
    "VisionCraftToolkit", "VisionCraftTranscribe", "VisionCraftUpscale", "__version__",
}  # fmt: skip


def test_no_public_name_went_away() -> None:
    assert set(langchain_visioncraft.__all__) >= PUBLIC


def test_every_name_is_listed_once_and_comes_from_somewhere() -> None:
    names = langchain_visioncraft.__all__
    assert len(names) == len(set(names))
    assert {*langchain_visioncraft._MODULES, *tools.__all__} == set(names)
    assert set(tools._MODULES) == set(tools.__all__)


@pytest.mark.parametrize("name", langchain_visioncraft.__all__)
def test_a_public_name_is_there_under_its_own_name(name: str) -> None:
    found = getattr(langchain_visioncraft, name)
    assert getattr(found, "__name__", name) == name
    assert name in dir(langchain_visioncraft)


@pytest.mark.parametrize("package", [langchain_visioncraft, tools, client, media])
def test_a_type_checker_sees_every_name(package: Any) -> None:
    typed = (
        inspect.getsource(package).partition("if TYPE_CHECKING:")[2].partition("_MODULES = {")[0]
    )
    assert [name for name in package._MODULES if name not in typed] == []


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'VisionCraftUnknown'"):
        _ = langchain_visioncraft.VisionCraftUnknown


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            client,
            {"AsyncVisionCraftClient", "Progress", "Segment", "Transcript", "VisionCraftClient",
             "endpoints"},
        ),
        (media, {"Media", "MediaStore", "Problem"}),
    ],
)  # fmt: skip
def test_the_names_of_a_module_are_pinned(module: object, names: set[str]) -> None:
    assert set(module.__all__) == names  # type: ignore[attr-defined]


def test_the_endpoints_are_pinned() -> None:
    found = {
        name for name, value in vars(endpoints).items() if isinstance(value, endpoints.Endpoint)
    }
    assert found == {
        "text_to_image", "text_to_image_sd1", "text_to_image_sdxl", "openjourney", "midjourney",
        "midjourney_result", "image_to_image", "image_to_image_2023", "text_to_gif",
        "text_to_gif_2024", "image_to_video", "upscale", "transcribe", "list_names", "limits",
        "chat", "caption", "legacy_chat",
    }  # fmt: skip


def test_the_root_of_the_errors_is_public() -> None:
    assert langchain_visioncraft.VisionCraftError is errors.VisionCraftError
