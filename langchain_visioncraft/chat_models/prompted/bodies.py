"""Calls that are not written as JSON: as tags, as Python, in Gemma's own notation."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from langchain_visioncraft._json import (
    JsonReader,
    escaped,
    literal,
    literal_of,
)

Written: TypeAlias = tuple[str, Any]
"""A name, and the arguments: by name, or values in their order, or the JSON of an object."""

_SPACE = r"<(?:[\w.]*[:｜]|｜\w+｜)?\s?"  # of names of tags: minimax:, ｜DSML｜
_TAGGED = re.compile(
    rf"{_SPACE}(?:function|invoke|tool)\b[\s=:]*(?:name\s*=\s*)?[\"']?([\w./:-]{{1,128}})[\"']?"
)
_PARAMETER = re.compile(
    rf"{_SPACE}(?:parameter|param)\b[\s=:]*(?:name\s*=\s*)?[\"']?([\w.-]{{1,128}})[\"']?[^<>]{{0,64}}>?"
    rf"(.*?)(?=</[^<>]{{0,32}}param|{_SPACE}param|</[^<>]{{0,32}}(?:function|invoke|tool_call)|\Z)",
    re.DOTALL,
)
_ARGUMENT = re.compile(
    r"<(?:\w+_)?arg_key>([^<]*)<[^<>]*>\s*(?:<(?:\w+_)?arg_key>\s*|</(?:\w+_)?arg_key>\s*)?"
    r"(?:<(?:\w+_)?arg_value>)?(.*?)(?=</(?:\w+_)?arg_value>|<(?:\w+_)?arg_key>|</tool_call|\Z)",
    re.DOTALL,
)
_CHILD = re.compile(r"<([A-Za-z_][\w.-]{0,127})>([^<]*)</")
_TOOL_NAME = re.compile(r"<(?:tool_)?name>([^<]{1,128})</(?:tool_)?name>")
_CDATA = re.compile(r"\A<!\[CDATA\[(.*)\]\]>\Z", re.DOTALL)
_LONE_NAME = re.compile(r"[\w.-]{1,128}\Z")
_MINIMAX = "]<]minimax[>["

PYTHON = re.compile(r"\[?\s{0,8}(?:print\(\s*)?(?:[A-Za-z_]\w*\s*=\s*)?[A-Za-z_][\w.]{0,127}\(")
_LOOSE = re.compile(r"(\[?)\s{0,8}(print\()?([\w.]{1,128})\(")
_COMMA = re.compile(r",\s*(?=[A-Za-z_]\w*\s*=)")
_LONGEST_PYTHON = 20_000

COLON = re.compile(r"(?:call)?\s*:\s*([\w.-]{1,128})\s*[{(]")
_GEMMA_QUOTE = re.compile(r"<\|\"\|>|<escape>")
_BARE_KEY = re.compile(r"([{,(\[]|\A)\s*([A-Za-z_]\w*)\s*:")


def tagged_calls(body: str, reader: JsonReader) -> list[Written]:
    r"""Calls as tags: Qwen3-Coder, GLM, Anthropic, MiniMax, DeepSeek V3.2.

    ```python
    from langchain_visioncraft.chat_models.prompted.bodies import tagged_calls
    from langchain_visioncraft._json import JsonReader

    text = "<function=draw>\n<parameter=prompt>\na cat\n</parameter>\n</function>"
    assert tagged_calls(text, JsonReader()) == [("draw", {"prompt": "a cat"})]
    ```
    """
    body = body.replace(_MINIMAX, "")
    found = list(_TAGGED.finditer(body))
    if not found:
        return [written] if (written := _lone_call(body)) else []
    ends = [each.start() for each in found[1:]] + [len(body)]
    calls = []
    for each, end in zip(found, ends, strict=True):
        name, inner = each[1], body[each.end() : end]
        calls.append((name, _arguments(inner, reader)))
    return calls


def _lone_call(body: str) -> Written | None:
    """GLM's form, in which the name stands bare, or Claude 2's, in which it is a tag."""
    named = _TOOL_NAME.search(body)
    if named:
        _, _, inner = body.partition("<parameters>")
        return named[1].strip(), dict(_CHILD.findall(inner))
    name, mark, _ = body.strip().partition("<")
    name = name.strip()
    if not _LONE_NAME.match(name) or (mark and "arg_" not in body):
        return None
    return name, dict(_arguments_of(_ARGUMENT.finditer(body)))


def _arguments(inner: str, reader: JsonReader) -> Any:
    for pattern in (_PARAMETER, _ARGUMENT):
        if arguments := dict(_arguments_of(pattern.finditer(inner))):
            return arguments
    _, bracket, _ = inner.partition("{")
    if bracket:
        value, _, _ = reader.value_at(inner, inner.index("{"))
        return value
    return dict(_CHILD.findall(inner))


def _arguments_of(found: Iterator[re.Match[str]]) -> Iterator[tuple[str, str]]:
    for each in found:
        text = each[2].removeprefix("\n").removesuffix("\n")  # of the frame, not of the value
        data = _CDATA.match(text.strip())
        yield each[1].strip(), data[1] if data else text


def python_calls(body: str) -> list[Written]:
    """Calls as Python: Llama 3.2 and 4, Gemma 3, OLMo 3, LFM2.

    ```python
    from langchain_visioncraft.chat_models.prompted.bodies import python_calls

    assert python_calls('[draw(prompt="a cat"), limits()]') == [
        ("draw", {"prompt": "a cat"}),
        ("limits", {}),
    ]
    ```
    """
    if len(body) > _LONGEST_PYTHON:
        return []
    try:
        tree = ast.parse(escaped(body.strip().strip(";")))
        return [each for statement in tree.body for each in _calls_of(statement)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _loose_call(body)


def _calls_of(node: ast.AST) -> Iterator[Written]:
    if isinstance(node, ast.Expr | ast.Assign):
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
        named = {str(each.arg): literal_of(each.value) for each in node.keywords}
        yield ast.unparse(node.func), named or values


def _loose_call(body: str) -> list[Written]:
    """One call with strings that are not escaped, or with names that Python reserves."""
    body = body.strip()
    call = _LOOSE.match(body)
    if call is None:
        return []
    inner = body[call.end() :]
    for closer in "])" if call[1] else ")":
        inner = inner.rstrip().removesuffix(closer)
    inner = inner.removesuffix(")") if call[2] else inner
    pairs = [part.partition("=") for part in _COMMA.split(inner) if part.strip()]
    if not all(sign and name.strip().isidentifier() for name, sign, _ in pairs):
        return []
    return [(call[3], {name.strip(): _loose_value(value.strip()) for name, _, value in pairs})]


def _loose_value(text: str) -> Any:
    value = literal(text)
    if value is None and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text if value is None and text not in ("None", "null") else value


def colon_calls(body: str, reader: JsonReader) -> list[Written]:
    """A call in Gemma 4's notation.

    ```python
    from langchain_visioncraft.chat_models.prompted.bodies import colon_calls
    from langchain_visioncraft._json import JsonReader

    text = 'call:draw{prompt:<|"|>a cat<|"|>,steps:20}'
    assert colon_calls(text, JsonReader()) == [("draw", {"prompt": "a cat", "steps": 20})]
    ```
    """
    call = COLON.match(body.strip())
    if call is None:
        return []
    inner = body.strip()[call.end() :].rstrip()
    inner = inner[:-1] if inner[-1:] in ("}", ")") else inner
    parts = _GEMMA_QUOTE.split(inner)
    written = "".join(
        json.dumps(part, ensure_ascii=False) if number % 2 else _BARE_KEY.sub(r'\1"\2":', part)
        for number, part in enumerate(parts)
    )
    value = reader.load("{" + written + "}")
    return [(call[1], value)] if isinstance(value, dict) else []
