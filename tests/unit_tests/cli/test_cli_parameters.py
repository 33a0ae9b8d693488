"""Options of the commands are what the request models say, with the defaults of the tools."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any

import annotated_types
import click
import pytest
from click.testing import CliRunner, Result

from langchain_visioncraft import MediaStore, tools
from langchain_visioncraft.cli.app import COMMANDS, app
from langchain_visioncraft.cli.capabilities import CAPABILITIES, tool_name
from langchain_visioncraft.cli.inputs import medium, read_arguments
from langchain_visioncraft.cli.parameters import parameters_of
from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.tools import VisionCraftTool
from langchain_visioncraft.tools.engines import TEXT_TO_IMAGE

TOOLS: dict[str, Any] = {
    "image": TEXT_TO_IMAGE,
    "edit": "VisionCraftImageToImage",
    "gif": "VisionCraftTextToGif",
    "video": "VisionCraftImageToVideo",
    "upscale": "VisionCraftUpscale",
    "transcribe": "VisionCraftTranscribe",
    "caption": "VisionCraftCaption",
}
VARIANTS = [(name, variant) for name, each in CAPABILITIES.items() for variant in each.variants]


def tool_of(name: str, variant: str) -> VisionCraftTool:
    client = VisionCraftClient(api_key="none", base_url="http://localhost")
    if isinstance(TOOLS[name], dict):
        kind = TOOLS[name][variant]
        choice = {kind.version_field: variant} if kind.api_versions else {}
        tool: VisionCraftTool = kind(client=client, **choice)
        return tool
    kind = getattr(tools, TOOLS[name])
    chosen = {"api_version": variant} if variant else {}
    made: VisionCraftTool = kind(client=client, **chosen)
    return made


def arguments_of(name: str, variant: str) -> list[str]:
    option = "--engine" if name == "image" else "--api-version"
    return [option, variant] if variant else []


def positional(name: str) -> list[str]:
    return {"image": ["prompt"], "gif": ["prompt"], "edit": ["image", "prompt"]}.get(
        name, ["audio" if name == "transcribe" else "image"]
    )


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_parameter_of_a_tool_is_one_of_its_command(name: str, variant: str) -> None:
    tool = tool_of(name, variant)
    arguments = arguments_of(name, variant)
    ctx = app.commands[name].make_context(name, arguments, resilient_parsing=True)
    parameters = {each.name: each for each in ctx.command.params}
    schema = tool.args_schema.model_fields
    assert {*schema, *tool.hidden_from_model} <= set(parameters)
    for field, info in schema.items():
        parameter: Any = parameters[field]
        is_argument = field in positional(name)
        assert isinstance(parameter, click.Argument if is_argument else click.Option)
        assert parameter.required == info.is_required()
        text = parameter.text if is_argument else parameter.help
        assert re.split("[:,.]", info.description)[0] in text
        if not info.is_required() and field != "loras":
            assert parameter.get_default(ctx) == info.default


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_command_has_the_choices_and_the_name_of_its_tool(name: str, variant: str) -> None:
    tool = tool_of(name, variant)
    capability = CAPABILITIES[name]
    endpoint = capability.variants[variant]
    assert endpoint is tool.endpoint()
    assert tool_name(endpoint) == tool.name
    if name != "image":
        assert list(capability.variants) == (list(tool.api_versions) or [""])
    else:
        assert list(capability.variants) == list(TEXT_TO_IMAGE)


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
        words = ["x"] * len(positional(name))
        ran = invoke(name, *arguments_of(name, variant), *words, option, str(value))
        assert ran.exit_code == 2
        assert f"Invalid value for '{option}'" in ran.stderr


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_the_help_says_bounds_once_and_nothing_of_other_years(name: str, variant: str) -> None:
    ran = invoke(name, *arguments_of(name, variant), "--help")
    told = " ".join(ran.stdout.split())
    assert not re.search(r"\d to \d|\d or \d|\[\d+ |Required in|, from \d|\.\.", told)
    for field, info in tool_of(name, variant).args_schema.model_fields.items():
        for rule in info.metadata:
            if isinstance(rule, annotated_types.Le):
                _, _, text = told.partition(f"--{field.replace('_', '-')} ")
                assert text.partition("--")[0].count(f"<=x<={rule.le}]") == 1


def test_an_engine_has_its_own_options() -> None:
    ran = invoke("image", "a fox", "--engine=midjourney", "--steps", "3")
    assert ran.exit_code == 2
    assert "No such option '--steps'" in ran.stderr
    ran = invoke("image", "a fox", "--engine", "dall-e")
    assert ran.exit_code == 2
    assert "'openjourney'" in ran.stderr


def test_every_command_is_listed() -> None:
    ran = invoke("--help")
    for name, (text, _) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", ran.output, re.MULTILINE)


def test_weights_are_pairs() -> None:
    [loras] = [each for each in parameters_of("image", "sd") if each.name == "loras"]
    ctx = click.Context(click.Command("image"))
    assert loras.process_value(ctx, ["detail=0.5", "a=b=2"]) == {"detail": 0.5, "a=b": 2.0}
    assert loras.process_value(ctx, ()) is None
    for wrong in ("detail", "=0.5", "detail=nan", "detail=inf", "detail="):
        ran = invoke("image", "a fox", "--lora", wrong)
        assert f"{wrong!r} is not NAME=NUMBER" in ran.stderr


def test_stdin_is_read_once(store: MediaStore) -> None:
    with pytest.raises(click.UsageError, match="image and prompt"):
        read_arguments({"image": "-", "prompt": "-"}, media=("image",), store=store)


def test_a_medium_is_a_file_a_handle_or_a_link(store: MediaStore, pictures) -> None:
    kept = store.add(pictures / "cat.png")
    assert medium(str(pictures / "cat.jpg"), store).path == pictures / "cat.jpg"
    assert medium(kept.handle, store).media == kept
    assert medium("https://example.org/cat.png", store).url == "https://example.org/cat.png"
    with pytest.raises(MediaInputError, match="no file"):
        medium("dog.png", store)


@pytest.mark.parametrize("empty", [False, True])
def test_a_medium_may_be_a_named_pipe(
    store: MediaStore, pictures: Path, tmp_path: Path, empty: bool
) -> None:
    data = b"" if empty else (pictures / "cat.png").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    if empty:
        with pytest.raises(MediaInputError, match=r"Nothing came from .*pipe: pipe a picture"):
            medium(str(pipe), store)
    else:
        assert medium(str(pipe), store).data == data
    writer.join(10)
