"""An agent of LangChain 1 that works with the tools, its chat model following a script."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from scripted import Scripted, Step, ask, handle
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import Media, MediaStore, VisionCraftToolkit, errors

ILLUSTRATE: list[Step] = [
    lambda _: [
        ask("catalog", family="sd", kind="samplers"),
        ask("text_to_image", prompt="a cat on a hill", width=128, height=128),
    ],
    lambda results: [
        ask("image_to_image", image=handle(results[1]), prompt="at night"),
        ask("image_to_video", image=handle(results[1])),
    ],
    lambda results: [
        ask("upscale", image=handle(results[2]), resize=2),
        ask("caption", image=handle(results[2])),
    ],
]


@pytest.fixture(params=["invoke", "ainvoke"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def tools_of(sandbox: Sandbox, store: MediaStore, **options: Any) -> Any:
    toolkit = VisionCraftToolkit(api_key="any", base_url=sandbox.url, store=store, **options)
    return toolkit.get_tools()


async def run(agent: Any, way: str, config: Any = None) -> list[ToolMessage]:
    question = {"messages": [("user", "Illustrate it.")]}
    state = (
        agent.invoke(question, config) if way == "invoke" else await agent.ainvoke(question, config)
    )
    assert state["messages"][-1].text == "Done."
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


async def test_an_agent_passes_media_from_tool_to_tool(
    sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    model = Scripted(steps=ILLUSTRATE)
    agent = create_agent(model, tools_of(sandbox, store))
    catalog, drawn, changed, film, large, caption = await run(agent, way)
    assert len(model.bound) == 9
    assert {message.status for message in (catalog, drawn, changed, film, large, caption)} == {
        "success"
    }
    assert store.provenance(handle(large))["sources"] == [handle(changed)]
    assert Media.from_artifact(film.artifact)[0].mime_type == "video/mp4"
    assert caption.artifact["source"] == handle(changed)


async def test_no_base64_reaches_the_agents_model(
    sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    messages = await run(create_agent(Scripted(steps=ILLUSTRATE), tools_of(sandbox, store)), way)
    assert max(len(message.text) for message in messages) < 2000
    assert not [message for message in messages if "base64" in str(message.content)]


async def test_pictures_reach_the_model_if_it_is_to_see_them(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    draw: list[Step] = [lambda _: [ask("text_to_image", prompt="x", width=64, height=64)]]
    tools = tools_of(drawing_sandbox, store, content="blocks")
    [message] = await run(create_agent(Scripted(steps=draw), tools), way)
    assert [block["type"] for block in message.content_blocks] == ["text", "image"]


async def test_errors_that_the_model_can_mend_do_not_end_the_agent(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    drawing_sandbox.faults.inject(
        Fault(endpoint="POST /text2gif", status=429, retry_after=300),
        Fault(endpoint="POST /generate-gif", status=400, body={"error": "Prompt refused."}),
    )
    steps: list[Step] = [
        lambda _: [
            ask("text_to_image", prompt="x", width=5000),
            ask("image_to_video", image="ffffffffffff.png"),
            ask("image_to_image", image="/etc/passwd", prompt="x"),
            ask("text_to_gif", prompt="x"),
            ask("catalog", family="sd", kind="models", contains="no such"),
        ],
        lambda _: [ask("text_to_image", prompt="x", sampler="Eulr", width=64, height=64)],
        lambda _: [ask("text_to_image", prompt="x", sampler="Euler", width=64, height=64)],
    ]
    agent = create_agent(Scripted(steps=steps), tools_of(drawing_sandbox, store))
    *failed, corrected = await run(agent, way)
    assert [message.status for message in failed] == ["error"] * 6
    assert corrected.status == "success"
    told = " ".join(message.text for message in failed)
    for advice in ("1024", "media store", "Use a handle", "300 seconds", "'Euler'"):
        assert advice in told


async def test_what_needs_a_person_ends_the_agent(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=401))
    steps: list[Step] = [lambda _: [ask("text_to_image", prompt="x", width=64, height=64)]]
    agent = create_agent(Scripted(steps=steps), tools_of(drawing_sandbox, store))
    with pytest.raises(errors.AuthenticationError):
        await run(agent, way)


async def test_a_checkpoint_keeps_artifacts_as_json(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    draw: list[Step] = [lambda _: [ask("text_to_image", prompt="x", width=64, height=64)]]
    tools = tools_of(drawing_sandbox, store)
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    await run(create_agent(Scripted(steps=draw), tools, checkpointer=saver), way, config)
    again = create_agent(Scripted(steps=draw), tools, checkpointer=saver)
    [message] = [
        message
        for message in again.get_state(config).values["messages"]
        if isinstance(message, ToolMessage)
    ]
    assert json.loads(json.dumps(message.artifact)) == message.artifact
    [media] = Media.from_artifact(message.artifact)
    assert media.read() == store.get(handle(message)).read()


async def test_progress_of_a_tool_reaches_the_agents_stream(
    polled_sandbox: Sandbox, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.05)
    steps: list[Step] = [lambda _: [ask("midjourney", prompt="a cat")]]
    tools = tools_of(polled_sandbox, store, text_to_image="midjourney")
    events = create_agent(Scripted(steps=steps), tools).astream_events(
        {"messages": [("user", "Draw.")]}, version="v2"
    )
    told = [
        event["data"]["message"]
        async for event in events
        if event["event"] == "on_custom_event" and event["name"] == "visioncraft_progress"
    ]
    assert told[0] == "submitted to Midjourney"
    assert "Midjourney is generating" in told
