"""Answers that are bent in one to three places: only this package's errors may come of them.

Chat answers of every kind to every way of asking, whole and streamed, sync and async; and the
answers of every other endpoint. `seed` and the number of an answer make it again.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import operator
import random
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, get_args

from langchain_core.messages import AIMessage, message_to_dict, messages_from_dict
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel
from samples import SAMPLES
from tool_service import httpx

from attack import Outcome
from attack.bending import bent
from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy
from langchain_visioncraft.chat_models.prompted.formats import call_text
from langchain_visioncraft.chat_models.structured import Method
from langchain_visioncraft.client import VisionCraftClient, endpoints, tasks
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.media import Media

SHARE_OF_CHAT = 0.75
"""Of the time."""

HEAD = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
CALL = {"id": "a", "type": "function", "function": {"name": "draw", "arguments": '{"prompt": "a"}'}}
_DRAW = {"name": "draw", "arguments": {"prompt": "a"}}
USAGE = {
    "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 1},
}  # fmt: skip
MESSAGES: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "content": "Hello!", "reasoning_content": "Let me see.", "refusal": None},
    {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "b"}]},
    {"role": "assistant", "content": [{"type": "text", "text": '{"prompt": "a"}'}], "audio": None},
    {"role": "assistant", "content": '[{"name": "reply", "arguments": {"text": "Hi \\ud83d."}}]'},
    {"role": "assistant", "content": f"<think>Hm.</think>So: {call_text(json.dumps(_DRAW))}"},
    {"role": "assistant", "content": json.dumps(_DRAW), "function_call": CALL["function"]},
)
_LOGPROBS = {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}


@tool
def draw(prompt: str) -> str:
    """Draw a picture."""
    return prompt


def whole(chance: random.Random) -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": chance.choice(MESSAGES), "finish_reason": "stop"}
    choice["logprobs"] = chance.choice([None, _LOGPROBS])
    answer = {**HEAD, "choices": [choice], "usage": USAGE, "system_fingerprint": None}
    return json.dumps(bent(answer, chance, chance.randint(1, 3))).encode()


def streamed(chance: random.Random) -> bytes:
    """The events of a streamed one."""
    message = dict(chance.choice(MESSAGES))
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{"index": at, **call} for at, call in enumerate(calls)]
    deltas = [{"role": "assistant"}, message, {}]
    reasons = [None, None, "stop"]
    events: list[Any] = [
        {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in zip(deltas, reasons, strict=True)
    ]
    events = bent([*events, {**HEAD, "choices": [], "usage": USAGE}], chance, chance.randint(1, 3))
    lines = [json.dumps(event).encode() for event in events] if isinstance(events, list) else []
    if lines and chance.random() < 0.1:
        at = chance.randrange(len(lines))
        lines[at] = lines[at][: chance.randrange(len(lines[at]))] + chance.choice(
            (b"", b"\xff", b"\n", b"}", b"\x00", b"\r", b"[" * 5000)
        )
    done = [b"[DONE]"] * chance.randint(0, 1)
    return b"".join(b"data: " + line + b"\n\n" for line in [*lines, *done])


class _Host:
    """Answers every request with what is to be said next."""

    body = b""
    kind = "application/json"

    def __call__(self, request: Any) -> Any:
        headers = {"content-type": self.kind}
        return httpx.Response(200, content=self.body, headers=headers)


class Draw(BaseModel):
    """A drawing."""

    prompt: str


def _models(host: _Host) -> Iterator[tuple[str, Any]]:
    transport = httpx.MockTransport(host)
    settings: dict[str, Any] = {
        "api_key": "key",
        "base_url": "http://service.test",
        "max_retries": 0,
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    for way in ("native", "prompted", "constrained"):
        yield way, ChatVisionCraft(model="m", tool_calling=way, **settings)
    yield (
        "native, v1",
        ChatVisionCraft(model="m", tool_calling="native", output_version="v1", **settings),
    )
    yield "opens thoughts", ChatVisionCraft(model="qwen-r1", **settings)
    yield "legacy", ChatVisionCraftLegacy(model="m", **settings)


def _asked(name: str, model: Any) -> Iterator[tuple[str, Any]]:
    yield "words", model
    yield "tools", model.bind_tools([draw])
    methods = ("prompted",) if name == "legacy" else get_args(Method)
    for method, schema in itertools.product(methods, (Draw, convert_to_openai_tool(draw))):
        kind = "a class" if schema is Draw else "a schema"
        asked = functools.partial(model.with_structured_output, schema, method=method)
        yield f"{kind}, {method}", asked()
        yield f"{kind}, {method}, raw", asked(include_raw=True)


def _awaited(loop: Any, work: Callable[..., Any], *arguments: Any) -> Any:
    return loop.run_until_complete(work(*arguments))


def _streamed(asked: Any) -> list[Any]:
    return list(asked.stream("Hi"))


async def _astreamed(asked: Any) -> list[Any]:
    return [chunk async for chunk in asked.astream("Hi")]


def _ways(host: _Host) -> list[tuple[str, Callable[[], Any]]]:
    """Every way to ask every model; those whose names end in "streamed" stream."""
    loop = asyncio.new_event_loop()
    weakref.finalize(host, loop.close)
    ways = []
    for name, model in _models(host):
        streams = "at once" if name == "legacy" else "streamed"
        for what, asked in _asked(name, model):
            ways += [
                (f"{name}: {what}", partial(asked.invoke, "Hi")),
                (f"{name}: {what}, {streams}", partial(_streamed, asked)),
                (f"{name}: {what}, async", partial(_awaited, loop, asked.ainvoke, "Hi")),
                (f"{name}: {what}, async, {streams}", partial(_awaited, loop, _astreamed, asked)),
            ]
    return ways


def _used(ask: Callable[[], Any]) -> None:
    """Ask, and do with the answer what applications do."""
    answer = ask()
    chunks = answer if isinstance(answer, list) else [answer]
    if not chunks or not isinstance(chunks[0], AIMessage):
        return
    message = functools.reduce(operator.add, chunks)
    ids = [call["id"] for call in message.tool_calls]
    if not all(ids) or len(set(ids)) < len(ids) or not all(c["name"] for c in message.tool_calls):
        msg = f"calls without a name or an id of their own: {message.tool_calls}"
        raise AssertionError(msg)
    kept = json.loads(json.dumps([message_to_dict(message)]))
    list(messages_from_dict(kept)[0].content_blocks)
    message.pretty_repr()


def _problem(work: Callable[..., Any], *arguments: Any) -> str | None:
    try:
        work(*arguments)
    except VisionCraftError:
        return None
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:100]}"
    return None


def fuzz_chat(seconds: float, *, seed: int = 0, answers: int = 1_000_000) -> tuple[int, list[str]]:
    """How many chat answers were tried, and what came of some that should not have."""
    host, failures, began = _Host(), [], time.monotonic()
    ways = _ways(host)
    number = 0
    while number < answers and time.monotonic() - began < seconds:
        chance = random.Random(f"{seed}/{number}")
        name, ask = chance.choice(ways)
        streams = name.endswith("streamed")
        host.kind = "text/event-stream" if streams else "application/json"
        host.body = streamed(chance) if streams else whole(chance)
        if problem := _problem(_used, ask):
            failures.append(f"answer {seed}/{number} to {name}: {problem}")
        number += 1
    return number, failures


def fuzz_endpoints(
    seconds: float, *, seed: int = 0, answers: int = 1_000_000
) -> tuple[int, list[str]]:
    """The same for all other endpoints."""
    failures, began, number = [], time.monotonic(), 0
    tasks.FIRST_PAUSE = 0.001  # nothing here waits for a host that draws
    names = list(SAMPLES)
    bodies: list[Any] = [body for sample in SAMPLES.values() for body in sample.answers]
    while number < answers and time.monotonic() - began < seconds:
        chance = random.Random(f"{seed}/{number}")
        name = names[number % len(names)]
        body = _bent_body(chance.choice([*SAMPLES[name].answers, *bodies]), chance)
        if problem := _problem(_ask, name, body):
            failures.append(f"answer {seed}/{number} to {name}: {problem}")
        number += 1
    return number, failures


def _ask(name: str, body: bytes) -> None:
    host = _Host()
    host.body = body
    http = httpx.Client(transport=httpx.MockTransport(host))
    client = VisionCraftClient(
        api_key="key", base_url="http://service.test", http_client=http, max_retries=0
    )
    # Nothing here waits for a host that draws.
    made = client.run(getattr(endpoints, name)(**SAMPLES[name].given), deadline=0.05)
    for medium in made if isinstance(made, list) else [made]:
        if isinstance(medium, Media):
            medium.describe()


def _bent_body(body: Any, chance: random.Random) -> bytes:
    if not isinstance(body, bytes):
        return json.dumps(bent(body, chance, chance.randint(1, 3))).encode()
    data = bytearray(body)
    for _ in range(chance.choice((1, 3, 30))):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
    return bytes(data[: chance.randrange(1, len(data))] if chance.random() < 0.3 else data)


def attack(seconds: float) -> Outcome:
    """Bent answers until the time is over."""
    chats, of_chats = fuzz_chat(seconds * SHARE_OF_CHAT)
    others, of_others = fuzz_endpoints(seconds * (1 - SHARE_OF_CHAT))
    return Outcome(f"{chats:,} chat answers, {others:,} others", (*of_chats, *of_others))
