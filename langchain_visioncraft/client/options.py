"""Optional parameters: their base, the options of chat, and the messages about invalid ones.

Chat models take their options from here, so that their import does not build all request classes.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langchain_visioncraft.errors import InvalidRequestError

_LONGEST_VALUE = 60
_MOST_DESCRIBED = 64


@dataclass(frozen=True)
class LeftOutIfEmpty:
    """Marks a parameter for which an empty text means "not set"; some clients send ``"mask": ""``.

    With `blanks`, whitespace alone means the same.
    """

    blanks: bool = False


class TakesEmptyTexts(BaseModel):
    """Base of models with `LeftOutIfEmpty` parameters, which get their defaults if empty."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_empty(cls, given: Any) -> Any:
        return cls.without_empty(given) if isinstance(given, dict) else given

    @classmethod
    def without_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The given values, without empty texts that mean "not set"."""
        return {name: value for name, value in given.items() if not cls._is_left_out(name, value)}

    @classmethod
    def _is_left_out(cls, name: str, value: Any) -> bool:
        if not isinstance(value, str) or value.strip() or name not in cls.model_fields:
            return False
        marks = cls.model_fields[name].metadata
        return any(
            isinstance(mark, LeftOutIfEmpty) and (not value or mark.blanks) for mark in marks
        )


class Options(TakesEmptyTexts):
    """Base of optional parameters. Validators are built when a request is first made."""

    model_config = ConfigDict(protected_namespaces=(), defer_build=True)


def bounded(words: str, default: Any, least: float, most: float, note: str = ".") -> Any:
    """A number with its bounds, which are repeated in its description."""
    words = f"{words}, {least} to {most}{note}"
    return Field(default=default, ge=least, le=most, description=words)


class ChatOptions(Options):
    """Optional parameters of ``POST /v1/chat/completions`` (2024-09)."""

    max_tokens: int | None = bounded("Longest answer in tokens", None, 128, 100_000)
    temperature: float | None = bounded("Randomness of the answer", None, 0, 100, ", default 0.7.")
    top_p: float | None = bounded(
        "Share of the likeliest tokens that may be chosen", None, 0, 1, ", default 0.9."
    )
    top_k: int | None = bounded(
        "How many of the likeliest tokens may be chosen", None, 0, 99_999, ", default 0."
    )
    repetition_penalty: float | None = bounded(
        "Over 1 makes repetitions rarer", None, 0.01, 5, ", default 1."
    )
    presence_penalty: float | None = bounded(
        "Over 0 leads to new topics", None, -2, 2, ", default 0."
    )
    frequency_penalty: float | None = bounded(
        "Over 0 makes frequent words rarer", None, -2, 2, ", default 0."
    )


def describe_problems(error: ValidationError, known: Collection[str] = ()) -> str:
    """One clause per problem: ``width: input should be less than or equal to 1024 (got 2048)``.

    Of very many, the first ones are described, and a long value is not repeated: it may be
    megabytes. `known` are the names of all parameters.
    """
    problems = error.errors()[:_MOST_DESCRIBED]
    return "; ".join(dict.fromkeys(_describe(problem, known) for problem in problems))


def _describe(problem: object, known: Collection[str]) -> str:
    assert isinstance(problem, dict)  # noqa: S101 -- pydantic's ErrorDetails is a TypedDict
    where = ".".join(str(part) for part in problem["loc"])
    what = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        what = "is required"
    elif problem["type"] == "extra_forbidden":
        what = "is not a parameter here"
        if close := difflib.get_close_matches(where, known):
            what = f"{what} (did you mean {' or '.join(close)}?)"
    elif problem["type"] != "value_error":
        value = problem["input"]
        shown = repr(value) if isinstance(value, int | float | str) else type(value).__name__
        what = f"{what[:1].lower()}{what[1:]}"
        if len(shown) <= _LONGEST_VALUE:
            what = f"{what} (got {shown})"
    return f"{where}: {what}" if where else what


def invalid_request(error: ValidationError, known: Collection[str] = ()) -> InvalidRequestError:
    """The error of this package for parameters that do not fit; nothing was sent."""
    causes = [problem.get("ctx", {}).get("error") for problem in error.errors()]
    kinds = [type(cause) for cause in causes if isinstance(cause, InvalidRequestError)]
    kind = kinds[0] if kinds else InvalidRequestError
    return kind(f"Nothing was sent. {describe_problems(error, known).rstrip('.')}.")
