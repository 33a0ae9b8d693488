"""The rule-based planner: what it understands, what it calls, and that it comes to an end."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.chat import Reply
from visioncraft_sandbox.chat_reading import check_length, read_chat
from visioncraft_sandbox.planner import answer, tools
from visioncraft_sandbox.planner.phrases import _compiled
from visioncraft_sandbox.planner.planner import SIGNATURE
from visioncraft_sandbox.planner.tools import Tool

from langchain_visioncraft._schemas import problems

TEXT = {"type": "string"}


def answered(body: dict[str, Any]) -> Reply:
    """The planner's answer without a language model."""
    reply = answer(read_chat(body), has_writer=False)
    assert isinstance(reply, Reply)
    return reply


def tool(name: str, description: str, required: str = "", **properties: Any) -> dict[str, Any]:
    for word in required.split():
        properties.setdefault(word, TEXT)
    parameters = {"type": "object", "properties": properties, "required": required.split()}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


STUDIO = [
    tool("text_to_image", "Draw one picture from words.", "prompt", width={"type": "integer"},
         height={"type": "integer"}, model=TEXT),
    tool("midjourney", "Draw one artistic picture from words with Midjourney.", "prompt"),
    tool("image_to_image", "Change a picture by words.", "prompt image"),
    tool("text_to_gif", "Make an animated GIF from words.", "prompt"),
    tool("image_to_video", "Turn a picture into a short video (MP4).", "image"),
    tool("upscale", "Enlarge a picture.", "image", resize={"type": "integer", "enum": [2, 4]}),
    tool("transcribe", "Write down what is said in a recording.", "audio"),
    tool("caption", "Look at a picture: describe it.", "image"),
    tool("catalog", "List the names of models and samplers.",
         "family kind",
         family={"enum": ["sd", "sdxl"]}, kind={"enum": ["models", "samplers"]}),
    tool("limits", "Tell how many calls each tier allows."),
]  # fmt: skip
ENDINGS = {"text_to_gif": "gif", "image_to_video": "mp4"}
Answering = Callable[[str, dict[str, Any]], str]


def studio_result(name: str, arguments: dict[str, Any]) -> str:
    if name in ("transcribe", "caption", "catalog", "limits"):
        return "A fox runs. The moon shines."
    digits = hashlib.sha256(f"{name}{arguments}".encode()).hexdigest()[:12]
    return f"{digits}.{ENDINGS.get(name, 'png')} (image, 1.4 MB)"


class Agent:
    """Plays the part of an agent: makes the calls and brings the results back."""

    def __init__(self, tools: list[dict[str, Any]] = STUDIO, result: Answering = studio_result):
        self.tools, self.result = tools, result
        self.messages: list[dict[str, Any]] = []
        self.turns: list[list[tuple[str, dict[str, Any]]]] = []

    def ask(self, request: str, **options: Any) -> str:
        self.messages.append({"role": "user", "content": request})
        self.turns = []
        for _ in range(12):
            body = {"model": "m", "messages": self.messages, "tools": self.tools, **options}
            reply = answered(body)
            if not reply.tool_calls:
                self.messages.append({"role": "assistant", "content": reply.text})
                return reply.text or ""
            self.messages.append(
                {"role": "assistant", "content": None, "tool_calls": reply.tool_calls}
            )
            turn = []
            for call in reply.tool_calls:
                name = call["function"]["name"]
                arguments = json.loads(call["function"]["arguments"])
                turn.append((name, arguments))
                content = self.result(name, arguments)
                self.messages.append(
                    {"role": "tool", "tool_call_id": call["id"], "content": content}
                )
            self.turns.append(turn)
        raise AssertionError("the planner did not come to an end")

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for turn in self.turns for call in turn]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def handles(self, name: str) -> list[str]:
        return [studio_result(*call).split()[0] for call in self.calls if call[0] == name]


