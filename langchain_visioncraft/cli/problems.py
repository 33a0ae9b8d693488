"""Errors as people and scripts get them: one sentence, an exit code, JSON if asked for."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

import typer
from rich.console import Console

from langchain_visioncraft import errors

USAGE, KEY, RATE_LIMIT, UNREACHED, REFUSED = 2, 3, 4, 5, 6

_CODES: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((errors.InvalidRequestError,), USAGE),
    ((errors.MissingKeyError, errors.AuthenticationError, errors.SubscriptionError), KEY),
    ((errors.RateLimitError,), RATE_LIMIT),
    ((errors.TransportError,), UNREACHED),
    ((errors.APIStatusError, errors.ResponseError, errors.TaskError), REFUSED),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FACTS = ("status", "detail", "endpoint", "base_url", "retry_after")


def exit_code(error: Exception) -> int:
    """The exit code for an error: see the table in the README."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), 1)


def harmless(text: str) -> str:
    """A text from elsewhere without the control characters by which it could steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print one sentence to stderr, and give what to raise."""
    console = Console(stderr=True)
    console.print("[red]visioncraft:[/red]", end=" ")
    console.print(harmless(message), markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def note(message: str) -> None:
    """Print a remark to stderr."""
    console = Console(stderr=True)
    console.print(harmless(message), style="dim", markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def explained(as_json: bool = False) -> Iterator[None]:
    """Turn this package's errors, and those of the file system, into a sentence and an exit code.

    Args:
        as_json: Whether to print a JSON object with the facts of the error to stdout as well.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (errors.VisionCraftError, ImportError, OSError) as told:
        error: Exception = told
    except ValueError as invalid:
        error = _invalid(invalid)
    else:
        return
    message = _sentence(error)
    if as_json:
        facts = {name: getattr(error, name, None) for name in _FACTS}
        told_facts = {name: value for name, value in facts.items() if value is not None}
        content = {"type": type(error).__name__, "message": message, **told_facts}
        typer.echo(json.dumps({"error": content}, ensure_ascii=False))
    raise fail(message, exit_code(error)) from None


def _invalid(error: ValueError) -> Exception:
    """What was wrong with the parameters, if pydantic said so."""
    from pydantic import ValidationError  # noqa: PLC0415  # --help does without the client

    from langchain_visioncraft.client.problems import invalid_request  # noqa: PLC0415

    if not isinstance(error, ValidationError):
        raise error
    return invalid_request(error)


def _sentence(error: Exception) -> str:
    if isinstance(error, errors.MissingKeyError) and str(error) == str(errors.MissingKeyError()):
        return (
            "No VisionCraft API key. Set the environment variable VISIONCRAFT_API_KEY (a key comes "
            "from the service's Telegram bot), or add --sandbox, which needs none."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)
