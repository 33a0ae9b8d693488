"""What agents and applications do all day, in small."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    MediaStore,
    VisionCraftClient,
    VisionCraftError,
    VisionCraftMediaLoader,
    VisionCraftTextToImage,
    VisionCraftToolkit,
)
from langchain_visioncraft.client import endpoints

_SIZE = {"width": 64, "height": 64}
_MODEL = "Llama-3.1-70B-Instruct"
_THINGS = ("fox", "cat", "whale", "kite", "lighthouse", "rainbow", "sailboat", "robot")


class Traffic:
    """Turns of all kinds, against one host.

    Args:
        url: The host.
        folder: For the store.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.settings: dict[str, Any] = {"api_key": "soak", "base_url": url}
        self.store = MediaStore(folder / "store")
        self.toolkit = VisionCraftToolkit(
            store=self.store,
            tool_options={"visioncraft_text_to_image": _SIZE},
            **self.settings,
        )
        self.chat = ChatVisionCraft(model=_MODEL, max_tokens=128, **self.settings)
        # With tools the sandbox's planner answers, which takes no language model's time.
        self._planner = self.chat.bind_tools(self.toolkit.get_tools())
        self._draw = VisionCraftTextToImage(store=self.store, **_SIZE, **self.settings)
        self._numbers = itertools.count()

    def kinds(self) -> dict[str, Callable[[], None]]:
        """What a turn may be, by its name."""
        return {
            "agent": self.agent,
            "agent, async, in a loop of its own": lambda: asyncio.run(self.agent_async()),
            "chat": self.chat_streams,
            "chat, async, in a loop of its own": lambda: asyncio.run(self.chat_streams_async()),
            "loader": self.load,
            "loader, async, in a loop of its own": lambda: asyncio.run(self.load_async()),
            "16 tasks, some cancelled": lambda: asyncio.run(self.many_tasks()),
            "a client of its own": self.short_lived,
        }

    def _thing(self) -> str:
        number = next(self._numbers)
        return f"a {_THINGS[number % len(_THINGS)]} number {number}"

    def _asked(self) -> tuple[dict[str, Any], dict[str, Any]]:
        words = f"Draw a picture of {self._thing()}. Then describe it in words."
        return {"messages": [words]}, {"configurable": {"thread_id": "1"}}

    def _agent(self) -> Any:
        return create_agent(self.chat, self.toolkit.get_tools(), checkpointer=InMemorySaver())

    def agent(self) -> None:
        """An agent draws, and looks at what it drew."""
        asked, config = self._asked()
        self._agent().invoke(asked, config)

    async def agent_async(self) -> None:
        """The same, as a stream of events."""
        asked, config = self._asked()
        async for _ in self._agent().astream_events(asked, config, version="v2"):
            continue

    def chat_streams(self) -> None:
        """A stream that is read to its end, and one that is left in the middle."""
        for _ in self._planner.stream(f"Draw a picture of {self._thing()}."):
            continue
        stream = self._planner.stream(f"Draw a picture of {self._thing()}.")
        next(stream)
        stream.close()  # type: ignore[attr-defined]  # it is a generator

    async def chat_streams_async(self) -> None:
        """The same."""
        async for _ in self._planner.astream(f"Draw a picture of {self._thing()}."):
            continue
        stream = self._planner.astream(f"Draw a picture of {self._thing()}.")
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    def _loader(self) -> VisionCraftMediaLoader:
        pictures = list(itertools.islice(self.store, 3))
        return VisionCraftMediaLoader(pictures, on_error="skip", **self.settings)

    def load(self) -> None:
        """Captions of three pictures."""
        self._loader().load()

    async def load_async(self) -> None:
        """The same."""
        await self._loader().aload()

    async def many_tasks(self) -> None:
        """A tool that is called by many tasks at once, of which every fourth is cancelled."""
        tasks = [
            asyncio.create_task(self._draw.ainvoke({"prompt": self._thing()})) for _ in range(16)
        ]
        await asyncio.sleep(0.01)
        for task in tasks[::4]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for result in done:
            cancelled = isinstance(result, asyncio.CancelledError)
            if isinstance(result, BaseException) and not cancelled:
                _tolerate(result)

    def short_lived(self) -> None:
        """Clients that are opened and closed around one call."""
        drawing = endpoints.text_to_image(prompt=self._thing(), model="sdxl-base", **_SIZE)
        with suppress(VisionCraftError), VisionCraftClient(**self.settings) as client:
            client.run(drawing)

        async def later() -> None:
            async with AsyncVisionCraftClient(**self.settings) as client:
                await client.run(endpoints.limits())

        asyncio.run(later())


def _tolerate(error: BaseException) -> None:
    """What a fault may lead to is a `VisionCraftError`; anything else is a defect."""
    if not isinstance(error, VisionCraftError):
        raise error


def turns(traffic: Traffic, count: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """So many turns, of all kinds in turn."""
    return itertools.islice(itertools.cycle(traffic.kinds().items()), count)
