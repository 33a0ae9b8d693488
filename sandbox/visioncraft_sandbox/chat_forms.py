"""Forms that a prompt asks for in words: a small model fills them in without breaking them.

JSON mode with a schema in the prompt, DSPy's fields, and the code of smolagents' agents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visioncraft_sandbox.chat import text_of
from visioncraft_sandbox.schema_shape import problem_of_schema

_LONGEST = 50_000
_MOST_TRIES = 50
_MOST_KEYS = 50
_FIELDS = "Respond with the corresponding output fields"
_FIELD = re.compile(
    r"\[\[ ## (\w{1,60}) ## \]\](?:` \(must be formatted as a valid Python (\w+)\))?"
)
_KINDS = {"int": "integer", "float": "number", "bool": "boolean"}
_KEY = re.compile(r"[\"'`](\w{1,60})[\"'`]")
_STRINGS = {"type": "string"}


@dataclass(frozen=True)
class Form:
    """What to ask a model for, and how to write it in the form that the prompt requires."""

    schema: dict[str, Any]
    write: Callable[[Mapping[str, Any]], str]


def object_schema(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of JSON mode: the one in the prompt, or else one with the quoted words as keys."""
    texts = [text_of(each)[:_LONGEST] for each in messages if each["role"] != "assistant"]
    for text in reversed(texts):
        found = _schema_in(text)
        if found is not None:
            return found
    keys = list(dict.fromkeys(_KEY.findall(" ".join(texts))))[:_MOST_KEYS]
    return _of(dict.fromkeys(keys or ["answer"], _STRINGS))


def form_of(messages: Sequence[Mapping[str, Any]]) -> Form | None:
    """The form of DSPy or smolagents that a conversation asks for, if any."""
    asked = next((text_of(each) for each in reversed(messages) if each["role"] == "user"), "")
    _, said, fields = asked[-_LONGEST:].rpartition(_FIELDS)
    kinds = {name: {"type": _KINDS.get(kind, "string")} for name, kind in _FIELD.findall(fields)}
    kinds.pop("completed", None)
    if said and kinds:
        return Form(_of(kinds), _as_fields)
    system = "".join(text_of(each)[:_LONGEST] for each in messages if each["role"] == "system")
    if "final_answer(" in system and "Thought:" in system:
        marks = ("<code>", "</code>") if "<code>" in system else ("Code:\n```py", "```<end_code>")
        if marks[0] in system:
            return Form(_of({"thought": _STRINGS, "answer": _STRINGS}), _as_code(*marks))
    return None


def _of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _as_fields(values: Mapping[str, Any]) -> str:
    fields = [f"[[ ## {name} ## ]]\n{value}\n" for name, value in values.items()]
    return "\n".join([*fields, "[[ ## completed ## ]]"])


def _as_code(begin: str, end: str) -> Callable[[Mapping[str, Any]], str]:
    def write(values: Mapping[str, Any]) -> str:
        answer = json.dumps(str(values["answer"]))
        return f"Thought: {values['thought']}\n{begin}\nfinal_answer({answer})\n{end}"

    return write


def _schema_in(text: str) -> dict[str, Any] | None:
    """The last JSON schema of an object in a text."""
    decoder, at, found = json.JSONDecoder(), text.find("{"), None
    for _ in range(_MOST_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        is_schema = isinstance(value.get("properties"), dict) and problem_of_schema(value) is None
        found = value if is_schema else found
        at = text.find("{", end)
    return found
