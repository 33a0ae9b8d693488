"""Reports an error as one sentence, an exit code and, with ``--json``, a JSON object."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

import click

from langchain_visioncraft import errors
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
_OURS = ("builtins", "langchain_visioncraft", "visioncraft_sandbox")
"""The modules whose error classes mean a bug if they get here."""
_FACTS = ("status", "detail", "endpoint", "base_url", "retry_after")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SIDES = ("--width", "--height")
_MEANT = {"--size": _SIDES, "--resolution": _SIDES}
"""Options that people try, and their names here."""


def near(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The question "Did you mean …?"; empty if no name is near."""
    import difflib  # noqa: PLC0415 -- slow, and only for mistakes

    known = list(known)
    meant = [name for name in _MEANT.get(given, ()) if name in known]
    names = meant or difflib.get_close_matches(given, known, cutoff=cutoff)
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


def exit_code(error: Exception) -> int:
    """The exit code for an error: see the table in the guide."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), 1)


def report(error: Exception, *, as_json: bool = False) -> int:
    """Print an error to stderr, or raise it again if it seems to be a bug; return the exit code.

    With `as_json`, a JSON object with the facts of the error goes to stdout as well.
    """
    if not isinstance(error, _REPORTED):
        error = _translated(error)
    usage = error if isinstance(error, click.UsageError) else None
    message = _sentence(error)
    if as_json:
        facts = {name: getattr(error, name, None) for name in _FACTS}
        known = {name: value for name, value in facts.items() if value is not None}
        kind = "UsageError" if usage else type(error).__name__
        with contextlib.suppress(OSError):  # stdout may be the problem
            print_json({"error": {"type": kind, "message": message, **known}})
    before = click.style("visioncraft:", fg="red")
    with contextlib.suppress(OSError):
        click.echo(f"{before} {harmless(message)}", err=True, color=colours())
        if usage and usage.ctx:
            click.echo(f"Try '{usage.ctx.command_path} --help'.", err=True)
    return exit_code(error)


def _translated(error: Exception) -> errors.VisionCraftError:
    """The message for another library's error: pydantic's about parameters, a store's sign-in."""
    from pydantic import ValidationError  # noqa: PLC0415 -- most errors are reported without it

    from langchain_visioncraft.client.options import invalid_request  # noqa: PLC0415

    if isinstance(error, ValidationError):
        return invalid_request(error)
    library = type(error).__module__.partition(".")[0]
    if library in _OURS:
        raise error
    # Another library's own kind of error, such as one of a store in the cloud.
    return errors.VisionCraftError(f"{library}: {error}")


def _sentence(error: Exception) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        command = error.ctx.command
        known = [name for each in command.get_params(error.ctx) for name in each.opts]
        is_group = isinstance(command, click.Group)
        hint = near(error.option_name, known, cutoff=0.75 if is_group else 0.6)
        if is_group:
            hint = hint or " Put the options of a command after its name."
        elif any(isinstance(each, click.Argument) for each in command.params):
            hint = hint or " If it is not an option: put -- before it, after all options."
        return f"No such option {error.option_name!r}.{hint}"
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
    """Print a note to stderr, if stderr is open."""
    with contextlib.suppress(OSError):
        click.secho(harmless(message), err=True, dim=True)


def harmless(text: str) -> str:
    """A foreign text with its control characters escaped: they could control a terminal."""
    return _CONTROL.sub(_escape, text)


def in_a_line(text: object) -> str:
    """The same for a name in a list, which must stay in its line and column."""
    return _IN_A_LINE.sub(_escape, str(text))


def _escape(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode()


def print_json(value: Any) -> None:
    """Print one JSON object."""
    text = json.dumps(value, ensure_ascii=False)
    text = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)  # those that JSON permits
    click.echo(text if fits_stdout(text) else json.dumps(value))


def colours() -> bool | None:
    """For click: no colours, not even on stderr, if stdout is not a terminal."""
    return None if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else False
