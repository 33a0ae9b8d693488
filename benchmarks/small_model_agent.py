"""Agents on a real small model: how often is the first call the right one?

`ChatVisionCraft` offers the tools in its three ways (`tool_calling`), all to the same llama.cpp
server (xllamacpp) with the same GGUF model, by default Qwen2.5-Coder-0.5B-Instruct. The 120
requests of ``agent_requests.tsv`` differ in length, wording and language, and in the tools that are
offered (`OFFERED`); prompts were tuned on one half of them only. A call is right if it is one of
the right tool, and names the file that the request names; ``reply`` stands for no call. Then, with
tools that work in a sandbox, does the agent draw a picture and enlarge it by its handle?

    python benchmarks/small_model_agent.py [MODEL.gguf] [--url http://127.0.0.1:8931] [--every N]

Without a model it says so, and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = Path(
    os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"),
    "visioncraft-models/qwen2.5-coder-0.5b-instruct.gguf",
)
REQUESTS = Path(__file__).with_name("agent_requests.tsv")
WAYS = ("native", "prompted", "constrained")
PROMPT = "You are an assistant with tools for pictures, GIFs, videos and recordings."
FIVE = "text_to_image text_to_gif upscale image_to_video transcribe"
OFFERED = {
    "five": FIVE,
    "pictures": "text_to_image image_to_image upscale caption",
    "all": f"{FIVE} image_to_image caption catalog limits",
    "mixed": "get_weather search_web add_event send_email text_to_image transcribe",
}
_FILE = re.compile(r"https?://\S+?\.\w{3,4}|\b[0-9a-f]{12}\.\w+")


def get_weather(city: str, day: str = "today") -> str:
    """Tell the weather of a place, now or on a day."""
    return f"{city}, {day}: sunny"


def search_web(query: str, most: int = 5) -> str:
    """Search the web."""
    return f"{most} pages about {query}"


def add_event(title: str, start: str, minutes: int = 60) -> str:
    """Put an event into the user's calendar."""
    return f"{title}, {start}, {minutes} minutes"


def send_email(to: str, text: str, subject: str = "") -> str:
    """Send an e-mail."""
    return f"Sent to {to}: {subject} {text}"


@contextlib.contextmanager
def served(path: Path, url: str | None) -> Iterator[str]:
    """The root of a server with the model: the one that was named, or one of our own."""
    if url:
        yield url.rstrip("/")
        return
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 8192
    params.n_parallel = 1
    threads = max(1, (os.cpu_count() or 2) // 2)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.use_jinja = True
    params.verbosity = -1
    params.warmup = False
    server = xllamacpp.Server(params)
    yield server.listening_address


def tools_of(names: str, **options: Any) -> list[Any]:
    """The tools with these names: those of the package, and the functions above."""
    from langchain_visioncraft import tools as kinds

    found = []
    for name in names.split():
        kind = "VisionCraft" + name.title().replace("_", "")
        own = getattr(kinds, kind, None)
        found.append(own(**options) if own else globals()[name])
    return found


def first_call(model: Any, tools: list[Any], request: str) -> tuple[str, str]:
    """The tool that an agent calls first, ``reply`` if it calls none, and the arguments."""
    from langchain.agents import create_agent

    agent = create_agent(model, tools, system_prompt=PROMPT)
    for step in agent.stream({"messages": [("user", request)]}, stream_mode="updates"):
        for update in step.values():
            answer = update["messages"][-1]
            for call in answer.tool_calls:
                return call["name"].removeprefix("visioncraft_"), str(call["args"])
            return ("invalid" if answer.invalid_tool_calls else "reply"), answer.text
    return "", ""


def first_calls(model: Any, every: int) -> tuple[Counter[str], Counter[str]]:
    """How many first calls are right, and of how many, by half."""
    with REQUESTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[::every]
    right: Counter[str] = Counter()
    # Those with the same tools together: the server keeps what their prompts share.
    for row in sorted(rows, key=lambda row: row["offered"]):
        tools = tools_of(OFFERED[row["offered"]])
        try:
            called, said = first_call(model, tools, row["request"])
        except Exception as error:  # noqa: BLE001 -- an answer that cannot be read is a wrong one
            called, said = type(error).__name__, str(error)
        file_name = _FILE.search(row["request"])
        names_it = row["right"] == "reply" or not file_name or file_name.group() in said
        right[row["half"]] += called == row["right"] and names_it
        if called != row["right"] or not names_it:
            print(f"    {row['request'][:70]!r}: {called} {said[:60]!r}", flush=True)
    return right, Counter(row["half"] for row in rows)


def draws_then_upscales(model: Any) -> str:
    """What became of a request that takes two steps, with tools that work."""
    from langchain.agents import create_agent
    from visioncraft_sandbox import Sandbox

    from langchain_visioncraft import MediaStore

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        options = {"base_url": sandbox.url, "api_key": "any", "store": MediaStore(folder)}
        tools = tools_of("text_to_image upscale", **options)
        agent = create_agent(model, tools, system_prompt=PROMPT)
        request = "Draw a red fox in the snow, 256 pixels wide and high, then upscale the picture."
        state = agent.invoke({"messages": [("user", request)]}, {"recursion_limit": 12})
    done = [
        message
        for message in state["messages"]
        if message.type == "tool" and message.status == "success"
    ]
    names = [str(message.name).removeprefix("visioncraft_") for message in done]
    if names[:2] != ["text_to_image", "upscale"]:
        return f"no: {', '.join(names) or 'no call'}"
    return f"yes ({', '.join(names)}), and says {state['messages'][-1].text[:60]!r}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--url", help="a server that runs already, without /v1")
    parser.add_argument("--every", type=int, default=1, help="only every so many requests")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    options = parser.parse_args()
    if not options.url and not options.model.is_file():
        print(f"There is no model at {options.model}. Give the path of a GGUF file, or --url.")
        return
    from langchain_visioncraft import ChatVisionCraft

    rows = []
    with served(options.model, options.url) as url:
        chat = {"base_url": url, "api_key": "any", "timeout": 900}
        chat |= {"model": "small", "temperature": 0, "max_tokens": 320}
        for way in options.ways:
            print(f"{way}: wrong first calls", flush=True)
            model = ChatVisionCraft(tool_calling=way, **chat)
            began = time.perf_counter()
            right, asked = first_calls(model, options.every)
            seconds = time.perf_counter() - began
            try:
                finished = draws_then_upscales(model)
            except Exception as error:  # noqa: BLE001 -- the table says how the agent ended
                finished = f"no: {type(error).__name__}"
            halves = [f"{right[half]} of {asked[half]}" for half in ("tuning", "held out")]
            rows.append(f"| {way} | {' | '.join(halves)} | {finished} | {seconds:.0f} s |")
    print("\n| `tool_calling` | tuning | held out | draws, then upscales by handle | time |")
    print("|---|---|---|---|---|", *rows, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
