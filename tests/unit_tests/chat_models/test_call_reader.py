"""Calls are found in every form that models use, prose stays prose, however the text was cut."""

from __future__ import annotations

import pytest
from answers import ARGUMENTS, CALLS, FORMS, OFFERED, bare, cut, is_broken, read
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_visioncraft.chat_models.prompted import formats
from langchain_visioncraft.chat_models.prompted.calls import Call, Offered
from langchain_visioncraft.chat_models.prompted.reading import CallReader

CALL = Call("draw", {"prompt": 'a {curly} "cat" 🐈'})
LINES = st.sampled_from(
    [
        *(
            "Sure!",
            "Let me draw that.",
            "I use {x} and [1].",
            "a < b, see [this](http://x).",
            "“Ja”",
        ),
        *(
            'JSON: {"name": "Bob", "age": 3}',
            "```python\nprint({})\n```",
            "`code`",
            "Use <b>it</b>",
        ),
    ]
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    assert read(FORMS[form](CALL)) == [CALL]


@pytest.mark.parametrize("form", FORMS)
def test_prose_around_a_call_stays(form: str) -> None:
    if form in ("hermes without end", "mistral", "llama's python tag"):
        text = f"Sure!\n\n{FORMS[form](CALL)}"
        assert read(text) == ["Sure!", CALL]
    else:
        text = f"Sure!\n\n{FORMS[form](CALL)}\n\nDone."
        assert read(text) == ["Sure!", CALL, "\n\nDone."]


@pytest.mark.parametrize("form", FORMS)
def test_cut_at_every_position_it_is_the_same(form: str) -> None:
    text = f"Ok {{a}}: {FORMS[form](CALL)}"
    whole = read(text)
    assert whole == ["Ok {a}:", CALL]
    for place in range(len(text)):
        assert read(text[:place], text[place:]) == whole
    assert read(*text) == whole


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(LINES | st.just(""), st.sampled_from(sorted(FORMS)), CALLS), max_size=3),
    LINES | st.just(""),
    st.lists(st.integers(0, 2000), max_size=12),
)
def test_what_streams_in_pieces_equals_what_arrives_whole(
    parts: list[tuple[str, str, Call]], last: str, places: list[int]
) -> None:
    text = "\n".join(f"{prose}\n{FORMS[form](call)}" for prose, form, call in parts)
    text += f"\n{last}"
    assert read(*cut(text, places)) == read(text)
    assert read(*text) == read(text)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(FORMS) - {"one bracket too few"})), CALLS)
def test_arguments_arrive_as_they_were_written(form: str, call: Call) -> None:
    assert read(FORMS[form](call)) == [call]


@settings(max_examples=40, deadline=None)
@given(st.lists(CALLS, min_size=2, max_size=4), st.sampled_from(["\n", ", ", "", "\n\n", ";\n"]))
def test_several_in_a_row_are_several_calls(calls: list[Call], between: str) -> None:
    assert read(between.join(map(bare, calls))) == calls
    assert read(between.join(FORMS["hermes"](call) for call in calls)) == calls
    assert read(f"[{','.join(map(bare, calls))}]") == calls
    fenced = between.join(map(bare, calls))
    assert read(f"```json\n{fenced}\n```") == calls


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=30) | LINES | st.sampled_from(["{", "[", "<", "`", "```", "\n"])),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_text_without_a_call_is_given_as_it_is(parts: list[str], places: list[int]) -> None:
    text = "".join(parts)
    # Hypothesis also draws the texts of the package's modules, such as these.
    if any(mark in text for mark in ("<tool", "<func", "[TOOL", "<|", *formats.OPENERS)):
        return
    found = read(*cut(text, places))
    assert found == ([text] if text else [])


