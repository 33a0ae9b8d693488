"""What a model sees of a tool, and how its arguments are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError
from tool_service import ENDPOINTS, MAKERS, TOOLS, Service, arguments_for, call, name_of

from langchain_visioncraft import (
    MediaStore,
    VisionCraftImageToImage,
    VisionCraftMidjourney,
    VisionCraftTextToGif,
    VisionCraftTextToImage,
    VisionCraftTextToImageSDXL,
)
from langchain_visioncraft.client.drawing import CountOptions, DrawingOptions
from langchain_visioncraft.tools import VisionCraftTool

Make = Callable[..., Any]
NULL = {"type": "null"}


def shown(tool: VisionCraftTool) -> dict[str, Any]:
    function: dict[str, Any] = convert_to_openai_tool(tool)["function"]
    parameters: dict[str, Any] = function["parameters"]
    return parameters


def plain(parameter: dict[str, Any]) -> dict[str, Any]:
    """What a parameter may be, but null."""
    [found] = [each for each in parameter.get("anyOf", [parameter]) if each != NULL]
    return {**parameter, **found}


def test_the_name_is_the_snake_case_of_the_class(kind: type[VisionCraftTool]) -> None:
    words = kind.__name__.replace("SDXL", "Sdxl").replace("SD1", "Sd1")
    words = words.removeprefix("VisionCraft")
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", words).lower()
    assert name_of(kind) == f"visioncraft_{snake}"


def test_a_schema_can_be_had_without_a_key(kind: type[VisionCraftTool]) -> None:
    assert shown(kind())["type"] == "object"


def test_every_parameter_is_described(kind: type[VisionCraftTool]) -> None:
    properties = shown(kind())["properties"]
    assert all(parameter.get("description") for parameter in properties.values())


def test_required_parameters_come_first(kind: type[VisionCraftTool]) -> None:
    parameters = shown(kind())
    required = parameters.get("required", [])
    assert list(parameters["properties"])[: len(required)] == required


def test_what_is_not_required_has_a_default(kind: type[VisionCraftTool]) -> None:
    parameters = shown(kind())
    optional = set(parameters["properties"]) - set(parameters.get("required", []))
    assert all("default" in parameters["properties"][name] for name in optional)


def test_a_model_need_not_name_a_model_or_a_sampler(kind: type[VisionCraftTool]) -> None:
    assert not {"model", "sampler", "scheduler"} & set(shown(kind()).get("required", []))


def test_media_are_texts_to_a_model(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    properties = shown(tool)["properties"]
    assert all(plain(properties[name])["type"] == "string" for name in tool.request().media_kinds)


def test_bounds_are_those_of_the_endpoint(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    drawings = (DrawingOptions, CountOptions)
    of_all = [kind.model_json_schema()["properties"] for kind in drawings]
    request = of_all[0] | of_all[1] | tool.request().model_json_schema()["properties"]
    bounds = ("minimum", "maximum", "pattern")
    for name, parameter in shown(tool)["properties"].items():
        # Media have no bounds; of choices and pairs, tests of their own tell.
        [of_endpoint, *_] = request[name].get("anyOf", [request[name]])
        expected = {bound: of_endpoint[bound] for bound in bounds if bound in of_endpoint}
        assert {bound: plain(parameter).get(bound) for bound in expected} == expected


def test_settings_are_not_shown_to_a_model(kind: type[VisionCraftTool]) -> None:
    hidden = {
        "api_key",
        "base_url",
        "client",
        "store",
        "timeout",
        "api_version",
        "deadline",
        "token",
    }
    assert not hidden & set(shown(kind())["properties"])


def test_constructor_fields_are_the_defaults() -> None:
    tool = VisionCraftTextToImage(width=512, model="dreamshaper-xl")
    properties = shown(tool)["properties"]
    assert (properties["width"]["default"], properties["model"]["default"]) == (
        512,
        "dreamshaper-xl",
    )


async def test_constructor_fields_are_sent(make: Make, service: Service, way: str) -> None:
    tool = make(VisionCraftTextToImage, width=512, negative_prompt="blur")
    await call(tool, way, {"prompt": "a cat"})
    body = service.body("/sd")
    assert (body["width"], body["height"], body["negative_prompt"]) == (512, 1024, "blur")


async def test_constructor_fields_are_sent_with_every_langchain_core(
    make: Make, service: Service, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Before 1.2.5 it passed on only what a call gave."""
    monkeypatch.setattr(BaseTool, "_parse_input", lambda _, given, __: dict(given))
    await call(make(VisionCraftTextToImage, width=512), way, {"prompt": "a cat"})
    assert service.body("/sd")["width"] == 512


async def test_a_calls_own_arguments_override_them(make: Make, service: Service, way: str) -> None:
    tool = make(VisionCraftTextToImage, width=512)
    await call(tool, way, {"prompt": "a cat", "width": 256})
    assert service.body("/sd")["width"] == 256


