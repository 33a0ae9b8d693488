"""Transcripts and chat answers in every shape that hosts have used."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from client_driving import DRIVERS, KEY, PNG, REQUIRED, Host, drive, given, httpx, play

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.outgoing import JSONBody
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.errors import UnexpectedAnswerError


def transcribe(body: Any) -> Any:
    return play(endpoints.transcribe(**REQUIRED["transcribe"]), given(body)).result


def chat(body: Any) -> str:
    return play(endpoints.legacy_chat(**REQUIRED["legacy_chat"]), given(body)).result


def caption(body: Any, **more: Any) -> Any:
    return play(endpoints.caption(**REQUIRED["caption"], **more), given(body))


WHISPER = {
    "text": " Hello there.",
    "segments": [
        {
            "id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": " Hello there.",
            "tokens": [1, 2], "temperature": 0.0, "avg_logprob": -0.2,
            "compression_ratio": 1.1, "no_speech_prob": 0.01,
        }
    ],
    "language": "en",
    "input_length_ms": 1500,
    "request_id": "r1",
    "inference_status": {"status": "succeeded", "runtime_ms": 90, "cost": 0.0},
}  # fmt: skip


def test_whispers_whole_answer_is_kept() -> None:
    transcript = transcribe(WHISPER)
    assert transcript.text == "Hello there."
    assert (transcript.language, transcript.input_length_ms) == ("en", 1500)
    [segment] = transcript.segments
    assert (segment.start, segment.end, segment.text) == (0.0, 1.5, " Hello there.")
    assert segment.model_dump()["no_speech_prob"] == 0.01
    assert transcript.model_dump()["request_id"] == "r1"


@pytest.mark.parametrize("body", [{"text": "Hi"}, {"text": " Hi\n"}, b"Hi", b'"Hi"'])
def test_only_the_text_is_needed(body: Any) -> None:
    transcript = transcribe(body)
    assert (transcript.text, transcript.segments, transcript.language) == ("Hi", [], None)


def test_silence_is_an_empty_transcript() -> None:
    assert transcribe({"text": "", "segments": []}).text == ""


def test_segments_without_times_are_kept() -> None:
    body = {"text": "a b", "segments": [{"text": "a"}, {"start": 0, "end": 1, "text": "b"}]}
    assert [segment.text for segment in transcribe(body).segments] == ["a", "b"]


def test_segments_alone_are_a_transcript() -> None:
    assert transcribe({"segments": [{"start": 0, "end": 1, "text": " a"}]}).text == "a"


@pytest.mark.parametrize("segments", [None, "none", {}])
def test_segments_of_another_type_are_left_out(segments: Any) -> None:
    assert transcribe({"text": "a", "segments": segments}).segments == []


@pytest.mark.parametrize("body", [{}, {"text": None}, {"text": 5}, [], {"words": "hello"}])
def test_an_answer_without_a_text_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a text"):
        transcribe(body)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"role": "assistant", "content": "42!"}}]},
        {"choices": [{"text": "42!"}]},
        {"role": "assistant", "content": "42!"},
        {"message": {"role": "assistant", "content": "42!"}},
        {"text": "42!"},
        {"response": "42!"},
        {"result": "42!"},
        {"result": {"response": "42!"}},
        "42!",
        b"42!",
    ],
)
def test_a_legacy_chat_answer_is_read_in_every_form(body: Any) -> None:
    assert chat(body) == "42!"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"choices": []},
        {"choices": [{}]},
        {"choices": {"a": 1}},
        {"choices": 1},
        {"content": 5},
    ],
)
def test_a_legacy_chat_answer_without_a_text_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a text"):
        chat(body)


@pytest.mark.parametrize("body", [{}, {"choices": []}, [], "hello", {"object": "chat.completion"}])
def test_a_chat_completion_without_choices_is_unexpected(body: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="no chat completion"):
        play(endpoints.chat(**REQUIRED["chat"]), given(body))


@pytest.mark.parametrize("body", [b"42", b"true", b"null", b"-1.50"])
def test_a_bare_text_that_happens_to_be_json_stays_text(body: bytes) -> None:
    assert chat(body) == body.decode()
    assert transcribe(body).text == body.decode()


@pytest.mark.parametrize(
    "body",
    [
        {"role": "assistant", "content": ""},
        {"choices": [{"message": {"role": "assistant", "content": ""}}]},
    ],
)
def test_an_empty_chat_answer_is_an_empty_text(body: Any) -> None:
    assert chat(body) == ""


@pytest.mark.parametrize(
    "extra",
    [
        {"segments": [1, None, "x", []]},
        {"segments": [{"start": 0, "end": 1}, {"text": 5}]},
        {"language": 5},
        {"language": ["en"]},
        {"input_length_ms": "long"},
    ],
)
def test_only_the_text_of_a_transcript_is_relied_on(extra: Any) -> None:
    transcript = transcribe({"text": "Hi", **extra})
    assert (transcript.text, transcript.segments) == ("Hi", [])
    assert (transcript.language, transcript.input_length_ms) == (None, None)


NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "given", "heard"),
    [
        ("a b", [(0, 1, "a"), (1, None, "b")], [(0, 1, "a"), (1, None, "b")]),
        ("a b", [(0, None, "a"), (1, 2, "b")], [(0, 1, "a"), (1, 2, "b")]),
        ("a", [(None, 1, "a")], [(0, 1, "a")]),
        ("a", [("soon", 1, "a")], [(0, 1, "a")]),
        ("a", [("0.5", "1", "a")], [(0.5, 1, "a")]),
        ("a", [(NAN, NAN, "a")], [(0, None, "a")]),
        ("a b", [(0, 1, "a"), (NAN, 2, "b")], [(0, 1, "a"), (1, 2, "b")]),
        ("a b", [(1.5, 2, "b"), (0, 1, "a")], [(0, 1, "a"), (1.5, 2, "b")]),
    ],
)
def test_a_segment_without_good_times_keeps_its_words(
    text: str, given: list[Any], heard: list[Any]
) -> None:
    segments = [dict(zip(("start", "end", "text"), each, strict=True)) for each in given]
    transcript = Transcript.model_validate({"text": text, "segments": segments})
    assert [(each.start, each.end, each.text) for each in transcript.segments] == heard
    assert Transcript.model_validate(transcript.model_dump()) == transcript


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("one two three", ["one", "two"], ["one", "two", "three"]),
        ("one two three", ["two", "three"], ["one", "two", "three"]),
        ("one, two three.", ["one,", "three."], ["one,", "two", "three."]),
        ("今日は天気がいい", ["今日は", "いい"], ["今日は", "天気が", "いい"]),
        ("One two", ["one", "two"], ["one", "two"]),
        ("other words than those", ["one"], ["one"]),
        ("no no yes", ["no", "yes"], ["no", "no", "yes"]),
    ],
)
def test_words_that_no_segment_has_get_one(text: str, given: list[str], said: list[str]) -> None:
    segments = [
        {"start": number, "end": number + 0.5, "text": f" {each}"}
        for number, each in enumerate(given)
    ]
    transcript = Transcript.model_validate({"text": text, "segments": segments})
    assert [each.text.strip() for each in transcript.segments] == said
    starts = [each.start for each in transcript.segments]
    assert starts == sorted(starts)
    assert transcript.text == text


@pytest.mark.parametrize(("text", "whole"), [("", "one two"), ("one", "one two"), ("1 2", "1 2")])
def test_a_text_that_lacks_words_gets_those_of_the_segments(text: str, whole: str) -> None:
    segments = [{"start": 0, "end": 1, "text": "one"}, {"start": 1, "end": 2, "text": "two"}]
    assert Transcript.model_validate({"text": text, "segments": segments}).text == whole


def test_a_caption_is_a_message_with_the_words_and_the_picture() -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "A cat."}}]}
    played = caption(answer, prompt="What is it?", model="llava-next")
    assert played.result == "A cat."
    [step] = played.steps
    assert (step.endpoint, step.auth) == ("POST /v1/chat/completions", "bearer")
    [message] = json.loads(b"".join(JSONBody(step.body)))["messages"]
    assert step.body["model"] == "llava-next"
    assert message["role"] == "user"
    assert message["content"] == [
        {"type": "text", "text": "What is it?"},
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"},
        },
    ]


def test_a_text_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "A "}, {"type": "image"}, {"type": "text", "text": "cat."}]
    assert caption({"choices": [{"message": {"content": parts}}]}).result == "A cat."
    assert chat({"role": "assistant", "content": parts}) == "A cat."


def test_a_caption_of_a_link_sends_the_link() -> None:
    flow = endpoints.caption(image="https://example.com/cat.png")
    content = next(flow).body["messages"][0]["content"]
    assert content[1]["image_url"] == {"url": "https://example.com/cat.png"}


def test_a_caption_without_a_text_is_an_error() -> None:
    with pytest.raises(UnexpectedAnswerError, match="without a text"):
        caption({"choices": [{"message": {"role": "assistant", "content": None}}]})


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_host_that_names_its_engine_by_the_key_does_not_pass_it_on(driver: type[Any]) -> None:
    escaped = "".join(f"%{ord(letter):02x}" for letter in KEY)
    body = {"choices": [{"message": {"content": "A cat."}}]}
    for name in (f"vision {KEY}", f"vision {escaped}"):
        host = Host(httpx.Response(200, json=body, headers={"x-visioncraft-engine": name}))
        caption = drive(host.client(driver), endpoints.caption(**REQUIRED["caption"]))
        assert (caption, caption.engine) == ("A cat.", "vision ***")


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("transcribe", {"text": KEY, "language": KEY, "segments": [{"text": KEY, "id": [KEY]}]}),
        ("transcribe", {"text": "Hello.", KEY: {"deep": [{KEY: f"%{ord(KEY[0]):02x}{KEY[1:]}"}]}}),
        ("caption", {"choices": [{"message": {"content": f"A cat and {KEY}."}}]}),
        ("limits", {KEY: {"tier": KEY}}),
        ("list_names", [f"model {KEY}"]),
        ("chat", {"id": KEY, "choices": [{"message": {"content": KEY}}]}),
        ("legacy_chat", {"response": KEY}),
    ],
)
def test_nothing_that_a_host_says_holds_the_key(driver: type[Any], name: str, body: Any) -> None:
    flow = getattr(endpoints, name)(**REQUIRED[name])
    result = drive(Host(httpx.Response(200, json=body)).client(driver), flow)
    assert KEY not in repr(result)
    assert "***" in repr(result)


def test_half_a_character_is_replaced() -> None:
    half = b'"\\ud800"'
    heard = transcribe(b'{"text": %b, "segments": [{"start": 0, "text": %b}]}' % (half, half))
    assert json.loads(heard.model_dump_json())["text"] == "\N{REPLACEMENT CHARACTER}"
