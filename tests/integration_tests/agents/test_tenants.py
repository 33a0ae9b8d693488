"""One agent for many tenants: key, store and user of each run by `VisionCraftContext`."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langgraph.checkpoint.sqlite import SqliteSaver
from scripted import Scripted, ask, draw, handle
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    MediaStore,
    ShowMedia,
    VisionCraftContext,
    VisionCraftToolkit,
    errors,
)

DRAW = [draw("the same picture for all")]
GIVEN = {"messages": ["Draw."]}


class Own(VisionCraftContext):
    """As an application would have it."""


@dataclasses.dataclass
class Holds:
    plan: str
    visioncraft: VisionCraftContext


def agent_for(sandbox: Sandbox, store: MediaStore, steps: Any = DRAW, **options: Any) -> Any:
    toolkit = VisionCraftToolkit(api_key="shared-key", base_url=sandbox.url, store=store)
    return create_agent(Scripted(steps=steps), toolkit.get_tools(), **options)


def results(state: Any) -> list[ToolMessage]:
    return [each for each in state["messages"] if isinstance(each, ToolMessage)]


@pytest.fixture
def locked() -> Any:
    """A sandbox that takes the tenants' keys, and no other."""
    with Sandbox(models=False, keys=[f"key-of-tenant-{n}" for n in range(16)]) as sandbox:
        yield sandbox


async def test_many_tenants_at_once_see_nothing_of_each_other(
    locked: Sandbox, store: MediaStore
) -> None:
    """Half of them in threads, half on an event loop; only their own keys are accepted."""
    steps = [
        lambda _: [ask("text_to_image", prompt="mine", width=64, height=64)],
        lambda done: [ask("image_to_image", image=handle(done[0]), prompt="at night")],
    ]
    agent = agent_for(
        locked, store, steps, context_schema=VisionCraftContext, middleware=[ShowMedia(store)]
    )

    def context(number: int) -> VisionCraftContext:
        return VisionCraftContext(api_key=f"key-of-tenant-{number}", user=f"tenant {number}")

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(agent.invoke, GIVEN, context=context(n)) for n in range(8)]
        tasks = [agent.ainvoke(GIVEN, context=context(n)) for n in range(8, 16)]
        states = [*await asyncio.gather(*tasks), *[each.result() for each in threads]]
    assert {each.status for state in states for each in results(state)} == {"success"}
    assert len(store) == 0
    for number in range(16):
        own = store.of_user(f"tenant {number}")
        calls = [own.provenance(media.handle)["call"] for media in own]
        assert {call["user"] for call in calls} == {f"tenant {number}"}
        assert [each.user for each in own.usage()] == [f"tenant {number}"] * 2


def test_a_handle_of_another_tenant_is_unknown(drawing_sandbox: Sandbox, store: MediaStore) -> None:
    """Neither one of another user, nor one of the store that users have their folders in."""
    gif = b"GIF89a" + bytes(7) + b";"
    secret = store.of_user("ann").add(gif).handle
    assert store.add(gif).handle == secret
    steps = [lambda _: [ask("image_to_video", image=secret)]]
    agent = agent_for(
        drawing_sandbox, store, steps, context_schema=VisionCraftContext,
        middleware=[ShowMedia(store, form="tool")],
    )  # fmt: skip
    said = {"messages": [f"Show {secret}."]}
    state = agent.invoke(said, context=VisionCraftContext(user="bob"))
    assert results(state)[0].status == "error"
    assert "The store is empty" in results(state)[0].text


@pytest.mark.parametrize(
    "context",
    [
        lambda own: own,
        lambda own: Holds("pro", own),
        lambda own: {"visioncraft": own},
        lambda own: Own(api_key=own.api_key, store=own.store, user=own.user),
    ],
    ids=["itself", "in an attribute", "under a key", "a subclass"],
)
def test_a_context_is_found_wherever_it_is(
    drawing_sandbox: Sandbox, store: MediaStore, tmp_path: Path, context: Any
) -> None:
    own = VisionCraftContext(api_key="k", store=str(tmp_path / "own"), user="ann")
    agent = agent_for(drawing_sandbox, store)
    state = agent.invoke(GIVEN, context=context(own))
    assert handle(results(state)[0]) in MediaStore(tmp_path / "own")
    assert len(store) == 0