@pytest.mark.parametrize("nothing", [None, ""])
async def test_null_and_an_empty_text_leave_a_default(
    make: Make, service: Service, *, way: str, nothing: str | None
) -> None:
    tool = make(VisionCraftTextToImage, negative_prompt="blur", width=512)
    await call(tool, way, {"prompt": "a cat", "negative_prompt": nothing, "width": nothing})
    assert (service.body("/sd")["negative_prompt"], service.body("/sd")["width"]) == ("blur", 512)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (VisionCraftTextToImage, {"width": 2048}),
        (VisionCraftTextToImage, {"steps": 36}),
        (VisionCraftTextToImageSDXL, {"height": 256}),
        (VisionCraftMidjourney, {"deadline": 0}),
        (VisionCraftImageToImage, {"strength": 1.5}),
        (VisionCraftImageToImage, {"api_version": "2022-01"}),
    ],
)
def test_a_default_out_of_bounds_is_refused_at_once(
    kind: type[VisionCraftTool], wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        kind(**wrong)


def test_an_unknown_constructor_field_is_refused(kind: type[VisionCraftTool]) -> None:
    with pytest.raises(TypeError, match=rf"{kind.__name__} has no argument 'bse_url'.*base_url="):
        kind(bse_url="http://x")


@pytest.mark.parametrize(
    ("version", "path", "sent"),
    [("2024-09", "/text2gif", {"prompt"}), ("2024-03", "/generate-gif", {"sampler"})],
)
async def test_each_generation_of_a_gif_goes_to_its_own_path(
    make: Make, service: Service, *, way: str, version: str, path: str, sent: set[str]
) -> None:
    message = await call(make(VisionCraftTextToGif, api_version=version), way, {"prompt": "a cat"})
    assert sent <= service.body(path).keys()
    assert message.artifact["mime_type"] == "image/gif"


@pytest.mark.parametrize(("version", "field"), [("2024-03", "image"), ("2023-11", "init_images")])
async def test_each_generation_of_image_to_image_names_the_picture_its_own_way(
    make: Make, service: Service, store: MediaStore, *, way: str, version: str, field: str
) -> None:
    tool = make(VisionCraftImageToImage, api_version=version)
    await call(tool, way, arguments_for(VisionCraftImageToImage, store))
    assert {"image", "init_images"} & service.body("/img2img").keys() == {field}


def test_only_the_parameters_of_the_generation_are_shown() -> None:
    new = shown(VisionCraftImageToImage())["properties"]
    old = shown(VisionCraftImageToImage(api_version="2023-11"))["properties"]
    assert {"mask", "strength"} <= new.keys() - old.keys()
    assert {"width", "height"} <= old.keys() - new.keys()


def test_a_field_of_another_generation_is_refused() -> None:
    with pytest.raises(ValidationError, match="no parameter width"):
        VisionCraftImageToImage(width=512)


async def test_a_deadline_is_the_developers_not_the_models(make: Make, way: str) -> None:
    message = await call(make(VisionCraftMidjourney), way, {"prompt": "a cat", "deadline": 1})
    assert message.status == "error"
    assert "deadline: is not a parameter here" in message.content


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if "prompt" in shown(kind())["required"]])
def test_a_bare_text_is_the_first_argument(
    make: Make, service: Service, kind: type[VisionCraftTool]
) -> None:
    if kind is VisionCraftImageToImage:
        assert "prompt: is required" in make(kind).invoke("a cat")
        return
    assert "image/" in make(kind).invoke("a cat")
    assert service.body(ENDPOINTS[name_of(kind)])["prompt"] == "a cat"


async def test_a_bare_text_works_async_and_keeps_the_defaults(make: Make, service: Service) -> None:
    await make(VisionCraftTextToImage, width=512).ainvoke("a cat")
    assert service.body("/sd")["width"] == 512


def test_setting_a_field_changes_the_schema(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    fields = [name for name in tool.args if name in kind.model_fields]
    for name in fields:
        shown = plain(tool.args[name])
        value = shown.get("enum", [shown.get("minimum", 5)])[0]
        setattr(tool, name, value)
        assert tool.args[name]["default"] == value


def test_setting_the_generation_changes_the_parameters() -> None:
    tool = VisionCraftImageToImage()
    tool.api_version = "2023-11"
    assert "cfg_scale" in tool.args


def test_a_setting_that_cannot_be_used_leaves_the_tool_as_it_was(
    kind: type[VisionCraftTool],
) -> None:
    tool = kind(base_url="http://host.test")
    with pytest.raises(ValueError, match="base_url is not valid"):
        tool.base_url = "nonsense"
    assert tool.base_url == tool._sync_client.settings.base_url == "http://host.test"


def test_all_tools_are_public() -> None:
    import langchain_visioncraft

    assert {kind.__name__ for kind in TOOLS} <= set(langchain_visioncraft.__all__)
