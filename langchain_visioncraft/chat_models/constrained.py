"""Tool calling for hosts that can force an answer to fit a JSON schema. No I/O.

The tools, and one more called ``reply`` that takes a text, become one schema: the model can only
write a call or a reply. Small models call the right tool far more often this way than natively.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import BaseMessage, ToolMessage

from langchain_visioncraft._schemas import inlined
from langchain_visioncraft.chat_models.bound_tools import BoundTools
from langchain_visioncraft.chat_models.history import as_text, with_instructions
from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
from langchain_visioncraft.chat_models.prompted.reading import CallReader, Piece
from langchain_visioncraft.chat_models.response_formats import of_schema
from langchain_visioncraft.media.sniff import EXTENSIONS

# Of a dozen forms, small models called the right function most often with this one: what a function
# does, and below it the call itself (benchmarks/small_model_agent.py).
_INSTRUCTIONS = """\
# Functions

Each function, and how it is called:
{functions}

Answer with one json object, and nothing else: {when}."""
_WHEN = {
    "auto": "the call of the function that can do what the user asks for",
    "required": "the call of one of the functions, whatever is asked",
    "next": "a reply if all that the user asked for is done, else the call that is still missing",
}
_NAMED = "the call of {name}, whatever is asked"
_OTHERWISE = """
- {case}: a reply to the user in plain words{purpose}.
  {{"name": "{name}", "arguments": {{"text": <what to tell the user>}}}}"""
_IN_THE_FORM = "\n- {case}: the answer, a json object that fits this JSON schema.\n  {form}"
_CASES = {
    False: ("None of these", ", for small talk and general knowledge"),
    True: ("All is done", ", which says what was done and names the files"),
}
"""When to reply: at first, and after the results of calls."""
_SEVERAL = "\nWrite several calls as a list of such objects, and a reply as a list of one."
_MOST_CALLS = 8
_KEPT = (
    *("type", "properties", "required", "items", "enum", "const", "anyOf"),
    *("additionalProperties", "minimum", "maximum", "minItems", "maxItems", "maxLength"),
)
"""The keywords that the grammars of llama.cpp, vLLM, SGLang and Ollama support. Others are refused,
ignored, or harmful: in llama.cpp's, the dot of a pattern matches the quote that ends the text. The
answer is checked against the whole schema."""

_REPLY_BEGINS = re.compile(
    r'\s{0,80}\[?\s{0,80}\{\s{0,80}"name"\s*+:\s*+"(\w+)"\s*+,\s*+"arguments"\s*+:\s*+\{\s*+"text"\s*+:\s*+"'
)
_REPLY_BEGUN = re.compile(r'\s{0,80}(?:\[\s{0,80})?(?:\{[\s"a-z_0-9:,{]{0,80})?\Z')
_TEXT = re.compile(r'(?:[^"\\]|\\(?:u(?!d[89ab])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}'
                   r'\\u[0-9a-fA-F]{4}|["\\/bfnrt]))*')  # fmt: skip
_LONGEST_ESCAPE = len(r"\ud83d\ude00")


class _ReplyReader(CallReader):
    """Returns the text of a reply as it grows; everything else is read like any other answer.

    A host that ignores the schema answers in prose, or with calls in a form of its own.
    """

    def __init__(self, offered: Offered) -> None:
        super().__init__(offered)
        self._reply_name = _reply_name(offered)
        self._state: Literal["begin", "reply", "behind", "other"] = "begin"
        self._rest = ""
        self._behind: list[str] = []

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer, and return what is certain by now."""
        if self._state == "other":
            return super().feed(text)
        if self._state == "behind":
            self._behind.append(text)
            return []
        self._rest += text
        if self._state == "begin":
            begins = _REPLY_BEGINS.match(self._rest)
            if begins is None or begins[1] != self._reply_name:
                if begins is None and _REPLY_BEGUN.match(self._rest):
                    return []
                self._state, begun, self._rest = "other", self._rest, ""
                return super().feed(begun)
            self._state, self._rest = "reply", self._rest[begins.end() :]
        return self._reply()

    def _reply(self) -> list[Piece]:
        found = _TEXT.match(self._rest)
        end = found.end() if found else 0
        written, self._rest = self._rest[:end], self._rest[end:]
        if self._rest[:1] == '"' or len(self._rest) > _LONGEST_ESCAPE:
            self._state, self._rest = "behind", self._rest.removeprefix('"')
        return [json.loads(f'"{written}"', strict=False)] if written else []

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Return what is left."""
        state, self._state = self._state, "other"
        self._rest = "".join([self._rest, *self._behind])
        found = super().feed(self._rest if state == "begin" else self._rest.lstrip("]}, \n"))
        found += super().finish(cut_off=cut_off)
        if state in ("begin", "other"):
            return found
        return [each for each in found if isinstance(each, Call)]


@dataclass(frozen=True)
class ConstrainedTools(BoundTools):
    """The tools of one request, as a schema that its answer must fit."""

    form: Mapping[str, Any] | None = None
    """The schema of an answer without a call, if the request has a ``response_format``."""

    in_words = True
    reader = _ReplyReader

    @property
    def options(self) -> Mapping[str, Any]:
        """The request parameter that forces the answer to fit the schema."""
        if not self._is_offering:
            return {}
        return {"response_format": of_schema(self.schema, strict=True)}

    @functools.cached_property
    def shown(self) -> Mapping[str, Mapping[str, Any]]:
        """The arguments of each tool that can be called now.

        A file is one that the conversation names: small models make up handles. Without any,
        tools that need one are not shown.
        """
        schemas = {name: _offered(each) for name, each in self.offered.schemas.items()}
        if self.choice != "auto":
            return schemas
        files = files_named(self.history)
        held = {name: with_files(schema, files) for name, schema in schemas.items()}
        return {name: schema for name, schema in held.items() if schema is not None}

    @property
    def schema(self) -> dict[str, Any]:
        """One branch for each tool, and one for a reply if no call is required."""
        branches = [_branch(name, shape(schema)) for name, schema in self.shown.items()]
        answer = self.form if self.choice == "auto" else None
        if self.choice == "auto" and answer is None:
            text = _closed_object(text={"type": "string"})
            branches.append(_branch(_reply_name(self.offered), text))
        if self.parallel:
            items = _any_of(branches)
            branches = [{"type": "array", "items": items, "minItems": 1, "maxItems": _MOST_CALLS}]
        return _any_of([*branches, *([] if answer is None else [answer])])

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation, with the tools described."""
        written = as_text(messages)
        if not self._is_offering:
            return written
        goes_on = bool(messages) and isinstance(messages[-1], ToolMessage)
        shown = (tool for tool in self.tools if tool["name"] in self.shown)
        functions = "\n".join(map(_described, shown))
        if self.choice == "auto":
            case, purpose = _CASES[goes_on]
            said = _OTHERWISE if self.form is None else _IN_THE_FORM
            functions += said.format(
                case=case,
                purpose=purpose,
                name=_reply_name(self.offered),
                form=json.dumps(self.form, ensure_ascii=False),
            )
        choice = "next" if goes_on and self.choice == "auto" else self.choice
        when = _WHEN.get(choice) or _NAMED.format(name=self.choice)
        instructions = _INSTRUCTIONS.format(functions=functions, when=when)
        instructions += _SEVERAL if self.parallel else ""
        return with_instructions(written, instructions)