def test_a_run_without_a_context_is_served_as_before(
    drawing_sandbox: Sandbox, store: MediaStore
) -> None:
    state = agent_for(drawing_sandbox, store).invoke(GIVEN)
    assert handle(results(state)[0]) in store
    assert "user" not in store.provenance(handle(results(state)[0]))["call"]


def test_a_context_from_json_is_one(drawing_sandbox: Sandbox, store: MediaStore) -> None:
    agent = agent_for(drawing_sandbox, store, context_schema=VisionCraftContext)
    state = agent.invoke(GIVEN, context={"api_key": "k", "user": "ann"})
    assert handle(results(state)[0]) in store.of_user("ann")
    properties = agent.get_context_jsonschema()["properties"]
    assert properties.keys() == {"api_key", "store", "user"}


@pytest.mark.parametrize("kind", [ChatVisionCraft, ChatVisionCraftLegacy])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
async def test_the_chat_models_send_the_key_of_the_run(
    locked: Sandbox, store: MediaStore, kind: Any, way: str
) -> None:
    """The right key is let in, to a host that has no model."""
    settings = {"api_key": "shared-key", "base_url": locked.url, "max_retries": 0}
    model = kind(model="Llama-3.1-70B-Instruct", **settings)
    agent = create_agent(model, [], context_schema=VisionCraftContext)
    context = VisionCraftContext(api_key="key-of-tenant-1")

    async def run() -> None:
        if way == "stream":
            list(agent.stream(GIVEN, context=context, stream_mode="messages"))
        elif way == "invoke":
            agent.invoke(GIVEN, context=context)
        else:
            await agent.ainvoke(GIVEN, context=context)

    with pytest.raises(errors.ServerError, match="runs without models"):
        await run()
    with pytest.raises(errors.AuthenticationError):
        agent.invoke(GIVEN)
    wrong = "key-of-nobody-1f8e2c"
    with pytest.raises(errors.AuthenticationError) as raised:
        agent.invoke(GIVEN, context=VisionCraftContext(api_key=wrong))
    assert wrong not in f"{raised.value!r} {raised.value}"


class Notes(BaseTracer):
    """Everything that reaches a tracer."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run.model_dump_json(fallback=str))


def test_the_key_is_in_no_checkpoint_trace_sidecar_or_ledger(
    drawing_sandbox: Sandbox, store: MediaStore, tmp_path: Path
) -> None:
    key, notes, path = "vc-canary-77c3d2", Notes(), tmp_path / "thread.sqlite"
    context = VisionCraftContext(api_key=key, user="ann")
    with SqliteSaver.from_conn_string(str(path)) as saver:
        agent = agent_for(
            drawing_sandbox, store, checkpointer=saver, context_schema=VisionCraftContext
        )
        config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [notes]}
        agent.invoke(GIVEN, config, context=context)
    assert notes.runs
    written = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    assert not any(key.encode() in data for data in written)
    assert key not in "".join(notes.runs)
    assert key not in repr(context)
    assert key not in json.dumps(dataclasses.asdict(context), default=str)


def test_tenants_share_connections(drawing_sandbox: Sandbox, store: MediaStore) -> None:
    toolkit = VisionCraftToolkit(api_key="shared-key", base_url=drawing_sandbox.url, store=store)
    client: Any = toolkit.client
    assert client.with_key("other-key").http() is client.http()
    twin = client.with_key("other-key").as_kind(AsyncVisionCraftClient)
    assert twin.with_key("third").key() == "third"


def test_names_of_users_never_share_or_leave_a_folder(store: MediaStore) -> None:
    names = ["ann", "Ann", "../ann", "a/b", "", ".", "x" * 5000, "安娜", "\ud800"]
    roots = {Path(store.of_user(name).root) for name in names}
    assert len({str(root).lower() for root in roots}) == len(names)
    assert {root.parent for root in roots} == {Path(store.root) / "users"}


def test_a_key_that_cannot_be_sent_is_refused_at_once() -> None:
    with pytest.raises(errors.MissingKeyError, match="cannot be sent"):
        VisionCraftContext(api_key="two words")
