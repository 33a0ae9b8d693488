"""A handler for a chat bot, for example on Telegram: text and photos in, text and files out.

`Bot.handle` does not depend on the messenger. With python-telegram-bot, pass it
``update.message.text`` and the bytes of the largest photo, and send what it returns. Each chat has
its own thread, user and budget, and nobody sees the pictures of another chat.

Run it with ``python cookbook/chat_bot.py``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from on_a_host import host

from langchain_visioncraft import (
    Budget,
    ChatVisionCraft,
    Media,
    MediaStore,
    ShowMedia,
    VisionCraftContext,
    VisionCraftError,
    VisionCraftToolkit,
)


@dataclass
class Reply:
    """What the bot sends."""

    text: str
    files: list[Media] = field(default_factory=list)


class Bot:
    """Answers the messages of many chats at once."""

    def __init__(
        self, connection: dict[str, Any], store: MediaStore, *, pictures: int = 20
    ) -> None:
        self._store = store
        toolkit = VisionCraftToolkit(**connection, store=store)
        self._agent: Any = create_agent(
            ChatVisionCraft(model="Llama-3.1-70B-Instruct", **connection),
            toolkit.get_tools(),
            system_prompt="You draw for people in a chat. Answer in a sentence or two.",
            middleware=[ShowMedia(store), Budget(pictures=pictures)],
            context_schema=VisionCraftContext,
            checkpointer=InMemorySaver(),  # AsyncSqliteSaver survives a restart
        )

    async def handle(self, chat: str, text: str, photo: bytes | None = None) -> Reply:
        """Answer one message of a chat."""
        said = [text]
        if photo is not None:
            # Into the user's store at once: the thread holds its handle alone.
            kept = await asyncio.to_thread(self._store.of_user(chat).add, photo)
            said.insert(0, f"A photo: {kept.handle}")
        config = {"configurable": {"thread_id": chat}}
        before = await self._agent.aget_state(config)
        known = len(before.values.get("messages", ()))
        try:
            state = await self._agent.ainvoke(
                {"messages": said}, config, context=VisionCraftContext(user=chat)
            )
        except VisionCraftError as error:
            return Reply(f"Sorry, that did not work: {error}")
        results = [each for each in state["messages"][known:] if isinstance(each, ToolMessage)]
        files = [media for each in results for media in Media.from_artifact(each.artifact)]
        return Reply(state["messages"][-1].text, files)


async def talk(connection: dict[str, Any], store: MediaStore, photo: bytes) -> list[Reply]:
    """Two people who talk to the bot at the same time."""
    bot = Bot(connection, store)
    return await asyncio.gather(
        bot.handle("ann", "Draw a picture of a red fox in the snow."),
        bot.handle("bob", "Make this photo look like night.", photo),
    )


def main() -> None:
    """Show what two people get."""
    photo = (Path(__file__).parent / "assets" / "demo-page.jpg").read_bytes()
    with host() as connection:
        for reply in asyncio.run(talk(connection, MediaStore("demo_output/bot"), photo)):
            print(reply.text, *(media.location for media in reply.files), sep="\n  ")


if __name__ == "__main__":
    main()
