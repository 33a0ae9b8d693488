"""`Budget`: limits the pictures and the time that an agent may use."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.types import Command
from pydantic import ValidationError

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.tools.base import VisionCraftTool

Spent = dict[str, dict[str, float] | None]
"""Pictures and seconds used, by thread or run; ``None`` resets them."""

_NOTHING = {"pictures": 0.0, "seconds": 0.0}
_STATE = "visioncraft_spent"
_FINISH = (
    "Do not call this tool again: finish with what you have, or ask the user what matters most."
)


def _added(before: Spent | None, more: Spent | None) -> Spent:
    total = dict(before or {})
    for per, spent in (more or {}).items():
        known = total.get(per) or _NOTHING
        total[per] = spent and {name: known[name] + spent[name] for name in _NOTHING}
    return total


class BudgetState(AgentState[Any]):
    """The state of an agent that has a budget."""

    visioncraft_spent: NotRequired[Annotated[Spent, PrivateStateAttr, _added]]


class Budget(KnownKeywords, AgentMiddleware[Any, Any, Any]):
    """Refuses calls of this package's tools that exceed a budget, and gives the model the reason.

    Each call is checked before it is made, and parallel calls together: if two pictures are left,
    two of three calls are made. GIFs and videos count as pictures; failed calls and results from
    the cache do not count. Seconds add up the time of all calls; a call that exceeds them is not
    interrupted.

    ```python
    from langchain.agents import create_agent

    from langchain_visioncraft import Budget, ChatVisionCraft, VisionCraftToolkit

    agent = create_agent(
        ChatVisionCraft(model="Llama-3.1-70B-Instruct"),
        VisionCraftToolkit().get_tools(),
        middleware=[Budget(pictures=20, seconds=600), Budget(pictures=5, per="run")],
    )
    ```

    Args:
        pictures: The most pictures, or ``None`` for no limit.
        seconds: The most seconds, or ``None`` for no limit.
        per: ``"thread"`` counts over all runs of a thread, in its checkpoints; ``"run"`` starts
            again with each run, but not when a run is resumed.

    Raises:
        ValueError: If there is no limit, or a negative one.
    """

    state_schema = BudgetState

    def __init__(
        self,
        *,
        pictures: int | None = None,
        seconds: float | None = None,
        per: Literal["run", "thread"] = "thread",
    ) -> None:
        super().__init__()
        given = [limit for limit in (pictures, seconds) if limit is not None]
        if not given or min(given) < 0 or per not in ("run", "thread"):
            msg = f"Budget({pictures=}, {seconds=}, {per=}): give at least one limit, 0 or more."
            raise ValueError(msg)
        self._pictures, self._seconds, self._per = pictures, seconds, per

    @property
    def name(self) -> str:
        """One agent may have a budget of each kind."""
        return f"Budget[{self._per}]"

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        """Start again, if the budget is per run."""
        return {_STATE: {self._per: None}} if self._per == "run" else None

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Make the call, or refuse it."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        began = time.monotonic()
        return self._counted(request, handler(request), time.monotonic() - began)

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """The same, without blocking."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        began = time.monotonic()
        return self._counted(request, await handler(request), time.monotonic() - began)

    def _refusal(self, request: Any) -> ToolMessage | None:
        tool, call = request.tool, request.tool_call
        if not _is_charged(tool):
            return None
        spent = ((request.state or {}).get(_STATE) or {}).get(self._per) or _NOTHING
        said, then = "", _FINISH
        if self._seconds is not None and spent["seconds"] >= self._seconds:
            said = f"{spent['seconds']:.0f} of {self._seconds:g} seconds of work are used up"
        elif self._pictures is not None and (wanted := _planned(call, tool)):
            left = self._pictures - int(spent["pictures"])
            left -= _planned_before(request, left)
            if left <= 0:
                said = f"all {self._pictures} pictures are used up, or asked for already"
            elif wanted > left:
                said = f"{left} of {self._pictures} pictures are left, not {wanted}"
                then = f"Ask for {left} at most."
        if not said:
            return None
        return ToolMessage(
            f"This is beyond the budget: {said}. Nothing was done. {then}",
            name=call["name"],
            tool_call_id=call["id"],
            status="error",
        )

    def _counted(self, request: Any, result: Any, seconds: float) -> Any:
        command = result
        if isinstance(result, ToolMessage):
            command = Command(update={"messages": [result]})
        known = isinstance(command, Command) and isinstance(command.update, dict)
        if not known or not _is_charged(request.tool):
            return result
        made = sum(_made(each) for each in command.update.get("messages", ()))
        spent = {"pictures": float(made), "seconds": seconds}
        counted = {**command.update.get(_STATE, {}), self._per: spent}
        return replace(command, update={**command.update, _STATE: counted})


def _is_charged(tool: Any) -> bool:
    return isinstance(tool, VisionCraftTool) and tool.is_charged


def _planned(call: Mapping[str, Any], tool: Any) -> int:
    """How many pictures a call asks for, as the tool reads it; 0 if the tool will refuse it."""
    if not isinstance(tool, VisionCraftTool) or not tool.makes_media:
        return 0
    try:
        _, given = tool._to_args_and_kwargs(call["args"], None)
    except ValidationError:
        return 0
    return given.get("image_count") or getattr(tool, "image_count", None) or 1


def _planned_before(request: Any, most: int) -> int:
    """How many pictures the model's calls before this one ask for, counted up to `most`."""
    messages = request.state.get("messages", ())
    asked = next((each for each in reversed(messages) if isinstance(each, AIMessage)), None)
    tools = {tool.name: tool for tool in getattr(request.runtime, "tools", ())}
    calls = asked.tool_calls if asked else []
    # Some models repeat ids: then the last call counts, so that none is beyond the budget.
    same = [number for number, call in enumerate(calls) if call["id"] == request.tool_call["id"]]
    before = calls[: same[-1]] if same else calls
    count = 0
    for call in before:
        count += _planned(call, tools.get(call["name"]))
        if count >= most:
            break
    return count


def _made(message: Any) -> int:
    """How many media a call made, not counting the cache."""
    artifact = getattr(message, "artifact", None)
    items = artifact if isinstance(artifact, list) else [artifact]
    paid = [each for each in items if not (isinstance(each, Mapping) and each.get("cached"))]
    return len(Media.from_artifact(paid))
