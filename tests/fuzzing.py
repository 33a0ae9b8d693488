"""A fuzzer for the sandbox: documented requests, bent and broken, over real connections.

``make fuzz`` starts a sandbox in a process of its own and sends it requests for ten minutes, a
million at most. It fails at an answer of 500 or more that is not the
501 of a model that is switched off, at an answer that does not come, and if memory goes on growing.
Request number N of a seed is always the same one: ``--first N --requests 1`` sends it again.
"""

from __future__ import annotations

import argparse
import base64
import copy
import http.client
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from samples import SAMPLES

MEDIA = Path(__file__).parent / "media"
SECONDS = 600.0
REQUESTS = 1_000_000
WORKERS = 2
ANSWER_SECONDS = 20.0
"""The bound of every answer, on a machine that is busy with other things, too."""
LOOKS = 60
"""How often memory is measured, however few requests there are in the time."""
WARM_UP = 0.4
"""The part of the time after which memory should no longer grow."""
GROWTH_BYTES = 48 << 20


def text_of(name: str) -> str:
    return base64.b64encode((MEDIA / name).read_bytes()).decode()


PICTURE, GIF = text_of("cat.jpg"), text_of("cat.gif")
SMALL = {"width": 64, "height": 64}
CHAT = {"model": "Llama-3-8B-Instruct", "messages": [{"role": "user", "content": "Draw a cat"}]}
PROMPT = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
TOOL = {"type": "function", "function": {"name": "draw", "parameters": {"type": "object"}}}
DRAW = {"type": "function", "function": {"name": "text_to_image", "parameters": PROMPT}}
CALL = {"id": "a", "type": "function", "function": {"name": "draw", "arguments": '{"prompt": "x"}'}}
CALLED = [
    *CHAT["messages"],
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": "a1b2c3d4e5f6.png (image/png, 64x64, 1 kB)"},
]
OPTIONS = {
    "stop": ["."], "seed": 1, "n": 1, "temperature": 0.5, "max_tokens": 200, "top_k": 5,
    "tool_choice": {"type": "function", "function": {"name": "draw"}}, "parallel_tool_calls": False,
    "stream": True, "stream_options": {"include_usage": True}, "response_format": {"type": "text"},
}  # fmt: skip
SCHEMA = {
    "$defs": {
        "A": {"anyOf": [{"type": "string", "format": "uri"}, {"$ref": "#/$defs/B"}]},
        "B": {},
    },
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"type": "array", "items": {"enum": [1]}}},
    "required": ["a"],
}
LOOK = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PICTURE}"}},
]

BODIES: dict[str, list[dict[str, Any]]] = {
    "/sd": [{"prompt": "a cat", "model": "sdxl-base", "sampler": "Euler", **SMALL}],
    "/generate": [
        {"prompt": "a cat", "model": "anything_V5", "sampler": "Euler", "width": 512, "height": 512}
    ],
    "/generate-xl": [{"prompt": "a cat", "model": "sdxl-turbo", "sampler": "euler"}],
    "/openjourney": [{"prompt": "a cat", **SMALL}],
    "/midjourney": [{"prompt": "a cat --ar 16:9"}],
    "/midjourney/result": [{"task_id": "75435"}],
    "/img2img": [
        {"prompt": "at night", "image": PICTURE},
        {"prompt": "at night", "image": PICTURE, "mask": GIF, "strength": 0.5},
        {"prompt": "at night", "init_images": [PICTURE], **SMALL},
    ],
    "/img2video": [{"image": GIF}],
    "/upscale": [{"image": PICTURE, "resize": 2}],
    "/whisper": [{"audio": PICTURE, "task": "transcribe", "language": "en"}],
    "/llm": [{**CHAT, "model": "Mixtral-8x7B-Instruct-v0.1"}],
    "/v1/chat/completions": [
        {**CHAT, "tools": [TOOL]},
        {**CHAT, "tools": [TOOL], **OPTIONS},
        {**CHAT, "stream": True, "tools": [TOOL], "tool_choice": "required"},
        {"model": "llava-1.5-7b-hf", "messages": [{"role": "user", "content": LOOK}]},
        {**CHAT, "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
        {**CHAT, "tools": [TOOL, DRAW], "messages": CALLED, "tool_choice": "auto"},
        {**CHAT, "tools": [{"type": "function", "function": {"name": "t", "parameters": SCHEMA}}]},
    ],
}
BODIES |= {
    sample.path: [
        {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in {**sample.given, **sample.small}.items()
        }
    ]
    for sample in SAMPLES.values()
    if sample.request.startswith("POST") and sample.path not in BODIES
}
READ = ("/limits", "/v1/models", "/sd/models", "/models-xl", "/files/x.png", "/", "/page/journal")

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 1e308, -1e-300, float("nan"), float("inf"),
    "", " ", "\x00", "\ud800", "\u202e", "a" * 5000, "9" * 5000, "\N{PILE OF POO}" * 300,
    "--ar 1:0", "--ar 999:1", "%00", "../../etc/passwd", "{{7*7}}", "<script>alert(1)</script>",
    [], {}, [[]], [None], ["a"] * 500, {"": {"": {}}}, [[[[[[[[[[]]]]]]]]]],
    "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:6379/_INFO", "http://",
    "http://127.0.0.1:1/x.png", "http://2130706433/", "http://0x7f.1/", "http://[::1]:1/",
    "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/meta-data", "http://[fe80::1%25lo]/",
    "https://user:password@127.0.0.1/", "http://127.0.0.1:99999/", "http://[", "http://\x01/",
    "data:image/png;base64,AAAA", "data:,", "data:image/svg+xml,<svg onload='alert(1)'/>", "AAAA",
    base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n").decode(),
    base64.b64encode(b"RIFF\xff\xff\xff\xffWAVEfmt ").decode(),
)  # fmt: skip
"""What stands where something else is expected."""

