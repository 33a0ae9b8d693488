"""Chats with the sandbox over real connections, by OpenAI's own client."""

from __future__ import annotations

import contextlib

import httpx
import openai
import pytest
from visioncraft_sandbox import Fault, Sandbox
from visioncraft_sandbox.engines.language import LanguageModel, ProcessEndedError, shared_model

pytestmark = pytest.mark.enable_socket

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "Write a sentence about the sea."}
]


@pytest.fixture
def chat(sandbox: Sandbox) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{sandbox.url}/v1", max_retries=0)


def test_a_chat_has_text_and_its_usage(chat: openai.OpenAI) -> None:
    with chat:
        answer = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, temperature=0
        )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 1 <= answer.usage.completion_tokens <= 128
    assert answer.usage.prompt_tokens > 10


def test_a_streamed_chat_is_the_same_text_in_pieces(chat: openai.OpenAI) -> None:
    with chat:
        whole = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, temperature=0
        )
        chunks = list(
            chat.chat.completions.create(
                model="Yi-34B-Chat",
                messages=MESSAGES,
                max_tokens=128,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len(pieces) > 4
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_max_tokens_and_stop_end_an_answer(chat: openai.OpenAI) -> None:
    long: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "Write a very long story about a sailor."}
    ]
    with chat:
        cut = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=long, max_tokens=128, temperature=0
        )
        stopped = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=long, max_tokens=128, temperature=0, stop=[" "]
        )
    assert cut.choices[0].finish_reason == "length"
    assert stopped.choices[0].finish_reason == "stop"
    assert " " not in (stopped.choices[0].message.content or "")


def test_a_stream_whose_process_is_killed_ends_with_an_error_and_the_next_chat_works(
    chat: openai.OpenAI,
) -> None:
    def stream() -> openai.Stream[openai.types.chat.ChatCompletionChunk]:
        return chat.chat.completions.create(
            model="Yi-34B-Chat",
            messages=MESSAGES,
            max_tokens=2000,
            temperature=0,
            stream=True,
        )

    with chat:
        with stream() as pieces:
            next(pieces)
            process = shared_model(None)._process
            assert process is not None
            process._process.kill()
            with pytest.raises(openai.APIError, match="ended by signal 9"):
                list(pieces)
        with stream() as pieces:
            assert [next(pieces).choices for _ in range(3)]


def test_a_chat_whose_process_ends_gets_500_with_the_reason(
    chat: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(*_: object, **__: object) -> None:
        raise ProcessEndedError("the process ended")

    monkeypatch.setattr(LanguageModel, "generate", generate)
    with chat, pytest.raises(openai.InternalServerError, match="answered: the process ended"):
        chat.chat.completions.create(model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128)


def test_a_sandbox_that_stops_ends_its_chats_and_leaves_the_model_to_others(
    chat: openai.OpenAI,
) -> None:
    with Sandbox() as other, openai.OpenAI(api_key="k", base_url=f"{other.url}/v1") as leaving:
        pieces = leaving.chat.completions.create(
            model="Yi-34B-Chat",
            messages=MESSAGES,
            max_tokens=2000,
            temperature=0,
            stream=True,
        )
        next(pieces)
        process = shared_model(None)._process
        other.stop()
        with contextlib.suppress(openai.APIError, httpx.TransportError):
            list(pieces)
    with chat:
        chat.chat.completions.create(model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128)
    assert shared_model(None)._process is process


def test_json_follows_its_schema(chat: openai.OpenAI) -> None:
    from pydantic import BaseModel, ConfigDict

    class Joke(BaseModel):
        model_config = ConfigDict(extra="forbid")
        setup: str
        funny: bool
        stars: int

    with chat:
        answer = chat.chat.completions.parse(
            model="Yi-34B-Chat",
            messages=[{"role": "user", "content": "Tell me a joke about cats."}],
            response_format=Joke,
        )
    assert isinstance(answer.choices[0].message.parsed, Joke)


def test_a_conversation_that_is_too_long_is_a_bad_request(chat: openai.OpenAI) -> None:
    with chat, pytest.raises(openai.BadRequestError, match="too long"):
        chat.chat.completions.create(
            model="Yi-34B-Chat", messages=[{"role": "user", "content": "word " * 9000}]
        )


def test_a_wrong_key_is_an_authentication_error() -> None:
    with (
        Sandbox(models=False, keys="right") as sandbox,
        openai.OpenAI(api_key="wrong", base_url=f"{sandbox.url}/v1") as client,
        pytest.raises(openai.AuthenticationError, match="API key is invalid"),
    ):
        client.chat.completions.create(model="Yi-34B-Chat", messages=MESSAGES)


def test_another_server_answers_chats_and_never_sees_the_key() -> None:
    with (
        Sandbox() as behind,
        Sandbox(models=False, llm=f"{behind.url}/v1", llm_key="other") as front,
        openai.OpenAI(api_key="callers-key", base_url=f"{front.url}/v1") as client,
    ):
        behind.faults.inject(Fault(endpoint="POST /v1/chat/completions", status=429))
        with pytest.raises(openai.RateLimitError):
            client.with_options(max_retries=0).chat.completions.create(
                model="Yi-34B-Chat", messages=MESSAGES
            )
        stream = client.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, stream=True
        )
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
        assert "callers-key" not in repr(behind.requests)
