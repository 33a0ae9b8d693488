"""What commands share: headings in the help, near names, errors, and a client by their options.

A command raises. The outermost one turns the error into one sentence, an exit code, and JSON if
the command line says ``--json``.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from langchain_visioncraft import client, errors
from langchain_visioncraft.cli.streams import fits_stdout

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal."""

USAGE, KEY, RATE_LIMIT, UNREACHED, REFUSED = 2, 3, 4, 5, 6
_CODES: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((errors.InvalidRequestError, click.UsageError), USAGE),
    ((errors.MissingKeyError, errors.AuthenticationError, errors.SubscriptionError), KEY),
    ((errors.RateLimitError,), RATE_LIMIT),
    ((errors.TransportError,), UNREACHED),
    ((errors.APIStatusError, errors.ResponseError, errors.TaskError), REFUSED),
)
_REPORTED = (errors.VisionCraftError, click.ClickException, ImportError, OSError)
_FACTS = ("status", "detail", "endpoint", "base_url", "retry_after")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIDES = ("--width", "--height")
_MEANT = {"--size": _SIDES, "--resolution": _SIDES}
"""Options that people try, and what they are called here."""


# Help and usage


class Argument(click.Argument):
    """An argument that the help explains, with every version of click."""

    panel = "Arguments"

    def __init__(self, name: str, text: str, **settings: Any) -> None:
        super().__init__([name], **settings)
        self.text = text

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Its form in the usage, and its meaning."""
        return " ".join(self.get_usage_pieces(ctx)), self.text


class Choice(click.Choice):  # type: ignore[type-arg]  # a plain class before click 8.2
    """One of a few values, not all of them texts; for a wrong one, near ones are named."""

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
        """Run it, and leave with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        settings |= {"standalone_mode": False, "max_content_width": 100, "show_default": True}
        try:
            code = super().main(args, *rest, color=_colours(), **settings)
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
        """The command of this name; where there is none, near ones are named."""
        name = args[0]
        if name not in self.commands and name[:1] != "-" and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}.{near(name, self.commands)}")
        return super().resolve_command(ctx, args)


def command(*parameters: click.Parameter) -> Callable[[Callable[..., Any]], Command]:
    """Make a command from a function, whose docstring is the help."""
    return click.command(cls=Command, params=list(parameters))


def option(names: str, text: str, **settings: Any) -> click.Option:
    """An option with its help; the names are divided by blanks."""
    return click.Option(names.split(), help=text, **settings)


def panel(title: str, *options: click.Option) -> tuple[click.Option, ...]:
    """Put options under a heading of their own."""
    for each in options:
        vars(each)["panel"] = title
    return options


def near(given: str, known: Iterable[str]) -> str:
    """The question whether another name was meant; empty if none is near."""
    known = list(known)
    meant = [name for name in _MEANT.get(given, ()) if name in known]
    names = meant or difflib.get_close_matches(given, known)
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


# Errors and remarks


def exit_code(error: Exception) -> int:
    """The exit code for an error: see the table in the guide."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), 1)


def report(error: Exception, *, as_json: bool = False) -> int:
    """Print what went wrong to stderr, and give the exit code.

    Args:
        error: What was raised; a bug is raised again.
        as_json: Whether to print a JSON object with the facts of the error to stdout as well.
    """
    if not isinstance(error, _REPORTED):
        error = _invalid(error)
    usage = error if isinstance(error, click.UsageError) else None
    message = _sentence(error)
    if as_json:
        facts = {name: getattr(error, name, None) for name in _FACTS}
        known = {name: value for name, value in facts.items() if value is not None}
        kind = "UsageError" if usage else type(error).__name__
        print_json({"error": {"type": kind, "message": message, **known}})
    before = click.style("visioncraft:", fg="red")
    click.echo(f"{before} {harmless(message)}", err=True, color=_colours())
    if usage and usage.ctx:
        click.echo(f"Try '{usage.ctx.command_path} --help'.", err=True)
    return exit_code(error)


def _invalid(error: Exception) -> errors.InvalidRequestError:
    """What was wrong with parameters, if pydantic raised it."""
    from pydantic import ValidationError  # noqa: PLC0415 -- most errors are reported without it

    from langchain_visioncraft.client.validation import invalid_request  # noqa: PLC0415

    if not isinstance(error, ValidationError):
        raise error
    return invalid_request(error)


def _sentence(error: Exception) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        known = [name for each in error.ctx.command.get_params(error.ctx) for name in each.opts]
        return f"No such option {error.option_name!r}.{near(error.option_name, known)}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, errors.MissingKeyError) and str(error) == str(errors.MissingKeyError()):
        return (
            "No VisionCraft API key. Set the environment variable VISIONCRAFT_API_KEY to your "
            "host's key, or to any text for a sandbox; or add --sandbox, which needs none."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)


def note(message: str) -> None:
    """Print a remark to stderr."""
    click.secho(harmless(message), err=True, dim=True)


def harmless(text: str) -> str:
    """A text from elsewhere without the control characters by which it could steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def print_json(value: Any) -> None:
    """Print one JSON object."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(text if fits_stdout(text) else json.dumps(value))


def _colours() -> bool | None:
    """For click: no colours, not even on stderr, if stdout is not a terminal."""
    return None if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else False


def load(target: str, extra: str) -> Any:
    """Import what a text such as ``package.module:name`` names.

    Raises:
        ImportError: If it needs a package that is not installed; it says how to install it.
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


# The connection

CONNECTION = panel(
    "Connection",
    option("--sandbox", "Start a sandbox and use it: no key is needed.", is_flag=True),
    option("--base-url", "Root of the host. Default: VISIONCRAFT_BASE_URL.", metavar="URL"),
    option("--timeout", "Longest wait for data. Default: 600.", type=float, metavar="SECONDS"),
    option("--retries max_retries", "How often to try again. Default: 2.", type=click.IntRange(0)),
    option("--ca-bundle verify", "Certificates to trust.", type=click.Path(), metavar="FILE"),
)
"""Options for `connected` and `settings_of`."""

_STORE = "Where handles are looked up and results are kept."
[STORE] = panel(
    "Result", option("--store", _STORE, default="visioncraft-media", metavar="FOLDER|URL")
)


@contextlib.contextmanager
def settings_of(*, sandbox: bool, **settings: Any) -> Iterator[Mapping[str, Any]]:
    """Arguments for a client or chat model, with a sandbox around them if one is wanted."""
    given = {name: value for name, value in settings.items() if value is not None}
    if not sandbox:
        yield given
        return
    if "base_url" in given:
        msg = "--sandbox and --base-url exclude each other: a sandbox has its own address."
        raise click.UsageError(msg)
    with load("visioncraft_sandbox:Sandbox", "sandbox")() as started:
        yield {**given, "base_url": started.url, "api_key": "sandbox"}


@contextlib.contextmanager
def connected(**connection: Any) -> Iterator[client.VisionCraftClient]:
    """A client by the options of `CONNECTION`."""
    with settings_of(**connection) as settings, client.VisionCraftClient(**settings) as opened:
        yield opened
