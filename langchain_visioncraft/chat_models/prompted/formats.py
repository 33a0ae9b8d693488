"""How models write a tool call: a table of formats, and what the JSON in them means."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.chat_models.prompted.schemas import repeats_schema


@dataclass(frozen=True)
class Format:
    """A way to announce a call.

    Attributes:
        opener: Stands before the JSON of the call.
        closer: Ends it; empty if the JSON does.
        named: Whether the tool's name and ``>`` follow the opener; the JSON is its arguments then.
    """

    opener: str
    closer: str = ""
    named: bool = False


FORMATS = (
    Format("<tool_call>", "</tool_call>"),  # Hermes and Qwen; what models are asked to write
    Format("<tool_calls>", "</tool_calls>"),
    Format("<function_call>", "</function_call>"),
    Format("[TOOL_CALLS]"),  # Mistral
    Format("<|python_tag|>", "<|eom_id|>"),  # Llama 3.1
    Format("<function=", "</function>", named=True),  # Llama 3.1, for tools of one's own
)
CLOSERS = (*filter(None, (each.closer for each in FORMATS)), "<|im_end|>", "</s>")
RESULT = "<tool_response>"

NAME_KEYS = ("name", "tool_name", "tool", "function")
ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
CALL_KEYS = frozenset({*NAME_KEYS, *ARGUMENT_KEYS, "id", "type", "tool_calls"})
CALL_TYPES = ("function", "function_call", "tool_call", "tool_use")
SCHEMA_KEYS: dict[str, type] = {"type": str, "required": list}
"""What small models copy from the schema into the arguments."""

INVALID = "(not valid) "
"""Stands before the text of an invalid call: LangChain repairs JSON in streams, and would make a
valid call of a damaged one."""

_NO_CALL = "This is not a call: it must be a JSON object with a name and arguments"
_NO_OBJECT = "The arguments are not a JSON object"
# A few words, again and again up to the end; the last time perhaps in part.
_REPETITION = re.compile(r"(.{2,80}?)\1{7,}(?P<rest>.{0,80})\Z", re.DOTALL)
_LONGEST_SEARCHED = 8000


@dataclass(frozen=True)
class Offered:
    """The tools that a model may call.

    Attributes:
        schemas: Name → JSON schema of the arguments.
        forced: The one that it must call, if it must; its arguments alone are then a call, too.
    """

    schemas: Mapping[str, Mapping[str, Any]]
    forced: str | None = None

    @functools.cached_property
    def alone(self) -> frozenset[str]:
        """Keys of an object that holds nothing but arguments."""
        return frozenset(self.properties(self.forced) if self.forced else ())

    @functools.cached_property
    def first_keys(self) -> frozenset[str]:
        """Keys that a call may begin with."""
        return CALL_KEYS | self.alone

    def has_form_of_call(self, item: Any) -> bool:
        """Whether an object holds only what a call may; arguments may stand beside the name."""
        beside = {key for name in self.schemas for key in self.properties(name)}
        if not isinstance(item, Mapping):
            return False
        kind = item.get("type")
        knows_type = not isinstance(kind, str) or kind in CALL_TYPES or "type" in self.alone
        return knows_type and set(item) <= self.first_keys | beside | set(SCHEMA_KEYS)

    def properties(self, name: str) -> Mapping[str, Any]:
        """The arguments of a tool."""
        found = self.schemas.get(name, {}).get("properties")
        return found if isinstance(found, Mapping) else {}

    def fits(self, name: str, keys: set[str]) -> bool:
        """Whether these keys could be all the arguments of this tool."""
        required = self.schemas[name].get("required") or ()
        return keys <= set(self.properties(name)) and set(required) <= keys


@dataclass(frozen=True)
class Call:
    """A call that a model wrote.

    Attributes:
        name: Of the tool; ``None`` if it could not be read.
        arguments: Empty if they could not be read.
        text: As the model wrote it, if it could not be read.
        problems: Why it cannot be made.
    """

    name: str | None
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    problems: tuple[str, ...] = ()


def call_text(name: str, arguments: Any) -> str:
    """A call as models are asked to write it."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False, default=str)
    return f"{FORMATS[0].opener}\n{body}\n{FORMATS[0].closer}"


def bare_name(name: str) -> str:
    """The name without what some models put behind it: ``draw()``, ``draw(a cat)``."""
    return name.partition("(")[0].strip()


def load(text: str) -> Any:
    """Decode JSON, repaired if it is damaged; ``None`` if nothing can be made of it."""
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        return None
    except ValueError:
        pass
    import json_repair  # noqa: PLC0415 -- only where something is to be repaired

    try:
        return json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError, IndexError):
        return None


