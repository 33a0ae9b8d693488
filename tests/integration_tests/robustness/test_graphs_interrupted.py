"""Graphs that stop around a tool: for a person, by a time limit; and streams that are left."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import Any

import pytest
from client_driving import KEY
from fault_hosts import open_connections
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import ChatVisionCraft, MediaStore, VisionCraftTextToImage

ASK = {"prompt": "a cat", "width": 64, "height": 64}
THREAD: Any = {"configurable": {"thread_id": "1"}}


class State(TypedDict, total=False):
    approved: bool
    line: str


class Fake(GenericFakeChatModel):
    """A model that says what it was given to say, with any tools."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def calls_of(host: Sandbox) -> int:
    return sum(asked.path == "/sd" for asked in host.requests)


async def test_a_graph_that_is_interrupted_before_a_tool_calls_it_once(
    tool: VisionCraftTextToImage, host: Sandbox
) -> None:
    async def draw(_: State) -> State:
        approved = interrupt("May I draw?")
        return {"approved": approved, "line": await tool.ainvoke(ASK)}

    builder = StateGraph(State)
    builder.add_node("draw", draw)
    builder.add_edge(START, "draw")
    graph = builder.compile(checkpointer=InMemorySaver())
    before = calls_of(host)
    asked = await graph.ainvoke({}, THREAD)
    assert asked["__interrupt__"][0].value == "May I draw?"
    assert calls_of(host) == before
    assert "image/png" in (await graph.ainvoke(Command(resume=True), THREAD))["line"]
    assert calls_of(host) == before + 1


@pytest.mark.parametrize(("decision", "calls"), [("approve", 1), ("reject", 0)])
def test_a_person_decides_about_a_tool_call(
    tool: VisionCraftTextToImage, host: Sandbox, decision: str, calls: int
) -> None:
    wish = {"name": tool.name, "args": ASK, "id": "1"}
    agent: Any = create_agent(
        Fake(messages=iter([AIMessage("", tool_calls=[wish]), AIMessage("Done.")])),
        [tool],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={tool.name: True})],
        checkpointer=InMemorySaver(),
    )
    before = calls_of(host)
    assert "__interrupt__" in agent.invoke({"messages": ["Draw a cat."]}, THREAD)
    assert calls_of(host) == before
    answer = agent.invoke(Command(resume={"decisions": [{"type": decision}]}), THREAD)
    assert answer["messages"][-1].text == "Done."
    assert calls_of(host) == before + calls


async def test_a_step_that_takes_too_long_is_broken_off_cleanly(
    tool: VisionCraftTextToImage, host: Sandbox, store: MediaStore
) -> None:
    async def draw(_: State) -> State:
        return {"line": await tool.ainvoke(ASK)}

    builder = StateGraph(State)
    builder.add_node("draw", draw)
    builder.add_edge(START, "draw")
    graph = builder.compile()
    assert "image/png" in (await graph.ainvoke({}))["line"]
    host.faults.inject(Fault(endpoint="POST /sd", delay=100))
    graph.step_timeout = 0.3
    with pytest.raises(asyncio.TimeoutError):
        await graph.ainvoke({})
    graph.step_timeout = None
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert "image/png" in (await graph.ainvoke({}))["line"]
    assert list(store.verify()) == []
    await tool._async_client.aclose()
    assert await asyncio.to_thread(all_closed, host)


def all_closed(host: Sandbox) -> bool:
    for attempt in range(6000):
        if not open_connections(host):
            return True
        if attempt == 100:
            gc.collect()  # the SDK and LangChain leave some of it to the end of generators
        time.sleep(0.01)
    return False


CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def stalling_stream() -> Fault:
    """A stream that falls silent after some words."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": "word "}}
    event = f"data: {json.dumps({**CHUNK, 'choices': [choice]})}\n\n"
    return Fault(
        endpoint="POST /v1/chat/completions",
        body=event * 10,
        content_type="text/event-stream",
        stall=100,
    )


def test_a_stream_that_is_left_early_is_closed(host: Sandbox) -> None:
    chat = ChatVisionCraft(model="m", api_key=KEY, base_url=host.url, max_retries=0)
    host.faults.inject(stalling_stream())
    stream = chat.stream("Hi")
    assert next(stream).text == "word "
    assert open_connections(host) > 0
    stream.close()
    assert all_closed(host)


async def test_an_async_stream_that_is_left_early_is_closed(host: Sandbox) -> None:
    chat = ChatVisionCraft(model="m", api_key=KEY, base_url=host.url, max_retries=0)
    host.faults.inject(stalling_stream())
    stream = chat.astream("Hi")
    assert (await anext(stream)).text == "word "
    assert open_connections(host) > 0
    await stream.aclose()
    assert await asyncio.to_thread(all_closed, host)
    # LangChain leaves it to the event loop to close the generators below its own.
    if closing := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(closing, timeout=10)
    assert asyncio.all_tasks() == {asyncio.current_task()}
