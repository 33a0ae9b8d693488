"""Back into LangChain: an agent that works with the tools through `MCPAdapter`."""

from __future__ import annotations

from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from langchain.agents import create_agent
from langchain.mcp import MCPAdapter
from langchain_core.messages import ToolMessage
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import ChatVisionCraft, VisionCraftToolkit
from langchain_visioncraft.mcp import create_server

NIGHT = "Draw a picture of a cat, 64x64. Then make it night."


async def test_the_tools_come_back_as_tools_of_langchain(toolkit: VisionCraftToolkit) -> None:
    tools = await MCPAdapter(create_server(toolkit, content="pictures")).list_tools()
    ours = {tool.name: tool for tool in toolkit.get_tools()}
    assert [tool.name for tool in tools] == list(ours)
    assert tools[0].args_schema == ours[tools[0].name].args_schema.model_json_schema()
    call = {"type": "tool_call", "id": "1", "name": tools[0].name}
    drawn = await tools[0].ainvoke({**call, "args": {"prompt": "x", "width": 64, "height": 64}})
    assert [block["type"] for block in drawn.content] == ["text", "image"]
    [medium] = drawn.artifact["structured_content"]["media"]
    assert medium["handle"] in toolkit.store
    failed = await tools[0].ainvoke({**call, "args": {"prompt": "x", "width": 5000}})
    assert failed.status == "error"
    assert "1024" in failed.text


@pytest.mark.parametrize(
    ("content", "model"),
    [("text", "Llama-3.1-70B-Instruct"), ("pictures", "llava-1.5-7b-hf")],
    ids=["text", "pictures"],
)
async def test_an_agent_passes_handles_from_tool_to_tool(
    drawing_sandbox: Sandbox, toolkit: VisionCraftToolkit, serve: Any, content: str, model: str
) -> None:
    url = serve(toolkit, content=content, app={"token": "secret"})
    client = Client(StreamableHttpTransport(url, auth="secret"))
    connection = {"api_key": "any", "base_url": drawing_sandbox.url}
    chat = ChatVisionCraft(model=model, tool_calling="native", **connection)
    async with MCPAdapter(client) as adapter:
        agent = create_agent(chat, await adapter.list_tools())
        state = await agent.ainvoke({"messages": [("user", NIGHT)]})
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    drawn, changed = [
        message.artifact["structured_content"]["media"][0]["handle"] for message in results
    ]
    assert toolkit.store.provenance(changed)["sources"] == [drawn]
    assert changed in state["messages"][-1].text
