"""Calls that are not written as JSON: as tags, as Python, in Gemma's own notation."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from langchain_visioncraft._json import JsonReader, escaped, literal, literal_of

Written: TypeAlias = tuple[str, Any]
"""A name, and the arguments: by name, or values in their order, or the JSON of an object."""

_MINIMAX = "]<]minimax[>["
_PREFIX = r"(?:[|｜]{1,2}\w{2,8}[|｜]{1,2}|[A-Za-z]{1,12}[:|])?\s{0,2}"  # ｜DSML｜, minimax:, ifm|
_OPEN = rf"(?:<(?:\|open\|>)?|(?<=\]minimax\[>\[)){_PREFIX}"
_SHUT = rf"<(?:\|close\|>|\s?/)\s?{_PREFIX}"
_NAME = r"(?:\s{0,2}[=:]\s{0,2}|\s{1,2})(?:(?:name|tool|key)\s?=\s?)?[\"']?([\w.-][\w./:-]{0,127})"
_WORDS = r"(?:function|invoke|tool_call|function_call|tool|call)"
TAG = re.compile(rf"{_OPEN}{_WORDS}{_NAME}[\"']?")
"""The beginning of a call as tags, which names the tool."""

_ARG = r"(?:[a-z]{1,12}_)?arg_"
_PARAMETER = (
    rf"{_OPEN}(?:parameter|param|argument){_NAME}[\"']?"
    r"(?:(?:\s+\w+\s?=\s?[\"'][^\"'<>\n]{0,64}[\"'])*\s{0,2}(?:>|<\|sep\|>)|=|(?=\n))"
    rf"|(?:<{_PREFIX}(?:{_ARG}key|tool_call)(?::\w+)?>\s*){{0,3}}(?<=[>\n])([\w.-]{{1,128}})"
    rf"(?:</{_PREFIX}{_ARG}key(?::\w+)?>\s*){{1,3}}(?:<{_PREFIX}{_ARG}value(?::\w+)?>){{0,3}}"
)
_CLOSE = rf"{_SHUT}(?:\w+_)?{_WORDS}[^<>\n]{{0,16}}(?:>|<\|sep\|>)?"
_SIGNS = re.compile(
    rf"(?P<parameter>{_PARAMETER})"
    rf"|(?P<end>{_SHUT}(?:param|argument|{_ARG}value))"
    rf"|(?P<call>{_OPEN}{_WORDS}{_NAME}|<{_PREFIX}(?:\w+_)?tool_call(?::\w+)?>)"
    rf"|(?P<close>{_CLOSE})"
)
_CLOSED = re.compile(rf"[)>\s]*+{_CLOSE}")
_TO_JSON = re.compile(r"[>(,\s/]*+(?=\{)")
CHILD = re.compile(r"<([A-Za-z_][\w.-]{0,127})>([^<]*)</\1>")
_NAMED_BY_TAG = re.compile(r"<(?:tool_)?name>\s*([^<\s]{1,128})\s*</(?:tool_)?name>")
_CDATA = re.compile(r"\A<!\[CDATA\[(.*)\]\]>\Z", re.DOTALL)
_LONE = re.compile(
    rf"([\w./:-]{{1,128}})\s*(?=<{_PREFIX}(?:{_ARG}|tool_sep|tool_call>[\w.-]+</)|[\w.-]+</{_PREFIX}{_ARG})"
)
_ATTRIBUTES = re.compile(
    r"(?:\s[A-Za-z_]\w{0,63}=(?:\"[^\"<>]{0,2000}\"|'[^'<>]{0,2000}'))+(?=\s?/?>)"
)
_PAIR = re.compile(r"\s([A-Za-z_]\w{0,63})=(\"[^\"]*\"|'[^']*'|[^\s\"']+)")

PYTHON = re.compile(
    r"\[?\s{0,8}(?:await |print\(\s?)?(?:[A-Za-z_]\w{0,63}\s?=\s?)?(?P<name>\w[\w./:-]{0,127})\("
)
_LOOSE = re.compile(r"([\w./:-]{1,128})\(")
_NEXT_CALL = re.compile(r"\)\s*[,;\n]\s*(?=\w[\w./:-]{0,127}\()")
_COMMA = re.compile(r",\s*(?=[A-Za-z_]\w*\s*[=:])")
_SIGN = re.compile(r"\s*[=:]\s*")
_ZEROS = re.compile(r"(=\s*)0+(?=[1-9]\d*\s*[,)])")
_LONGEST_PYTHON = 20_000

_GEMMA_QUOTE = re.compile(r"<\|\"\|>|<escape>")
_BARE_KEY = re.compile(r"([{,\[]|\A)\s*([A-Za-z_][\w.-]{0,127})\s*:")
_BARE_VALUE = re.compile(r"(\":\s*)([^\s\"'\[\]{},][^\"\[\]{}\n]{0,500}?)\s*(?=,\s*\"|}|\Z)")
_SCALAR = re.compile(r"(?i:true|false|null|none)\Z|-?[\d.eE+-]+\Z|<")


def tagged_call(text: str, at: int, reader: JsonReader) -> tuple[Written, int] | None:
    """A call as tags, and where it ends: Qwen3-Coder, Anthropic, MiniMax, DeepSeek 3.2, Kimi K3."""
    tag = TAG.match(text, at) or _LONE.match(text, at)
    if tag is None:
        return None
    arguments, end = _parameters(text, tag.end())
    if not arguments:
        if found := _TO_JSON.match(text, tag.end()):
            arguments, after, _ = reader.value_at(text, found.end(), _SIGNS)
            closed = _CLOSED.match(text, after)
            return (tag[1], arguments), closed.end() if closed else after
        arguments = dict(CHILD.findall(text[tag.end() : end].replace(_MINIMAX, "")))
        if not arguments and (attributes := _ATTRIBUTES.match(text, tag.end())):
            arguments = {key: value.strip("\"'") for key, value in _PAIR.findall(attributes[0])}
    return (tag[1], arguments), end


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """The arguments from here to the end of a call, and where it ends.

    If another closer of an argument follows, a closer belongs to the value.
    """
    found: dict[str, str] = {}
    key, start, end, over = "", at, -1, -1
    for sign in _SIGNS.finditer(text, at):
        if sign["end"]:
            end, over = sign.start(), -1
            found |= {key: _value(text[start:end])} if key else {}
        elif sign["close"] and (end >= 0 or not key):
            return found, sign.end()
        elif sign["close"]:
            over = over if over >= 0 else sign.start()
            found[key] = _value(text[start:over])
        elif sign["call"]:
            return found, over if over >= 0 else sign.start()
        else:
            if key and end < 0:
                found[key] = _value(text[start : sign.start()])
            key, start, end, over = sign[2] or sign[3], sign.end(), -1, -1
    if key and end < 0 and over < 0:
        found[key] = _value(text[start:])
    close = text.find(">", max(over, end)) + 1 if max(over, end) >= 0 else 0
    return found, close or len(text)


def _value(text: str) -> str:
    text = text.removeprefix("\n").removesuffix("\n")  # part of the frame, not of the value
    data = _CDATA.match(text.strip())
    return data[1] if data else text


def lone_call(body: str, reader: JsonReader) -> Written | None:
    """A call whose name is bare (GLM), in a tag of its own, or itself a tag (Claude 2, Cline)."""
    if named := _NAMED_BY_TAG.search(body):
        inner = body[named.end() :]
        value = reader.value_at(inner, inner.index("{"))[0] if "{" in inner else None
        return named[1], value or dict(CHILD.findall(inner))
    if re.fullmatch(r"\s*[\w./:-]{1,128}\s*", body):
        return body.strip(), {}
    name, _, rest = body.strip().partition(" ")
    if pairs := _PAIR.findall(f" {rest}"):
        return name, {key: value.strip("\"'") for key, value in pairs}
    outer = re.fullmatch(r"\s*<(\w{1,64})>(.*)</\1>\s*", body, re.DOTALL)
    return (outer[1], dict(CHILD.findall(outer[2]))) if outer else None


def python_calls(body: str) -> list[Written]:
    """Calls as Python: Llama 3.2 and 4, Gemma 3, OLMo 3, LFM2."""
    if len(body) > _LONGEST_PYTHON:
        return []
    try:
        tree = ast.parse(escaped(body.strip().strip(";")))
        return [each for statement in tree.body for each in _calls_of(statement)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _loose_calls(body.strip())


def _calls_of(node: ast.AST) -> Iterator[Written]:
    if isinstance(node, ast.Expr | ast.Assign | ast.Await):
        yield from _calls_of(node.value)
    elif isinstance(node, ast.List | ast.Tuple):
        for each in node.elts:
            yield from _calls_of(each)
    elif not isinstance(node, ast.Call):
        raise ValueError(ast.dump(node))  # noqa: TRY004 -- literals raise it, too
    elif isinstance(node.func, ast.Name) and node.func.id == "print":
        for each in node.args:
            yield from _calls_of(each)
    else:
        values = tuple(literal_of(each) for each in node.args)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = literal_of(keyword.value)
            if keyword.arg is None and not isinstance(value, dict):
                raise ValueError(ast.dump(keyword))
            named |= {keyword.arg: value} if keyword.arg else value
        yield ast.unparse(node.func), named or values


def _loose_calls(body: str) -> list[Written]:
    """Calls with strings that are not escaped, or with names that Python reserves."""
    calls = []
    if body[:1] == "[":
        body = body[1:].removesuffix("]")
    for part in _NEXT_CALL.split(_ZEROS.sub(r"\1", body)):
        call = _LOOSE.match(part := part.strip().removeprefix("print("))
        if call is None:
            return []
        inner = part[call.end() :].rstrip().removesuffix(")")
        pairs = [
            _SIGN.split(pair.strip(), maxsplit=1) for pair in _COMMA.split(inner) if pair.strip()
        ]
        if not all(len(pair) == 2 and pair[0].isidentifier() for pair in pairs):
            return []
        values = {name: _loose_value(value.strip()) for name, value in pairs}
        calls.append((call[1], values))
    return calls


def _loose_value(text: str) -> Any:
    value = literal(text)
    if value is not None or text in ("None", "null"):
        return value
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def gemma_arguments(body: str, reader: JsonReader) -> Any:
    """Arguments in Gemma 4's notation: ``prompt:<|"|>a cat<|"|>,steps:20``."""
    parts = _GEMMA_QUOTE.split(body)
    if len(parts) == 2:
        parts = [parts[0].rstrip("'\"") + parts[1]] if parts[0][-1:] in "'\"" else [*parts, ""]
    written = "".join(
        json.dumps(part, ensure_ascii=False) if number % 2 else _BARE_KEY.sub(r'\1"\2":', part)
        for number, part in enumerate(parts)
    )
    return reader.load("{" + _BARE_VALUE.sub(_quoted, written) + "}")


def _quoted(found: re.Match[str]) -> str:
    bare = found[2].strip()
    return found[1] + (bare if _SCALAR.match(bare) else json.dumps(bare, ensure_ascii=False))