@pytest.mark.parametrize(
    "text",
    [
        "Set {prompt} in f-strings, lists like [1, 2] and sets {1, 2}.",
        'A person is {"name": "Alice", "age": 30}.',
        '{"name": "paint", "arguments": {"prompt": "a tool that was not offered"}}',
        '```json\n{"name": "paint", "arguments": {}}\n```',
        f'An example: {{"example": {bare(CALL)}}}',
        f"```python\nrequest = {bare(CALL)}\n```",
        '{"name": "draw", "parameters": {"type": "object", "properties": {"prompt": {}}}}',
        '{"type": "object", "properties": {"name": {"type": "string"}}}',
        "Write <tool_call> tags to call a tool.",
        "if a < b: x = `y`",
        "[TOOLS] are here, <toolbox> too.",
        '{"name": "draw", "age": 3}',
        '{"name": 3}',
        "[]",
        "[[1]]",
        "{}",
        '["a", {"name": "draw"}]',
    ],
)
def test_prose_with_braces_and_json_stays_prose(text: str) -> None:
    assert read(text) == [text]
    assert read(*text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'name': 'draw', 'arguments': {'prompt': 'a cat'}}", {"prompt": "a cat"}),
        ('{name: "draw", arguments: {prompt: "a cat"}}', {"prompt": "a cat"}),
        ('{"name": "draw", "arguments": {"prompt": "a cat",}}', {"prompt": "a cat"}),
        ('{"name": "draw", "arguments": {"prompt": "a "red" cat"}}', {"prompt": 'a "red" cat'}),
        ('{"name": "draw", "arguments": {"prompt": "a cat"}', {"prompt": "a cat"}),
        ('{"name": "draw", "prompt": "a cat"}', {"prompt": "a cat"}),
        ('{"name": "draw", "arguments": {"prompt": "a\ncat"}}', {"prompt": "a\ncat"}),
        ('{"tool": "draw", "input": {"prompt": "a cat"}}', {"prompt": "a cat"}),
        ('{"name": "draw(a cat)", "arguments": {"prompt": "a cat"}}', {"prompt": "a cat"}),
        ('{"name": "draw", "arguments": {"prompt": "a", "type": "object"}}', {"prompt": "a"}),
        ('{"name": "draw", "arguments": {"properties": {"prompt": "a"}}}', {"prompt": "a"}),
    ],
)
def test_damaged_json_is_repaired(text: str, expected: dict[str, object]) -> None:
    for written in (text, f"<tool_call>\n{text}\n</tool_call>", f"```json\n{text}\n```"):
        if written.endswith("```") and text.count("{") > text.count("}"):
            continue
        assert read(written) == [Call("draw", expected)]
        assert read(*written) == [Call("draw", expected)]


def test_a_tag_ends_what_brackets_do_not() -> None:
    text = '<tool_call>{"name": "draw", "arguments": {"prompt": "a cat"</tool_call>'
    text += '<tool_call>{"name": "limits", "arguments": {}}</tool_call> Done.'
    assert read(text) == [Call("draw", {"prompt": "a cat"}), Call("limits"), "Done."]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "draw", "arguments": {"prompt": "a ca',
        '<tool_call>\n{"name": "draw", "arguments": {"prompt": "a ca',
        '```json\n{"name": "draw", "arguments": {"prompt": "a ca',
        '{"name": "draw", "arg',
        "<tool_call>",
        "<tool_call>\n  ",
    ],
)
def test_a_call_without_an_end_is_not_guessed(text: str) -> None:
    for texts in ((text,), tuple(text)):
        [broken] = read(*texts)
        assert is_broken(broken)
        assert broken.name in ("draw", None)


