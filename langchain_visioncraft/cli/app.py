"""The application: the commands of the table, and their completion in shells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft.cli.base import Group, load
from langchain_visioncraft.cli.commands import COMMANDS

_FISH = "~/.config/fish/completions/visioncraft.fish"
_COMPLETION = {
    "bash": ("~/.bashrc", 'eval "$(_VISIONCRAFT_COMPLETE=bash_source visioncraft)"'),
    "zsh": ("~/.zshrc", 'eval "$(_VISIONCRAFT_COMPLETE=zsh_source visioncraft)"'),
    "fish": (_FISH, "_VISIONCRAFT_COMPLETE=fish_source visioncraft | source"),
}
"""The file that each shell reads, and the line that it needs there."""


class Lazy(click.Command):
    """A command that is imported when it is used, not when it is listed."""

    def __init__(self, name: str, target: str, text: str, extra: str) -> None:
        super().__init__(name, help=text, short_help=text)
        self._found = target, extra

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """That of the command itself."""
        command = load(*self._found)
        command.help = command.help or self.help
        return command.make_context(info_name, args, *rest, **extra)


def _install_completion(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in _COMPLETION:
        ctx.fail(f"Completion is for bash, zsh and fish, but SHELL names {shell or 'none'}.")
    name, line = _COMPLETION[shell]
    path = Path(name).expanduser()
    if not path.exists() or line not in path.read_text(encoding="utf-8", errors="replace"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    click.echo(f"{path} completes commands and options in new shells.")
    ctx.exit()


@click.group(
    cls=Group,
    commands={name: Lazy(name, *facts) for name, facts in COMMANDS.items()},
    epilog=(
        "The key is read from VISIONCRAFT_API_KEY; --sandbox needs none. "
        "Exit codes: 1 other errors, 2 usage, 3 key or subscription, 4 rate limit, "
        "5 host not reached, 6 refused or failed by the service, 130 interrupted."
    ),
)
@click.option(
    "--install-completion",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_install_completion,
    help="Complete commands and options in your shell.",
)
@click.version_option(package_name="langchain-visioncraft", message="%(package)s %(version)s")
def app() -> None:
    """Pictures, GIFs, videos, transcripts and chat by the VisionCraft API."""
