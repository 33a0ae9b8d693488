"""Answers of models that write tool calls as text: every form, for examples and for properties."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import strategies as st

from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
from langchain_visioncraft.chat_models.prompted.reading import CallReader, Piece

DRAW = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string"},
        "width": {"type": "integer"},
        "loras": {"type": "object"},
        "tags": {"type": "array"},
    },
    "required": ["prompt"],
}
OFFERED = Offered({"draw": DRAW, "limits": {"type": "object", "properties": {}}})

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        'a "quoted" cat',
        "braces } ] {",
        "日本語の猫",
        "🐈",
        "back\\slash",
        "</tool_call>",
        "line\nbreak",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.builds(
    lambda prompt, more: {"prompt": prompt, **more},
    TEXTS,
    st.fixed_dictionaries(
        {},
        optional={
            "width": st.integers(),
            "loras": st.dictionaries(TEXTS, VALUES, max_size=3),
            "tags": st.lists(VALUES, max_size=3),
        },
    ),
)
CALLS = st.builds(Call, st.just("draw"), ARGUMENTS) | st.just(Call("limits", {}))


def bare(call: Call) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


def openai_shaped(call: Call) -> str:
    arguments = json.dumps(call.arguments)
    function = {"name": call.name, "arguments": arguments}
    return json.dumps({"id": "call_1", "type": "function", "function": function})


FORMS: dict[str, Any] = {
    "hermes": lambda call: f"<tool_call>\n{bare(call)}\n</tool_call>",
    "hermes without end": lambda call: f"<tool_call>{bare(call)}",
    "hermes around a fence": lambda call: f"<tool_call>\n```json\n{bare(call)}\n```\n</tool_call>",
    "bare": bare,
    "escaped": lambda call: json.dumps({"name": call.name, "arguments": call.arguments}, indent=2),
    "fenced": lambda call: f"```json\n{bare(call)}\n```",
    "fenced without a language": lambda call: f"```\n{bare(call)}\n```",
    "inline code": lambda call: f"`{bare(call)}`",
    "list": lambda call: f"[{bare(call)}]",
    "fenced list": lambda call: f"```json\n[\n{bare(call)}\n]\n```",
    "openai": openai_shaped,
    "openai list": lambda call: f'{{"tool_calls": [{openai_shaped(call)}]}}',
    "parameters": lambda call: json.dumps({"name": call.name, "parameters": call.arguments}),
    "function as the name": lambda call: json.dumps(
        {"type": "function", "function": call.name, "parameters": call.arguments}
    ),
    "arguments first": lambda call: json.dumps({"arguments": call.arguments, "name": call.name}),
    "arguments as text": lambda call: json.dumps(
        {"name": call.name, "arguments": json.dumps(call.arguments)}
    ),
    "mistral": lambda call: f"[TOOL_CALLS] [{bare(call)}]",
    "llama": lambda call: f"<function={call.name}>{json.dumps(call.arguments)}</function>",
    "llama's python tag": lambda call: f"<|python_tag|>{bare(call)}",
    "one bracket too many": lambda call: bare(call) + "}",
    "one bracket too few": lambda call: f"<tool_call>\n{bare(call)[:-1]}\n</tool_call>",
}


def joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring prose as one piece."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if isinstance(piece, str) and isinstance(last, str):
            result[-1] = last + piece
        else:
            result.append(piece)
    return result


def is_broken(piece: Piece) -> bool:
    """Whether this was meant as a call, but cannot be made."""
    return isinstance(piece, Call) and bool(piece.problems)


def read(*texts: str, offered: Offered = OFFERED, cut_off: bool = False) -> list[Piece]:
    """What a reader makes of an answer that arrives in these pieces."""
    reader = CallReader(offered)
    pieces = [piece for text in texts for piece in reader.feed(text)]
    return joined([*pieces, *reader.finish(cut_off=cut_off)])


def cut(text: str, places: list[int]) -> list[str]:
    """The text, cut at these places."""
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]
