"""Objects as answers: natively or prompted, for every kind of schema, whole and in pieces."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import pytest
from chat_service import WAYS, Service, ask, completion, httpx
from langchain_core.exceptions import OutputParserException
from langchain_openai.chat_models.base import OpenAIRefusalError
from pydantic import BaseModel, Field
from test_prompted_tools import UNKNOWN, says, sent
from typing_extensions import TypedDict

from langchain_visioncraft import ChatVisionCraft, errors
from langchain_visioncraft.chat_models.objects import object_in


class Joke(BaseModel):
    """A joke."""

    setup: str
    rating: int = Field(ge=1, le=5)


class Search(BaseModel):
    """A search."""

    pattern: re.Pattern[str]


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


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode", "prompted"])
@pytest.mark.parametrize("text", ["I know none.", '{"setup": "Why?", "rating": 99}', "[1]"])
async def test_an_answer_that_does_not_fit_is_an_error_of_both_trees(
    service: Service, method: Any, text: str
) -> None:
    says(service, text)
    model = service.model(correct_tool_calls=False).with_structured_output(Joke, method=method)
    for way in WAYS:
        with pytest.raises(errors.UnexpectedAnswerError) as caught:
            await ask(model, way)
        assert isinstance(caught.value, OutputParserException)
        assert caught.value.llm_output == text
        assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode", "prompted"])
async def test_an_object_in_words_counts_whatever_was_asked_for(
    service: Service, method: Any
) -> None:
    says(service, f"<think>Hm.</think>Here:\n```json\n{TEXT}\n```")
    model = service.model().with_structured_output(Joke, method=method)
    assert [model.invoke("?"), await model.ainvoke("?")] == [Joke(**WANTED)] * 2
    assert list(model.stream("?"))[-1] == Joke(**WANTED)


@pytest.mark.parametrize("arguments", [TEXT, WANTED, TEXT[:-1], json.dumps(TEXT)])
@pytest.mark.parametrize("name", ["Joke", "functions.Joke"])
async def test_arguments_of_a_sloppy_host_are_the_object(
    service: Service, arguments: Any, name: str
) -> None:
    call = {"index": 0, "function": {"name": name, "arguments": arguments}}
    answer = completion(None, tool_calls=[call])
    service.respond = lambda _: httpx.Response(200, json=answer)
    model = service.model().with_structured_output(Joke)
    assert [model.invoke("?"), await model.ainvoke("?")] == [Joke(**WANTED)] * 2


def test_a_model_that_calls_a_tool_instead_gives_no_object(service: Service) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    service.says(200, json=completion(None, tool_calls=[call]))
    look = {"title": "look", "description": "Look.", "type": "object", "properties": {}}
    model = service.model().with_structured_output(
        Joke, method="json_schema", tools=[look], include_raw=True
    )
    answer = model.invoke("?")
    assert (answer["parsed"], answer["parsing_error"]) == (None, None)
    assert answer["raw"].tool_calls[0]["name"] == "look"
    assert service.body["tools"][0]["function"]["name"] == "look"


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
async def test_a_refusal_is_an_error_of_both_trees(service: Service, method: Any, way: str) -> None:
    refused = completion(None, refusal="I will not.")
    if "stream" in way:
        [choice] = refused["choices"]
        choice["delta"] = choice.pop("message")
        kind = {"content-type": "text/event-stream"}
        service.says(200, content=f"data: {json.dumps(refused)}\n\n".encode(), headers=kind)
    else:
        service.says(200, json=refused)
    model = service.model().with_structured_output(Joke, method=method)
    with pytest.raises(errors.UnexpectedAnswerError, match="refused to answer: I will not") as it:
        await ask(model, way)
    assert isinstance(it.value, OpenAIRefusalError)


def test_a_method_or_tools_that_do_not_fit_are_refused_at_once(service: Service) -> None:
    model: Any = service.model()
    for options in (
        {"method": "xml"},
        {"tools": [{}]},
        {"method": "prompted", "tools": [{}]},
    ):
        with pytest.raises(errors.InvalidRequestError):
            model.with_structured_output(Joke, **options)
    for method in ("function_calling", "json_schema", "prompted"):
        with pytest.raises(errors.InvalidRequestError, match="needs a schema"):
            model.with_structured_output(None, method=method)


async def test_any_json_may_be_asked_for(service: Service) -> None:
    says(service, "Fine: " + TEXT)
    model = service.model().with_structured_output(None, method="json_mode")
    for way in ("invoke", "ainvoke"):
        answer: Any = await ask(model, way)
        assert answer == WANTED
    assert service.body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "prompted"])
@pytest.mark.parametrize("text", [TEXT, "I know none."])
async def test_a_stream_with_the_raw_answer_ends_with_what_was_made_of_it(
    service: Service, method: Any, text: str
) -> None:
    says(service, text)
    model = service.model().with_structured_output(Joke, method=method, include_raw=True)
    for chunks in (list(model.stream("?")), [part async for part in model.astream("?")]):
        whole: Any = {}
        for each in chunks:
            whole = whole + each if whole else each
        assert whole["raw"].text == text
        assert whole["parsed"] == (Joke(**WANTED) if text == TEXT else None)
        assert (whole["parsing_error"] is None) == (text == TEXT)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pattern", ["a{99999999999999}", "(" * 3000])
async def test_a_value_that_python_cannot_take_does_not_fit(
    service: Service, pattern: str, way: str
) -> None:
    says(service, json.dumps({"pattern": pattern}))
    model = service.model(model=UNKNOWN, correct_tool_calls=False).with_structured_output(Search)
    with pytest.raises(OutputParserException, match="does not fit Search"):
        await ask(model, way)