def test_pictures_that_are_shown_after_the_results_are_no_new_request() -> None:
    agent = Agent()
    asked = {"role": "user", "content": "Draw a fox, then upscale it."}
    first = answered({"model": "m", "messages": [asked], "tools": STUDIO})
    [call] = first.tool_calls
    result = studio_result("text_to_image", json.loads(call["function"]["arguments"]))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    agent.messages = [
        asked,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": result},
        {"role": "user", "content": [{"type": "text", "text": "These are they:"}, picture]},
    ]
    then = answered({"model": "m", "messages": agent.messages, "tools": STUDIO})
    assert [each["function"]["name"] for each in then.tool_calls] == ["upscale"]


def test_a_numbered_story_is_drawn_scene_by_scene_at_once() -> None:
    agent = Agent()
    said = agent.ask(
        "Illustrate this story: 1. A fox finds a lantern. 2. It climbs a hill. "
        "3. The stars come down. Then make a GIF of the last scene and upscale the first picture."
    )
    assert agent.turns[0] == [
        ("text_to_image", {"prompt": "A fox finds a lantern"}),
        ("text_to_image", {"prompt": "It climbs a hill"}),
        ("text_to_image", {"prompt": "The stars come down"}),
        ("text_to_gif", {"prompt": "The stars come down"}),
    ]
    first = agent.handles("text_to_image")[0]
    assert agent.turns[1] == [("upscale", {"image": first})]
    assert all(handle in said for handle in agent.handles("text_to_image"))
    assert said.startswith(f"I drew {first} (A fox finds a lantern).\nI drew ")
    assert f"I animated {agent.handles('text_to_gif')[0]} (The stars come down)." in said
    assert f"I enlarged it to {agent.handles('upscale')[0]}." in said
    assert said.endswith(SIGNATURE)


@pytest.mark.parametrize(
    "request_text",
    [
        "Illustrate my story:\n\n1. A cat finds a balloon.\n2. It flies.\n\nThank you",
        "Please illustrate this story:\n- A cat finds a balloon.\n- It flies.",
        "Illustrate this story:\n\nA cat finds a balloon.\n\nIt flies.",
        "Illustrate this story: A cat finds a balloon. It flies.",
        "Draw two scenes: A cat finds a balloon; It flies.",
    ],
)
def test_scenes_may_be_written_in_many_ways(request_text: str) -> None:
    agent = Agent()
    agent.ask(request_text)
    assert [arguments["prompt"] for _, arguments in agent.calls[:2]] == [
        "A cat finds a balloon",
        "It flies",
    ]


def test_one_result_is_the_next_ones_source() -> None:
    agent = Agent()
    agent.ask("Draw a fox in the snow, then upscale it 4x and turn it into a video.")
    assert agent.names == ["text_to_image", "upscale", "image_to_video"]
    assert agent.calls[1][1] == {"image": agent.handles("text_to_image")[0], "resize": 4}
    assert agent.calls[2][1] == {"image": agent.handles("upscale")[0]}


def test_pictures_of_earlier_requests_are_remembered() -> None:
    agent = Agent()
    agent.ask("Draw a cat. Then draw a dog.")
    cat = agent.handles("text_to_image")[0]
    agent.ask("Turn the first picture into a video")
    assert agent.calls == [("image_to_video", {"image": cat})]


def test_each_picture_gets_its_call() -> None:
    agent = Agent()
    agent.ask("Draw a cat. Then draw a dog. Then describe both.")
    assert agent.names == ["text_to_image", "text_to_image", "caption", "caption"]
    assert [arguments["image"] for _, arguments in agent.calls[2:]] == agent.handles(
        "text_to_image"
    )


def test_what_a_recording_says_is_drawn() -> None:
    agent = Agent()
    agent.ask("Listen to 0123456789ab.ogg and illustrate what it says")
    assert agent.calls == [
        ("transcribe", {"audio": "0123456789ab.ogg"}),
        ("text_to_image", {"prompt": "A fox runs"}),
        ("text_to_image", {"prompt": "The moon shines"}),
    ]


def test_one_picture_is_drawn_of_all_that_a_recording_says() -> None:
    agent = Agent()
    agent.ask(
        "Make a GIF of the sea. Transcribe my voice note 0123456789ab.ogg, and draw the last page "
        "as it says."
    )
    assert agent.calls == [
        ("text_to_gif", {"prompt": "the sea"}),
        ("transcribe", {"audio": "0123456789ab.ogg"}),
        ("text_to_image", {"prompt": "A fox runs. The moon shines"}),
    ]


