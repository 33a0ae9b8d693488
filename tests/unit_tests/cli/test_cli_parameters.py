"""Options of the commands are what the schemas of the tools say."""

from __future__ import annotations

import annotated_types
import pytest
import typer
from typer.testing import CliRunner

from langchain_visioncraft import MediaStore
from langchain_visioncraft.cli.app import COMMANDS, app
from langchain_visioncraft.cli.capabilities import CAPABILITIES
from langchain_visioncraft.cli.inputs import medium, read_arguments
from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.tools import VisionCraftTool

VARIANTS = [(name, variant) for name, each in CAPABILITIES.items() for variant in each.variants()]


def tool_of(name: str, variant: str) -> VisionCraftTool:
    client = VisionCraftClient(api_key="none", base_url="http://localhost")
    return CAPABILITIES[name].variants()[variant](client=client)


def arguments_of(name: str, variant: str) -> list[str]:
    choice = CAPABILITIES[name].choice
    return [f"--{choice}", variant] if choice else []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_parameter_of_a_tool_is_one_of_its_command(name: str, variant: str) -> None:
    tool = tool_of(name, variant)
    command = COMMANDS[name].load(name, arguments_of(name, variant))
    parameters = {each.name: each for each in command.params}
    schema = tool.args_schema.model_fields
    assert {*schema, *tool.hidden_from_model} <= set(parameters)
    for field, info in schema.items():
        parameter = parameters[field]
        positional = field in CAPABILITIES[name].positional
        assert parameter.param_type_name == ("argument" if positional else "option")
        assert parameter.required == info.is_required()
        assert (info.description or "").split(":")[0] in str(parameter.help)
        if not info.is_required():
            assert parameter.default == info.default


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_bounds_of_a_schema_are_bounds_of_the_command(name: str, variant: str) -> None:
    schema = tool_of(name, variant).args_schema.model_fields
    beyond = {
        field: rule.le + 1
        for field, info in schema.items()
        for rule in info.metadata
        if isinstance(rule, annotated_types.Le)
    }
    for field, value in beyond.items():
        option = f"--{field.replace('_', '-')}"
        words = ["x"] * len(CAPABILITIES[name].positional)
        ran = CliRunner().invoke(
            app, [name, *arguments_of(name, variant), *words, option, str(value)]
        )
        assert ran.exit_code == 2
        assert option in ran.output


def test_an_engine_has_its_own_options() -> None:
    ran = CliRunner().invoke(app, ["image", "a fox", "--engine=midjourney", "--steps", "3"])
    assert ran.exit_code == 2
    assert "--steps" in ran.output
    ran = CliRunner().invoke(app, ["image", "a fox", "--engine", "dall-e"])
    assert ran.exit_code == 2
    assert "openjourney" in ran.output


def test_every_command_is_listed() -> None:
    ran = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    for name, command in COMMANDS.items():
        assert name in ran.output
        assert command.help in ran.output


def test_weights_are_pairs(store: MediaStore) -> None:
    given = {"loras": ["detail=0.5", "a=b=2"], "steps": None, "width": 64}
    meant = read_arguments(given, media=(), texts=(), store=store)
    assert meant == {"loras": {"detail": 0.5, "a=b": 2.0}, "width": 64}
    with pytest.raises(typer.BadParameter, match="NAME=NUMBER"):
        read_arguments({"loras": ["detail"]}, media=(), texts=(), store=store)


def test_stdin_is_read_once(store: MediaStore) -> None:
    with pytest.raises(typer.BadParameter, match="image and prompt"):
        read_arguments(
            {"image": "-", "prompt": "-"}, media=("image",), texts=("prompt",), store=store
        )


def test_a_medium_is_a_file_a_handle_or_a_link(store: MediaStore, pictures) -> None:
    kept = store.add(pictures / "cat.png")
    assert medium(str(pictures / "cat.jpg"), store) == pictures / "cat.jpg"
    assert medium(kept.handle, store).handle == kept.handle
    assert medium("https://example.org/cat.png", store) == "https://example.org/cat.png"
    with pytest.raises(MediaInputError, match="no file"):
        medium("dog.png", store)