REPEATED = (
    " ", "-", "make ", "draw a cat and ", "\n", "\t ", "(", '"', "'", ", ", "then ", "1x", "a.b",
    "https://a/", "x.png ", "the first ", "\u00a0", "e.g. '", "{", '{"a":', "[", "\\", "--ar ",
    "\u0301",
)  # fmt: skip
"""What makes a reader slow that looks at each place again and again."""


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def request_of(seed: int, number: int) -> Sent:
    """Request `number` of this seed."""
    chance = random.Random(f"{seed}/{number}")
    if chance.random() < 0.1:
        return _read(chance)
    path, body = chance.choice([(path, body) for path in BODIES for body in BODIES[path]])
    fields = {"token": "fuzz", **copy.deepcopy(body)}
    for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
        _bend(fields, chance)
    body = json.dumps(fields).encode()
    if chance.random() < 0.1:
        body = _broken(body, chance)
    return Sent(_method(chance, "POST"), path, _headers(chance), body)


def _read(chance: random.Random) -> Sent:
    path = chance.choice(READ)
    if chance.random() < 0.5:
        path += chance.choice(("?", "/", "/..", "%2e%2e", "?a=%ff", "/%00", "//", "?" + "a" * 3000))
    return Sent(_method(chance, "GET"), path, _headers(chance), b"")


def _method(chance: random.Random, usual: str) -> str:
    return chance.choice(("PUT", "HEAD", "OPTIONS", "TRACE")) if chance.random() < 0.02 else usual


def _headers(chance: random.Random) -> dict[str, str]:
    headers = {"Authorization": "Bearer fuzz", "Content-Type": "application/json"}
    if chance.random() < 0.15:
        name = chance.choice(
            ("Authorization", "Content-Type", "Accept", "Host", "Origin", "Range", "Cookie")
        )
        headers[name] = chance.choice(
            (
                "",
                "Bearer",
                "Basic ???",
                "text/html",
                "evil.invalid",
                "[::1",
                "a:b:c",
                "\xff",
                "*" * 99,
            )
        )
    return headers


def _bend(fields: dict[str, Any], chance: random.Random) -> None:
    """Change something somewhere in a body."""
    place: Any = fields
    name: Any = chance.choice(list(fields))
    while isinstance(place[name], dict | list) and place[name] and chance.random() < 0.7:
        place = place[name]
        name = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    value = place[name]
    if isinstance(value, str) and value.endswith((PICTURE, GIF)) and chance.random() < 0.7:
        place[name] = _damaged(value, chance)
    elif chance.random() < 0.15 and isinstance(place, dict):
        del place[name]
        if not fields:
            fields["token"] = "fuzz"
    elif chance.random() < 0.3:
        place[name] = _long(value if isinstance(value, str) else "", chance)
    else:
        place[name] = copy.deepcopy(chance.choice(ODD))


def _long(text: str, chance: random.Random) -> str:
    """A text with something in it that is repeated very often."""
    count = chance.choice((500, 900, 5000, 20_000))
    return f"{text[:200]}{chance.choice(REPEATED) * count}{chance.choice(('', 'z', text[:200]))}"


def _damaged(text: str, chance: random.Random) -> str:
    """A picture with wrong bytes."""
    head, comma, rest = text.rpartition(",")
    data = bytearray(base64.b64decode(rest))
    for _ in range(chance.choice((1, 3, 30))):
        # Most of what is to be read wrongly stands at the beginning.
        end = len(data) if chance.random() < 0.3 else min(len(data), 200)
        data[chance.randrange(end)] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(1, len(data)) :]
    return head + comma + base64.b64encode(data).decode()