def test_a_list_of_things_to_do_after_a_list_of_scenes_is_one_of_its_own() -> None:
    agent = Agent()
    agent.ask(
        "Draw one picture for each scene:\n\n1. A cat finds a balloon.\n2. It flies.\n\nThen:\n"
        "- upscale the second picture, for the cover;\n"
        "- describe the first picture in words, for people who cannot see it."
    )
    first, second = agent.handles("text_to_image")
    assert agent.calls == [
        ("text_to_image", {"prompt": "A cat finds a balloon"}),
        ("text_to_image", {"prompt": "It flies"}),
        ("upscale", {"image": second}),
        ("caption", {"image": first}),
    ]


def test_the_name_of_a_service_is_not_the_name_of_a_tools_work() -> None:
    tools = [{**each, "function": {**each["function"]}} for each in STUDIO]
    for each in tools:
        each["function"]["name"] = f"visioncraft_{each['function']['name']}"
    rework = next(each for each in tools if "image_to_image" in each["function"]["name"])
    rework["function"]["description"] += " Describe the picture that is wanted."
    agent = Agent(tools)
    agent.ask("Describe 0123456789ab.png in words")
    assert agent.calls == [("visioncraft_caption", {"image": "0123456789ab.png"})]


@pytest.mark.parametrize(
    ("request_text", "name", "arguments"),
    [
        ("Could you draw me a picture of a boat, please?", "text_to_image", {"prompt": "a boat"}),
        ("I'd like a painting of a boat at sea", "text_to_image", {"prompt": "a boat at sea"}),
        ("Draw a boat, 512x256", "text_to_image",
         {"prompt": "a boat", "width": 512, "height": 256}),
        ("Draw a boat. It has red sails.", "text_to_image",
         {"prompt": "a boat. It has red sails"}),
        ("Draw a boat with Midjourney", "midjourney", {"prompt": "a boat"}),
        ("Make an animated GIF of a boat", "text_to_gif", {"prompt": "a boat"}),
        ("Describe a1b2c3d4e5f6.png", "caption", {"image": "a1b2c3d4e5f6.png"}),
        ("What is in https://x.org/a.jpg?", "caption", {"image": "https://x.org/a.jpg"}),
        ("Turn a1b2c3d4e5f6.png into a watercolour", "image_to_image",
         {"prompt": "a watercolour", "image": "a1b2c3d4e5f6.png"}),
        ("Transcribe conversation.mp3", "transcribe", {"audio": "conversation.mp3"}),
        ("Which samplers does sdxl have?", "catalog", {"family": "sdxl", "kind": "samplers"}),
        ("What are the limits?", "limits", {}),
    ],
)  # fmt: skip
def test_a_plain_request_is_one_call(
    request_text: str, name: str, arguments: dict[str, Any]
) -> None:
    agent = Agent()
    agent.ask(request_text)
    assert agent.calls == [(name, arguments)]


def test_calls_come_one_by_one_if_they_may_not_be_parallel() -> None:
    agent = Agent()
    agent.ask("Draw a cat. Then draw a dog.", parallel_tool_calls=False)
    assert [len(turn) for turn in agent.turns] == [1, 1]


def test_no_tool_is_called_where_none_is_meant() -> None:
    agent = Agent()
    assert agent.ask("Hello! How are you?").endswith(SIGNATURE)
    assert agent.calls == []


def test_an_error_is_reported_and_other_steps_go_on() -> None:
    def result(name: str, arguments: dict[str, Any]) -> str:
        if "cat" in arguments.get("prompt", ""):
            return "Error: the prompt was refused."
        return studio_result(name, arguments)

    agent = Agent(result=result)
    said = agent.ask("Draw a cat. Then draw a dog. Then upscale the last picture.")
    assert agent.names == ["text_to_image", "text_to_image", "upscale"]
    assert "the prompt was refused" in said


WEATHER = tool("get_weather", "Get the weather at a location.", "location")
MAGIC = tool("magic_function", "Apply a magic function.", "input", input={"type": "integer"})


