"""Converts answers of not quite compatible hosts to OpenAI's form, for the SDK and LangChain.

Arguments are an object instead of a text, ids are missing, a choice holds an error. Parts with an
evident meaning are corrected here; others raise `UnreadableAnswerError`. `chat_models.streams` does
the same for streams, piece by piece.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sized
from typing import Any, NamedTuple, TypeVar

import openai

from langchain_visioncraft._json import DEEPEST, integer, is_deeper_than, storable


class UnreadableAnswerError(openai.OpenAIError):
    """An answer with a part that has no evident meaning."""


class BrokenOffAnswerError(openai.OpenAIError):
    """An answer that the host says it could not finish."""


MOST_CALLS = 256
"""The limit for one answer; OpenAI takes 128 tools. LangChain merges calls in quadratic time."""

MOST_CHOICES = 128
"""As OpenAI's ``n``."""

MOST_VALUES = 1 << 21
"""The limit for the JSON of one answer: small values take 20 times the memory of their text."""

_MOST_COUNTS = 64
"""The limit for one group of usage."""

REASONING = "reasoning_content"
"""The key of normalized reasoning; LangChain looks for the same name."""

_REASONING = (REASONING, "reasoning", "reasoning_details", "thinking")
"""Where hosts put it: DeepSeek and older vLLM; vLLM, Groq and OpenRouter; OpenRouter; Ollama."""
_HEAD = {"id": str, "object": str, "created": int, "model": str}
_HEAD |= {"system_fingerprint": str, "service_tier": str}
_FINISHES = {"eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop"}
_FINISHES |= {"max_tokens": "length", "tool_use": "tool_calls", "tool_call": "tool_calls"}
_FINISHES |= {"safety": "content_filter", "sensitive": "content_filter"}
_FAILED = (
    *("error", "abort", "aborted", "failed", "cancelled", "network_error"),
    *("insufficient_system_resource", "malformed_function_call"),
)
"""Finish reasons of an incomplete answer: OpenRouter, SGLang, vLLM, Z.ai, DeepSeek and Gemini."""
_COUNTS = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
_DIGITS = 15
_UNKNOWN_TYPE = "application/octet-stream"
_NAMES = ("id", "text")
"""Parts of a block that LangChain takes for text."""
_NEVER_KEPT = ("index", "source_type")
"""Parts of a block by which LangChain merges it with others, or looks for a source elsewhere."""
_SizedT = TypeVar("_SizedT", bound=Sized)
_decode = json.JSONDecoder(strict=False, parse_int=integer).raw_decode


class Call(NamedTuple):
    """The fields of a tool call, or of a piece of one; ``None`` for missing ones."""

    place: int | None
    id: str | None
    name: str | None
    arguments: Any


