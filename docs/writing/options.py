"""The options of the commands, as a table: the command line reads it instead of the models."""

from __future__ import annotations

import copy
import json
import re
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from langchain_visioncraft.cli.capabilities import CAPABILITIES
from langchain_visioncraft.client.drawing import BEST_FIRST, parameters_of_drawings
from langchain_visioncraft.client.lists import ListRequest
from langchain_visioncraft.client.options import ChatOptions

_KINDS = {int: "integer", float: "number", bool: "flag", str: "text"}
_BOUNDS = {"ge": "min", "gt": "min", "le": "max"}
# Click shows the bounds itself; those of other years are for the documentation.
_SHOWN_ELSEWHERE = re.compile(
    r" \[[^]]*\]|(^|,) ?(from )?-?\d+(\.\d+)?( (to|or) \d+(\.\d+)?)?(?=[,;.]|$)"
)


def table() -> str:
    """The text of ``options.json``: command → variant → parameters."""
    lines = []
    for command, variants in _commands():
        lists = []
        for variant, parameters in variants.items():
            shown = ",\n   ".join(json.dumps(each, ensure_ascii=False) for each in parameters)
            lists.append(f"  {json.dumps(variant)}: [\n   {shown}]")
        lines.append(f" {json.dumps(command)}: {{\n" + ",\n".join(lists) + "}")
    return "{\n" + ",\n".join(lines) + "}\n"


def _commands() -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    for name, capability in CAPABILITIES.items():
        common = parameters_of_drawings() if capability.draws else {}
        variants = {
            variant: _parameters(
                {**common, **endpoint.request.model_fields},
                defaults=endpoint.request.suggested,
                media=endpoint.request.media_kinds,
            )
            for variant, endpoint in capability.variants.items()
        }
        if capability.draws:
            variants["auto"] = _of_any([variants[engine] for engine in BEST_FIRST])
        if len(variants) > 1:
            for parameters in variants.values():
                place = sum("required" in each for each in parameters)
                parameters.insert(place, _choice(variants))
        yield name, variants
    yield "chat", {"": _parameters(ChatOptions.model_fields)}
    yield "models", {"": _parameters(_fields_of_lists(), arguments=("family", "kind"))}


def _choice(variants: Collection[str]) -> dict[str, Any]:
    """The option that chooses among the engines or the versions of a command."""
    flag, first = "--api-version", next(iter(variants))
    text = "Each has its own options: see {} … --help."
    if "auto" in variants:
        flag = "--engine"
        text += f" auto takes the first of these that the host offers: {', '.join(BEST_FIRST)}."
    kind = {"type": "choice", "choices": [*variants], "default": first}
    return {"name": "variant", "flag": flag, **kind, "help": text.format(flag)}


def _fields_of_lists() -> dict[str, FieldInfo]:
    fields = {name: copy.copy(field) for name, field in ListRequest.model_fields.items()}
    for name, default, words in (("family", None, "all of them"), ("kind", "models", "models")):
        fields[name].default = default
        fields[name].description = f"{fields[name].description} Default: {words}."
    return fields


def _parameters(
    fields: Mapping[str, FieldInfo],
    *,
    defaults: Mapping[str, Any] = types.MappingProxyType({}),
    media: Collection[str] = (),
    arguments: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Arguments come first: by default, what must be given and may be given by position."""
    if arguments is None:
        positional = {name: field for name, field in fields.items() if field.kw_only is False}
        arguments = [name for name, field in positional.items() if field.is_required()]
    made = []
    for name, field in sorted(fields.items(), key=lambda each: each[1].kw_only is not False):
        text = _SHOWN_ELSEWHERE.sub("", field.description or "").lstrip(", ")
        text = text.replace("a handle or a URL", "a file, a handle, a URL, or - for stdin")
        parameter = {"name": name, **_type(field, is_medium=name in media)}
        if name in arguments:
            parameter["required"] = field.is_required()
            if parameter["type"] == "text":
                text += " - reads it from stdin."
        elif parameter["type"] == "weights":
            text = f"{text.rstrip('.')}; repeatable."
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        default = defaults.get(name, default)
        if default is not None:
            parameter["default"] = default
        made.append({**parameter, "help": text[:1].upper() + text[1:]})
    return made


def _type(field: FieldInfo, *, is_medium: bool) -> dict[str, Any]:
    """How the command line reads it."""
    kind: Any = field.annotation
    if is_medium:
        return {"type": "medium"}
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is dict:
        return {"type": "weights"}
    if get_origin(kind) is Literal:
        return {"type": "choice", "choices": get_args(kind)}
    bounds = {
        ours: getattr(rule, theirs)
        for rule in field.metadata
        for theirs, ours in _BOUNDS.items()
        if hasattr(rule, theirs) and kind is not str
    }
    if any(hasattr(rule, "gt") for rule in field.metadata):
        bounds["min_open"] = True
    return {"type": _KINDS[kind], **bounds}


def _of_any(engines: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The parameters that any of several engines takes, in the widest bounds."""
    found: dict[str, dict[str, Any]] = {}
    for each in (parameter for engine in engines for parameter in engine):
        first = found.setdefault(each["name"], {**each})
        for bound, widest in (("min", min), ("max", max)):
            if bound in first and bound in each:
                first[bound] = widest(first[bound], each[bound])
            else:
                first.pop(bound, None)
        if first.get("default") != each.get("default"):
            first.pop("default", None)
        if first["type"] != each["type"]:
            first["type"] = "number"
    return [*found.values()]
