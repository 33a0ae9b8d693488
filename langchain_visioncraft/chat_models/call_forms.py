"""What a tool call looks like in the JSON of a model that answers in plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.chat_models.told_schemas import repeats

NAME_KEYS = ("name", "tool_name", "tool", "function")
ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
OTHER_KEYS = ("id", "type", "tool_calls")
CALL_KEYS = frozenset({*NAME_KEYS, *ARGUMENT_KEYS, *OTHER_KEYS})
OF_SCHEMAS: dict[str, type] = {"type": str, "required": list}
"""What small models copy from the schema into the arguments."""

_REFRAIN = re.compile(r"(.{2,80}?)\1{7,}(?P<rest>.{0,80})\Z", re.DOTALL)
_LONGEST_SEARCHED = 8000

CALL_TYPES = ("function", "function_call", "tool_call", "tool_use")


@dataclass(frozen=True)
class Offered:
    """The tools that a model may call.

    Attributes:
        schemas: Name → JSON schema of the arguments.
        forced: The one that it must call, if it must; its arguments alone are then a call, too.
    """

    schemas: Mapping[str, Mapping[str, Any]]
    forced: str | None = None

    def properties(self, name: str) -> Mapping[str, Any]:
        """The arguments of a tool."""
        found = self.schemas.get(name, {}).get("properties")
        return found if isinstance(found, Mapping) else {}

    def fits(self, name: str, keys: set[str]) -> bool:
        """Whether these keys could be all the arguments of this tool."""
        required = self.schemas[name].get("required") or ()
        return keys <= set(self.properties(name)) and set(required) <= keys

    @property
    def implied(self) -> str | None:
        """The tool whose arguments alone are a call."""
        return self.forced


@dataclass(frozen=True)
class Prose:
    """Text that is no part of a call."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of a tool that was offered."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BrokenCall:
    """Something that was meant as a call.

    Attributes:
        name: Of the tool, if it could be read.
        text: As the model wrote it.
        reason: What is wrong with it.
    """

    name: str | None
    text: str
    reason: str


def interpret(text: str, offered: Offered, *, marked: bool) -> list[Call | BrokenCall] | None:
    r"""Read the calls in a piece of JSON, damaged or not.

    ```python
    from langchain_visioncraft.chat_models.call_forms import Call, Offered, interpret

    offered = Offered({"draw": {"properties": {"prompt": {"type": "string"}}}})
    text = "{'function': {'name': 'draw', 'parameters': '{\"prompt\": \"a cat\"}'}}"
    assert interpret(text, offered, marked=False) == [Call("draw", {"prompt": "a cat"})]
    ```

    Args:
        text: An object or a list.
        offered: The tools; what names another one is no call.
        marked: Whether a tag says that it is a call: what is none then is a broken one.

    Returns:
        The calls; ``None`` if it is something else.
    """
    value = load(text)
    items = _items(value)
    found = [_read(item, offered, text) for item in items]
    if marked:
        reason = "This is not a call: it must be a JSON object with a name and arguments."
        return [
            each if each is not None else _unknown(item, offered, text, reason)
            for item, each in zip(items, found, strict=True)
        ] or [BrokenCall(None, text, reason)]
    calls = [each for each in found if each is not None]
    return calls if calls and len(calls) == len(found) else None


def load(text: str) -> Any:
    """Decode JSON, mended if it is damaged; ``None`` if nothing can be made of it."""
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        return None
    except ValueError:
        pass
    import json_repair  # noqa: PLC0415 -- only where something is to be mended

    try:
        return json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError, IndexError):
        return None


def without_refrain(text: str, offered: Offered) -> Call | None:
    """The call in an answer that was cut off while it repeated itself without end.

    ```python
    from langchain_visioncraft.chat_models.call_forms import Call, Offered, without_refrain

    offered = Offered({"draw": {"properties": {"prompt": {"type": "string"}}}})
    text = '{"name": "draw", "arguments": {"prompt": "A house' + ", a lake" * 40 + ", a l"
    assert without_refrain(text, offered) == Call("draw", {"prompt": "A house, a lake"})
    ```
    """
    start = max(text.find("{"), 0)
    match = _REFRAIN.search(text, max(start, len(text) - _LONGEST_SEARCHED))
    if match is None or not match[1].startswith(match["rest"]):
        return None
    if not any(char.isalpha() for char in match[1]):  # where digits end, nobody can tell
        return None
    end = match.end(1)
    while text[end - 1].isalnum() and end < len(text) and text[end].isalnum():
        end += 1  # the refrain may begin within a word
    found = interpret(text[start:end].rstrip(" ,"), offered, marked=False)
    return found[0] if found and len(found) == 1 and isinstance(found[0], Call) else None


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping) else []


def _read(value: Any, offered: Offered, text: str) -> Call | BrokenCall | None:
    if not isinstance(value, Mapping):
        return None
    inner = value["function"] if isinstance(value.get("function"), Mapping) else value
    name = _name(inner)
    if name in offered.schemas:
        return _named(str(name), inner, offered, text)
    implied = offered.implied
    if implied is not None and offered.fits(implied, set(value)):
        return Call(implied, dict(value))
    return None


def _name(inner: Mapping[str, Any]) -> str | None:
    for key in NAME_KEYS:
        if isinstance(inner.get(key), str):
            return bare_name(inner[key])
    return None


def bare_name(name: str) -> str:
    """The name without what some models put behind it: ``draw()``, ``draw(a cat)``."""
    return name.partition("(")[0].strip()


def _named(
    name: str, inner: Mapping[str, Any], offered: Offered, text: str
) -> Call | BrokenCall | None:
    key = next((each for each in ARGUMENT_KEYS if each in inner), None)
    if key is None:
        rest = {k: v for k, v in inner.items() if k not in (*NAME_KEYS, "id", "type")}
        return Call(name, rest) if offered.fits(name, set(rest)) else None
    value = inner[key]
    if isinstance(value, str):
        value = load(value) if value.strip() else {}
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        return BrokenCall(name, text, "The arguments are not a JSON object.")
    own = offered.properties(name)
    if isinstance(value.get("properties"), Mapping) and not {"properties", "type"} & set(own):
        return _from_schema(name, value["properties"], own)
    # Some close the arguments too early, and go on beside them.
    beside = {key: each for key, each in inner.items() if key in own and key not in CALL_KEYS}
    given = {**beside, **value}
    copied = {key for key, kind in OF_SCHEMAS.items() if isinstance(given.get(key), kind)}
    return Call(
        name,
        {
            key: each
            for key, each in given.items()
            if (key in own or key not in copied) and not repeats(each, own.get(key))
        },
    )


def _from_schema(name: str, values: Mapping[str, Any], own: Mapping[str, Any]) -> Call | None:
    """Arguments that were filled into the schema; ``None`` for the schema told again."""
    if set(values) <= set(own) and not any(
        isinstance(value, Mapping) and ("type" in value or not value) for value in values.values()
    ):
        return Call(name, dict(values))
    return None


def _unknown(item: Any, offered: Offered, text: str, reason: str) -> BrokenCall:
    inner = item.get("function") if isinstance(item, Mapping) else None
    name = _name(inner if isinstance(inner, Mapping) else item) if isinstance(item, dict) else None
    if name is not None and name not in offered.schemas:
        reason = f"There is no tool {name!r}; the tools are: {', '.join(offered.schemas)}."
    return BrokenCall(name, text, reason)
