"""Schemas for strict clients: every property is required, and what is optional may be null."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from langchain_core.utils.function_calling import convert_to_openai_tool
from tool_service import ENDPOINTS, Service, call, name_of
from tool_service import TOOLS as KINDS

from langchain_visioncraft import (
    VisionCraftImageToImage,
    VisionCraftOpenjourney,
    VisionCraftTextToGif,
    VisionCraftTextToImage,
    VisionCraftTextToImageSD1,
    VisionCraftUpscale,
)
from langchain_visioncraft.tools import VisionCraftTool

Make = Callable[..., Any]
VARIANTS: list[tuple[type[VisionCraftTool], dict[str, Any]]] = [
    *((kind, {}) for kind in KINDS),
    (VisionCraftImageToImage, {"api_version": "2023-11"}),
    (VisionCraftTextToGif, {"api_version": "2024-03"}),
]
STRICT = {
    *("type", "properties", "required", "additionalProperties", "items", "anyOf", "enum"),
    *("pattern", "minimum", "maximum", "minItems", "maxItems"),
    *("description", "default"),
}
"""What OpenAI's documentation lists, and what only informs."""


@pytest.fixture(params=VARIANTS, ids=[f"{name_of(kind)} {more}" for kind, more in VARIANTS])
def tool(request: pytest.FixtureRequest) -> VisionCraftTool:
    """Each tool, in all generations of its endpoint."""
    kind, options = request.param
    return kind(api_key="any", **options)


def strict(tool: VisionCraftTool) -> dict[str, Any]:
    function: dict[str, Any] = convert_to_openai_tool(tool, strict=True)["function"]
    assert function["strict"] is True
    parameters: dict[str, Any] = function["parameters"]
    return parameters


def schemas_in(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and all within it."""
    yield schema
    for key, value in schema.items():
        if key == "properties":
            for each in value.values():
                yield from schemas_in(each)
        elif key in ("items", "anyOf"):
            for each in value if isinstance(value, list) else [value]:
                yield from schemas_in(each)


def test_a_strict_schema_closes_every_object_and_requires_everything(tool: VisionCraftTool) -> None:
    for schema in schemas_in(strict(tool)):
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False
            assert set(schema.get("required", [])) == set(schema["properties"])


def test_objects_within_are_closed_before_any_converter_closes_them(tool: VisionCraftTool) -> None:
    within = [each for parameter in tool.args.values() for each in schemas_in(parameter)]
    objects = [each for each in within if each.get("type") == "object"]
    assert all(each["additionalProperties"] is False for each in objects)
    assert bool(objects) == ("loras" in tool.args)


def test_a_strict_schema_has_only_what_strict_clients_know(tool: VisionCraftTool) -> None:
    assert {key for schema in schemas_in(strict(tool)) for key in schema} <= STRICT


def test_only_texts_are_enumerated(tool: VisionCraftTool) -> None:
    for schema in schemas_in(strict(tool)):
        assert all(isinstance(each, str) for each in schema.get("enum", []))


def test_what_is_optional_may_be_null_and_nothing_else_may(tool: VisionCraftTool) -> None:
    required = tool.args_schema.model_json_schema().get("required", [])
    for name, parameter in tool.args.items():
        may_be_null = Draft202012Validator(parameter).is_valid(None)
        assert may_be_null == (name not in required)


FITTING = ("en", "#ffffff", "1.0", "a")
"""Texts of which one matches the pattern of any parameter."""


def least(schema: Mapping[str, Any]) -> Any:
    """The first value that comes to mind for a schema."""
    if "anyOf" in schema:
        return least(schema["anyOf"][0])
    if schema["type"] == "object":
        return {name: least(each) for name, each in schema["properties"].items()}
    if schema["type"] == "array":
        return [least(schema["items"])]
    if "pattern" in schema:
        fitting = [each for each in FITTING if re.search(schema["pattern"], each)]
        assert fitting, f"Add a text that matches {schema['pattern']} to FITTING in this file."
        return fitting[0]
    first = {"string": "a cat", "boolean": True, "number": 0.5, "integer": 1}[schema["type"]]
    return schema.get("enum", [schema.get("minimum", first)])[0]


def test_what_a_strict_model_sends_is_valid(tool: VisionCraftTool) -> None:
    schema = strict(tool)
    required = tool.args_schema.model_json_schema().get("required", [])
    everything = {name: least(each) for name, each in schema["properties"].items()}
    Draft202012Validator(schema).validate(everything)
    least_of_all = {name: everything[name] if name in required else None for name in everything}
    Draft202012Validator(schema).validate(least_of_all)
    alone = tool.args_schema(**{name: everything[name] for name in required})
    assert tool.args_schema(**least_of_all) == alone
    assert tool.args_schema(**everything)


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_stands_for_every_optional_parameter(
    tool: VisionCraftTool, nothing: str | None
) -> None:
    required = tool.args_schema.model_json_schema().get("required", [])
    given = {name: least(tool.args[name]) for name in required}
    optional = {name: nothing for name in tool.args if name not in required}
    assert tool.args_schema(**given, **optional) == tool.args_schema(**given)


WEIGHTS = [{"name": "add_detail", "weight": 0.5}, {"name": "arcane_offset", "weight": 1}]


@pytest.mark.parametrize("kind", [VisionCraftTextToImage, VisionCraftTextToImageSD1])
async def test_weights_are_given_as_a_list_or_a_dictionary(
    make: Make, service: Service, kind: type[VisionCraftTool], way: str
) -> None:
    sent = []
    for loras in (WEIGHTS, {each["name"]: each["weight"] for each in WEIGHTS}):
        message = await call(make(kind), way, {"prompt": "a cat", "loras": loras})
        assert message.status == "success"
        sent.append(service.body(ENDPOINTS[name_of(kind)])["loras"])
    assert sent[0] == sent[1] == {"add_detail": 0.5, "arcane_offset": 1}


@pytest.mark.parametrize(
    "wrong",
    [[{"name": "x"}], ["x"], [{"name": ["x"], "weight": 1}], [{"name": "x", "weight": "much"}]],
)
async def test_a_list_that_holds_no_weights_is_refused(make: Make, way: str, wrong: Any) -> None:
    message = await call(make(VisionCraftTextToImage), way, {"prompt": "a cat", "loras": wrong})
    assert message.status == "error"
    assert "loras" in message.content


def test_no_more_weights_than_the_endpoint_takes() -> None:
    shown = VisionCraftTextToImage().args["loras"]["anyOf"][0]
    assert shown["maxItems"] == 5


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (VisionCraftUpscale, "resize"),
        (VisionCraftOpenjourney, "width"),
        (VisionCraftOpenjourney, "height"),
    ],
)
def test_numbers_to_choose_from_are_a_range_and_the_tool_takes_no_others(
    kind: type[VisionCraftTool], name: str
) -> None:
    tool = kind()
    shown = tool.args[name]["anyOf"][0]
    given = dict.fromkeys(tool.args_schema.model_json_schema()["required"], "a cat")
    numbers = range(shown["minimum"], shown["maximum"] + 1)
    taken = [number for number in numbers if _takes(tool, {**given, name: number})]
    assert (taken[0], taken[-1]) == (shown["minimum"], shown["maximum"])
    listed = {
        "resize": [2, 4],
        "width": list(itertools.chain((128, 256), range(384, 1025, 64))),
    }
    assert taken == listed.get(name, listed["width"])


def _takes(tool: VisionCraftTool, arguments: dict[str, Any]) -> bool:
    try:
        tool.args_schema(**arguments)
    except ValueError:
        return False
    return True
