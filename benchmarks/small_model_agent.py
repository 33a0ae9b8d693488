"""Agents on a real small model that writes tool calls as text: ChatOpenAI and ChatVisionCraft.

The latter describes tools in both of its ways, "full" and "simple" (`tool_prompt`). All talk to the
same llama.cpp server (xllamacpp) with the same GGUF model, by default Qwen2.5-Coder-0.5B-Instruct.
A ``create_agent`` with five VisionCraft tools gets forty requests: is the first call the right one?
Then, with tools that work in a sandbox, does the agent draw a picture and enlarge it by its handle?

    python benchmarks/small_model_agent.py [MODEL.gguf] [--url http://127.0.0.1:8931] [--only N]

Without a model it says so, and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = Path(
    os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"),
    "visioncraft-models/qwen2.5-coder-0.5b-instruct.gguf",
)
HANDLE = "a1b2c3d4e5f6"
REQUESTS: dict[str, list[str]] = {
    "visioncraft_text_to_image": [
        "Draw a red fox in the snow.",
        "Please make a picture of a lighthouse in a storm.",
        "I need an illustration of a dragon reading a book.",
        "Paint me a sunset over the mountains.",
        "Generate an image of a cup of coffee on a wooden table.",
        "Create a photo of an astronaut riding a horse.",
        "Can you draw a small house by a lake?",
        "A picture of a robot watering flowers, please.",
    ],
    "visioncraft_text_to_gif": [
        "Make an animated GIF of a cat playing with a ball of yarn.",
        "I want a GIF of a dancing banana.",
        "Create a GIF that shows rain falling on a window.",
        "Generate an animated GIF of a waving flag.",
        "Please make a GIF of fireworks over a city.",
        "Can I have a GIF of a jumping frog?",
        "A GIF of a candle flame, please.",
        "Animate a bird flying, as a GIF.",
    ],
    "visioncraft_upscale": [
        f"Upscale {HANDLE}.png.",
        f"Make the image {HANDLE}.png larger.",
        f"Please enlarge {HANDLE}.jpg.",
        f"Increase the resolution of {HANDLE}.png.",
        f"I need {HANDLE}.webp with more pixels.",
        f"Can you upscale the picture {HANDLE}.png for printing?",
        "Upscale the image at https://example.com/cat.png.",
        f"The picture {HANDLE}.png is too small. Enlarge it.",
    ],
    "visioncraft_image_to_video": [
        f"Turn {HANDLE}.png into a video.",
        f"Make a short video from the picture {HANDLE}.png.",
        f"Create a video out of the image {HANDLE}.jpg.",
        f"Please convert the image {HANDLE}.png to a video.",
        f"I want to see {HANDLE}.png moving, as a video.",
        "Make a video of the picture at https://example.com/dog.jpg.",
        f"Generate a video from {HANDLE}.png.",
        f"Bring the photo {HANDLE}.png to life in a video.",
    ],
    "visioncraft_transcribe": [
        f"Transcribe {HANDLE}.wav.",
        f"Write down what is said in the recording {HANDLE}.mp3.",
        f"What does the speaker say in {HANDLE}.ogg? Transcribe it.",
        f"Please transcribe the audio file {HANDLE}.flac.",
        f"Turn the speech in {HANDLE}.wav into text.",
        "Give me a transcript of https://example.com/talk.mp3.",
        f"I need the text of the voice note {HANDLE}.ogg.",
        f"Convert the recording {HANDLE}.m4a to text.",
    ],
}
PROMPT = "You are an assistant with tools for pictures, GIFs, videos and recordings."


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


def models(url: str) -> dict[str, Any]:
    """The chat models on one server."""
    from langchain_openai import ChatOpenAI

    from langchain_visioncraft import ChatVisionCraft

    options = {"model": "small", "api_key": "any", "temperature": 0, "max_tokens": 320}
    return {
        "ChatOpenAI": ChatOpenAI(base_url=f"{url}/v1", timeout=900, **options),
        "ChatVisionCraft": ChatVisionCraft(base_url=url, timeout=900, **options),
        "ChatVisionCraft, simple": ChatVisionCraft(
            base_url=url, timeout=900, tool_prompt="simple", **options
        ),
    }


def first_call(model: Any, tools: list[Any], request: str) -> str:
    """The tool that an agent calls first; empty if it calls none."""
    from langchain.agents import create_agent

    agent = create_agent(model, tools, system_prompt=PROMPT)
    for step in agent.stream({"messages": [("user", request)]}, stream_mode="updates"):
        for update in step.values():
            calls = update["messages"][-1].tool_calls
            return calls[0]["name"] if calls else ""
    return ""


def first_calls(model: Any, only: int | None) -> tuple[int, int]:
    """How many first calls are right, and of how many."""
    from langchain_visioncraft import tools as kinds

    tools = [
        kinds.VisionCraftTextToImage(),
        kinds.VisionCraftTextToGif(),
        kinds.VisionCraftUpscale(),
        kinds.VisionCraftImageToVideo(),
        kinds.VisionCraftTranscribe(),
    ]
    right = asked = 0
    for name, requests in REQUESTS.items():
        for request in requests[:only]:
            called = first_call(model, tools, request)
            asked += 1
            right += called == name
            if called != name:
                print(f"    {request!r}: {called or 'no call'}", flush=True)
    return right, asked


def draws_then_upscales(model: Any) -> str:
    """What became of a request that takes two steps, with tools that work."""
    from langchain.agents import create_agent
    from visioncraft_sandbox import Sandbox

    from langchain_visioncraft import MediaStore
    from langchain_visioncraft import tools as kinds

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        options = {"base_url": sandbox.url, "api_key": "any", "store": MediaStore(folder)}
        defaults = {"width": 256, "height": 256, "model": "sdxl-base"}
        tools = [
            kinds.VisionCraftTextToImage(**options, **defaults),
            kinds.VisionCraftUpscale(**options),
        ]
        agent = create_agent(model, tools, system_prompt=PROMPT)
        request = "Draw a red fox in the snow, then upscale the picture."
        state = agent.invoke({"messages": [("user", request)]}, {"recursion_limit": 12})
    done = [
        message
        for message in state["messages"]
        if message.type == "tool" and message.status == "success"
    ]
    names = [message.name for message in done]
    if names[:2] != ["visioncraft_text_to_image", "visioncraft_upscale"]:
        return f"no: {', '.join(names) or 'no call'}"
    return f"yes ({', '.join(names)}), and says {state['messages'][-1].text[:60]!r}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--url", help="a server that runs already, without /v1")
    parser.add_argument("--only", type=int, help="so many requests for each tool")
    parser.add_argument("--models", help="only those whose name begins so")
    options = parser.parse_args()
    if not options.url and not options.model.is_file():
        print(f"There is no model at {options.model}. Give the path of a GGUF file, or --url.")
        return
    rows = []
    with served(options.model, options.url) as url:
        for name, model in models(url).items():
            if not name.startswith(options.models or ""):
                continue
            print(f"{name}: wrong first calls", flush=True)
            began = time.perf_counter()
            right, asked = first_calls(model, options.only)
            seconds = time.perf_counter() - began
            try:
                finished = draws_then_upscales(model)
            except Exception as error:  # noqa: BLE001 -- the table says how the agent ended
                finished = f"no: {type(error).__name__}"
            rows.append(f"| {name} | {right} of {asked} | {finished} | {seconds:.0f} s |")
    print("\n| model | right first calls | draws, then upscales by handle | time |")
    print("|---|---|---|---|", *rows, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
