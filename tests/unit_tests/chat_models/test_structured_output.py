"""Objects as answers: natively or prompted, for every kind of schema, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_service import Service
from pydantic import BaseModel, Field
from test_prompted_tools import UNKNOWN, says, sent
from typing_extensions import TypedDict

from langchain_visioncraft import ChatVisionCraft, errors
from langchain_visioncraft.chat_models.objects import object_in


class Joke(BaseModel):
    """A joke."""

    setup: str
    rating: int = Field(ge=1, le=5)


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    rating: int


KINDS: dict[str, Any] = {
    "pydantic": Joke,
    "TypedDict": JokeDict,
    "JSON schema": Joke.model_json_schema(),
    "function": {
        "name": "Joke",
        "description": "A joke.",
        "parameters": Joke.model_json_schema(),
    },
    "response format": {
        "type": "json_schema",
        "json_schema": {"name": "Joke", "schema": Joke.model_json_schema()},
    },
}
WANTED = {"setup": "Why?", "rating": 4}
TEXT = json.dumps(WANTED)


def plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [None, "function_calling", "prompted"])
async def test_every_kind_of_schema_in_words(service: Service, kind: str, method: Any) -> None:
    says(service, f"Here it is:\n```json\n{TEXT}\n```\nEnjoy!")
    model = service.model(model=UNKNOWN).with_structured_output(KINDS[kind], method=method)
    for answer in (model.invoke("A joke."), await model.ainvoke("A joke.")):
        assert isinstance(answer, Joke if kind == "pydantic" else dict)
        assert plain(answer) == WANTED
    streamed = list(model.stream("A joke."))
    assert plain(streamed[-1]) == WANTED
    assert [plain(part) async for part in model.astream("A joke.")][-1] == WANTED
    if kind != "pydantic":
        assert len(streamed) > 2
        assert streamed[0] != WANTED
    system = service.body["messages"][0]["content"]
    assert "JSON" in system
    assert '"setup"' in system
    assert not {"tools", "response_format", "answer_form"} & set(service.body)


@pytest.mark.parametrize(
    ("described", "told"),
    [({"description": " A pun. "}, "It is a Pun (A pun.) and must"), ({}, "It is a Pun and must")],
)
def test_what_an_answer_is_for_is_told_if_it_is_known(
    service: Service, described: dict[str, str], told: str
) -> None:
    says(service, "{}")
    schema = {"title": "Pun", "type": "object", "properties": {}, **described}
    service.model(model=UNKNOWN).with_structured_output(schema, method="prompted").invoke("Hi")
    assert told in service.body["messages"][0]["content"]


def test_natively_the_methods_are_the_hosts_own(service: Service) -> None:
    model = service.model()
    service.says(500)
    for method, expected in (
        (None, "tools"),
        ("function_calling", "tools"),
        ("json_schema", "response_format"),
        ("json_mode", "response_format"),
    ):
        with pytest.raises(errors.ServerError):
            model.with_structured_output(JokeDict, method=method).invoke("Hi")
        assert expected in service.body
    with pytest.raises(errors.ServerError):
        model.with_structured_output(JokeDict, method="prompted").invoke("Hi")
    assert not {"tools", "response_format"} & set(service.body)


@pytest.mark.parametrize("method", ["json_mode", "json_schema"])
def test_the_hosts_own_methods_work_for_models_without_tools(service: Service, method: Any) -> None:
    says(service, TEXT)
    model = service.model(model=UNKNOWN).with_structured_output(JokeDict, method=method)
    assert model.invoke("A joke.") == WANTED
    assert list(model.stream("A joke."))[-1] == WANTED
    assert "response_format" in service.body


async def test_an_answer_in_the_wrong_form_is_asked_for_once_more(service: Service) -> None:
    says(service, '{"setup": "Why?", "rating": 9}', TEXT)
    model = service.model(model=UNKNOWN).with_structured_output(Joke)
    assert plain(await model.ainvoke("A joke.")) == WANTED
    assert "rating: 9 is greater than the maximum of 5" in sent(service)["messages"][-1]["content"]
    says(service, "I know none.", TEXT)
    assert plain(model.invoke("A joke.")) == WANTED
    assert len(service.requests) == 4


def test_the_second_question_can_be_switched_off(service: Service) -> None:
    says(service, "I know none.")
    model = service.model(model=UNKNOWN, correct_tool_calls=False)
    raw = model.with_structured_output(Joke, include_raw=True).invoke("A joke.")
    assert raw["raw"].text == "I know none."
    assert raw["parsed"] is None
    assert "no JSON object" in str(raw["parsing_error"])
    assert len(service.requests) == 1


def test_the_raw_message_comes_along(service: Service) -> None:
    says(service, TEXT)
    model = service.model(model=UNKNOWN).with_structured_output(Joke, include_raw=True)
    raw = model.invoke("A joke.")
    assert plain(raw["parsed"]) == WANTED
    assert raw["parsing_error"] is None
    assert raw["raw"].usage_metadata["total_tokens"] == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, WANTED),
        (f"```\n{TEXT}\n```", WANTED),
        (f"Of {{course}}: {TEXT} {{}}", WANTED),
        (json.dumps({"Joke": WANTED}), WANTED),
        (json.dumps({"name": "Joke", "arguments": WANTED}), WANTED),
        (json.dumps({"type": "object", "properties": WANTED}), WANTED),
        ('{"setup": "Why?", "rating": "4"}', WANTED),
        ("{'setup': 'Why?', rating: 4,}", WANTED),
        ('{"setup": "Why?", "rating": 4', WANTED),
        ('{"setup": "a "quoted" word", "rating": 4}', {"setup": 'a "quoted" word', "rating": 4}),
        ("no object", None),
        ("[1, 2]", None),
    ],
)
def test_objects_are_found(text: str, found: Any) -> None:
    assert object_in(text, Joke.model_json_schema()) == found


def test_a_beginning_gives_a_part() -> None:
    schema = Joke.model_json_schema()
    parts = [object_in(TEXT[:size], schema, partial=True) for size in range(len(TEXT) + 1)]
    texts = [part["setup"] for part in parts if part and "setup" in part]
    assert parts[0] is None
    assert texts[:3] == ["", "W", "Wh"]
    assert parts[-1] == WANTED


def test_without_a_schema_or_with_tools_it_is_refused(service: Service) -> None:
    model: ChatVisionCraft = service.model(model=UNKNOWN)
    with pytest.raises(errors.InvalidRequestError, match="needs a schema"):
        model.with_structured_output()
    with pytest.raises(errors.InvalidRequestError, match="tools"):
        model.with_structured_output(Joke, tools=[Joke])
