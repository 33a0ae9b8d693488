"""`Budget`: what an agent may spend, and what a model reads when it is spent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripted import Scripted, ask, draw, handle
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import Budget, Media, MediaStore, ShowMedia, VisionCraftToolkit
from langchain_visioncraft.middleware import budget

THREAD: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"messages": ["Draw."]}


@pytest.fixture(params=["invoke", "ainvoke"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make(drawing_sandbox: Sandbox, store: MediaStore) -> Any:
    """An agent with a budget, and the settings of its toolkit."""

    def make(steps: Any, *middleware: Any, **options: Any) -> Any:
        toolkit = VisionCraftToolkit(
            api_key="any", base_url=drawing_sandbox.url, store=store, **options
        )
        model = Scripted(steps=steps)
        return create_agent(
            model, toolkit.get_tools(), middleware=middleware, checkpointer=InMemorySaver()
        )

    return make


async def run(agent: Any, way: str, given: Any = GIVEN, config: Any = THREAD) -> list[ToolMessage]:
    """The results of one run."""
    before = len(agent.get_state(config).values.get("messages", ()))
    state = agent.invoke(given, config) if way == "invoke" else await agent.ainvoke(given, config)
    return [each for each in state["messages"][before:] if isinstance(each, ToolMessage)]


async def test_of_calls_at_the_same_time_only_what_is_left_is_made(make: Any, way: str) -> None:
    agent = make([draw("a", "b", "c"), draw("d")], Budget(pictures=2))
    results = await run(agent, way)
    assert [each.status for each in results] == ["success", "success", "error", "error"]
    assert "all 2 pictures are used up" in results[3].text
    assert "Do not call this tool again" in results[3].text
    assert results[3].name == "visioncraft_text_to_image"


async def test_a_thread_remembers_and_another_does_not(make: Any, way: str) -> None:
    agent = make([draw("a"), lambda _: [], draw("b"), lambda _: []], Budget(pictures=1))
    other: Any = {"configurable": {"thread_id": "2"}}
    assert [each.status for each in await run(agent, way)] == ["success"]
    assert [each.status for each in await run(agent, way)] == ["error"]
    assert [each.status for each in await run(agent, way, config=other)] == ["success"]


async def test_a_run_begins_anew(make: Any, way: str) -> None:
    steps = [draw("a", "b"), lambda _: [], draw("c"), lambda _: []]
    agent = make(steps, Budget(pictures=1, per="run"))
    assert [each.status for each in await run(agent, way)] == ["success", "error"]
    assert [each.status for each in await run(agent, way)] == ["success"]


async def test_a_run_that_is_resumed_does_not_begin_anew(make: Any, way: str) -> None:
    asks = HumanInTheLoopMiddleware({"visioncraft_image_to_image": True})
    edit = lambda done: [ask("image_to_image", image=handle(done[0]), prompt="x")]  # noqa: E731
    agent = make([draw("a"), edit], Budget(pictures=1, per="run"), asks)
    await run(agent, way)
    resume = Command(resume={"decisions": [{"type": "approve"}]})
    assert [each.status for each in await run(agent, way, resume)] == ["error"]


async def test_two_budgets_count_apart_and_beside_other_middleware(
    make: Any, store: MediaStore, way: str
) -> None:
    budgets = [Budget(pictures=3), ShowMedia(store), Budget(pictures=2, per="run")]
    steps = [draw("a", "b", "c"), lambda _: [], draw("d", "e"), lambda _: []]
    agent = make(steps, *budgets)
    assert [each.status for each in await run(agent, way)] == ["success", "success", "error"]
    assert [each.status for each in await run(agent, way)] == ["success", "error"]


async def test_pictures_of_one_call_count_each_and_the_model_learns_how_many_are_left(
    make: Any, way: str
) -> None:
    several = lambda n: lambda _: [ask("text_to_image_sd1", f"sd1-{n}", prompt="x", image_count=n)]  # noqa: E731
    agent = make([several(2), several(5), several(1)], Budget(pictures=3), text_to_image="sd1")
    two, five, one = await run(agent, way)
    assert [two.status, five.status, one.status] == ["success", "error", "success"]
    assert "1 of 3 pictures are left, not 5" in five.text
    assert "Ask for 1 at most" in five.text


async def test_what_fails_costs_no_picture(make: Any, drawing_sandbox: Sandbox, way: str) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=400, times=1))
    agent = make([draw("a"), draw("b"), draw("c")], Budget(pictures=1))
    assert [each.status for each in await run(agent, way)] == ["error", "success", "error"]


async def test_seconds_are_counted_over_calls(make: Any, way: str) -> None:
    agent = make([draw("a"), draw("b")], Budget(seconds=0.000_001))
    first, second = await run(agent, way)
    assert first.status == "success"
    assert "seconds of work are used up" in second.text


async def test_lists_cost_nothing(make: Any, way: str) -> None:
    names = lambda _: [ask("catalog", family="sd", kind="models"), ask("limits")]  # noqa: E731
    results = await run(make([draw("a"), names], Budget(pictures=1, seconds=0.000_001)), way)
    assert {each.status for each in results} == {"success"}


@pytest.mark.parametrize(
    "wrong", [{}, {"pictures": -1}, {"seconds": -0.5}, {"pictures": 1, "per": "day"}]
)
def test_a_budget_without_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="give at least one limit"):
        Budget(**wrong)


async def test_the_result_keeps_its_artifact(make: Any, store: MediaStore, way: str) -> None:
    [result] = await run(make([draw("a")], Budget(pictures=5)), way)
    assert Media.from_artifact(result.artifact) == [store.get(handle(result))]


@pytest.mark.parametrize("arguments", [{"image_count": -1000}, {"image_count": "x"}, {"n": 1}])
async def test_a_call_that_is_refused_neither_costs_nor_earns(
    make: Any, way: str, arguments: dict[str, Any]
) -> None:
    refused = ask("text_to_image", "first", prompt="a", **arguments)
    agent = make([lambda done: [refused, *draw("b", "c", "d")(done)]], Budget(pictures=2))
    results = await run(agent, way)
    assert [each.status for each in results] == ["error", "success", "success", "error"]


async def test_a_number_written_as_text_counts(make: Any, way: str) -> None:
    results = await run(make([draw("a", image_count="3")], Budget(pictures=2)), way)
    assert "2 of 2 pictures are left, not 3" in results[0].text


async def test_calls_with_one_id_are_all_counted(make: Any, way: str) -> None:
    same = [ask("text_to_image", "x", prompt=prompt) for prompt in "abcd"]
    results = await run(make([lambda _: same], Budget(pictures=2)), way)
    assert [each.status for each in results] == ["error"] * 4


def test_calls_are_counted_up_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []

    def planned(call: Any, _: Any) -> int:
        counted.append(call)
        return 1

    monkeypatch.setattr(budget, "_planned", planned)
    calls = [{"name": "draw", "args": {}, "id": str(number)} for number in range(256)]
    request = SimpleNamespace(
        state={"messages": [AIMessage("", tool_calls=calls)]}, runtime=None, tool_call=calls[-1]
    )
    assert budget._planned_before(request, 5) == 5
    assert len(counted) == 5
