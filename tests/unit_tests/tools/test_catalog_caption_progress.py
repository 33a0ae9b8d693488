"""What only single tools do: remember lists, tell limits, look at pictures, report progress."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import (
    BaseChatModel,
    FakeListChatModel,
    FakeMessagesListChatModel,
)
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.runtime import Runtime
from packaging.version import Version
from tool_service import HOST, KEY, LIMITS, Service, arguments_for, call, medium

from langchain_visioncraft import (
    MediaStore,
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftLimits,
    VisionCraftMidjourney,
    errors,
)
from langchain_visioncraft.tools import PROGRESS_EVENT
from langchain_visioncraft.tools import catalog as catalog_module

Make = Callable[..., Any]
needs_deltas = pytest.mark.skipif(
    Version(version("langgraph")) < Version("1.2"), reason="langgraph has no deltas of tools"
)
SAMPLERS = {"family": "sd", "kind": "samplers"}


async def test_a_list_is_fetched_once(make: Make, service: Service, way: str) -> None:
    tool = make(VisionCraftCatalog)
    first, second = [await call(tool, way, SAMPLERS) for _ in range(2)]
    assert first.content == second.content
    assert service.paths == ["/sd/samplers"]


async def test_an_old_list_is_fetched_again(
    make: Make, service: Service, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    now = [1000.0]
    monkeypatch.setattr(catalog_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    tool = make(VisionCraftCatalog, cache_seconds=10)
    for now[0] in (1000.0, 1009.0, 1010.0):
        await call(tool, way, SAMPLERS)
    assert len(service.requests) == 2


async def test_nothing_is_remembered_if_asked(make: Make, service: Service, way: str) -> None:
    tool = make(VisionCraftCatalog, cache_seconds=0)
    for _ in range(2):
        await call(tool, way, SAMPLERS)
    assert len(service.requests) == 2


async def test_a_failure_is_not_remembered(make: Make, service: Service, way: str) -> None:
    tool = make(VisionCraftCatalog)
    service.says("/sd/samplers", 500)
    with pytest.raises(errors.ServerError):
        await call(tool, way, SAMPLERS)
    service.answers.clear()
    assert (await call(tool, way, SAMPLERS)).status == "success"


@pytest.mark.parametrize("how", ["set", "model_copy", "pickle"])
async def test_a_list_of_one_host_is_not_taken_for_that_of_another(
    make: Make, service: Service, store: MediaStore, how: str
) -> None:
    tool = make(VisionCraftCatalog)
    tool.invoke(SAMPLERS)
    if how == "set":
        tool.base_url = "http://other.test"
    elif how == "model_copy":
        tool = tool.model_copy(update={"base_url": "http://other.test"})
    else:
        tool = VisionCraftCatalog(store=store)
        tool = pickle.loads(pickle.dumps(tool))
        tool.http_client = service.clients()["http_client"]
    tool.invoke(SAMPLERS)
    assert service.paths == ["/sd/samplers"] * 2


async def test_contains_narrows_a_list_whatever_the_case(make: Make, way: str) -> None:
    arguments = {"family": "sd", "kind": "models", "contains": "DREAM"}
    message = await call(make(VisionCraftCatalog), way, arguments)
    assert message.artifact["names"] == ["dreamshaper-xl", "dreamshaper_v8"]


async def test_a_long_list_is_shown_in_part_and_given_whole(make: Make, way: str) -> None:
    arguments = {"family": "sdxl", "kind": "models"}
    message = await call(make(VisionCraftCatalog), way, arguments)
    assert "model-099, and 50 more: narrow it down" in message.content
    assert len(message.artifact["names"]) == 150


async def test_a_list_that_does_not_exist_is_told(make: Make, service: Service, way: str) -> None:
    message = await call(make(VisionCraftCatalog), way, {"family": "llm", "kind": "loras"})
    assert "the family 'llm' has no loras, only models" in message.content
    assert not service.requests


async def test_limits_are_told_as_the_host_words_them(make: Make, way: str) -> None:
    message = await call(make(VisionCraftLimits), way, {})
    assert message.artifact == LIMITS
    assert "10 per 5 minutes" in message.content


@pytest.mark.parametrize("given", [{"__arg1": "x"}, {"query": ""}, {}])
async def test_a_tool_without_parameters_takes_what_models_give_all_the_same(
    make: Make, way: str, given: dict[str, str]
) -> None:
    assert (await call(make(VisionCraftLimits), way, given)).artifact == LIMITS


async def test_lists_and_limits_send_no_key(make: Make, service: Service, way: str) -> None:
    await call(make(VisionCraftCatalog), way, SAMPLERS)
    await call(make(VisionCraftLimits), way, {})
    sent = [f"{request.url} {request.headers} {request.content!r}" for request in service.requests]
    assert not [text for text in sent if KEY in text]


# Captions


class Looker(BaseChatModel):
    """A chat model that notes what it is shown."""

    seen: list[Any]

    @property
    def _llm_type(self) -> str:
        return "looker"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.seen.append(messages[0].content)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(" A cat on a hill. "))])


async def test_a_chat_model_of_ones_own_is_shown_the_picture(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    chat = Looker(seen=[])
    handle = store.add(medium("cat.jpg")).handle
    tool = make(VisionCraftCaption, chat_model=chat)
    message = await call(tool, way, {"image": handle, "prompt": "What is it?"})
    assert message.content == "A cat on a hill."
    assert message.artifact == {
        "caption": "A cat on a hill.",
        "prompt": "What is it?",
        "source": handle,
        "model": "llava-1.5-7b-hf",
    }
    text, picture = tool.chat_model.seen[0]
    assert text == {"type": "text", "text": "What is it?"}
    assert picture == store.get(handle).block()
    assert not service.requests


async def test_a_link_is_passed_on_as_a_link(make: Make, way: str) -> None:
    tool = make(VisionCraftCaption, chat_model=Looker(seen=[]))
    message = await call(tool, way, {"image": "http://cdn.test/cat.png?X-Signature=s3cr3t"})
    assert tool.chat_model.seen[0][1]["url"] == "http://cdn.test/cat.png?X-Signature=s3cr3t"
    assert message.artifact["source"] == "http://cdn.test/cat.png"


async def test_the_default_chat_model_is_llava_of_the_same_host(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    tool = make(VisionCraftCaption)
    message = await call(tool, way, arguments_for(VisionCraftCaption, store))
    [request] = service.requests
    assert str(request.url) == f"{HOST}/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    body = service.body("/v1/chat/completions")
    assert body["model"] == "llava-1.5-7b-hf"
    assert body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/jpeg")
    assert message.content == "A cat."


async def test_a_caption_is_not_streamed_into_the_agents_own_words(
    make: Make, service: Service, store: MediaStore
) -> None:
    arguments = arguments_for(VisionCraftCaption, store)
    kinds = [
        event["event"]
        async for event in make(VisionCraftCaption).astream_events(arguments, version="v2")
    ]
    assert "on_chat_model_end" in kinds
    assert "on_chat_model_stream" not in kinds
    assert not service.body("/v1/chat/completions").get("stream")


async def test_the_prompt_of_the_constructor_is_asked(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    handle = store.add(medium("cat.jpg")).handle
    await call(make(VisionCraftCaption, prompt="Any text in it?"), way, {"image": handle})
    [message] = service.body("/v1/chat/completions")["messages"]
    assert message["content"][0]["text"] == "Any text in it?"


def test_the_model_that_looks_is_not_the_agents_choice(make: Make, store: MediaStore) -> None:
    tool = make(VisionCraftCaption)
    assert set(tool.args) == {"image", "prompt"}
    arguments = {**arguments_for(VisionCraftCaption, store), "model": "another"}
    message = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": arguments})
    assert message.status == "error"
    assert "model" in message.content


def test_the_default_chat_model_follows_the_settings(
    make: Make, service: Service, store: MediaStore
) -> None:
    tool = make(VisionCraftCaption)
    arguments = arguments_for(VisionCraftCaption, store)
    tool.invoke(arguments)
    tool.model = "llava-v1.6-34b"
    tool.invoke(arguments)
    assert service.body("/v1/chat/completions")["model"] == "llava-v1.6-34b"


async def test_an_error_of_a_foreign_chat_model_is_raised_as_it_is(
    make: Make, store: MediaStore, way: str
) -> None:
    tool = make(VisionCraftCaption, chat_model=FakeListChatModel(responses=["x"], error_on_chunk=1))
    tool.chat_model = FakeListChatModel(responses=[])
    with pytest.raises(IndexError):
        await call(tool, way, arguments_for(VisionCraftCaption, store))


# Progress


class Notes(BaseCallbackHandler):
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.tool_runs: list[UUID] = []
        self.event_runs: list[UUID] = []

    def on_tool_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.tool_runs.append(run_id)

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **_: Any) -> None:
        self.told.append((name, data))
        self.event_runs.append(run_id)


class AsyncNotes(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        self.told.append((name, data))


def check_progress(told: list[tuple[str, Any]]) -> None:
    assert {name for name, _ in told} == {PROGRESS_EVENT} == {"visioncraft_progress"}
    submitted, *generating = [data for _, data in told]
    assert (submitted["message"], submitted["task_id"]) == ("submitted to Midjourney", "7")
    assert [data["status"] for data in generating] == ["generating"] * 2
    assert all(data["elapsed"] >= 0 for _, data in told)


async def test_progress_reaches_callbacks(make: Make, service: Service, way: str) -> None:
    service.polls_until_done = 2
    notes = Notes()
    await call(make(VisionCraftMidjourney), way, {"prompt": "x"}, {"callbacks": [notes]})
    check_progress(notes.told)
    assert set(notes.event_runs) == set(notes.tool_runs)


async def test_progress_reaches_async_callbacks(make: Make, service: Service) -> None:
    service.polls_until_done = 2
    notes = AsyncNotes()
    await call(make(VisionCraftMidjourney), "ainvoke", {"prompt": "x"}, {"callbacks": [notes]})
    check_progress(notes.told)


async def test_progress_reaches_astream_events(make: Make, service: Service) -> None:
    service.polls_until_done = 2
    events = make(VisionCraftMidjourney).astream_events({"prompt": "x"}, version="v2")
    told = [
        (event["name"], event["data"]) async for event in events if event["event"].endswith("event")
    ]
    check_progress(told)


class Scripted(FakeMessagesListChatModel):
    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def drawing_agent(tool: Any) -> Any:
    """An agent that calls its tool once."""
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"prompt": "x"}}
    script = [AIMessage("", tool_calls=[call]), AIMessage("done")]
    return create_agent(Scripted(responses=script), [tool])


DRAW = {"messages": [("user", "x")]}


def as_events(told: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(each.pop("type"), each) for each in map(dict, told)]


async def test_progress_reaches_langgraphs_streams(make: Make, service: Service, way: str) -> None:
    service.polls_until_done = 2
    agent = drawing_agent(make(VisionCraftMidjourney))
    if way == "invoke":
        chunks = list(agent.stream(DRAW, stream_mode="custom"))
    else:
        chunks = [each async for each in agent.astream(DRAW, stream_mode="custom")]
    check_progress(as_events(chunks))


@needs_deltas
def test_progress_reaches_langgraphs_stream_of_tools(make: Make, service: Service) -> None:
    service.polls_until_done = 2
    agent = drawing_agent(make(VisionCraftMidjourney))
    chunks = agent.stream(DRAW, stream_mode=["tools"])
    check_progress(as_events([chunk["delta"] for _, chunk in chunks if "delta" in chunk]))


@needs_deltas
@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
async def test_progress_reaches_the_deltas_of_a_tool_call(make: Make, service: Service) -> None:
    service.polls_until_done = 2
    agent = drawing_agent(make(VisionCraftMidjourney))
    run = await agent.astream_events(DRAW, version="v3")
    deltas = [delta async for call in run.tool_calls async for delta in call.output_deltas]
    check_progress(as_events(deltas))


async def test_what_listens_may_fail(make: Make, service: Service, way: str) -> None:
    def broken(_: Any) -> None:
        raise KeyError("mine")

    tool, runtime = make(VisionCraftMidjourney), Runtime(stream_writer=broken)
    with pytest.raises(KeyError, match="mine"):
        await call(tool, way, {"prompt": "x"}, {"configurable": {"__pregel_runtime": runtime}})


async def test_a_framework_may_call_the_tool_outside_of_a_run(
    make: Make, service: Service, way: str
) -> None:
    service.polls_until_done = 2
    tool = make(VisionCraftMidjourney)
    ran = tool._run(prompt="x") if way == "invoke" else await tool._arun(prompt="x")
    content, _ = ran
    assert "image/png" in content


async def test_a_deadline_that_passes_is_raised(make: Make, service: Service, way: str) -> None:
    service.polls_until_done = 10**9
    with pytest.raises(errors.TaskDeadlineError, match=r"not ready after 0\.05 seconds"):
        await call(make(VisionCraftMidjourney, deadline=0.05), way, {"prompt": "x"})


async def test_a_task_that_the_service_gives_up_is_told(
    make: Make, service: Service, way: str
) -> None:
    service.says("/midjourney/result", json={"Status": "failed", "message": "Banned prompt."})
    message = await call(make(VisionCraftMidjourney), way, {"prompt": "x"})
    assert message.status == "error"
    assert "Banned prompt." in message.content
