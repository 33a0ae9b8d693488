"""Click's parameters, out of the fields of request models."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from langchain_visioncraft.cli.base import Argument, Choice, option

MEDIUM: dict[str, Any] = {"type": click.Path(), "metavar": "FILE|URL|HANDLE|-"}
_BOUNDS = {"ge": "min", "gt": "min", "le": "max"}
_RANGES = {int: click.IntRange, float: click.FloatRange}
# Click shows the bounds itself; those of other years are for the documentation.
_SHOWN_ELSEWHERE = re.compile(
    r" \[[^]]*\]|(^|,) ?(from )?-?\d+(\.\d+)?( (to|or) \d+(\.\d+)?)?(?=[,;.]|$)"
)


def parameters_of(
    fields: Mapping[str, FieldInfo],
    *,
    defaults: Mapping[str, Any] = types.MappingProxyType({}),
    positional: Sequence[str] = (),
    media: Collection[str] = (),
) -> list[click.Parameter]:
    """A parameter a field, with its type, default, bounds and description.

    `defaults` come before the model's own. `positional` are arguments, in that order, the others
    options; `media` name a picture or recording.
    """
    made: list[click.Parameter] = []
    for name in (*positional, *(name for name in fields if name not in positional)):
        field, flag = fields[name], f"--{name.replace('_', '-')}"
        text = _SHOWN_ELSEWHERE.sub("", field.description or "").lstrip(", ")
        text = text.replace("a handle or a URL", "a file, a handle, a URL, or - for stdin")
        settings = MEDIUM if name in media else _settings(field)
        if name in positional:
            stdin = "" if name in media else " - reads it from stdin."
            made.append(Argument(name, text + stdin, required=True, **settings))
            continue
        own = None if field.is_required() else field.get_default(call_default_factory=True)
        if settings.get("multiple"):
            flag, text = flag.removesuffix("s"), f"{text.rstrip('.')}; repeatable."
        elif settings["type"] is bool:
            flag = f"{flag}/--no-{flag[2:]}"
        settings = {"default": defaults.get(name, own), **settings}
        made.append(option(f"{flag} {name}", text[:1].upper() + text[1:], **settings))
    return made


def _settings(field: FieldInfo) -> dict[str, Any]:
    """How click reads it."""
    kind: Any = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is dict:
        return {"multiple": True, "metavar": "NAME=NUMBER", "callback": _pairs, "default": ()}
    if get_origin(kind) is Literal:
        return {"type": Choice(get_args(kind))}
    rules = {
        name: getattr(each, name)
        for each in field.metadata
        for name in _BOUNDS
        if hasattr(each, name)
    }
    if kind in _RANGES and rules:
        bounds = {_BOUNDS[name]: bound for name, bound in rules.items()}
        return {"type": _RANGES[kind](**bounds, min_open="gt" in rules)}
    return {"type": kind}


def _pairs(_: object, parameter: click.Parameter, given: Sequence[str]) -> Any:
    """The dictionary of several ``NAME=NUMBER``; None for none."""
    pairs = {}
    for text in given:
        key, number = text.rpartition("=")[::2]
        try:
            pairs[key] = float(number)
        except ValueError:
            msg = f"{text!r} is not NAME=NUMBER, such as detail=0.5."
            raise click.BadParameter(msg, param=parameter) from None
    return pairs or None
