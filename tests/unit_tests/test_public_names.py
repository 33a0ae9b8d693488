"""The public names, pinned; and what importing them costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from samples import SAMPLES

import langchain_visioncraft
from langchain_visioncraft import errors, tools
from langchain_visioncraft.client import endpoints

ROOT = Path(__file__).parents[2]
TOOLS = {
    "VisionCraftCaption", "VisionCraftCatalog", "VisionCraftImageToImage",
    "VisionCraftImageToVideo", "VisionCraftLimits", "VisionCraftMidjourney",
    "VisionCraftOpenjourney", "VisionCraftTextToGif", "VisionCraftTextToImage",
    "VisionCraftTextToImageSD1", "VisionCraftTextToImageSDXL", "VisionCraftTool",
    "VisionCraftTranscribe", "VisionCraftUpscale",
}  # fmt: skip
PUBLIC: dict[str, set[str]] = {
    "": TOOLS | {
        "AsyncVisionCraftClient", "ChatVisionCraft", "ChatVisionCraftLegacy", "Media",
        "MediaStore", "VisionCraftCaptionParser", "VisionCraftClient", "VisionCraftError",
        "VisionCraftMediaLoader", "VisionCraftToolkit", "VisionCraftTranscriptParser",
        "__version__", "cited_answer_chain", "PROGRESS_EVENT", "ShowMedia",
        "Budget", "VisionCraftContext",
    },
    "chat_models": {"ChatVisionCraft", "ChatVisionCraftLegacy", "MODEL_PROFILES"},
    "client": {
        "AsyncVisionCraftClient", "Capabilities", "Progress", "Segment", "Transcript",
        "VisionCraftClient", "endpoints",
    },
    "document_loaders": {
        "Citation", "CitedAnswer", "FolderByteStore", "LoadReport", "Skipped",
        "VisionCraftCaptionParser", "VisionCraftMediaLoader", "VisionCraftTranscriptParser",
        "cited_answer_chain",
    },
    "mcp": {"create_http_app", "create_server"},
    "media": {"Media", "MediaStore", "Problem", "Usage"},
    "middleware": {"Budget", "ShowMedia"},
    "ray": {"CallLimits", "caption", "transcribe"},
    "tools": TOOLS | {"PROGRESS_EVENT"},
}  # fmt: skip
"""Of each package, by its name below the root. A name that goes away breaks somebody's code."""

ERRORS = {
    "APIStatusError", "AnswerTooLargeError", "AuthenticationError", "BadRequestError",
    "CertificateError", "ConnectionFailedError", "DamagedMediaError", "EndpointNotFoundError",
    "ForbiddenInputError", "InvalidRequestError", "LinkExpiredError", "MediaInputError",
    "MissingKeyError", "RateLimitError", "ResponseError", "ServerError", "SubscriptionError",
    "TaskDeadlineError", "TaskError", "TaskFailedError", "TimedOutError", "TransportError",
    "TruncatedAnswerError", "UnexpectedAnswerError", "UnknownHandleError", "UnknownNameError",
    "UnsafeLinkError", "VisionCraftError",
}  # fmt: skip
packages = pytest.mark.parametrize("package", PUBLIC)


def imported(package: str) -> ModuleType:
    return importlib.import_module(f"langchain_visioncraft.{package}".removesuffix("."))


def test_every_package_is_in_the_list() -> None:
    found = {
        each.name for each in pkgutil.iter_modules(langchain_visioncraft.__path__) if each.ispkg
    }
    assert found - {"cli"} == set(PUBLIC) - {""}


@packages
def test_the_public_names_are_those_of_the_list(package: str) -> None:
    """A new tool needs no entry: its page is pinned by the site's navigation."""
    names = imported(package).__all__
    pages = {path.stem for path in (ROOT / "docs/tools").glob("*.md")}
    new = {
        name
        for name in set(names) - PUBLIC[package]
        if getattr(tools, name, None) and name_of(getattr(tools, name)) in pages
    }
    assert set(names) - new == PUBLIC[package]
    assert len(names) == len(set(names))


def name_of(kind: Any) -> str:
    return str(kind.model_fields["name"].default).removeprefix("visioncraft_")


@packages
def test_every_public_name_is_there_and_shown(package: str) -> None:
    module = imported(package)
    for name in PUBLIC[package]:
        found = getattr(module, name)
        assert getattr(found, "__name__", name).rpartition(".")[2] == name
    assert set(dir(module)) >= PUBLIC[package]


@pytest.mark.parametrize("package", ["", "chat_models", "client", "media", "tools"])
def test_a_name_is_shown_before_it_is_imported(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = imported(package)
    for name in PUBLIC[package]:
        monkeypatch.delattr(module, name, raising=False)
    assert not {"TYPE_CHECKING", "annotations", "lazy_names"} & {*dir(module)}
    assert set(dir(module)) >= PUBLIC[package]


@packages
def test_a_type_checker_knows_every_public_name(package: str) -> None:
    """Names that are imported at their first use are imported for it in a block of their own."""
    tree = ast.parse(Path(imported(package).__file__ or "").read_text())
    bound = {
        (alias.asname or alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if "*" in bound:  # of the tools, which say themselves what a type checker knows
        bound |= set(tools.__all__)
    assert bound >= PUBLIC[package]


def test_the_errors_are_those_of_the_list() -> None:
    kinds = (value for value in vars(errors).values() if isinstance(value, type))
    assert {kind.__name__ for kind in kinds if issubclass(kind, Exception)} == ERRORS


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'VisionCraftUnknown'"):
        _ = langchain_visioncraft.VisionCraftUnknown


def test_the_endpoints_are_pinned() -> None:
    found = {
        name for name, value in vars(endpoints).items() if isinstance(value, endpoints.Endpoint)
    }
    assert found == set(SAMPLES)
    assert found >= {
        "text_to_image", "text_to_image_sd1", "text_to_image_sdxl", "openjourney", "midjourney",
        "midjourney_result", "image_to_image", "image_to_image_2023", "text_to_gif",
        "text_to_gif_2024", "image_to_video", "upscale", "transcribe", "list_names", "limits",
        "chat", "caption", "legacy_chat",
    }  # fmt: skip


def test_the_root_of_the_errors_is_public() -> None:
    assert langchain_visioncraft.VisionCraftError is errors.VisionCraftError
