"""One page a tool, written from its class, its example, and what the example gave."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from langchain_visioncraft import tools
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.tools import VisionCraftTool
from writing.tables import cell, markdown_table

DOCS = Path(__file__).resolve().parents[1]
PICTURES = DOCS / "pictures"
SHARED = "[What all tools share](index.md#what-all-tools-share)"

VISIBLE = frozenset(tools.__all__) - {"PROGRESS_EVENT", "VisionCraftTool"}

ABOUT_PICTURES = (
    "The sandbox made this with its own small engines. A host with the real models returns "
    "different results."
)

ABOUT_ARGUMENTS = (
    "A call takes these arguments. To change the default of an argument for all calls, pass it to "
    "the constructor."
)
RECORDING = '<audio src="../../cookbook/assets/spoken_note.ogg" controls></audio>'


def tool_classes() -> dict[str, type[VisionCraftTool]]:
    """The tools by the names of their pages, such as ``text_to_image``, in their module's order."""
    kinds = [getattr(tools, name) for name in tools._MODULES if name in VISIBLE]
    return {kind.model_fields["name"].default.removeprefix("visioncraft_"): kind for kind in kinds}


def pages() -> dict[str, str]:
    """Name → Markdown of each tool's page."""
    return {name: page(name, kind) for name, kind in tool_classes().items()}


def page(name: str, kind: type[VisionCraftTool]) -> str:
    """The Markdown of one tool's page."""
    tool = kind(api_key="any")
    example = (DOCS / "examples" / f"{name}.py").read_text(encoding="utf-8")
    output = (PICTURES / f"{name}.txt").read_text(encoding="utf-8")
    entry = f"[`{kind.__name__}`](../reference/tools.md#{kind.__module__}.{kind.__name__})"
    parts = [
        f"# {kind.__name__}",
        _summary(kind),
        *([_figure(name), ABOUT_PICTURES] if shown(name) else []),
        *([RECORDING] if "audio" in tool.args else []),
        f"```python\n{example}```",
        f"It prints:\n\n```text\n{output.rstrip()}\n```",
        "## Arguments",
        *([ABOUT_ARGUMENTS, *_arguments(tool)] if tool.args else ["A call takes no arguments."]),
        *_only_in_code(tool),
        "## What the model sees",
        f"The tool's name is `{tool.name}`. Its description:\n\n> {tool.description}",
        f"## Endpoint\n\n{_endpoints(tool)}",
        f"## More\n\n- {SHARED}: settings, errors and results\n- {entry} in the reference",
    ]
    return "\n\n".join(parts) + "\n"


def gallery() -> str:
    """All tools that make something to look at, each with its picture, for the front page."""
    items = []
    for name, kind in tool_classes().items():
        if shown(name):
            path = f"pictures/{shown(name)}"
            still = f'<video src="{path}" muted playsinline></video>'
            medium = still if path.endswith(".mp4") else f'<img src="{path}" alt="">'
            label = f"<span>{kind.__name__.removeprefix('VisionCraft')}</span>"
            items.append(f'<a href="tools/{name}.md">{medium}{label}</a>')
    return '<div class="gallery">\n' + "\n".join(items) + "\n</div>"


def table() -> str:
    """All tools, what they do, and their names for the model."""
    rows = [
        (f"[`{kind.__name__}`]({name}.md)", _gives(kind), f"`{kind(api_key='any').name}`")
        for name, kind in tool_classes().items()
    ]
    return markdown_table(("class", "what it does", "name for the model"), rows)


def readme_table() -> str:
    """All tools and what they do, for the README, without the dates of documents."""
    rows = [
        (f"[`{kind.__name__}`](docs/tools/{name}.md)", re.sub(r" \(20[^)]*\)", "", _gives(kind)))
        for name, kind in tool_classes().items()
    ]
    return markdown_table(("tool", "what it does"), rows)


def _gives(kind: type[VisionCraftTool]) -> str:
    return cell(_first_sentence(kind)).rstrip(".")


def reference() -> str:
    """The directives that write the reference of each tool from its docstring."""
    kinds = [VisionCraftTool, *tool_classes().values()]
    return "\n\n".join(f"::: {kind.__module__}.{kind.__name__}" for kind in kinds)


def navigation() -> str:
    """The lines of the site's navigation that lead to the tools' pages."""
    lines = (f"      - {kind.__name__}: tools/{name}.md" for name, kind in tool_classes().items())
    return "\n".join(lines)


def shown(name: str) -> str:
    """The file that shows a tool's result; empty for texts about nothing visible."""
    for file in (f"{name}.jpg", f"{name}.gif", f"{name}.mp4", f"{name}_source.jpg"):
        if (PICTURES / file).exists():
            return file
    return ""


def _summary(kind: type[VisionCraftTool]) -> str:
    """The docstring without its code and its list of attributes, which stand elsewhere."""
    text = re.sub(r"```.*?```\n*", "", inspect.getdoc(kind) or "", flags=re.DOTALL)
    return text.partition("\nAttributes:")[0].strip()


