"""A group of commands that imports a command when it is used, not when it is listed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from langchain_visioncraft.cli.problems import fail


@dataclass(frozen=True)
class LazyCommand:
    """A command that is not imported yet.

    Attributes:
        help: One sentence, for the list of commands and the command itself.
        target: ``module:name`` of a Typer application or a function, or of a `Chosen`.
        extra: What to install where the module needs a package that is not there.
    """

    help: str
    target: str
    extra: str = "cli"

    def stub(self, name: str) -> Any:
        """What the list of commands shows."""
        return _command(name, lambda: None, self.help)

    def load(self, name: str, arguments: list[str]) -> Any:
        """The command for these arguments."""
        module, _, attribute = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("langchain_visioncraft"):
                raise
            raise fail(
                f"the package {error.name!r} is not installed. "
                f"Run: pip install 'langchain-visioncraft[{self.extra}]'"
            ) from None
        if isinstance(found, typer.Typer):
            group = typer.main.get_command(found)
            group.name = name
            return group
        if isinstance(found, Chosen):
            found = found.choose(arguments)
        return _command(name, found, self.help)


@dataclass(frozen=True)
class Chosen:
    """A command whose parameters depend on its arguments, such as ``--engine``.

    Attributes:
        choose: Gives the function for these arguments.
    """

    choose: Callable[[list[str]], Callable[..., Any]]


def _command(name: str, function: Callable[..., Any], text: str) -> Any:
    """One Typer command of a function."""
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, help=text)(function)
    return typer.main.get_command(single)


class LazyGroup(TyperGroup):
    """Lists its commands without importing them."""

    commands_by_name: Mapping[str, LazyCommand] = {}

    @classmethod
    def of(cls, commands: Mapping[str, LazyCommand]) -> type[LazyGroup]:
        """A group of these commands."""
        return type(cls.__name__, (cls,), {"commands_by_name": commands})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        """In the order in which they were given."""
        return list(self.commands_by_name)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """For help and completion: the name and one sentence."""
        found = self.commands_by_name.get(cmd_name)
        return found and found.stub(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """To be run, or completed: the command itself."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, None, rest
        return name, self.commands_by_name[name].load(name, rest), rest
