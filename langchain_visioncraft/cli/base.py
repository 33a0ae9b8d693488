"""Click with headings in the help, near names, and this package's error reports.

This module imports only click: a command is data, and names the function that does its work.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from langchain_visioncraft.cli.problems import INTERRUPTED, USAGE, colours, near, report


class Argument(click.Argument):
    """An argument that is explained in the help, with every version of click."""

    panel = "Arguments"

    def __init__(self, name: str, text: str, **settings: Any) -> None:
        super().__init__([name], **settings)
        self.text = text

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Its form in the usage, and its meaning."""
        return " ".join(self.get_usage_pieces(ctx)), self.text

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Its form in errors: without the brackets that mark it as optional."""
        return super().get_error_hint(ctx).replace("[", "").replace("]", "")


class Choice(click.Choice):  # type: ignore[type-arg]  # a plain class before click 8.2
    """One of a few values, not all of them texts; for a wrong one, near ones are suggested."""

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = {str(value): value for value in values}
        super().__init__(list(self.values))

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a text."""
        if str(value) not in self.values:
            listed = ", ".join(map(repr, self.values))
            self.fail(
                f"{value!r} is not one of {listed}.{near(str(value), self.values)}", param, ctx
            )
        return self.values[str(value)]


class Command(click.Command):
    """A command whose help has headings, with this package's error reports."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Arguments and options, each under its heading."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                panels.setdefault(getattr(parameter, "panel", "Options"), []).append(record)
        for title, records in panels.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **settings: Any) -> Any:
        """Run it, and exit with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        settings |= {"standalone_mode": False, "max_content_width": 100, "show_default": True}
        try:
            code = super().main(args, *rest, color=colours(), **settings)
        except click.Abort:
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001 -- bugs are raised again
            code = report(error, as_json="--json" in options)
        sys.exit(code or 0)


class Group(Command, click.Group):
    """Commands, in the order in which they were added."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Not sorted."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options, and then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without arguments: the help, and the exit code of wrong usage."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command of this name; if there is none, near ones are suggested."""
        name = args[0]
        if name not in self.commands and name[:1] != "-" and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}.{near(name, self.commands)}")
        return super().resolve_command(ctx, args)


class Lazy(click.Command):
    """A command that is made when it is used, not when it is listed.

    `make` returns the command for a value of its parameter ``variant``, or for the default.
    """

    def __init__(self, name: str, text: str, make: Callable[..., click.Command]) -> None:
        super().__init__(name, help=text)
        self._make = make

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """That of the command itself."""
        command = self._make()
        if any(each.name == "variant" for each in command.params):
            lenient = {**extra, "resilient_parsing": True, "ignore_unknown_options": True}
            seen = command.make_context(info_name, [*args], *rest, **lenient)
            command = self._make(seen.params.get("variant"))
        command.help = command.help or self.help
        return command.make_context(info_name, args, *rest, **extra)


def command(*parameters: click.Parameter) -> Callable[[Callable[..., Any]], Command]:
    """Make a command from a function, whose docstring is the help."""
    return click.command(cls=Command, params=list(parameters))


def option(names: str, text: str, **settings: Any) -> click.Option:
    """An option with its help; the names are separated by spaces."""
    return click.Option(names.split(), help=text, **settings)


def panel(title: str, *options: click.Option) -> tuple[click.Option, ...]:
    """Put options under a heading of their own."""
    for each in options:
        vars(each)["panel"] = title
    return options


def load(target: str, extra: str) -> Any:
    """Import what a text such as ``package.module:name`` names.

    If it needs a package that is not installed, the `ImportError` says how to install it.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        install = f"pip install 'langchain-visioncraft[{extra}]'"
        msg = f"the package {error.name!r} is not installed. Run: {install}"
        raise ImportError(msg) from None