def calls_in(text: str, offered: Offered, *, marked: bool = False) -> list[Call]:
    r"""Read the calls in a piece of JSON, damaged or not.

    ```python
    from langchain_visioncraft.chat_models.prompted.formats import Call, Offered, calls_in

    offered = Offered({"draw": {"properties": {"prompt": {"type": "string"}}}})
    text = "{'function': {'name': 'draw', 'parameters': '{\"prompt\": \"a cat\"}'}}"
    assert calls_in(text, offered) == [Call("draw", {"prompt": "a cat"})]
    ```

    Args:
        text: An object or a list.
        offered: The tools; what names another one is no call.
        marked: Whether an opener says that it is a call: what is none has a problem then.

    Returns:
        The calls; empty if it is something else.
    """
    value = load(text)
    items = _items(value)
    has_form = marked or all(map(offered.has_form_of_call, items))
    if isinstance(value, Mapping) and isinstance(value.get("tool_calls"), list):
        items = value["tool_calls"]
    found = [_call_in(item, offered, text) for item in items]
    if marked:
        pairs = zip(items, found, strict=True) if items else [(None, None)]
        return [call or _no_call(item, offered, text) for item, call in pairs]
    calls = [call for call in found if call is not None]
    return calls if has_form and len(calls) == len(found) else []


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping) else []


def _function_in(item: Any) -> Mapping[str, Any]:
    """What holds name and arguments: OpenAI's form has them under ``function``."""
    if not isinstance(item, Mapping):
        return {}
    inner = item.get("function")
    return inner if isinstance(inner, Mapping) else item


def _name_in(function: Mapping[str, Any]) -> str | None:
    names = (function[key] for key in NAME_KEYS if isinstance(function.get(key), str))
    return next(map(bare_name, names), None)


def _call_in(item: Any, offered: Offered, text: str) -> Call | None:
    function = _function_in(item)
    name = _name_in(function)
    if name in offered.schemas:
        return _call_of(str(name), function, offered, text)
    if offered.forced and isinstance(item, Mapping) and offered.fits(offered.forced, set(item)):
        return Call(offered.forced, dict(item))
    return None


def _no_call(item: Any, offered: Offered, text: str) -> Call:
    name, problem = _name_in(_function_in(item)), _NO_CALL
    if name is not None and name not in offered.schemas:
        problem = f"There is no tool {name!r}; the tools are: {', '.join(offered.schemas)}"
    return Call(name, text=text, problems=(problem,))


def _call_of(name: str, function: Mapping[str, Any], offered: Offered, text: str) -> Call | None:
    key = next((each for each in ARGUMENT_KEYS if each in function), None)
    if key is None:
        rest = {k: v for k, v in function.items() if k not in (*NAME_KEYS, "id", "type")}
        return Call(name, rest) if offered.fits(name, set(rest)) else None
    value = function[key]
    if isinstance(value, str):
        value = load(value) if value.strip() else {}
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        return Call(name, text=text, problems=(_NO_OBJECT,))
    own = offered.properties(name)
    if isinstance(value.get("properties"), Mapping) and not {"properties", "type"} & set(own):
        return _call_from_schema(name, value["properties"], own)
    # Some close the arguments too early, and go on beside them.
    beside = {k: v for k, v in function.items() if k in own and k not in CALL_KEYS}
    return Call(name, dict(_meant({**beside, **value}, own)))


def _meant(arguments: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The arguments that are not copied from the schema."""
    for name, value in arguments.items():
        copied = name not in own and isinstance(value, SCHEMA_KEYS.get(name, ()))
        if not copied and not repeats_schema(value, own.get(name)):
            yield name, value


def _call_from_schema(name: str, values: Mapping[str, Any], own: Mapping[str, Any]) -> Call | None:
    """Arguments that were filled into the schema; ``None`` for the schema itself."""
    if set(values) <= set(own) and not any(
        isinstance(value, Mapping) and ("type" in value or not value) for value in values.values()
    ):
        return Call(name, dict(values))
    return None


def without_repetition(text: str, offered: Offered) -> Call | None:
    """The call in an answer that was cut off while it repeated itself without end.

    ```python
    from langchain_visioncraft.chat_models.prompted.formats import (
        Call,
        Offered,
        without_repetition,
    )

    offered = Offered({"draw": {"properties": {"prompt": {"type": "string"}}}})
    text = '{"name": "draw", "arguments": {"prompt": "A house' + ", a lake" * 40 + ", a l"
    assert without_repetition(text, offered) == Call("draw", {"prompt": "A house, a lake"})
    ```
    """
    start = max(text.find("{"), 0)
    match = _REPETITION.search(text, max(start, len(text) - _LONGEST_SEARCHED))
    if match is None or not match[1].startswith(match["rest"]):
        return None
    if not any(char.isalpha() for char in match[1]):  # where digits end, nobody can tell
        return None
    end = match.end(1)
    while text[end - 1].isalnum() and end < len(text) and text[end].isalnum():
        end += 1  # the repetition may begin within a word
    found = calls_in(text[start:end].rstrip(" ,"), offered)
    return found[0] if found and len(found) == 1 and not found[0].problems else None