def _first_sentence(kind: type[VisionCraftTool]) -> str:
    return re.split(r"\.\s", _summary(kind) + " ", maxsplit=1)[0] + "."


def _figure(name: str) -> str:
    file, source = shown(name), f"{name}_source.jpg"
    media = [f"{_medium(name, f'../pictures/{file}', 'the result')}"]
    if (PICTURES / source).exists() and file != source:
        media.insert(0, _medium(name, f"../pictures/{source}", "the source"))
    if file == source:
        media = [_medium(name, f"../pictures/{source}", "the picture that it describes")]
    return '<div class="results" markdown>\n' + "\n".join(media) + "\n</div>"


def _medium(name: str, path: str, what: str) -> str:
    return _video(path) if path.endswith(".mp4") else f"![{name}: {what}]({path})"


def _video(path: str) -> str:
    return f'<video src="{path}" controls loop muted playsinline></video>'


def _arguments(tool: VisionCraftTool) -> list[str]:
    if not tool.api_versions:
        return [_schema_table(tool.args_schema)]
    parts = []
    for version in tool.api_versions:
        chosen: dict[str, Any] = {tool.version_field: version}
        spoken = type(tool)(api_key="any", **chosen)
        parts.append(f'With `{tool.version_field}="{version}"`{_default_mark(tool, version)}:')
        parts.append(_schema_table(spoken.args_schema))
    return parts


def _default_mark(tool: Any, version: str) -> str:
    return ", the default" if getattr(tool, tool.version_field) == version else ""


def parameters() -> str:
    """The parameters of each endpoint."""
    known = {name: each for name, each in vars(endpoints).items() if isinstance(each, Endpoint)}
    return "\n\n".join(
        f"### `{name}` {{ #takes-{name} }}\n\n{_summary_of(each)}\n\n{_schema_table(each.request)}"
        for name, each in known.items()
    )


def _summary_of(endpoint: Endpoint[..., Any, Any]) -> str:
    return cell((inspect.getdoc(endpoint) or "").partition("\n\n")[0])


def _schema_table(schema: Any) -> str:
    described = schema.model_json_schema()
    required = set(described.get("required", ()))
    rows = []
    listed = sorted(described["properties"].items(), key=lambda item: item[0] not in required)
    for name, facts in listed:
        default = "required" if name in required else _shown_default(facts.get("default"))
        rows.append(
            (f"`{name}`", cell(type_of(facts)), default, cell(facts.get("description", "")))
        )
    if not rows:
        return "None."
    return markdown_table(("argument", "type", "default", ""), rows)


def _shown_default(value: object) -> str:
    if value is None:
        return "none"
    return f"`{value!r}`" if len(repr(value)) < 40 else "a longer text: see the reference"


def type_of(facts: dict[str, Any]) -> str:
    """A JSON schema in words, with its bounds: ``integer, 1 to 35``."""
    options = [option for option in facts.get("anyOf", [facts]) if option.get("type") != "null"]
    return " or ".join(_one_type(option) for option in options)


def _one_type(facts: dict[str, Any]) -> str:
    if "enum" in facts:
        return "one of " + ", ".join(f"`{value!r}`" for value in facts["enum"])
    pairs = {"object": "object of names and numbers", "array": "list of names with weights"}
    kind = pairs.get(facts["type"], facts["type"])
    low, high = facts.get("minimum"), facts.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:g} to {high:g}"
    if low is not None:
        return f"{kind}, from {low:g}"
    return str(kind)


def _only_in_code(tool: VisionCraftTool) -> list[str]:
    """Fields of this class alone, and parameters that no model sets."""
    kind = type(tool)
    arguments = tool.args_schema.model_fields
    own = {
        name: field
        for name, field in kind.model_fields.items()
        if name not in VisionCraftTool.model_fields.keys() - kind.hidden_from_model
        and name not in arguments
    }
    if tool.api_versions:
        spoken = {name for each in tool.api_versions.values() for name in each.request.model_fields}
        own = {name: field for name, field in own.items() if name not in spoken}
    if not own:
        return []
    documented = _attributes(kind)
    rows = [
        (
            f"`{name}`",
            _shown_default(field.default),
            cell(documented.get(name) or field.description or ""),
        )
        for name, field in own.items()
    ]
    return ["Set these in the constructor only:", markdown_table(("field", "default", ""), rows)]


def _attributes(kind: type[VisionCraftTool]) -> dict[str, str]:
    _, _, listed = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    entries = re.split(r"^    (?=\w+:)", listed, flags=re.MULTILINE)
    pairs = (entry.partition(":") for entry in entries if ":" in entry)
    return {name: " ".join(text.split()) for name, _, text in pairs}


def _endpoints(tool: VisionCraftTool) -> str:
    called: list[Endpoint[..., Any, Any]] = [*tool.api_versions.values()] or [tool.endpoint()]
    lines = [f"- {_summary_of(each)}" for each in called]
    return "\n".join(lines) + "\n\n[The API](../api.md) lists all endpoints and their documents."
