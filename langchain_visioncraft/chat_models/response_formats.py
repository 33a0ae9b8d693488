"""The forms of ``response_format``: hosts take the JSON schema of an answer in different forms.

| form | hosts |
|---|---|
| ``{"type": "json_schema", "json_schema": {"schema": …}}`` | OpenAI's, and that of most servers |
| ``{"type": "json_object", "schema": …}`` | llama-cpp-python |
| ``{"type": "json_object", "value": …}`` | Text Generation Inference |

The first form is tried first. If a host refuses it, the next one is tried, and the accepted form is
remembered for later calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_function

ANY_JSON = {"type": "json_object"}

_FORMS: tuple[Callable[[Mapping[str, Any]], dict[str, Any]], ...] = (
    lambda described: {"type": "json_schema", "json_schema": described},
    lambda described: {"type": "json_object", "schema": described["schema"]},
    lambda described: {"type": "json_object", "value": described["schema"]},
)
_REFUSES = re.compile(r"response.?format|json_schema|json_object", re.IGNORECASE)
_STATUSES = (400, 422, 500, 501)
"""llama-cpp-python answers 500 to every request that it cannot read."""
_LONGEST_REFUSAL = 10_000


def of_schema(schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The ``response_format`` for a JSON schema, in OpenAI's form."""
    return {"type": "json_schema", "json_schema": {"name": "answer", **more, "schema": schema}}


def of_function(function: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a function in OpenAI's form, with its name."""
    named = {key: function[key] for key in ("name", "description", "strict") if key in function}
    return of_schema(function.get("parameters") or {}, **named)


def as_sent(given: Any) -> Any:
    """A ``response_format`` from code: a class or a ``TypedDict`` becomes its schema."""
    return of_function(convert_to_openai_function(given)) if isinstance(given, type) else given


def schema_in(given: Any) -> Mapping[str, Any] | None:
    """The schema that a ``response_format`` enforces; ``None`` if it enforces none."""
    form = as_sent(given)
    if not isinstance(form, Mapping) or form.get("type") == "text":
        return None
    places = (form.get("json_schema") or {}, form)
    found = (place.get(name) for place in places for name in ("schema", "value"))
    return next(filter(None, found), {"type": "object"})


def forms_of(given: Any, first: int) -> Iterator[tuple[int, Any]]:
    """The forms of a ``response_format`` to try, beginning with this one, with their numbers."""
    described = given.get("json_schema") if isinstance(given, Mapping) else None
    if not isinstance(described, Mapping) or "schema" not in described:
        yield first, given
        return
    for number in range(first, first + len(_FORMS)):
        place = number % len(_FORMS)
        yield place, _FORMS[place](described)


def is_refused(status: int, says: str) -> bool:
    """Whether a host's error means that it refuses the form."""
    return status in _STATUSES and bool(_REFUSES.search(says[:_LONGEST_REFUSAL]))
