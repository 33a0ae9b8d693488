"""The parameters of commands that follow from request models, from the table ``options.json``.

``python docs/write_pages.py`` writes the table, so that help and completion need no model.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.base import Argument, Choice, option

MEDIUM: dict[str, Any] = {"type": click.Path(), "metavar": "FILE|URL|HANDLE|-"}
_TYPES: dict[str, Any] = {"integer": int, "number": float, "flag": bool, "text": str}
_RANGES = {"integer": click.IntRange, "number": click.FloatRange}


@functools.cache
def _table() -> dict[str, dict[str, list[dict[str, Any]]]]:
    text = Path(__file__).with_name("options.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(text)
    return table


def variants_of(command: str) -> list[str]:
    """The endpoints that a command can call, by name; the default first."""
    return [*_table()[command]]


def parameters_of(command: str, variant: str | None = None) -> list[click.Parameter]:
    """The parameters of a command, arguments first; without `variant`, of its first one."""
    variants = _table()[command]
    return [_parameter(**row) for row in variants[variant or next(iter(variants))]]


def _parameter(
    *,
    name: str,
    type: str,  # noqa: A002 -- the word of the table
    help: str,  # noqa: A002
    flag: str = "",
    default: Any = None,
    required: bool | None = None,
    choices: Sequence[Any] = (),
    **bounds: Any,
) -> click.Parameter:
    settings: dict[str, Any] = {"type": _TYPES.get(type)}
    if not required:  # click requires no argument that has a default, even None
        settings["default"] = default
    flag = flag or f"--{name.replace('_', '-')}"
    if type == "medium":
        settings |= MEDIUM
    elif type == "choice":
        settings |= {"type": Choice(choices)}
    elif type == "weights":
        flag = flag.removesuffix("s")
        settings |= {"multiple": True, "metavar": "NAME=NUMBER", "callback": _pairs, "default": ()}
    elif bounds:
        settings |= {"type": _RANGES[type](**bounds)}
    if required is not None:
        if type == "choice":
            settings["metavar"] = f"[{name.upper()}]"
        return Argument(name, help, required=required, **settings)
    if type == "flag":
        flag = f"{flag}/--no-{flag[2:]}"
    return option(f"{flag} {name}", help, **settings)


def _pairs(_: object, parameter: click.Parameter, given: Sequence[str]) -> Any:
    """The dictionary of several ``NAME=NUMBER``; None for none."""
    pairs = {}
    for text in given:
        key, number = text.rpartition("=")[::2]
        try:
            pairs[key] = float(number)
        except ValueError:
            key = ""
        if not key or not math.isfinite(pairs[key]):
            msg = f"{text!r} is not NAME=NUMBER, such as detail=0.5."
            raise click.BadParameter(msg, param=parameter)
    return pairs or None
