"""An interrupt shows each picture to a person, who approves it before the agent continues.

Waiting costs nothing: the picture is in the store, and the thread in a checkpoint. If the person
does not approve, a user message tells the model what to draw instead. Run it with
``python cookbook/approve_pictures.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from on_a_host import host

from langchain_visioncraft import ChatVisionCraft, Media, MediaStore, VisionCraftToolkit


class ApprovePictures(AgentMiddleware[Any, Any, Any]):
    """Asks about the pictures of the latest step, before the model goes on.

    A node that is interrupted runs again from its start, so the question is asked in one that does
    not draw: a picture that may have been paid for is made once.
    """

    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        """Wait for a person, if a picture was just made."""
        said = []
        for message in reversed(state["messages"]):
            if not isinstance(message, ToolMessage):
                break
            pictures = Media.from_artifact(message.artifact) if message.status != "error" else []
            if not pictures:
                continue
            answer = interrupt(
                {"pictures": Media.to_artifact(pictures), "question": "Is it right?"}
            )
            if not answer["yes"]:
                said.append(HumanMessage(answer["instead"]))
        return {"messages": said} if said else None


def work(
    connection: dict[str, Any],
    store: MediaStore,
    wish: str,
    ask: Callable[[Media], dict[str, Any]],
) -> list[Any]:
    """Let the agent work, and ask about each picture; gives its messages."""
    toolkit = VisionCraftToolkit(**connection, store=store)
    agent: Any = create_agent(
        ChatVisionCraft(model="Llama-3.1-70B-Instruct", **connection),
        toolkit.get_tools(),
        middleware=[ApprovePictures()],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "1"}}
    state = agent.invoke({"messages": [wish]}, config)
    while waiting := state.get("__interrupt__"):
        [media, *_] = Media.from_artifact(waiting[0].value["pictures"])
        # In a notebook, `display(media)` shows it; a web page shows `media.data_url()`.
        state = agent.invoke(Command(resume=ask(media)), config)
    return list(state["messages"])


def _ask(media: Media) -> dict[str, Any]:
    answer = input(f"{media.location}: is it right? [y, or what to draw instead] ").strip()
    return {"yes": answer.lower() in ("", "y", "yes"), "instead": answer}


def main() -> None:
    """Draw one picture, and ask in the terminal."""
    with host() as connection:
        messages = work(
            connection, MediaStore("demo_output/approved"), "Draw a picture of a red fox.", _ask
        )
    print(messages[-1].text)


if __name__ == "__main__":
    main()
