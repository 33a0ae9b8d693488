"""An agent illustrates a short story: it draws, upscales, animates, captions and transcribes.

Run it with ``make demo``, or by hand::

    python cookbook/illustrated_story.py

If `VISIONCRAFT_API_KEY` is set, it uses the live host (that of `VISIONCRAFT_BASE_URL`, if that is
set, too); otherwise it starts a sandbox. The result is ``demo_output/index.html``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from rich.console import Console
from story_display import StepDisplay
from story_page import DRAWING_TOOLS, write_page
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import ChatVisionCraft, MediaStore, ShowMedia, VisionCraftToolkit

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
NOTE = "spoken_note.ogg"

TITLE = "The Lighthouse Keeper and the Whale"
STORY = """\
At dusk, Mina the lighthouse keeper climbs the hill by the sea with a lantern, and her small \
orange cat runs ahead.
At night a storm breaks over the sea: lightning, high waves, and a little sailboat that looks for \
the lighthouse.
A great blue whale rises under the full moon and the stars and leads the sailboat home.
In the morning a rainbow stands over the lighthouse, and the keeper and her orange cat have \
breakfast among the flowers of the meadow.""".splitlines()

SYSTEM_PROMPT = """\
You are an illustrator with a workshop of tools. Work through the whole request: call a tool for
every picture, and use the handles that tools give you (such as a1b2c3d4e5f6.png) to pass a picture
on to the next tool. Describe each scene completely in its prompt. When everything is done, say in
a few sentences what you made."""


def request() -> str:
    """What the agent is asked, in plain words."""
    scenes = "\n".join(f"{number}. {scene}" for number, scene in enumerate(STORY, start=1))
    return f"""\
Please illustrate my short story "{TITLE}". Draw one picture for each scene:

{scenes}

Then:
- upscale the third picture, for the cover;
- make an animated GIF of a little sailboat on the waves under the stars;
- turn the first picture into a short video;
- describe the fourth picture in words, for people who cannot see it;
- transcribe my voice note {NOTE}, and draw the last page as it says."""


@contextlib.contextmanager
def host(console: Console) -> Iterator[dict[str, str]]:
    """Where to work: the live host if there is a key, a sandbox of our own otherwise."""
    if os.environ.get("VISIONCRAFT_API_KEY"):
        console.print("Working on the live host: [bold]VISIONCRAFT_API_KEY[/] is set.")
        yield {}
        return
    with Sandbox() as sandbox:
        console.print(f"No key is set: working on a sandbox on this machine, {sandbox.url}")
        yield {"api_key": "sandbox", "base_url": sandbox.url}


async def illustrate(connection: dict[str, Any], store: MediaStore, console: Console) -> list[Any]:
    """Let the agent work, show its steps as they happen, and give its messages."""
    toolkit = VisionCraftToolkit(
        **connection,
        store=store,
        # The model may name files of this folder, and no others.
        allowed_dirs=[ASSETS],
        text_to_image="auto",  # the best engine that the host offers
        tool_options={name: {"width": 768, "height": 576} for name in DRAWING_TOOLS},
    )
    agent = create_agent(
        ChatVisionCraft(
            model=os.environ.get("VISIONCRAFT_MODEL", "Llama-3.1-70B-Instruct"), **connection
        ),
        await asyncio.to_thread(toolkit.get_tools),  # asks the host what it offers
        system_prompt=SYSTEM_PROMPT,
        # A model that takes pictures sees its own; one that does not reads what they are of.
        middleware=[ShowMedia(store)],
    )
    messages: list[Any] = []
    with StepDisplay(console) as display:
        inputs = {"messages": [{"role": "user", "content": request()}]}
        async for event in agent.astream_events(inputs, {"recursion_limit": 60}, version="v2"):
            display.show(event)
            if event["event"] == "on_chain_end" and not event["parent_ids"]:
                messages = event["data"]["output"]["messages"]
    return messages


def main() -> None:
    """Illustrate the story and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder")
    output: Path = parser.parse_args().output
    console = Console()
    began = time.monotonic()
    shutil.rmtree(output / "media", ignore_errors=True)  # from an earlier run
    store = MediaStore(output / "media")
    with host(console) as connection:
        messages = asyncio.run(illustrate(connection, store, console))
    page = write_page(
        output, title=TITLE, story=STORY, messages=messages, store=store, note=ASSETS / NOTE
    )
    seconds = time.monotonic() - began
    console.print(f"\n[bold green]Done in {seconds:.0f} s.[/] Open [bold]{page}[/] in a browser.")


if __name__ == "__main__":
    main()
