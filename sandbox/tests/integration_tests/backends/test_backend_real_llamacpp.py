"""The real server of llama.cpp behind the sandbox, with SmolLM2."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import xllamacpp
from backend_serving import png, text
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.engines.weights import language_model

KEY = "llama-key"
# A word is enough: the documents' shortest answer has 128 tokens.
SHORT: dict[str, Any] = {"model": "Yi-34B-Chat", "max_tokens": 128, "stop": [" ", "\n"]}


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    params = xllamacpp.CommonParams()
    params.model.path = str(language_model())
    params.n_ctx, params.n_parallel = 512, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.verbosity = -1
    params.warmup = params.ui = False
    params.api_keys = [KEY]
    server = xllamacpp.Server(params)
    try:
        with (
            Sandbox(models=False, llm=server.listening_address, llm_key=KEY) as sandbox,
            openai.OpenAI(api_key="caller", base_url=f"{sandbox.url}/v1", max_retries=0) as client,
        ):
            yield client
    finally:
        del server
        gc.collect()


def asked(content: Any) -> Any:
    return [{"role": "user", "content": content}]


def test_it_answers_whole_and_in_pieces_with_usage(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(messages=asked("Say: yes"), **SHORT)
    engine = raw.headers["x-visioncraft-engine"]
    assert engine.startswith("llm (127.0.0.1:")
    assert engine.endswith("), SmolLM2-135M-Instruct.Q4_1.gguf")
    whole = raw.parse()
    assert whole.choices[0].message.content
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 128
    stream = client.chat.completions.create(
        messages=asked("Say: yes"), stream=True, stream_options={"include_usage": True}, **SHORT
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-1].usage is not None


def test_its_refusals_are_reported_in_its_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size"):
        client.chat.completions.create(messages=asked("word " * 600), **SHORT)


def test_pictures_that_it_does_not_take_are_measured(client: openai.OpenAI) -> None:
    picture = {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{text(png(4, 4))}"},
    }
    seen = client.chat.completions.create(
        messages=asked([picture]), **{**SHORT, "model": "llava-1.5-7b-hf"}
    )
    assert "measures 4 x 4 pixels" in str(seen.choices[0].message.content)


def test_its_model_is_listed(client: openai.OpenAI) -> None:
    [model] = client.models.list().data
    assert "SmolLM2" in model.id
