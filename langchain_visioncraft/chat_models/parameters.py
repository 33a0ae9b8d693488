"""The parameters of ``POST /v1/chat/completions`` and their bounds (document of 2024-09).

The bounds themselves are defined in `langchain_visioncraft.client.options.ChatOptions`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from langchain_visioncraft._keywords import unknown_keyword
from langchain_visioncraft.client.options import ChatOptions, invalid_request
from langchain_visioncraft.errors import InvalidRequestError

MIN_MAX_TOKENS = 128
"""The documented minimum of ``max_tokens``; smaller values are raised to it."""

DOCUMENTED = frozenset(ChatOptions.model_fields)
"""Parameters with documented bounds."""

EXTRA = ("top_k", "repetition_penalty")
"""Documented parameters that OpenAI's SDK does not know; they travel in ``extra_body``."""

NEVER_SENT = ("reasoning", "include", "truncation", "context_management", "store")
"""Fields inherited from OpenAI's class that only its Responses API knows, and our own `store`."""


@functools.cache
def known_to_sdk() -> frozenset[str]:
    """The parameters of the SDK's own method; any other name would raise its TypeError."""
    # Takes a fiftieth of importing the SDK; nothing else of it is needed until the first call.
    from openai.resources.chat.completions import Completions  # noqa: PLC0415

    return frozenset(inspect.signature(Completions.create).parameters) - {"self"}


def check(options: Mapping[str, Any]) -> None:
    """Raise `InvalidRequestError` for one that does not fit its documented type and bounds.

    ``None`` stands for unset. ``max_tokens`` may be less than the documented minimum, because it is
    raised to it.
    """
    given = {
        name: value for name, value in options.items() if name in DOCUMENTED and value is not None
    }
    given |= {
        name: value
        for name, value in (options.get("extra_body") or {}).items()
        if name in EXTRA and value is not None and given.get(name) is None
    }
    if is_below_minimum(given.get("max_tokens")):
        given["max_tokens"] = MIN_MAX_TOKENS
    try:
        ChatOptions(**given)
    except ValidationError as error:
        raise invalid_request(error) from error


def is_below_minimum(max_tokens: Any) -> bool:
    """Whether this is a valid number of tokens that the service would refuse as too small."""
    return (
        isinstance(max_tokens, int)
        and not isinstance(max_tokens, bool)
        and 1 <= max_tokens < MIN_MAX_TOKENS
    )


def fold(options: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Move `EXTRA` parameters into ``extra_body``, over those of `base`; ``None`` removes one."""
    kept = {name: value for name, value in options.items() if name not in (*EXTRA, "extra_body")}
    extra = {**(base or {}), **(options.get("extra_body") or {})}
    extra |= {name: options[name] for name in EXTRA if name in options}
    extra = {name: value for name, value in extra.items() if name not in EXTRA or value is not None}
    return {**kept, "extra_body": extra} if extra else kept


def refuse_unknown(payload: Mapping[str, Any], endpoint: str) -> None:
    """Raise `InvalidRequestError`, with a hint, for parameters that the SDK could not send."""
    if unknown := sorted(set(payload) - known_to_sdk()):
        advice = "Pass undocumented parameters of a host in extra_body={…}."
        known = sorted(known_to_sdk() | set(EXTRA))
        said = unknown_keyword(endpoint, unknown[0], known, lambda *_, **__: advice)
        raise InvalidRequestError(f"Nothing was sent. {said}")


def without_empty_tools(payload: dict[str, Any]) -> dict[str, Any]:
    """The request without an empty list of tools and its options, which strict hosts refuse.

    Raises `InvalidRequestError` if a call is required nevertheless.
    """
    if payload.get("tools") or "tools" not in payload:
        return payload
    if payload.get("tool_choice") not in (None, "auto", "none"):
        msg = (
            f"Nothing was sent: tool_choice={payload['tool_choice']!r} demands a call, but there "
            "are no tools. Give some to bind_tools, or leave tool_choice out."
        )
        raise InvalidRequestError(msg)
    of_tools = ("tools", "tool_choice", "parallel_tool_calls")
    return {name: value for name, value in payload.items() if name not in of_tools}
