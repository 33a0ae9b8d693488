"""`ShowMedia`: models see pictures in their own form, and checkpoints hold handles."""

from __future__ import annotations

import io
import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pybase64
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from PIL import Image
from scripted import Scripted, ask, draw, handle
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import (
    ChatVisionCraft,
    MediaStore,
    ShowMedia,
    VisionCraftCaption,
    VisionCraftToolkit,
)
from langchain_visioncraft.middleware.pictures import newest, without_bytes
from langchain_visioncraft.middleware.show_media import form_for

PROFILES: dict[str, Any] = {
    "tool": {"image_inputs": True, "image_tool_message": True},
    "user": {"image_inputs": True},
    "caption": {"image_inputs": False},
}
THREAD: Any = {"configurable": {"thread_id": "1"}}


def noise(side: int) -> bytes:
    """A PNG that does not compress."""
    file = io.BytesIO()
    Image.effect_noise((side, side), 200).convert("RGB").save(file, "PNG")
    return file.getvalue()


NOISE = noise(64)


def upload(text: str, picture: bytes) -> dict[str, Any]:
    data = pybase64.b64encode_as_string(picture)
    image = {"type": "image", "base64": data, "mime_type": "image/png"}
    return {"messages": [HumanMessage([{"type": "text", "text": text}, image])]}


def tools_of(sandbox: Sandbox, store: MediaStore, **options: Any) -> Any:
    toolkit = VisionCraftToolkit(api_key="any", base_url=sandbox.url, store=store, **options)
    return toolkit.get_tools()


def images(messages: Sequence[BaseMessage]) -> list[tuple[str, str]]:
    """Whose message each picture is in, and the handle that stands before it."""
    found = []
    for message in messages:
        blocks = [each for each in message.content if isinstance(each, dict)]
        found += [
            (message.type, before["text"].rstrip(":"))
            for before, block in itertools.pairwise(blocks)
            if block["type"] == "image"
        ]
    return found


async def run(agent: Any, way: str, given: Any, config: Any = None) -> list[BaseMessage]:
    if way == "invoke":
        return list(agent.invoke(given, config)["messages"])
    return list((await agent.ainvoke(given, config))["messages"])