def normalized(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer in OpenAI's form, or ``{"error": …}`` if one of its choices is an error.

    Raises:
        UnreadableAnswerError: If a part of it has no evident meaning.
        BrokenOffAnswerError: If the host could not finish it.
    """
    choices = []
    for index, choice in enumerate(no_more("choices", answer["choices"], MOST_CHOICES)):
        if error := choice.get("error"):
            return {"error": error}
        written = spoken(choice, "message", "delta", "text")
        if not written:
            raise unreadable("the message of a choice", None)
        parts = {"index": index, "message": _message(written), "logprobs": logprobs_of(choice)}
        choices.append({**parts, "finish_reason": finish_of(choice)})
    return {**head_of(answer), "choices": choices, "usage": usage_of(answer) or None}


def _message(written: Mapping[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", **said_in(written)}
    if isinstance(audio := written.get("audio"), dict):
        message["audio"] = audio
    ids: set[str] = set()
    calls = []
    for call in calls_of(written):
        if not call.name:
            raise unreadable("the name of a tool call", call.name)
        function = {"name": call.name, "arguments": arguments_of(call.arguments)}
        calls.append({"id": fresh_id(call.id, ids), "type": "function", "function": function})
        no_more("tool calls", calls, MOST_CALLS)
    return {**message, "tool_calls": calls} if calls else message


# ---- parts ------------------------------------------------------------------------------------


def head_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of an answer."""
    return {
        name: sound(part) if isinstance(part, str) else part
        for name, kind in _HEAD.items()
        if isinstance(part := answer.get(name), kind) and part != ""
    }


def spoken(choice: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The value of a choice under the first of these names that it has."""
    for name in names:
        said = choice.get(name)
        if isinstance(said, dict):
            return said
        if isinstance(said, str):
            return {"content": said}
        if said is not None:
            raise unreadable(f"the {name} of a choice", said)
    return {}


def said_in(written: Mapping[str, Any]) -> dict[str, Any]:
    """The content, and the reasoning and the refusal if there are any."""
    content, thought = content_of(written)
    said = {"content": content}
    if thought:
        said[REASONING] = thought
    if isinstance(refusal := written.get("refusal"), str):
        said["refusal"] = sound(refusal)
    return said


def content_of(written: Mapping[str, Any]) -> tuple[Any, str]:
    """The content, as a text if it consists only of texts, and the reasoning.

    The id of a message is not read: hosts repeat it, and LangGraph would replace an earlier message
    with the new one.
    """
    given = written.get("content")
    thought = next(filter(None, (_plain(written.get(name)) for name in _REASONING)), "")
    if given is None or isinstance(given, str):
        return given and sound(given), thought
    if isinstance(given, dict) and not ({"type", "text"} & given.keys()):
        return sound(json.dumps(given, ensure_ascii=False)), thought  # the requested JSON
    blocks: list[Any] = []
    thoughts: list[str] = []
    for part in as_list("the content", given):
        block = {"text": part} if isinstance(part, str) else part
        kind = block.get("type") if isinstance(block, dict) else None
        if kind in ("thinking", "reasoning"):
            thoughts.append(_plain(block))
        elif isinstance(block, dict) and isinstance(block.get("text"), str):
            blocks.append({"type": "text", "text": sound(block["text"])})
        elif isinstance(block, dict) and isinstance(kind, str) and kind != "text":
            blocks.append(_usable(block))
        elif block is not None:
            raise unreadable("a block of the content", block)
    if all(block["type"] == "text" for block in blocks):
        return "".join(block["text"] for block in blocks), thought or "".join(thoughts)
    return blocks, thought or "".join(thoughts)


def _usable(block: dict[str, Any]) -> dict[str, Any]:
    """A block that LangChain can merge, convert and send again.

    Without an ``index``, it is merged with no other one, which may hold parts of other types.
    Numbers that JSON cannot hold are null.
    """
    block = json.loads(json.dumps(block), parse_constant=lambda _: None)
    if block["type"] == "non_standard" and not isinstance(block.get("value"), dict):
        raise unreadable("the value of a block", block.get("value"))
    kept = {
        name: part
        for name, part in block.items()
        if not (
            part is None or name in _NEVER_KEPT or (name in _NAMES and not isinstance(part, str))
        )
    }
    return {"mime_type": _UNKNOWN_TYPE, **kept} if "base64" in kept else kept


def _plain(value: Any) -> str:
    """The text of reasoning in any form; encrypted reasoning has none."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, list):
        return "".join(map(_plain, value))
    if isinstance(value, dict):
        names = ("text", "thinking", "reasoning", "summary", "content")
        return next(filter(None, (_plain(value.get(name)) for name in names)), "")
    return ""


def sound(text: str) -> str:
    """The text without lone surrogates, which pydantic refuses."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def calls_of(written: Mapping[str, Any]) -> Iterator[Call]:
    """The tool calls, or the pieces of some."""
    given = written.get("tool_calls")
    if not given and (function := written.get("function_call")):  # OpenAI's form of 2023
        given = {"function": function}
    for call in as_list("tool_calls", given or []):
        if not isinstance(call, dict):
            raise unreadable("a tool call", call)
        function = call.get("function")
        if isinstance(function, str):
            function = {**call, "name": function}
        elif not isinstance(function, dict):
            function = call
        index, id_, name = call.get("index"), call.get("id"), function.get("name")
        if not (name is None or isinstance(name, str)):
            raise unreadable("the name of a tool call", name)
        yield Call(
            index if isinstance(index, int) else None,
            str(id_) if isinstance(id_, str | int) and id_ != "" else None,
            sound(name).strip() or None if name else None,
            next((function[n] for n in ("arguments", "parameters") if function.get(n)), None),
        )


def fresh_id(given: str | None, taken: set[str]) -> str:
    """The id of a call, or a new one if there is none, or if this turn has it already."""
    made = f"call_{uuid.uuid4().hex[:24]}" if given is None or given in taken else sound(given)
    taken.add(made)
    return made


def arguments_of(value: Any) -> str:
    """Arguments as the text of a JSON object.

    Text that is not JSON stays as it is, and LangChain turns it into an invalid call; so it does
    with other values, which are marked for that.
    """
    while not isinstance(value, dict):
        if isinstance(value, list) and len(value) <= 1:
            value = value[0] if value else {}  # PHP writes an empty object like this
        elif value is None:
            value = {}
        elif isinstance(value, str):
            text = sound(value).strip()
            text = text[2:].lstrip() or "{}" if text.startswith("{}") else text  # Bedrock, Gemini
            try:
                value, end = _decode(text or "{}")
            except (ValueError, RecursionError):
                return text
            if text[end:].strip() not in ("", text[:end]):  # some hosts send everything again
                return text
            if isinstance(value, dict):
                return _kept(text[:end] or "{}", value)
        else:
            return sound(json.dumps(value, ensure_ascii=False)) + "}"
    return _kept(sound(json.dumps(value, ensure_ascii=False)), value)


def _kept(text: str, value: dict[str, Any]) -> str:
    """The text of this value; if that is too deep for LangGraph, text of an invalid call."""
    return storable(text) + "}" * is_deeper_than(value)


def finish_of(choice: Mapping[str, Any]) -> str | None:
    """Why an answer ended, in OpenAI's words where they are known."""
    if not (given := choice.get("finish_reason")):
        return None
    reason = sound(str(given))
    if reason.lower() in _FAILED:
        msg = f"its finish_reason is {reason!r}"
        raise BrokenOffAnswerError(msg)
    return _FINISHES.get(reason.lower(), reason)


def logprobs_of(choice: Mapping[str, Any]) -> dict[str, Any] | None:
    """The probabilities of tokens, in the form that can be merged."""
    given = choice.get("logprobs")
    parts = given.items() if isinstance(given, dict) else ()
    return {name: _unnumbered(part) for name, part in parts if isinstance(part, list)} or None


def _unnumbered(items: list[Any]) -> list[Any]:
    """Items without an ``index``: LangChain would search all earlier ones for the same."""
    return [
        {name: part for name, part in item.items() if name != "index"}
        if isinstance(item, dict) and "index" in item
        else item
        for item in items
    ]


def usage_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The usage of an answer; Groq and Moonshot report it under keys of their own."""
    choices = answer.get("choices")
    places = [answer, answer.get("x_groq"), *(choices if isinstance(choices, list) else ())]
    found = (_counted(place.get("usage")) for place in places if isinstance(place, dict))
    return next(filter(None, found), {})


def _counted(usage: Any) -> dict[str, Any]:
    """Only the counts: numbers from 0, and groups of them."""
    kept: dict[str, Any] = {}
    for given, value in usage.items() if isinstance(usage, dict) else ():
        name = _COUNTS.get(given) or str(given)
        if isinstance(value, dict) and not name.endswith("tokens"):
            kept[name] = _counted(value)
        number = None if name.endswith("details") else _number(value)
        if isinstance(number, int) or (number is not None and not name.endswith("tokens")):
            kept[name] = number
    return no_more("counts in its usage", kept, _MOST_COUNTS)


def _number(value: Any) -> int | float | None:
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:_DIGITS])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < 10**_DIGITS:
        return None
    return int(value) if value == int(value) else value


def most(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The largest of several usage reports, since usage grows with the answer."""
    merged = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], dict) and isinstance(other[name], dict):
            merged[name] = most(one[name], other[name])
        elif not (isinstance(one[name], dict) or isinstance(other[name], dict)):
            merged[name] = max(one[name], other[name])
    return no_more("counts in its usage", merged, _MOST_COUNTS)