@pytest.mark.parametrize(
    ("request_text", "tools", "arguments"),
    [
        ("What is the value of magic_function(3)? Use the tool.", [MAGIC], {"input": 3}),
        ("What is the weather in San Francisco, CA?", [MAGIC, WEATHER],
         {"location": "San Francisco, CA"}),
        ("What is the value of no_args()? Use the tool.", [tool("no_args", "Calculate.")], {}),
        ("Using the tool, generate a Pirate greeting.",
         [tool("greeting_generator", "Generate a greeting.", "answer_style")],
         {"answer_style": "Pirate"}),
        ("Create a customer named '你好啊集团'.",
         [tool("create_customer", "Create a customer.", "customer_name")],
         {"customer_name": "你好啊集团"}),
    ],
)  # fmt: skip
def test_other_tools_are_called_by_their_names_and_schemas(
    request_text: str, tools: list[dict[str, Any]], arguments: dict[str, Any]
) -> None:
    agent = Agent(tools, result=lambda *_: "5")
    agent.ask(request_text)
    assert [given for _, given in agent.calls] == [arguments]


def first_call(request_text: str, **options: Any) -> str:
    messages = [{"role": "user", "content": request_text}]
    body = {"model": "m", "messages": messages, "tools": [MAGIC, WEATHER], **options}
    [call] = answered(body).tool_calls
    return str(call["function"]["name"])


def test_a_required_or_named_tool_is_called_for_any_request() -> None:
    assert first_call("Hello!", tool_choice="required") in ("magic_function", "get_weather")
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert first_call("Hello!", tool_choice=named) == "get_weather"


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """The calls of a function of `planner.tools`."""
    calls: list[Any] = []
    work = getattr(tools, name)
    monkeypatch.setattr(tools, name, lambda *given: (calls.append(given), work(*given))[1])
    return calls


def test_an_enumeration_is_searched_once_for_all_parameters_that_refer_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    properties = {f"p{number}": {"$ref": "#/$defs/A"} for number in range(50)}
    drawing = tool("draw", "Draws a picture.", "prompt", **properties)
    options = [f"word {number}" for number in range(100)]
    drawing["function"]["parameters"]["$defs"] = {"A": {"enum": options}}
    compared = counted(monkeypatch, "_has")
    assert calls_for("Draw a cat", [drawing]) == [("draw", {"prompt": "a cat"})]
    assert len(compared) == len(options)


@pytest.mark.parametrize("option", [{"cat": 1}, ["cat"], None])
def test_a_clause_mentions_words_and_numbers_only(option: Any) -> None:
    assert not tools._has(f"a {option} here", option)
    assert tools._has("two cats of 4 kinds", "cat")
    assert tools._has("two cats of 4 kinds", 4)


def test_only_pictures_in_messages_are_left_out_of_the_length_of_a_chat() -> None:
    long = "x" * 1000
    seen = {"type": "image_url", "image_url": {"url": long}}
    check_length(
        {"messages": [{"content": [seen, {**seen, "image_url": long}], "image": long}]}, 200
    )
    for odd in ({"messages": [{"url": long}]}, {"tools": [{"url": long}]}, {"image": long},
                {"messages": [{"content": [{"url": long}]}]}, {"messages": long}):  # fmt: skip
        with pytest.raises(Refusal):
            check_length(odd, 200)


@pytest.mark.parametrize(
    "name",
    ["$ref", "anyOf", "enum", "type", "items", "minItems", "description", "minimum", "required"],
)
def test_a_keyword_of_null_is_the_same_as_none(name: str) -> None:
    drawing = tool("draw", "Draws a picture.", "prompt")
    drawing["function"]["parameters"]["properties"]["prompt"] = {"type": "string", name: None}
    assert calls_for("Draw a cat", [drawing]) == [("draw", {"prompt": "a cat"})]


def calls_for(request_text: str, tools: list[dict[str, Any]], **options: Any) -> list[Any]:
    messages = [{"role": "user", "content": request_text}]
    body = {"model": "m", "messages": messages, "tools": tools, **options}
    reply = answered(body)
    functions = [call["function"] for call in reply.tool_calls]
    return [(each["name"], json.loads(each["arguments"])) for each in functions]


