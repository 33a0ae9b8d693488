"""Validation errors of pydantic as sentences, without what was passed in (it may be megabytes)."""

from __future__ import annotations

from pydantic import ValidationError

from langchain_visioncraft.errors import InvalidRequestError

_LONGEST_VALUE = 60


def describe_problems(error: ValidationError) -> str:
    """One clause per problem: ``width: input should be less than or equal to 1024 (got 2048)``."""
    return "; ".join(dict.fromkeys(_describe(problem) for problem in error.errors()))


def _describe(problem: object) -> str:
    assert isinstance(problem, dict)  # noqa: S101 -- pydantic's ErrorDetails is a TypedDict
    where = ".".join(str(part) for part in problem["loc"])
    what = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        what = "is required"
    elif problem["type"] == "extra_forbidden":
        what = "is not a parameter here"
    elif problem["type"] != "value_error":
        value = problem["input"]
        shown = repr(value) if isinstance(value, int | float | str) else type(value).__name__
        what = f"{what[:1].lower()}{what[1:]}"
        if len(shown) <= _LONGEST_VALUE:
            what = f"{what} (got {shown})"
    return f"{where}: {what}" if where else what


def invalid_request(error: ValidationError) -> InvalidRequestError:
    """The error of this package for parameters that do not fit; nothing was sent."""
    causes = [problem.get("ctx", {}).get("error") for problem in error.errors()]
    kinds = [type(cause) for cause in causes if isinstance(cause, InvalidRequestError)]
    kind = kinds[0] if kinds else InvalidRequestError
    return kind(f"Nothing was sent. {describe_problems(error).rstrip('.')}.")
