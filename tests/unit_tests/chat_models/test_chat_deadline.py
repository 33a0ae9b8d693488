"""A deadline holds for a whole call, also for one that asks the model again."""

from __future__ import annotations

from typing import Any

import pytest
from chat_service import WAYS, Service, ask
from prompted_service import UNKNOWN, says

from langchain_visioncraft.client.watching import current

FORM = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "draw", "parameters": FORM}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("calling", ["prompted", "constrained"])
async def test_a_correction_has_the_time_that_the_first_answer_left(
    service: Service, calling: str, way: str
) -> None:
    says(service, "I would rather not.")
    respond, watches = service.respond, []

    def watched(request: Any) -> Any:
        watches.append(current())
        return respond(request)

    service.respond = watched
    model = service.model(model=UNKNOWN, tool_calling=calling, deadline=60)
    await ask(model.bind_tools([TOOL], tool_choice="draw"), way)
    first, second = watches
    assert second.seconds == 60
    assert second.began <= first.began
