"""Every tool through every converter of schemas: nothing that a model must know gets lost.

It needs the packages of the dependency group ``interop``: see `interop`.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from agents.strict_schema import ensure_strict_json_schema
from autogen_ext.tools.langchain import LangChainToolAdapter
from crewai.tools.base_tool import Tool as CrewTool
from google.adk.integrations.langchain import LangchainTool
from langchain_anthropic.chat_models import convert_to_anthropic_tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_google_genai._function_utils import convert_to_genai_function_declarations
from pydantic_ai.ext.langchain import tool_from_langchain

from langchain_visioncraft import tools as package
from langchain_visioncraft.tools import VisionCraftTool

Properties = Mapping[str, Any]


def openai_strict(tool: VisionCraftTool) -> Properties:
    """What langchain-openai sends with ``strict=True``."""
    return _strict(convert_to_openai_tool(tool, strict=True)["function"]["parameters"])


def agents_strict(tool: VisionCraftTool) -> Properties:
    """What the OpenAI Agents SDK makes of a schema, as of that of an MCP server."""
    return _strict(ensure_strict_json_schema(copy.deepcopy(tool.args_schema.model_json_schema())))


def _strict(schema: Mapping[str, Any]) -> Properties:
    properties: Properties = schema["properties"]
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", ())) == set(properties)
    return properties


def anthropic(tool: VisionCraftTool) -> Properties:
    """What langchain-anthropic sends."""
    return dict(convert_to_anthropic_tool(tool)["input_schema"]["properties"])


def gemini(tool: VisionCraftTool) -> Properties:
    """What langchain-google-genai sends."""
    [made] = convert_to_genai_function_declarations([tool])[0].function_declarations
    return _by_google(made.parameters)


def adk(tool: VisionCraftTool) -> Properties:
    """What Google's ADK sends."""
    declaration = LangchainTool(tool)._get_declaration()
    return _by_google(declaration.parameters or declaration.parameters_json_schema)


def _by_google(schema: Any) -> Properties:
    if schema is None:
        return {}
    plain = schema if isinstance(schema, dict) else schema.model_dump(exclude_none=True)
    return plain.get("properties") or {}


def crewai(tool: VisionCraftTool) -> Properties:
    """What CrewAI sends."""
    return dict(CrewTool.from_langchain(tool).args_schema.model_json_schema()["properties"])


def autogen(tool: VisionCraftTool) -> Properties:
    """What AutoGen sends."""
    return dict(LangChainToolAdapter(tool).schema["parameters"]["properties"])


def pydantic_ai(tool: VisionCraftTool) -> Properties:
    """What pydantic-ai sends."""
    definition = asyncio.run(tool_from_langchain(tool).prepare_tool_def(None))
    return dict(definition.parameters_json_schema["properties"])


CONVERTERS: tuple[Callable[[VisionCraftTool], Properties], ...] = (
    openai_strict, agents_strict, anthropic, gemini, adk, crewai, autogen, pydantic_ai,
)  # fmt: skip


def lost(tool: VisionCraftTool, convert: Callable[[VisionCraftTool], Properties]) -> str | None:
    """What a converter loses of a tool, or how it fails."""
    try:
        properties = convert(tool)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if set(properties) != set(tool.args):
        return f"other parameters: {sorted(set(properties) ^ set(tool.args))}"
    bare = [name for name, each in properties.items() if not each.get("description")]
    return f"no description of {bare}" if bare else None


def main() -> int:
    """Check all; the exit code."""
    warnings.simplefilter("ignore")  # of the frameworks
    logging.disable()
    exported = (getattr(package, name) for name in package.__all__)
    kinds = [each for each in exported if isinstance(each, type) and each is not VisionCraftTool]
    problems = 0
    for convert in CONVERTERS:
        found = {kind.__name__: lost(kind(api_key="any"), convert) for kind in kinds}
        wrong = {name: what for name, what in found.items() if what}
        problems += len(wrong)
        print(f"{convert.__name__}: {wrong or f'takes all {len(kinds)} tools'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