@pytest.fixture(params=["invoke", "ainvoke"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("form", PROFILES)
async def test_a_model_sees_pictures_in_the_form_of_its_profile(
    drawing_sandbox: Sandbox, store: MediaStore, way: str, form: str
) -> None:
    model = Scripted(steps=[draw("a cat", "a fox")], profile=PROFILES[form])
    tools = tools_of(drawing_sandbox, store)
    agent = create_agent(model, tools, middleware=[ShowMedia(store)])
    messages = await run(agent, way, {"messages": ["Draw."]})
    cat, fox = [handle(each) for each in messages if isinstance(each, ToolMessage)]
    last = model.shown[-1]
    if form == "caption":
        assert images(last) == []
        assert "was made from the prompt: a cat" in last[2].text
        assert isinstance(last[2].content, str)
    else:
        speaker = {"tool": "tool", "user": "human"}[form]
        assert images(last) == [(speaker, cat), (speaker, fox)]
    # All results of parallel calls stand right after the call, as OpenAI requires.
    kinds = [each.type for each in last]
    assert kinds == ["human", "ai", "tool", "tool"] + ["human"] * (form == "user")
    assert all(isinstance(each.content, str) for each in messages)


async def test_only_the_newest_pictures_are_shown_and_none_larger_than_allowed(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    steps = [draw("one", "two", width=256), draw("three", width=256)]
    model = Scripted(steps=steps, profile=PROFILES["tool"])
    shows = ShowMedia(store, pictures=2, max_side=100)
    agent = create_agent(model, tools_of(drawing_sandbox, store), middleware=[shows])
    messages = await run(agent, way, {"messages": ["Draw."]})
    results = [each for each in messages if isinstance(each, ToolMessage)]
    assert [name for _, name in images(model.shown[-1])] == [handle(each) for each in results[1:]]
    for message in model.shown[-1]:
        for block in message.content:
            if isinstance(block, dict) and block["type"] == "image":
                with Image.open(io.BytesIO(pybase64.b64decode(block["base64"]))) as picture:
                    assert picture.size == (100, 25)


async def test_an_upload_gets_a_handle_that_tools_take(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    kept = store.add(NOISE)
    edit = lambda _: [ask("image_to_image", image=kept.handle, prompt="at night")]  # noqa: E731
    model = Scripted(steps=[edit], profile=PROFILES["user"])
    agent = create_agent(model, tools_of(drawing_sandbox, store), middleware=[ShowMedia(store)])
    messages = await run(agent, way, upload("Make it night.", NOISE))
    assert messages[0].content == f"Make it night.\n{kept.describe()}"
    assert images(model.shown[0]) == [("human", kept.handle)]
    assert store.provenance(handle(messages[2]))["sources"] == [kept.handle]  # type: ignore[arg-type]


async def test_a_handle_in_what_the_user_says_shows_that_picture(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    kept = store.add(NOISE)
    model = Scripted(steps=[], profile=PROFILES["tool"])
    agent = create_agent(model, [], middleware=[ShowMedia(store)])
    await run(agent, way, {"messages": [f"Is {kept.handle} better than ffffffffffff.png?"]})
    assert images(model.shown[0]) == [("human", kept.handle)]


@tool
def screenshot() -> list[dict[str, Any]]:
    """Show the screen."""
    data = pybase64.b64encode_as_string(NOISE)
    return [
        {"type": "text", "text": "The screen."},
        {"type": "image", "base64": data, "mime_type": "image/png"},
        {"type": "image", "url": "https://example.com/far.png"},
    ]


@tool
def camera() -> Any:
    """Take a picture, and change the state."""
    return Command(update={"messages": [ToolMessage(screenshot.invoke({}), tool_call_id="shot")]})


@pytest.mark.parametrize("kind", [screenshot, camera])
async def test_pictures_of_other_tools_go_into_the_store(
    store: MediaStore, way: str, kind: Any
) -> None:
    call = {"name": kind.name, "args": {}, "id": "shot"}
    model = Scripted(steps=[lambda _: [call]], profile=PROFILES["caption"])
    agent = create_agent(model, [kind], middleware=[ShowMedia(store)])
    messages = await run(agent, way, {"messages": ["Look."]})
    [media] = store
    assert media.describe() in messages[2].text
    assert "base64" not in str(messages)
    # A model without vision is sent no link to a picture either.
    assert "[a picture: https://example.com/far.png]" in model.shown[-1][2].text
    assert images(model.shown[-1]) == []


def size_of(saver: Any, path: Path) -> int:
    """Bytes of a database of checkpoints, without what SQLite holds in reserve."""
    with sqlite3.connect(path) as database:
        database.execute("VACUUM")
    return path.stat().st_size


async def test_checkpoints_hold_handles_only(
    drawing_sandbox: Sandbox, store: MediaStore, tmp_path: Path, way: str
) -> None:
    """Four turns on a picture of half a megabyte, which the tool shows as a block."""
    sizes = {}
    for shows in (True, False):
        steps = [draw("a cat", width=512, height=512), *[lambda _: []] * 4]
        model = Scripted(steps=steps, profile=PROFILES["tool"])
        tools = tools_of(drawing_sandbox, store, content="blocks")
        middleware = [ShowMedia(store)] if shows else []
        path = tmp_path / f"{shows}.sqlite"
        if way == "invoke":
            with SqliteSaver.from_conn_string(str(path)) as saver:
                agent = create_agent(model, tools, middleware=middleware, checkpointer=saver)
                for _ in range(4):
                    await run(agent, way, {"messages": ["Go on."]}, THREAD)
        else:
            async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
                agent = create_agent(model, tools, middleware=middleware, checkpointer=saver)
                for _ in range(4):
                    await run(agent, way, {"messages": ["Go on."]}, THREAD)
        sizes[shows] = size_of(saver, path)
    [picture] = store
    assert sizes[True] < 200_000
    assert sizes[False] > sizes[True] + 4 * picture.size


async def test_a_run_that_was_interrupted_resumes_with_its_pictures(
    drawing_sandbox: Sandbox, store: MediaStore, tmp_path: Path
) -> None:
    """In another process: other objects, and what SQLite kept."""
    path, results = str(tmp_path / "thread.sqlite"), []
    steps = [draw("a cat"), lambda done: [ask("image_to_image", image=handle(done[0]), prompt="x")]]
    for given in (upload("Draw, then edit.", NOISE), Command(resume=APPROVED)):
        model = Scripted(steps=steps, profile=PROFILES["user"])
        shop = MediaStore(store.root)
        asks = HumanInTheLoopMiddleware({"visioncraft_image_to_image": True})
        tools = tools_of(drawing_sandbox, shop, content="blocks")
        with SqliteSaver.from_conn_string(path) as saver:
            agent = create_agent(
                model, tools, middleware=[ShowMedia(shop), asks], checkpointer=saver
            )
            results.append(agent.invoke(given, THREAD))
    assert results[0]["__interrupt__"]
    assert "base64" not in str(results[1])
    drawn, edited = [each for each in results[1]["messages"] if isinstance(each, ToolMessage)]
    [uploaded] = [each for each in store if each.handle not in (handle(drawn), handle(edited))]
    assert [name for _, name in images(model.shown[-1])] == [
        uploaded.handle, handle(drawn), handle(edited),
    ]  # fmt: skip


APPROVED = {"decisions": [{"type": "approve"}]}


def test_a_thread_from_before_is_cleaned(store: MediaStore) -> None:
    old = [
        *upload("Look.", NOISE)["messages"],
        AIMessage("", tool_calls=[{"name": "shot", "args": {}, "id": "1"}]),
        ToolMessage(screenshot.invoke({}), tool_call_id="1"),
        HumanMessage("And now?"),
    ]
    model = Scripted(steps=[], profile=PROFILES["caption"])
    # The call above is the script's first step.
    agent = create_agent(model, [], middleware=[ShowMedia(store)])
    messages = agent.invoke({"messages": old})["messages"]
    assert len(messages) == 5
    assert "base64" not in str(messages)


async def test_a_captioner_looks_once_at_each_picture(
    sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    asked: list[str] = []

    class Counted(VisionCraftCaption):
        def prepare(self, arguments: Mapping[str, Any]) -> Any:
            asked.append(arguments["image"])
            return super().prepare(arguments)

    looks = Counted(api_key="any", base_url=sandbox.url, store=store)
    steps = [draw("a red lighthouse", width=256, height=256), draw("a cat")]
    model = Scripted(steps=steps)
    tools = tools_of(sandbox, store)
    agent = create_agent(model, tools, middleware=[ShowMedia(store, captioner=looks)])
    messages = await run(agent, way, {"messages": ["Draw."]})
    first = handle(messages[2])  # type: ignore[arg-type]
    assert f"{first} shows: " in model.shown[-1][2].text
    # Each model call after the first shows it; one question was asked about it.
    last = [each for each in messages if isinstance(each, ToolMessage)][-1]
    assert sorted(asked) == sorted([first, handle(last)])


async def test_a_caption_that_fails_is_made_of_the_prompt(
    drawing_sandbox: Sandbox, store: MediaStore, way: str
) -> None:
    from visioncraft_sandbox import Fault

    drawing_sandbox.faults.inject(Fault(endpoint="POST /v1/chat/completions", status=400))
    looks = VisionCraftCaption(api_key="any", base_url=drawing_sandbox.url, store=store)
    model = Scripted(steps=[draw("a cat")])
    shows = ShowMedia(store, captioner=looks)
    agent = create_agent(model, tools_of(drawing_sandbox, store), middleware=[shows])
    await run(agent, way, {"messages": ["Draw."]})
    assert "was made from the prompt: a cat" in model.shown[-1][2].text


@pytest.mark.parametrize("data", [5, [1], {"a": 1}, None, "é"])
def test_a_recording_that_is_no_text_stays_as_it_is(store: MediaStore, data: Any) -> None:
    message = ToolMessage([{"type": "audio", "base64": data}], tool_call_id="1")
    assert without_bytes(message, store) == message


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (ChatVisionCraft(model="Llama-3.1-70B-Instruct", api_key="any"), "caption"),
        (ChatVisionCraft(model="llava-1.5-7b-hf", api_key="any"), "user"),
        (ChatVisionCraft(model="my-model", api_key="any", vision=True), "user"),
        (ChatVisionCraft(model="llava-1.5-7b-hf", api_key="any", vision=False), "caption"),
        (ChatOpenAI(model="gpt-4o", api_key="any"), "user"),  # type: ignore[arg-type]
        (ChatOpenAI(model="gpt-4o", api_key="any", use_responses_api=True), "tool"),  # type: ignore[arg-type]
        (ChatOpenAI(model="unheard-of", api_key="any"), "caption"),  # type: ignore[arg-type]
    ],
    ids=lambda value: getattr(value, "model_name", None),
)
def test_each_model_has_its_form(model: Any, form: str) -> None:
    assert form_for(model) == form


@pytest.mark.parametrize("name", ["Llama-3.1-70B-Instruct", "llava-1.5-7b-hf"])
async def test_the_chat_models_of_the_service_take_what_is_shown(
    sandbox: Sandbox, store: MediaStore, way: str, name: str
) -> None:
    model = ChatVisionCraft(model=name, api_key="any", base_url=sandbox.url, tool_calling="native")
    agent = create_agent(model, tools_of(sandbox, store), middleware=[ShowMedia(store)])
    messages = await run(
        agent,
        way,
        {"messages": ["Draw a red fox in the snow at 256x256, then upscale it."]},
    )
    results = [each for each in messages if isinstance(each, ToolMessage)]
    assert [each.name for each in results] == ["visioncraft_text_to_image", "visioncraft_upscale"]
    assert messages[-1].type == "ai"


def test_bounds_that_make_no_sense_are_refused(store: MediaStore) -> None:
    with pytest.raises(ValueError, match="max_side=0"):
        ShowMedia(store, max_side=0)


def test_few_of_very_many_names_are_looked_up_without_listing_the_store(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.add(NOISE)
    names = " ".join(f"{number:012x}.png" for number in range(1000))
    looked: list[object] = []
    contains = MediaStore.__contains__

    def noted(self: MediaStore, name: object) -> bool:
        looked.append(name)
        return contains(self, name)

    monkeypatch.setattr(MediaStore, "__contains__", noted)
    monkeypatch.setattr(MediaStore, "entries", None)
    said = [HumanMessage(f"{kept.handle} {names}"), HumanMessage(f"{names} {kept.handle}")]
    assert newest(said[1:], store, 4) == {0: [kept]}
    assert newest(said[:1], store, 4) == {}
    assert len(looked) == 400
