"""A tool as a plain function: how CrewAI, AutoGen and Google's ADK call it."""

from __future__ import annotations

import inspect
import json
import pickle
import typing
from collections.abc import Callable
from typing import Any

import pytest
from test_tool_copies import COPIES
from tool_service import HOST, KEY, MAKERS, Service, arguments_for

from langchain_visioncraft import (
    MediaStore,
    VisionCraftLimits,
    VisionCraftTextToImage,
    VisionCraftUpscale,
)
from langchain_visioncraft.tools import VisionCraftTool

Make = Callable[..., Any]


def test_the_signature_is_that_of_the_arguments(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    parameters = inspect.signature(tool.func).parameters
    required = tool.args_schema.model_json_schema().get("required", [])
    assert list(parameters) == list(tool.args)
    assert [name for name, each in parameters.items() if each.default is each.empty] == required
    for name, parameter in parameters.items():
        if name not in required:
            assert parameter.default == tool.args[name]["default"]


def test_the_function_has_the_tools_name_words_and_types(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    function = tool.func
    assert (function.__name__, function.__doc__) == (tool.name, tool.description)
    hints = typing.get_type_hints(function)
    assert hints.pop("return") is str
    assert hints == {name: each.annotation for name, each in _parameters(tool).items()}


def _parameters(tool: VisionCraftTool) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(tool.func).parameters)


def test_media_are_texts_to_the_function(kind: type[VisionCraftTool]) -> None:
    tool = kind()
    parameters = _parameters(tool)
    for name in tool.request().media_kinds:
        assert parameters[name].annotation in (str, str | None)


def test_what_is_optional_may_be_none_to_the_function(kind: type[VisionCraftTool]) -> None:
    for each in _parameters(kind()).values():
        optional = each.default is not each.empty
        assert (type(None) in typing.get_args(each.annotation)) == optional or each.name == "loras"


def test_the_function_gives_what_invoke_gives(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    tool = make(kind)
    assert tool.func(**arguments) == tool.invoke(arguments)


def test_the_function_takes_all_arguments_with_their_defaults(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    """AutoGen dumps the schema, defaults and nulls included."""
    tool = make(kind)
    everything = tool.args_schema(**arguments).model_dump()
    assert tool.func(**everything) == tool.invoke(arguments)


def test_the_function_takes_arguments_by_position(make: Make, service: Service) -> None:
    assert "image/" in make(VisionCraftTextToImage).func("a cat", "sdxl-base")
    sent = service.body("/sd")
    assert (sent["prompt"], sent["model"]) == ("a cat", "sdxl-base")


@pytest.mark.parametrize("way_to_copy", COPIES)
def test_the_function_of_a_copy_calls_the_copy(
    make: Make, service: Service, way_to_copy: str
) -> None:
    tool = make(VisionCraftTextToImage)
    duplicate = COPIES[way_to_copy](tool)
    duplicate.width = 256
    duplicate.func("a cat")
    assert service.body("/sd")["width"] == 256
    tool.func("a cat")
    assert service.body("/sd")["width"] == 1024


def test_the_function_of_a_pickled_tool_works(
    kind: type[VisionCraftTool], arguments: dict[str, Any], service: Service, store: MediaStore
) -> None:
    tool = pickle.loads(pickle.dumps(kind(api_key=KEY, base_url=HOST, store=store)))
    for name, client in service.clients().items():
        setattr(tool, name, client)
    assert tool.func(**arguments) == tool.invoke(arguments)


def test_a_function_that_was_taken_leaves_pickles_and_dumps_as_they_were(
    kind: type[VisionCraftTool],
) -> None:
    tool = kind(api_key=KEY, base_url=HOST)
    before = pickle.dumps(tool), repr(tool.model_dump(exclude={"args_schema"}))
    assert callable(tool.func)
    assert (pickle.dumps(tool), repr(tool.model_dump(exclude={"args_schema"}))) == before
    assert "func" not in json.loads(tool.model_dump_json())


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (VisionCraftUpscale, {"image": "cat.png"}, "There is no 'cat.png'"),
        (VisionCraftUpscale, {"image": "cat.png", "resize": 3}, "resize: input should be 2 or 4"),
        (VisionCraftTextToImage, {"prompt": "x", "color": "red"}, "color: is not a parameter"),
    ],
)
def test_the_function_says_what_was_wrong_and_that_it_was(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any], told: str
) -> None:
    said = make(kind).func(**arguments)
    assert said.startswith("Error: ")
    assert told in said


@pytest.mark.parametrize("kind", MAKERS)
def test_the_function_gives_text_also_where_a_model_sees_blocks(
    make: Make, kind: type[VisionCraftTool], store: MediaStore
) -> None:
    arguments = arguments_for(kind, store)
    shown = make(kind, content="blocks").func(**arguments)
    assert shown == make(kind).func(**arguments)
    assert isinstance(shown, str)


def test_a_function_without_arguments_takes_none(make: Make) -> None:
    assert not inspect.signature(VisionCraftLimits().func).parameters
    assert make(VisionCraftLimits).func().startswith("{")