@pytest.mark.parametrize(
    ("request_text", "tools", "call"),
    [
        ("What's the weather in Paris?", [tool("getWeather", "", "city")],
         ("getWeather", {"city": "Paris"})),
        ("How is the weather in Paris?",
         [tool("W-get_news", "", "topic"), tool("W-get_weather", "", "location")],
         ("W-get_weather", {"location": "Paris"})),
        ("Draw a fox", [tool("transfer_to_writer", ""), tool("transfer_to_illustrator", "")],
         ("transfer_to_illustrator", {})),
        ("I want to talk to Bob", [tool("transferToAlice", ""), tool("transferToBob", "")],
         ("transferToBob", {})),
        ("Draw a fox", [tool("createImage", "", "prompt"), tool("upscaleImage", "", "image")],
         ("createImage", {"prompt": "a fox"})),
        ("Draw a fox, 512 x 256", STUDIO,
         ("text_to_image", {"prompt": "a fox", "width": 512, "height": 256})),
    ],
)  # fmt: skip
def test_tools_are_recognised_by_the_words_of_their_names_in_any_style(
    request_text: str, tools: list[dict[str, Any]], call: tuple[str, dict[str, Any]]
) -> None:
    assert calls_for(request_text, tools) == [call]


def test_a_handoff_happens_once_and_the_other_agent_goes_on() -> None:
    handoffs = [tool("transfer_to_illustrator", ""), tool("transfer_to_writer", "")]
    agent = Agent(handoffs, result=lambda *_: "Successfully transferred to illustrator")
    agent.ask("Draw a fox. Then draw a house.")
    assert agent.names == ["transfer_to_illustrator"]
    messages = agent.messages[:-1]
    body = {"model": "m", "messages": messages, "tools": STUDIO}
    drawn = [call["function"]["name"] for call in answered(body).tool_calls]
    assert drawn == ["text_to_image", "text_to_image"]


def test_a_tool_for_the_final_answer_is_called_when_all_is_done() -> None:
    tools = [*STUDIO, tool("final_answer", "Give the final answer.", "answer")]
    agent = Agent(tools)
    body = {"tools": tools, "tool_choice": "required", "model": "m"}
    agent.messages = [{"role": "user", "content": "Draw a fox"}]
    [drawing] = answered({**body, "messages": agent.messages}).tool_calls
    assert drawing["function"]["name"] == "text_to_image"
    agent.messages += [
        {"role": "assistant", "content": None, "tool_calls": [drawing]},
        {"role": "tool", "tool_call_id": drawing["id"], "content": "0123456789ab.png (image)"},
    ]
    [last] = answered({**body, "messages": agent.messages}).tool_calls
    assert last["function"]["name"] == "final_answer"
    assert "0123456789ab.png" in json.loads(last["function"]["arguments"])["answer"]


NESTED = {
    "type": "object",
    "$defs": {
        "Point": {
            "type": "object",
            "properties": {"x": {"type": "number", "exclusiveMinimum": 3}},
            "required": ["x"],
        }
    },
    "properties": {
        "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "minItems": 2},
        "day": {"type": "string", "format": "date"},
        "size": {"anyOf": [{"type": "integer", "multipleOf": 8, "minimum": 60}, {"type": "null"}]},
        "code": {"type": "string", "minLength": 12, "maxLength": 14},
        "mode": {"enum": ["fast", "slow"]},
    },
    "required": ["points", "day", "size", "code", "mode"],
}


def test_what_may_be_null_is_null_where_a_framework_requires_every_parameter() -> None:
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    size = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    draw = tool("draw", "Draw a picture.", "prompt style width height", style=optional,
                width=size, height={"type": ["integer", "null"]})  # fmt: skip
    assert calls_for("Draw a fox, 512x256", [draw]) == [
        ("draw", {"prompt": "a fox", "style": None, "width": 512, "height": 256})
    ]
    assert calls_for("Draw a fox", [draw]) == [
        ("draw", {"prompt": "a fox", "style": None, "width": None, "height": None})
    ]


