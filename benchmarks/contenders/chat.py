"""A chat answer, whole and as a stream of 50 chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.cases import Case, Place, Run, one_by_one

invoke = Case("chat", "Chat: a short answer", calls=200, warm_up=10)
stream = Case("chat-stream", "Chat: a stream of 50 chunks", calls=40, warm_up=4)

_MODEL = "Llama-3.1-8B-Instruct"
_QUESTION = "What does a lighthouse look like from the sea?"
_MESSAGES: list[Any] = [{"role": "user", "content": _QUESTION}]


@invoke.contender("httpx", "httpx")
@contextmanager
def _httpx(place: Place) -> Iterator[Run]:
    import httpx

    url, body = f"{place.url}/v1/chat/completions", {"model": _MODEL, "messages": _MESSAGES}
    headers = {"Authorization": "Bearer key"}
    with httpx.Client() as client:
        yield one_by_one(lambda: json.loads(client.post(url, json=body, headers=headers).content))


@invoke.contender("OpenAI SDK", "openai")
@contextmanager
def _sdk(place: Place) -> Iterator[Run]:
    create = _openai(place)
    yield one_by_one(lambda: create(model=_MODEL, messages=_MESSAGES))


@stream.contender("OpenAI SDK", "openai")
@contextmanager
def _sdk_stream(place: Place) -> Iterator[Run]:
    create = _openai(place)
    yield one_by_one(lambda: list(create(model=_MODEL, messages=_MESSAGES, stream=True)))


def _openai(place: Place) -> Any:
    import openai

    return openai.OpenAI(api_key="key", base_url=f"{place.url}/v1").chat.completions.create


@invoke.contender("ChatOpenAI", "langchain_openai")
@contextmanager
def _chat_openai(place: Place) -> Iterator[Run]:
    model = _model_of_openai(place)
    yield one_by_one(lambda: model.invoke(_QUESTION))


@stream.contender("ChatOpenAI", "langchain_openai")
@contextmanager
def _chat_openai_stream(place: Place) -> Iterator[Run]:
    model = _model_of_openai(place)
    yield one_by_one(lambda: list(model.stream(_QUESTION)))


def _model_of_openai(place: Place) -> Any:
    from langchain_openai import ChatOpenAI

    # With usage metadata in streams, as ChatVisionCraft has them.
    options: dict[str, Any] = {"api_key": "key", "base_url": f"{place.url}/v1"}
    return ChatOpenAI(model=_MODEL, stream_usage=True, **options)


@invoke.contender("ChatVisionCraft")
@contextmanager
def _chat_visioncraft(place: Place) -> Iterator[Run]:
    model = _model_of_visioncraft(place)
    yield one_by_one(lambda: model.invoke(_QUESTION))


@stream.contender("ChatVisionCraft")
@contextmanager
def _chat_visioncraft_stream(place: Place) -> Iterator[Run]:
    model = _model_of_visioncraft(place)
    yield one_by_one(lambda: list(model.stream(_QUESTION)))


@stream.contender("ChatVisionCraft, tools in plain text")
@contextmanager
def _chat_visioncraft_prompted(place: Place) -> Iterator[Run]:
    model = _model_of_visioncraft(place, tool_calling="prompted").bind_tools([_look_up])
    yield one_by_one(lambda: list(model.stream(_QUESTION)))


def _look_up(place: str) -> str:
    """Look up what is known of a place."""
    return place


def _model_of_visioncraft(place: Place, **more: Any) -> Any:
    from langchain_visioncraft import ChatVisionCraft

    options: dict[str, Any] = {"api_key": "key", "base_url": place.url, **more}
    return ChatVisionCraft(model=_MODEL, **options)
