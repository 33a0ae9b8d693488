"""Prompted tools, on the wire: what goes out, what comes back, in all four ways of asking."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from answers import FORMS
from chat_service import Service, ask, httpx
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from prompted_service import UNKNOWN, says, sent
from pydantic import BaseModel, Field

from langchain_visioncraft import errors
from langchain_visioncraft.chat_models import MODEL_PROFILES
from langchain_visioncraft.chat_models.prompted.calls import Call

DRAW = '{"name": "draw", "arguments": {"prompt": "a cat", "width": 512}}'


@tool
def draw(prompt: str, width: int = 1024) -> str:
    """Draw a picture."""
    return prompt


@tool
def limits() -> str:
    """Tell the limits."""
    return ""


class Upscale(BaseModel):
    """Make a picture larger."""

    image: str = Field(description="A handle.")


def calls_of(message: AIMessage) -> list[tuple[str, Any]]:
    return [(call["name"], call["args"]) for call in message.tool_calls]


@pytest.mark.parametrize("form", FORMS)
async def test_a_call_in_any_form_becomes_a_tool_call(
    service: Service, way: str, form: str
) -> None:
    says(service, "Sure!\n" + FORMS[form](Call("draw", {"prompt": "a cat", "width": 512})))
    model = service.model(model=UNKNOWN).bind_tools([draw, limits])
    answer = await ask(model, way, "Draw a cat.")
    assert calls_of(answer) == [("draw", {"prompt": "a cat", "width": 512})]
    assert answer.text == "Sure!"
    assert answer.usage_metadata["total_tokens"] == 5
    assert answer.response_metadata["model_provider"] == "visioncraft"
    assert len(service.requests) == 1


async def test_the_tools_go_out_in_words_only(service: Service, way: str) -> None:
    model = service.model(model=UNKNOWN).bind_tools([draw, Upscale], parallel_tool_calls=True)
    await ask(model, way, [SystemMessage("Be kind."), HumanMessage("Hi")])
    assert not {"tools", "tool_choice", "parallel_tool_calls", "strict"} & set(service.body)
    system, user = service.body["messages"]
    assert system["content"].startswith("Be kind.")
    assert user == {"role": "user", "content": "Hi"}
    for words in ("draw", "Draw a picture.", '"prompt"', "Upscale", "A handle.", "<tool_call>"):
        assert words in system["content"]


@pytest.mark.parametrize(
    ("name", "mode", "native"),
    [
        ("Llama-3.1-8B-Instruct", "auto", True),
        ("meta-llama/llama-3.1-70b-instruct", "auto", True),
        ("Llama-3.1-8B-Instruct", "prompted", False),
        ("Qwen2-72B-Instruct", "auto", False),
        (UNKNOWN, "auto", False),
        (UNKNOWN, "native", True),
    ],
)
def test_who_is_offered_tools_natively(
    service: Service, name: str, mode: Any, native: bool
) -> None:
    service.model(model=name, tool_calling=mode).bind_tools([draw]).invoke("Hi")
    assert ("tools" in service.body) is native


def test_users_extend_the_table(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODEL_PROFILES, UNKNOWN, {"tool_calling": True, "max_input_tokens": 9})
    model = service.model(model=UNKNOWN)
    model.bind_tools([draw]).invoke("Hi")
    assert "tools" in service.body
    assert model.profile["max_input_tokens"] == 9
    own = service.model(model="mine", profile={"tool_calling": True})
    own.bind_tools([draw]).invoke("Hi")
    assert "tools" in service.body
    own.bind_tools([draw]).invoke("Hi", model="another")
    assert "tools" not in service.body


async def test_what_was_done_is_told_with_the_request(service: Service, way: str) -> None:
    call = {"name": "draw", "args": {"prompt": "a cat"}, "id": "1"}
    earlier = [HumanMessage("One."), AIMessage("", tool_calls=[call])]
    earlier += [ToolMessage("old.png", tool_call_id="1"), AIMessage("Here.")]
    now = [HumanMessage("Larger!"), AIMessage("Ok.", tool_calls=[{**call, "id": "2"}])]
    now += [ToolMessage("no such style", tool_call_id="2", status="error")]
    await ask(service.model(model=UNKNOWN).bind_tools([draw]), way, [*earlier, *now])
    roles = [message["role"] for message in service.body["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    texts = [message["content"] for message in service.body["messages"]]
    assert texts[2] == f"<tool_call>\n{json.dumps(call_json(call))}\n</tool_call>"
    assert texts[3] == "<tool_response>\ndraw: old.png\n</tool_response>"
    assert texts[5].startswith("Larger!")
    assert '- draw with {"prompt": "a cat"} failed: no such style' in texts[5]


def call_json(call: dict[str, Any]) -> dict[str, Any]:
    return {"name": call["name"], "arguments": call["args"]}


async def test_arguments_that_do_not_fit_are_asked_for_once_more(
    service: Service, way: str
) -> None:
    says(service, '{"name": "draw", "arguments": {"width": "wide"}}', f"Sorry: {DRAW}")
    answer = await ask(service.model(model=UNKNOWN).bind_tools([draw]), way)
    assert calls_of(answer) == [("draw", {"prompt": "a cat", "width": 512})]
    assert answer.usage_metadata["total_tokens"] == 10
    complaint = sent(service)["messages"][-1]["content"]
    assert "prompt is missing" in complaint
    assert "width: 'wide' is not of type 'integer'" in complaint
    assert len(service.requests) == 2


async def test_the_second_round_trip_can_be_switched_off(service: Service, way: str) -> None:
    says(service, '{"name": "draw", "arguments": {"width": "wide"}}')
    model = service.model(model=UNKNOWN, correct_tool_calls=False).bind_tools([draw])
    answer = await ask(model, way)
    assert calls_of(answer) == [("draw", {"width": "wide"})]
    assert len(service.requests) == 1


async def test_a_call_that_stays_wrong_goes_to_the_tool_or_is_invalid_if_strict(
    service: Service, way: str
) -> None:
    says(service, '{"name": "draw", "arguments": {}}')
    model = service.model(model=UNKNOWN)
    answer = await ask(model.bind_tools([draw]), way)
    assert calls_of(answer) == [("draw", {})]
    strict = await ask(model.bind_tools([draw], strict=True), way)
    assert not strict.tool_calls
    assert [call["name"] for call in strict.invalid_tool_calls] == ["draw"]


async def test_numbers_in_quotes_are_numbers(service: Service, way: str) -> None:
    says(service, '{"name": "draw", "arguments": {"prompt": "a cat", "width": "512"}}')
    answer = await ask(service.model(model=UNKNOWN).bind_tools([draw]), way)
    assert calls_of(answer) == [("draw", {"prompt": "a cat", "width": 512})]
    assert len(service.requests) == 1


async def test_a_good_call_before_a_bad_one_keeps_its_place(service: Service, way: str) -> None:
    says(service, f'{DRAW}{{"name": "Upscale", "arguments": {{}}}}{{"name": "limits"}}', "?")
    model = service.model(model=UNKNOWN).bind_tools([draw, limits, Upscale])
    answer = await ask(model, way)
    assert [name for name, _ in calls_of(answer)] == ["draw", "Upscale", "limits"]


@pytest.mark.parametrize(
    ("choice", "name"), [("any", "draw"), ("limits", "limits"), (True, "draw")]
)
async def test_a_call_that_is_required_is_asked_for(
    service: Service, way: str, choice: Any, name: str
) -> None:
    says(service, "Hello!", f'{{"name": "{name}", "arguments": {{"prompt": "a cat"}}}}')
    model = service.model(model=UNKNOWN).bind_tools([draw, limits], tool_choice=choice)
    answer = await ask(model, way)
    assert [called for called, _ in calls_of(answer)] == [name]
    assert len(service.requests) == 2
    assert "Answer only with a call" in sent(service, 0)["messages"][-1]["content"]


async def test_no_choice_means_no_tools(service: Service, way: str) -> None:
    says(service, DRAW)
    model = service.model(model=UNKNOWN).bind_tools([draw], tool_choice="none")
    answer = await ask(model, way)
    assert not answer.tool_calls
    assert answer.text == DRAW
    assert [message["role"] for message in service.body["messages"]] == ["user"]


async def test_one_call_at_a_time_drops_the_others(service: Service, way: str) -> None:
    says(service, f"{DRAW}\n{DRAW}")
    model = service.model(model=UNKNOWN)
    assert len((await ask(model.bind_tools([draw]), way)).tool_calls) == 2
    answer = await ask(model.bind_tools([draw], parallel_tool_calls=False), way)
    assert len(answer.tool_calls) == 1


async def test_an_answer_that_was_cut_off_is_no_call(service: Service, way: str) -> None:
    says(service, DRAW[:-1], finish_reason="length")
    answer = await ask(service.model(model=UNKNOWN).bind_tools([draw]), way)
    assert not answer.tool_calls
    assert not answer.text
    assert [call["name"] for call in answer.invalid_tool_calls] == ["draw"]
    assert len(service.requests) == 2
    assert "Keep its values short" in sent(service)["messages"][-1]["content"]
    off = service.model(model=UNKNOWN, correct_tool_calls=False).bind_tools([draw])
    assert (await ask(off, way)).invalid_tool_calls
    assert len(service.requests) == 3


async def test_a_tool_that_was_not_offered_is_never_called(service: Service, way: str) -> None:
    says(service, '<tool_call>{"name": "paint", "arguments": {}}</tool_call>')
    answer = await ask(service.model(model=UNKNOWN).bind_tools([draw]), way)
    assert not answer.tool_calls
    assert not answer.text
    assert [call["name"] for call in answer.invalid_tool_calls] == ["paint"]
    assert "There is no tool 'paint'" in sent(service)["messages"][-1]["content"]


async def test_a_call_that_has_its_result_is_answered_in_words(service: Service, way: str) -> None:
    says(service, DRAW, "Here it is: a.png")
    call = {"name": "draw", "args": {"width": 512, "prompt": "a cat"}, "id": "1"}
    history = [HumanMessage("Draw."), AIMessage("", tool_calls=[call])]
    history.append(ToolMessage("a.png", tool_call_id="1"))
    answer = await ask(service.model(model=UNKNOWN).bind_tools([draw]), way, history)
    assert not answer.tool_calls
    assert answer.text == "Here it is: a.png"
    assert "<tools>" not in json.dumps(sent(service))
    polling = service.model(model=UNKNOWN, correct_tool_calls=False).bind_tools([draw])
    says(service, DRAW)
    assert (await ask(polling, way, history)).tool_calls


async def test_tools_that_are_no_functions_are_refused(service: Service, way: str) -> None:
    bound = service.model(model=UNKNOWN).bind(tools=[{"type": "web_search"}])
    with pytest.raises(errors.InvalidRequestError, match="only functions can"):
        await ask(bound, way)
    wrong = service.model(model=UNKNOWN).bind_tools([draw], tool_choice="paint")
    with pytest.raises(errors.InvalidRequestError, match="not among the tools"):
        await ask(wrong, way)
    assert not service.requests


async def test_prose_streams_and_nothing_of_a_call_leaks(service: Service) -> None:
    says(service, f"I draw it.\n<tool_call>\n{DRAW}\n</tool_call>")
    model = service.model(model=UNKNOWN).bind_tools([draw])
    chunks = list(model.stream("Draw."))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert len(texts) > 2
    assert "".join(texts) == "I draw it."
    assert any(chunk.tool_call_chunks for chunk in chunks)


async def test_callbacks_and_events_see_what_was_read(service: Service) -> None:
    says(service, f"I draw it.\n<tool_call>\n{DRAW}\n</tool_call>")
    seen: list[str] = []

    class Recorder(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            seen.append(token)

    model = service.model(model=UNKNOWN).bind_tools([draw])
    list(model.stream("Draw.", config={"callbacks": [Recorder()]}))
    assert "".join(seen) == "I draw it."
    found = [event async for event in model.astream_events("Draw.", version="v2")]
    streamed = [event["data"]["chunk"] for event in found if event["event"].endswith("_stream")]
    assert "".join(chunk.text for chunk in streamed) == "I draw it."
    assert [call["name"] for event in found[-1:] for call in event["data"]["output"].tool_calls]


async def test_errors_of_the_second_round_trip_are_this_packages(
    service: Service, way: str
) -> None:
    first = service.answer

    def respond(request: Any) -> Any:
        if len(service.requests) > 1:
            return httpx.Response(429, json={"error": "slow down"})
        says(service, "<tool_call>{}</tool_call>")
        answer: Callable[[Any], Any] = service.respond
        service.respond = respond
        return answer(request)

    assert first
    service.respond = respond
    with pytest.raises(errors.RateLimitError):
        await ask(service.model(model=UNKNOWN).bind_tools([draw]), way)


async def test_content_blocks_keep_prose_and_calls_apart(service: Service, way: str) -> None:
    says(service, f"Sure!\n{DRAW}\n{DRAW}\nDone.")
    model = service.model(model=UNKNOWN, output_version="v1").bind_tools([draw])
    answer = await ask(model, way)
    kinds = [block["type"] for block in answer.content_blocks]
    assert kinds.count("tool_call") == 2
    assert "text" in kinds
    assert answer.text.startswith("Sure!")
    assert len(answer.tool_calls) == 2