def test_a_forced_tool_gets_arguments_that_its_schema_accepts() -> None:
    forced = {"type": "function", "function": {"name": "plot", "parameters": NESTED}}
    choice = {"type": "function", "function": {"name": "plot"}}
    [(name, arguments)] = calls_for("Hello!", [forced], tool_choice=choice)
    assert (name, problems(arguments, NESTED)) == ("plot", [])


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "string", "maxLength": 3.0},
        {"type": "integer", "minimum": 5, "exclusiveMinimum": True},
        {"type": "integer", "minimum": 5, "exclusiveMinimum": 8},
        {"type": "integer", "maximum": -5, "exclusiveMaximum": -8},
        {"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 2.0},
        {"allOf": [{"type": "integer"}, {"minimum": 7}]},
        {"$ref": "#/properties/y"},
    ],
    ids=str,
)
def test_a_value_that_is_made_up_fits_its_schema(spec: dict[str, Any]) -> None:
    properties = {"x": spec, "y": {"type": "integer", "minimum": 3}}
    schema = {"type": "object", "properties": properties, "required": ["x"]}
    forced = {"type": "function", "function": {"name": "plot", "parameters": schema}}
    [(_, arguments)] = calls_for("Hello!", [forced], tool_choice="required")
    assert [*arguments] == ["x"]
    if spec.get("exclusiveMinimum") is True:  # as up to draft 4
        assert arguments["x"] > 5
    else:
        jsonschema.validate(arguments, schema)


def test_a_step_too_small_for_its_bound_is_ignored() -> None:
    properties = {"x": {"type": "integer", "minimum": 1e299, "multipleOf": 1e-300}}
    [(_, arguments)] = calls_for("Go", [tool("f", "", "x", **properties)], tool_choice="required")
    assert arguments == {"x": int(1e299)}


def looping(kind: dict[str, Any]) -> dict[str, Any]:
    """A schema of a few words, all of whose values would be more than there are atoms."""
    inner = {f"x{n}": {"$ref": "#/$defs/A"} for n in range(10)}
    node = {"type": "object", "properties": inner, "required": list(inner)}
    return {"type": "object", "$defs": {"A": {**node, **kind}}, "properties": {"a": inner["x0"]},
            "required": ["a"]}  # fmt: skip


WIDE = {"type": "array", "minItems": 16, "items": {"$ref": "#/$defs/A"}}
CHOICES = {f"A{n}": {"anyOf": [{"$ref": f"#/$defs/A{n + 1}"}] * 9} for n in range(10)}


def rows(leaf: dict[str, Any], number: int) -> dict[str, Any]:
    """A schema that requires this number of arrays with 256 such values."""
    names = [f"p{n}" for n in range(number)]
    array = {**WIDE, "items": WIDE}
    return {"type": "object", "$defs": {"A": leaf}, "properties": dict.fromkeys(names, array),
            "required": names}  # fmt: skip


def test_keywords_that_are_null_are_not_given() -> None:
    spec = {"$ref": None, "enum": None, "anyOf": None, "type": "integer", "minimum": 4}
    assert calls_for("Hello!", [tool("plot", "", "x", x=spec)], tool_choice="required") == [
        ("plot", {"x": 4})
    ]


@pytest.mark.parametrize(
    ("leaf", "request_text"), [({"default": "x" * 50_000}, "Go"), (TEXT, "x" * 7000)]
)
def test_a_schema_that_repeats_a_long_value_is_refused(
    leaf: dict[str, Any], request_text: str
) -> None:
    forced = {"type": "function", "function": {"name": "plot", "parameters": rows(leaf, 4)}}
    with pytest.raises(Refusal, match="have more than 1,000,000 characters"):
        calls_for(request_text, [forced], tool_choice="required")
    body = {"messages": [{"role": "user", "content": request_text}], "tools": [forced]}
    chat = read_chat({"model": "m", **body, "tool_choice": "required"})
    with pytest.raises(Refusal, match="have more than 1,000,000 characters"):
        answer(chat, has_writer=True)  # a model would write them, but may fail