def test_a_call_that_the_greatest_length_cut_is_not_completed() -> None:
    text = '{"name": "draw", "arguments": {"prompt": "a cat"}'
    assert read(text) == [Call("draw", {"prompt": "a cat"})]
    assert is_broken(read(text, cut_off=True)[0])
    assert is_broken(read(f"<tool_call>{text}", cut_off=True)[0])
    assert is_broken(read('{"name": "dra', cut_off=True)[0])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<tool_call>{"name": "paint", "arguments": {}}</tool_call>', "paint"),
        ("<tool_call>{}</tool_call>", None),
        ('<tool_call>[1, "x"]</tool_call>', None),
        ("<function=paint>{}</function>", "paint"),
        ('<tool_call>{"name": "draw", "arguments": [1]}</tool_call>', "draw"),
    ],
)
def test_a_marked_call_that_is_none_is_a_broken_one(text: str, name: str | None) -> None:
    found = read(text)
    assert found
    assert all(is_broken(each) and each.name == name for each in found)
    assert not any(isinstance(each, str) for each in read(*text))


@pytest.mark.parametrize(
    ("text", "released"),
    [
        ("Hello wor", "Hello wor"),
        ("f(x) = {y}", "f(x) = {y}"),
        ("see [l](", "see [l]("),
        ("a <b>", "a <b>"),
        ('{"x": 1', '{"x": 1'),
        ('{"name": "Bob"', '{"name": "Bob"'),
        ('{"type": "object",', '{"type": "object",'),
        ("``` a=1\nx", "``` a=1\nx"),
    ],
)
def test_prose_is_not_held_back_longer_than_needed(text: str, released: str) -> None:
    reader = CallReader(OFFERED)
    given_so_far = "".join(map(str, reader.feed(text)))
    assert given_so_far.startswith(released)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(FORMS)), CALLS)
def test_nothing_of_a_call_is_ever_prose_on_the_way(form: str, call: Call) -> None:
    reader = CallReader(OFFERED)
    for char in FORMS[form](call):
        assert not any(isinstance(piece, str) for piece in reader.feed(char))
    assert not any(isinstance(piece, str) for piece in reader.finish())


@settings(max_examples=60, deadline=None)
@given(ARGUMENTS)
def test_the_arguments_alone_call_a_tool_that_must_be_called(arguments: dict[str, object]) -> None:
    import json

    offered = Offered(OFFERED.schemas, forced="draw")
    text = json.dumps(arguments)
    assert read(text, offered=offered) == [Call("draw", arguments)]
    assert read(*text, offered=offered) == [Call("draw", arguments)]
    assert read(text) == [text]


def test_an_imagined_result_is_dropped() -> None:
    text = f"{bare(CALL)}\n<tool_response>\nok\n</tool_response>\nAll done!"
    assert read(text) == [CALL]
    assert read("<tool_response> is a tag.") == ["<tool_response> is a tag."]


def test_deep_nesting_does_not_break_it() -> None:
    deep = "[" * 5000 + "]" * 5000
    text = f'{{"name": "draw", "arguments": {deep}}}'
    assert not any(isinstance(piece, Call) and not is_broken(piece) for piece in read(text))


TOLD = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "description": "What to draw."},
        "loras": {
            "anyOf": [{"type": "object", "maxProperties": 5}, {"type": "null"}],
            "description": "Weights.",
        },
        "steps": {"type": "integer", "default": 30},
    },
    "required": ["prompt"],
}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"prompt": "a cat"}, "steps": 20', {"prompt": "a cat", "steps": 20}),
        ('{"prompt": "a cat", "steps": 9}, "steps": 20', {"prompt": "a cat", "steps": 9}),
        ('{"prompt": "a cat"}, "required": ["prompt"]', {"prompt": "a cat"}),
        ('{"prompt": "What to draw.", "steps": 20}', {"steps": 20}),
        (
            '{"prompt": "a cat", "loras": {"type": "object", "description": "Weights."}}',
            {"prompt": "a cat"},
        ),
        ('{"prompt": "a cat", "steps": {"type": "integer"}}', {"prompt": "a cat"}),
        (
            '{"prompt": "a cat", "loras": {"detail": 0.5}}',
            {"prompt": "a cat", "loras": {"detail": 0.5}},
        ),
    ],
)
def test_what_small_models_copy_from_the_schema_is_no_value(
    text: str, arguments: dict[str, object]
) -> None:
    answer = f'{{"name": "draw", "arguments": {text}}}'
    offered = Offered({"draw": TOLD})
    expected = [Call("draw", arguments)]
    for pieces in ([answer], list(answer)):
        reader = CallReader(offered)
        found = [each for piece in pieces for each in reader.feed(piece)] + reader.finish()
        assert found == expected