def as_list(what: str, value: Any) -> list[Any]:
    """The list, or a single object as a list; anything else has no evident meaning."""
    if not isinstance(value, dict | list):
        raise unreadable(what, value)
    return [value] if isinstance(value, dict) else value


def no_more(what: str, some: _SizedT, most: int) -> _SizedT:
    """These items; raises if there are too many."""
    if len(some) > most:
        msg = f"it has more than {most} {what}"
        raise UnreadableAnswerError(msg)
    return some


def unreadable(what: str, value: Any) -> UnreadableAnswerError:
    """The error for a part without an evident meaning."""
    return UnreadableAnswerError(
        f"{what} is {'missing' if value is None else f'of the type {type(value).__name__}'}"
    )


def values_in(text: str | bytes) -> int:
    """The most values that this JSON may hold, found without decoding it."""
    signs: Any = ",[{" if isinstance(text, str) else b",[{"
    return sum(map(text.count, signs))


def decoded(text: str | bytes) -> Any:
    """The JSON of an answer or an event.

    Raises:
        UnreadableAnswerError: If it has too many values, or is nested too deeply for what LangChain
            does with it.
    """
    no_more("values", range(values_in(text)), MOST_VALUES)
    value = json.loads(text, parse_int=integer)
    if is_deeper_than(value):
        msg = f"it is nested more than {DEEPEST} levels deep"
        raise UnreadableAnswerError(msg)
    return value


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Raise errors from unexpected answers as `UnreadableAnswerError`."""
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise UnreadableAnswerError(str(error)) from error