@pytest.mark.parametrize(
    "schema", [looping({}), looping(WIDE), rows({"type": "integer"}, 40)], ids=["", "wide", "rows"]
)
def test_a_call_of_very_many_made_up_values_is_refused(schema: dict[str, Any]) -> None:
    forced = {"type": "function", "function": {"name": "plot", "parameters": schema}}
    with pytest.raises(Refusal, match="take more than 50,000 steps to fill in the tools"):
        calls_for("Hello!", [forced], tool_choice="required")


def test_values_of_all_calls_are_counted_together() -> None:
    schema = rows({"type": "integer"}, 4)
    schema["properties"]["image"] = {"type": "string"}
    schema["required"].append("image")
    describe = {"type": "function", "function": {"name": "describe_image", "parameters": schema}}
    assert len(calls_for("Describe a0.png.", [describe])) == 1
    with pytest.raises(Refusal, match="take more than 50,000 steps"):
        calls_for("Describe a.png, b.png and c.png. " * 20, [describe])


def merged(keywords: int, levels: int = 8) -> dict[str, Any]:
    """Parts within parts, with this number of keywords that mean nothing."""
    chain: dict[str, Any] = {"type": "null"}
    for level in range(levels):
        others = [{f"{level} {n} {each}": 1 for each in range(keywords)} for n in range(20)]
        chain = {"allOf": [chain, *others]}
    return chain


def of_parts(part: dict[str, Any], number: int, **named: Any) -> dict[str, Any]:
    names = [f"x{n}" for n in range(number)]
    return {"$defs": {"A": part}, "required": [*names, *named],
            "properties": {**{name: {"$ref": "#/$defs/A"} for name in names}, **named}}  # fmt: skip


WASTEFUL = {
    "words": of_parts(merged(50), 300),
    "texts": rows(of_parts({}, 0, **{"y" * 50_000: {**TEXT, "maxLength": 49_999}}), 1),
}


@pytest.mark.parametrize("name", WASTEFUL)
def test_what_the_planner_does_not_need_of_a_schema_takes_no_memory(name: str) -> None:
    forced = {"type": "function", "function": {"name": "plot", "parameters": WASTEFUL[name]}}
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            calls_for("Hello!", [forced], tool_choice="required")
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_the_parts_of_all_parameters_are_counted_together() -> None:
    schema = of_parts(merged(1), 999)
    forced = {"type": "function", "function": {"name": "plot", "parameters": schema}}
    with pytest.raises(Refusal, match="take more than 50,000 steps"):
        calls_for("Hello!", [forced], tool_choice="required")


def test_arguments_are_made_only_for_calls_that_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, filled = Agent(), list[object]()
    agent.messages = [{"role": "user", "content": " ".join(f"a{n}.png" for n in range(30))}]
    fill = Tool.fill
    monkeypatch.setattr(Tool, "fill", lambda *given: filled.append(given) or fill(*given))
    agent.ask("Describe all pictures.")
    assert (len(agent.turns), len(filled)) == (1, 30)


def test_choices_within_choices_are_not_all_looked_at() -> None:
    schema = {**looping({}), "$defs": {**CHOICES, "A": CHOICES["A0"], "A10": {"type": "string"}}}
    forced = {"type": "function", "function": {"name": "plot", "parameters": schema}}
    [(_, arguments)] = calls_for("Hello!", [forced], tool_choice="required")
    assert len(json.dumps(arguments)) < 20_000


def test_one_answer_makes_a_bounded_number_of_calls() -> None:
    agent = Agent()
    agent.messages = [{"role": "user", "content": " ".join(f"a{n}.png" for n in range(500))}]
    agent.ask("Describe all pictures. Then describe them.")
    assert len(agent.calls) == 40


FRAMES = ["Draw a cat{} z", "- make {}", "Draw: {}"]
UNITS = [" ", "-", "make ", "and a.png ", "A. ", "1. ", "'x", "then, "]