STYLES = (
    *("getWeather", "GetWeather", "get-weather", "W-get_weather", "weather.get", "weather/get"),
    *("mcp__server__get_weather", "server:get_weather", "transfer_to_illustrator", "2nd_tool"),
    *("final_answer", "HTTPGet", "wetter_für"),
)
BARE = {
    "python": "[{}(prompt='a cat')]",
    "python on a line": "{}(prompt='a cat')",
    "python tag": "<|python_tag|>{}.call(prompt='a cat')",
    "react": 'Action: {}\nAction Input: {{"prompt": "a cat"}}',
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.{}:0"
    '<|tool_call_argument_begin|>{{"prompt": "a cat"}}<|tool_call_end|><|tool_calls_section_end|>',
    "harmony": "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>"
    '{{"prompt": "a cat"}}<|call|>',
    "qwen coder": "<tool_call>\n<function={}>\n<parameter=prompt>\na cat\n</parameter>\n"
    "</function>\n</tool_call>",
    "mistral": '[TOOL_CALLS]{}[ARGS]{{"prompt": "a cat"}}',
    "hermes": '<tool_call>{{"name": "{}", "arguments": {{"prompt": "a cat"}}}}</tool_call>',
}


@pytest.mark.parametrize("form", BARE)
@pytest.mark.parametrize("name", STYLES)
def test_a_name_may_be_written_in_any_style(name: str, form: str) -> None:
    parameters = {"properties": {"prompt": {"type": "string"}}}
    offered = Offered({name: parameters, "another": parameters})
    text = BARE[form].format(name)
    for pieces in ([text], list(text)):
        reader = CallReader(offered)
        given = [each for piece in pieces for each in reader.feed(piece)]
        assert [*given, *reader.finish()] == [Call(name, {"prompt": "a cat"})]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("getWeather", "W-get_weather"), ("w_get_weather", "W-get_weather")),
        *(("Get Weather", "W-get_weather"), ("tools/get-weather", "W-get_weather")),
        *(
            ("functions.mcp__server__draw_it", "mcp__server__draw_it"),
            ("draw_it", "mcp__server__draw_it"),
        ),
        *(("transferToIllustrator", "transfer_to_illustrator"), ("weather", None), ("", None)),
        *(
            ("read_file", None),
            ("a__read_file", "a__read_file"),
            ("server.draw_it", "mcp__server__draw_it"),
        ),
    ],
)
def test_a_name_is_recognised_by_its_words(written: str, meant: str | None) -> None:
    names = (
        *("W-get_weather", "mcp__server__draw_it", "transfer_to_illustrator"),
        *("a__read_file", "b__read_file"),
    )
    assert Offered({name: {} for name in names}).name_of(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[e~[",
            "[|endofturn|]",
            "<|im_start|>assistant",
            " to=functions.draw<|",
            "<|open|>call d",
        ),
        *(" <draw><prompt>a</prompt></draw>", "```)\n```[|endofturn|]", "to=tools.draw<|x|>{}"),
        *(" to=functions.draw <|", ">[TOOL_CALLSn\ntool_call(s=)", "<function\nc"),
        *('{"""\n\n<toolcall>', '{"a": "\n \n<|tool_call>draw'),
    ],
)
def test_a_mark_that_begins_like_another_one_may_arrive_in_any_pieces(text: str) -> None:
    whole = read(text)
    assert all(read(text[:at], text[at:]) == whole for at in range(len(text)))
    assert read(*text) == whole