def _broken(body: bytes, chance: random.Random) -> bytes:
    """A body that is hardly JSON."""
    return chance.choice(
        (
            b"",
            b"null",
            b"\xff\xfe",
            b"[" * 5000,
            b'{"a":' * 3000,
            b"9" * 10_000,
            body[: len(body) // 2],
            body + b"}",
            body.replace(b'"', b"'"),
            bytes(chance.randrange(256) for _ in range(300)),
        )
    )


@dataclass
class Found:
    """What came of the requests.

    Attributes:
        statuses: How many answers had which status; 0 is a connection that ended without.
        failures: Numbers of requests, with what was wrong.
        memory: Bytes of the server, at each look.
        seconds: How long it took.
        slowest: The seconds of the slowest answer, and the number of its request.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)

    @property
    def growth(self) -> int:
        """How much more memory is used at the end than after warming up: medians of looks."""
        settled = self.memory[int(len(self.memory) * WARM_UP) :]
        if len(settled) < 9:
            return 0
        third = len(settled) // 3
        first, last = sorted(settled[:third]), sorted(settled[-third:])
        return last[third // 2] - first[third // 2]

    @property
    def is_good(self) -> bool:
        """Whether the sandbox bore it."""
        return not self.failures and self.growth < GROWTH_BYTES

    def told(self) -> Iterator[str]:
        """Lines for people."""
        counts = sorted(self.statuses.items())
        statuses = ", ".join(f"{count} x {status or 'hung up'}" for status, count in counts)
        yield f"{sum(self.statuses.values()):,} requests in {self.seconds:.0f} s: {statuses}"
        yield "slowest answer: {:.1f} s, to request {}".format(*self.slowest)
        if self.memory:
            first, most, last = (
                number >> 20 for number in (self.memory[0], max(self.memory), self.memory[-1])
            )
            growth = f"{self.growth / (1 << 20):+.1f} MB after warming up"
            yield f"memory: {first} MB at first, {most} at most, {last} at the end; {growth}"
        for number, problem in self.failures[:20]:
            yield f"request {number}: {problem[:300]}"
        yield "good" if self.is_good else f"not good: {len(self.failures)} failures"


def fuzz(
    url: str,
    *,
    seed: int = 0,
    first: int = 0,
    requests: int = REQUESTS,
    seconds: float = SECONDS,
    memory: Callable[[], int] | None = None,
) -> Found:
    """Send requests until there were enough, or the time is over."""
    found, began = Found(), time.monotonic()
    numbers, lock = iter(range(first, first + requests)), threading.Lock()

    def work() -> None:
        client = Client(url)
        while time.monotonic() - began < seconds:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            sent, at = request_of(seed, number), time.monotonic()
            status, problem = client.ask(sent)
            taken = time.monotonic() - at
            with lock:
                found.slowest = max(found.slowest, (taken, number))
                found.statuses[status] += 1
                if problem:
                    found.failures.append((number, problem))
                if memory is not None and at - began > len(found.memory) * seconds / LOOKS:
                    found.memory.append(memory())
        client.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        for working in [pool.submit(work) for _ in range(WORKERS)]:
            working.result()
    found.seconds = time.monotonic() - began
    return found


class Client:
    """One connection after another."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, sent: Sent) -> tuple[int, str | None]:
        """The status of the answer, and what is wrong with it."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=ANSWER_SECONDS)
        try:
            self._connection.request(sent.method, sent.path, sent.body or None, sent.headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except TimeoutError:
            self.close()
            return 0, f"no answer in {ANSWER_SECONDS:.0f} s: {sent.method} {sent.path}"
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, None if self._is_there() else "the server is gone"
        ordered = answer.status == 501 and b"switched off" in said
        if answer.status >= 500 and not ordered:
            return answer.status, f"{answer.status} for {sent.method} {sent.path}: {said[:200]!r}"
        return answer.status, None

    def _is_there(self) -> bool:
        try:
            connection = http.client.HTTPConnection(*self._address, timeout=ANSWER_SECONDS)
            connection.request("GET", "/limits")
            connection.getresponse().read()
            connection.close()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_COMMAND = ("-m", "visioncraft_sandbox", "--no-models", "--port", "0")


def serving(command: Sequence[str] = _COMMAND) -> Iterator[tuple[str, int]]:
    """A sandbox in a process of its own: its URL, and the number of the process."""
    command = [sys.executable, *command]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                match = re.search(r"VISIONCRAFT_BASE_URL=(\S+)", line)
                if match:
                    yield match[1], process.pid
                    break
        finally:
            process.terminate()


def memory_of(process: int) -> int:
    """Bytes of memory that a process uses; 0 where the system does not tell."""
    path = Path(f"/proc/{process}/statm")
    return int(path.read_text().split()[1]) * 4096 if path.exists() else 0


def main() -> int:
    """Fuzz, print what came of it; 1 if it is not good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    told = parser.parse_args()
    for url, process in serving():
        found = fuzz(
            url,
            seed=told.seed,
            first=told.first,
            requests=told.requests,
            seconds=told.seconds,
            memory=lambda process=process: memory_of(process),
        )
        for line in found.told():
            sys.stdout.write(f"{line}\n")
        return 0 if found.is_good else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