def _reply_name(offered: Offered) -> str:
    """The name of the branch for a reply, which no tool may have."""
    names = itertools.chain(["reply"], (f"reply_{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in offered.schemas)


def _described(tool: Mapping[str, Any]) -> str:
    """What a tool does, and how it is called."""
    schema = _offered(tool.get("parameters") or {})
    required = schema.get("required") or ()
    arguments = ", ".join(
        f'"{name}": <{_meaning(part)}{"" if name in required else " (optional)"}>'
        for name, part in (schema.get("properties") or {}).items()
    )
    call = f'{{"name": "{tool["name"]}", "arguments": {{{arguments}}}}}'
    return f"- {tool.get('description') or tool['name']}\n  {call}"


def _offered(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's arguments, less optional objects with any keys: small models fill in everything.

    No grammar bounds how many keys there are, and the tool refuses those that a model makes up.
    """
    whole = inlined(schema)
    required = whole.get("required") or ()
    properties = {
        name: part
        for name, part in (whole.get("properties") or {}).items()
        if name in required or not _takes_any_keys(shape(part))
    }
    return {**whole, **({"properties": properties} if "properties" in whole else {})}


def _takes_any_keys(kept: Any) -> bool:
    return isinstance(kept, Mapping) and kept.get("type") == "object" and not kept.get("properties")


def _meaning(schema: Any) -> str:
    """The description of an argument, or else its type."""
    said = schema.get("description") if isinstance(schema, Mapping) else None
    kept = shape(schema)
    kind = kept.get("type") if isinstance(kept, Mapping) and "enum" not in kept else None
    return str(said).rstrip(".") if said else str(kind or json.dumps(kept, ensure_ascii=False))


def _any_of(branches: list[Any]) -> dict[str, Any]:
    one: dict[str, Any] = branches[0] if len(branches) == 1 else {"anyOf": branches}
    return one


def _branch(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return _closed_object(name={"const": name}, arguments=arguments)


def _closed_object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"required": [*properties], "additionalProperties": False}
    return {"type": "object", "properties": properties, **facts}


def held_to(schema: Mapping[str, Any]) -> Any:
    """The schema to send, with references resolved."""
    return shape(inlined(schema))


def shape(schema: Any) -> Any:
    """The part of a schema that servers can enforce."""
    if not isinstance(schema, Mapping):
        return {} if schema is True else schema
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list) and "properties" not in schema:
        parts = [shape(part) for part in choices if part != {"type": "null"}]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}
    kept = {key: value for key, value in schema.items() if key in _KEPT and key != "anyOf"}
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = {name: shape(part) for name, part in kept["properties"].items()}
        kept.setdefault("additionalProperties", False)
    inner = {key: shape(kept[key]) for key in ("additionalProperties", "items") if key in kept}
    return {**kept, **inner}


# ---- the files that a conversation names, so that small models cannot make them up --------------

_TAKES_FILES = "a handle or a url."
"""How the description of an argument that takes a file ends, in our tools and in any other tool."""

_TAKES_SOUND = re.compile(r"recording|audio|speech|voice", re.IGNORECASE)
_KINDS = {"jpeg": "image", **{ext: mime.partition("/")[0] for mime, ext in EXTENSIONS.items()}}

# Each uses one character class, so that long texts take linear time.
_LINK = re.compile(r"https?://[^\s\"'<>`]+")
_HANDLE = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{12}\.[a-z0-9]{2,5}(?![0-9A-Za-z])")
_WORD = re.compile(r"[\w./:\\~-]+")
_BEHIND = ".,;:!?)]}*"
_MOST_MESSAGES, _LONGEST_TEXT, _MOST_FILES = 100, 20_000, 30


def files_named(messages: Sequence[BaseMessage]) -> list[str]:
    """The newest thirty files and links that a conversation names, the newest last."""
    found: dict[str, None] = {}
    for message in messages[-_MOST_MESSAGES:]:
        for name in _files_in(message.text[-_LONGEST_TEXT:]):
            found.pop(name, None)
            found[name] = None
    return list(found)[-_MOST_FILES:]


def _files_in(text: str) -> Iterator[str]:
    for link in _LINK.findall(text):
        yield link.rstrip(_BEHIND)
    text = _LINK.sub(" ", text)
    yield from _HANDLE.findall(text)
    for word in _WORD.findall(_HANDLE.sub(" ", text)):
        name, _, extension = word.rstrip(_BEHIND).rpartition(".")
        if name and 2 <= len(extension) <= 5 and extension.isalnum() and not extension.isdigit():
            yield f"{name}.{extension}"


def _kind_of(file: str) -> str | None:
    """The kind of a file, as far as its extension tells."""
    return _KINDS.get(re.split(r"[?#]", file, maxsplit=1)[0].rpartition(".")[2].lower())


def with_files(schema: Mapping[str, Any], files: Sequence[str]) -> Mapping[str, Any] | None:
    """A tool's schema in which arguments for files allow only these files.

    Returns:
        ``None`` if there are no files, and the tool needs one.
    """
    properties = dict(schema.get("properties") or {})
    for name, part in list(properties.items()):
        described = str(part.get("description") or "") if isinstance(part, Mapping) else ""
        if not described.lower().endswith(_TAKES_FILES):
            continue
        others = {"image"} if _TAKES_SOUND.search(described) else {"audio", "video"}
        if fitting := [file for file in files if _kind_of(file) not in others]:
            properties[name] = {"enum": fitting, "description": described}
        elif name in (schema.get("required") or ()):
            return None
        else:
            del properties[name]
    return {**schema, "properties": properties} if "properties" in schema else schema