def lines_run(request_text: str, tools: list[dict[str, Any]] = STUDIO, **body: Any) -> int:
    taken = 0

    def count_line(*_: Any) -> Any:
        nonlocal taken
        taken += 1
        return count_line

    sys.settrace(count_line)
    try:
        calls_for(request_text, tools, **body)
    finally:
        sys.settrace(None)
    return taken


@pytest.mark.parametrize("frame", FRAMES)
def test_the_work_of_reading_a_request_grows_with_its_length_and_is_bounded(frame: str) -> None:
    for unit in UNITS:
        [short, long] = [lines_run(frame.format(unit * (n // len(unit)))) for n in (300, 1200)]
        assert long < 5 * short + 10_000, unit
    assert lines_run(frame.format("make " * 100_000)) < 4 * lines_run(frame.format("make " * 1600))


def test_the_work_for_one_tool_does_not_grow_with_its_words_times_those_of_the_request() -> None:
    words = ["".join(each) for each in itertools.product("abcdefghijk", repeat=2)]
    name, request_text = "_".join(words[:60]), " ".join(f"{word}x" for word in words * 15)
    [one, many] = [
        lines_run(request_text, [tool(name, "", " ".join(f"p{n}" for n in range(number)))],
                  tool_choice="required")
        for number in (1, 60)
    ]  # fmt: skip
    assert one < 20_000
    assert many < 10 * one


CREW = (
    "\nCurrent Task: {}\n\nThis is the expected criteria for your final answer: The handle of the "
    "upscaled picture\nyou MUST return the actual complete content as the final answer, not a "
    "summary."
)


def test_what_crewai_writes_around_a_task_is_no_request() -> None:
    agent = Agent()
    agent.ask(CREW.format("Draw a fox in the snow. Then upscale it."))
    assert agent.names == ["text_to_image", "upscale"]
    assert agent.calls[0][1]["prompt"] == "a fox in the snow"


def test_crewais_context_names_the_picture_of_an_earlier_task() -> None:
    agent = Agent()
    context = "\n\nThis is the context you're working with:\nI drew a1b2c3d4e5f6.png: a castle."
    agent.ask(CREW.format("Upscale the picture.") + context)
    assert agent.calls == [("upscale", {"image": "a1b2c3d4e5f6.png"})]


def test_results_and_errors_as_googles_adk_wraps_them_are_read() -> None:
    wrong = (
        "Error: There is no 'ffffffffffff.png' in the media store. The newest: 85ce51cbcc07.png."
    )
    agent = Agent(result=lambda *_: json.dumps({"result": wrong}))
    said = agent.ask("Upscale ffffffffffff.png")
    assert "upscale failed: Error: There is no" in said
    agent = Agent(result=lambda *_: json.dumps({"result": "A fox runs."}))
    assert '{"result"' not in agent.ask("What is in a1b2c3d4e5f6.png?")


def test_of_calls_for_several_pictures_each_is_made_also_one_by_one() -> None:
    agent = Agent()
    agent.ask("Draw a cat. Then draw a dog. Then describe both.", parallel_tool_calls=False)
    assert [len(turn) for turn in agent.turns] == [1, 1, 1, 1]
    assert [arguments["image"] for _, arguments in agent.calls[2:]] == agent.handles(
        "text_to_image"
    )


def test_a_handoff_needs_nothing_to_work_on() -> None:
    handoffs = [tool("transfer_to_illustrator", ""), tool("transfer_to_writer", "")]
    call = ("transfer_to_illustrator", {})
    assert calls_for("Listen to 0123456789ab.ogg and draw what it says", handoffs) == [call]
    assert calls_for("Upscale the picture", handoffs) == [call]


def test_names_that_a_caller_chooses_are_not_made_into_expressions_which_are_kept() -> None:
    names = [f"size {number}" for number in range(300)]
    numbers = {f"size{number}": {"type": "integer"} for number in range(300)}
    draw = tool("draw", "Draw a picture.", "prompt mode", mode={"enum": names}, **numbers)
    known = _compiled.cache_info().currsize
    assert calls_for("Draw a fox, size 7, size299 = 12", [draw]) == [
        ("draw", {"prompt": "a fox, size 7, size299 = 12", "mode": "size 7"})
    ]
    assert _compiled.cache_info().currsize < known + 100
