"""Typer's parameters, out of the fields of pydantic models and dataclasses."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

_SIMPLE = (str, int, float, bool)
_MEDIA = "FILE|URL|HANDLE|-"


def parameters_of(
    fields: Mapping[str, FieldInfo],
    *,
    positional: Sequence[str] = (),
    media: Collection[str] = (),
) -> list[inspect.Parameter]:
    """A parameter a field, with its type, default, bounds and description.

    Args:
        fields: Of a pydantic model.
        positional: Which are arguments, in this order; the others are options.
        media: Which name a picture or recording.
    """
    ordered = [*positional, *(name for name in fields if name not in positional)]
    return [_parameter(name, fields[name], name in positional, name in media) for name in ordered]


def _parameter(name: str, field: FieldInfo, positional: bool, media: bool) -> inspect.Parameter:
    text = escape(field.description or "")
    kind, settings = (str, {"metavar": _MEDIA}) if media else _kind(field)
    if media:
        text = text.replace("a handle or a URL", "a file, a handle, a URL, or - for stdin")
    elif positional and kind is str:
        text = f"{text} - reads it from stdin."
    declared = [f"--{name.removesuffix('s')}"] if get_origin(kind) is list else []
    required = field.is_required()
    default = inspect.Parameter.empty if required else field.get_default(call_default_factory=True)
    option = typer.Argument if positional else typer.Option
    info = option(*([] if positional else declared), help=text, **settings)
    optional = kind if required or default is not None else kind | None
    return keyword(name, Annotated[optional, info], default)


def _kind(field: FieldInfo) -> tuple[Any, dict[str, Any]]:
    """What Typer reads, and the bounds that it checks."""
    annotation = _without_none(field.annotation)
    if get_origin(annotation) is dict:
        return list[str], {"metavar": "NAME=NUMBER"}
    if get_origin(annotation) is Literal:
        return annotation, {}
    if annotation not in _SIMPLE:
        annotation = str
    bounds: dict[str, Any] = {}
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge) and annotation in (int, float):
            bounds["min"] = rule.ge
        elif isinstance(rule, annotated_types.Le) and annotation in (int, float):
            bounds["max"] = rule.le
    return annotation, bounds


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        left = [part for part in get_args(annotation) if part is not type(None)]
        return left[0] if len(left) == 1 else str
    return annotation


def keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """A parameter that is given by name."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def command(
    function: Callable[..., None],
    *more: inspect.Parameter,
    **groups: type[Any],
) -> Callable[..., None]:
    """A function for Typer, whose parameters come from three places.

    Args:
        function: Gets everything by name. Its own parameters are options as Typer reads them.
        more: Further parameters, which it gets as they are; they come after its own.
        groups: Parameters of `function` that are dataclasses; each field of one is an option.
    """
    # `get_type_hints` would hide what is annotated behind an Optional, on Python 3.10.
    own = [
        keyword(each.name, each.annotation, each.default)
        for each in inspect.signature(function, eval_str=True).parameters.values()
        if each.name not in groups and each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    members = {name: _members(group) for name, group in groups.items()}
    grouped = [each for group in members.values() for each in group]

    @functools.wraps(function)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{each.name: values.pop(each.name) for each in members[name]})
        function(**values)

    parameters = [*own, *more, *grouped]
    del run.__wrapped__  # inspect would look through to the parameters of `function`
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _members(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        keyword(field.name, hints[field.name], field.default) for field in dataclasses.fields(group)
    ]
