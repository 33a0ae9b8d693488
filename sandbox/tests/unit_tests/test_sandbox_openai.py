"""The sandbox as a host for OpenAI's clients: its errors, its models, and the shapes of chats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from visioncraft_sandbox import Limit, SandboxConfig, create_app, validation
from visioncraft_sandbox.chat import Chat, Chunks, Reply
from visioncraft_sandbox.chat_reading import read_chat

KEY = "sandbox-key-1234"
MODEL = "Llama-3-8B-Instruct"
USER = {"role": "user", "content": "Draw a cat"}
PROMPT = {"type": "object", "properties": {"prompt": {"type": "string"}}}
DRAW = {"type": "function", "function": {"name": "draw", "parameters": PROMPT}}


@pytest.fixture
def config() -> SandboxConfig:
    return SandboxConfig(models=False)


@pytest.fixture
async def client(config: SandboxConfig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(config), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as opened:
        yield opened


async def ask(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {"model": MODEL, "messages": [USER], "tools": [DRAW], **fields}
    return await client.post("/v1/chat/completions", json=body)


def calling(call: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": call}]}


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


LARGE_CHATS: list[tuple[dict[str, Any], str]] = [
    ({"messages": [USER] * 2001}, "more than 2,000 messages and tool calls"),
    (calling([{"id": "a", "function": {"name": "f"}}] * 1999), "more than 2,000 messages"),
    ({"tools": [DRAW] * 129}, "tools: at most 128 here"),
    ({"stop": ["a"] * 65}, "stop: at most 64 texts here"),
]


@pytest.mark.parametrize(("fields", "reason"), LARGE_CHATS, ids=lambda each: str(each)[-40:])
async def test_a_chat_of_many_parts_is_refused(
    client: httpx.AsyncClient, fields: dict[str, Any], reason: str
) -> None:
    answer = await ask(client, **fields)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


async def test_a_chat_may_have_as_many_parts(client: httpx.AsyncClient) -> None:
    assert (await ask(client, messages=[USER] * 2000, stop=["a"] * 64)).status_code == 200
    assert (await ask(client, tools=[DRAW] * 128)).status_code == 200


ODD_CHATS: dict[str, dict[str, Any]] = {
    "calls that are a number": calling(5),
    "calls that are text": calling("x"),
    "calls that are an object": calling({"a": 1}),
    "a call that is a number": calling([5]),
    "a call that is text": calling(["x"]),
    "a call that is null": calling([None]),
    "a call without a function": calling([{"id": "a"}]),
    "a function that is text": calling([{"id": "a", "function": "x"}]),
    "a function that is a list": calling([{"id": "a", "function": [1]}]),
    "a name that is a number": calling([{"id": "a", "function": {"name": 1}}]),
    "arguments that are a list": calling([{"function": {"name": "draw", "arguments": []}}]),
    "arguments that are a number": calling([{"function": {"name": "draw", "arguments": 7}}]),
    "arguments nested deep": calling([{"function": {"name": "draw", "arguments": deep(200)}}]),
    "arguments nested deeper": calling(
        [{"function": {"name": "draw", "arguments": '{"a":' * 100_000}}]
    ),
    "an id that is a list": {"messages": [{"role": "tool", "content": "", "tool_call_id": []}]},
    "a name that is an object": {"messages": [{**USER, "name": {}}]},
    "content that is a number": {"messages": [{"role": "user", "content": 1}]},
    "max_completion_tokens below the bound": {"max_completion_tokens": 5},
    "max_completion_tokens above the bound": {"max_completion_tokens": 10**6},
    "max_completion_tokens that are text": {"max_completion_tokens": "many"},
}


@pytest.mark.parametrize("name", ODD_CHATS)
async def test_an_odd_chat_is_a_bad_request_with_the_place(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await ask(client, **ODD_CHATS[name])
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message.startswith(("messages.", "max_completion_tokens: "))


async def test_a_models_own_words_may_be_repeated_as_arguments(client: httpx.AsyncClient) -> None:
    for words in ("", "{not JSON", '{"a":' * 50, "5", None):
        answer = await ask(client, **calling([{"function": {"name": "draw", "arguments": words}}]))
        assert answer.status_code == 200


async def test_a_chat_names_the_engine_that_answered(client: httpx.AsyncClient) -> None:
    whole = await ask(client)
    engine = whole.headers["x-visioncraft-engine"]
    assert whole.json()["model"] == MODEL
    assert whole.json()["system_fingerprint"] == engine
    streamed = await ask(client, stream=True)
    assert f'"system_fingerprint": "{engine}"' in streamed.text


async def test_max_completion_tokens_take_the_place_of_max_tokens(
    client: httpx.AsyncClient,
) -> None:
    assert (await ask(client, max_completion_tokens=128)).status_code == 200
    assert (await ask(client, max_completion_tokens=128, max_tokens=5)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/v1"), ("POST", "/v1/responses"), ("GET", "/v1/models/gpt-9")),
        *(("GET", "/v1/chat/completions"), ("DELETE", "/v1/models"), ("GET", "/v1/x/y")),
    ],
)
async def test_errors_below_v1_have_the_shape_of_openai(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code in (404, 405)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert answer.json()["code"] == answer.status_code


async def test_the_errors_of_other_paths_keep_their_shape(client: httpx.AsyncClient) -> None:
    assert list((await client.get("/v2")).json()) == ["detail"]


def openai_client(config: SandboxConfig, key: str = KEY) -> openai.AsyncOpenAI:
    transport = httpx.ASGITransport(create_app(config))
    return openai.AsyncOpenAI(
        api_key=key,
        base_url="http://localhost/v1",
        max_retries=0,
        http_client=httpx.AsyncClient(transport=transport),
    )


async def test_openais_own_client_reads_models_and_errors() -> None:
    limits = {"POST /v1/chat/completions": Limit(0)}
    config = SandboxConfig(models=False, keys=(KEY,), limits=limits)
    async with openai_client(config) as client:
        names = [model.id async for model in client.models.list()]
        assert MODEL in names
        assert (await client.models.retrieve(MODEL)).id == MODEL
        with pytest.raises(openai.NotFoundError) as missing:
            await client.models.retrieve("gpt-9")
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model=MODEL, messages=[])
        assert limited.value.code == "rate_limit_exceeded"
    async with openai_client(config, "wrong") as client:
        for read in (client.models.list(), client.models.retrieve(MODEL)):
            with pytest.raises(openai.AuthenticationError) as refused:
                await read
            assert refused.value.code == "invalid_api_key"


async def test_without_keys_the_models_are_listed_to_anybody(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models", headers={"authorization": ""})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "a" * 3_999_999}] * 2},
        {"messages": [USER], "tools": [{**DRAW, "a" * 4_000_000: 1}]},
        calling([{"function": {"name": "draw", "arguments": "1" * 4_000_000}}]),
    ],
    ids=["messages", "tools", "arguments"],
)
async def test_a_chat_is_bounded_in_its_texts(
    client: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    answer = await ask(client, **fields)
    assert answer.status_code == 400
    assert "4,000,000 characters" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a":' * 101 + b"1" + b"}" * 101, "nested deeper than 100 levels"),
        (b'{"a":' * 200_000, "is not valid JSON"),
        (b'{"a": [' + b"0," * 200_000 + b"0]}", "more than 200,000 values"),
        (b'{"max_tokens": NaN}', "is not valid JSON"),
        (b'{"seed": ' + b"1" * 401 + b"}", "is not valid JSON"),
        (b'{"tools": [{"default": 1e400}]}', "is not valid JSON"),
    ],
    ids=["deep", "deeper", "many", "not a number", "long number", "not finite"],
)
async def test_a_body_is_bounded_in_depth_and_values(
    client: httpx.AsyncClient, body: bytes, words: str
) -> None:
    for path in ("/v1/chat/completions", "/sd", "/llm", "/img2img"):
        answer = await client.post(path, content=body)
        assert answer.status_code == 400
        assert words in answer.text


@pytest.mark.parametrize("letter", ["\N{GRINNING FACE}".encode(), b"\\ud83d\\ude00"])
async def test_a_letter_that_makes_python_take_four_bytes_for_each_is_for_smaller_bodies(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, letter: bytes
) -> None:
    monkeypatch.setattr(validation, "_LARGE_BYTES", 1 << 20)
    body = b'{"token": "key", "prompt": "' + letter + b'", "image": "%s"}'
    for size, status in ((900_000, 400), (1_100_000, 413)):
        answer = await client.post("/img2img", content=body % (b"a" * size))
        assert answer.status_code == status
    assert "beyond U+FFFF may have at most 1 MiB" in answer.text
    wide = '{"token": "\N{GRINNING FACE}", "prompt": "%s"}' % ("a" * 600_000)
    assert (await client.post("/sd", content=wide.encode("utf-16"))).status_code == 413
    plain = body.replace(letter, "ü東".encode()) % (b"a" * 1_100_000)
    assert (await client.post("/img2img", content=plain)).status_code == 400


@pytest.mark.parametrize("path", ["/sd", "/whisper", "/v1/chat/completions"])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_would_keep_everybody_waiting_is_not_parsed(
    path: str, *, announced: bool
) -> None:
    assert SandboxConfig().most_of_a_body == 128 << 20
    body = b'{"token": "key", "prompt": "' + b"a" * (1 << 20) + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False, max_json_bytes=1 << 20)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post(path, content=body if announced else pieces())
    assert answer.status_code == 413
    assert "larger than 1,048,576 bytes" in answer.text


async def test_the_bodies_of_all_requests_are_bounded_together() -> None:
    config = SandboxConfig(models=False, max_body_bytes=3 << 20)
    transport = httpx.ASGITransport(create_app(config))
    large = b'{"token": "' + b"a" * (2 << 20) + b'"}'
    began, end = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield large[:-1]
        began.set()
        await end.wait()
        yield large[-1:]

    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        first = asyncio.ensure_future(client.post("/sd", content=slowly()))
        await began.wait()
        while (await client.post("/sd", content=large)).status_code != 503:  # noqa: ASYNC110
            await asyncio.sleep(0)  # the first one is not being read yet
        assert (await client.post("/sd", json={"token": "key"})).status_code == 400
        end.set()
        assert (await first).status_code == 401  # a key of two megabytes
        assert (await client.post("/sd", content=large)).status_code == 401


def test_json_mode_asks_for_a_bounded_number_of_keys() -> None:
    words = " ".join(f'"k{number}"' for number in range(999))
    body = {"model": MODEL, "messages": [{"role": "user", "content": words}]}
    chat = read_chat({**body, "response_format": {"type": "json_object"}})
    assert chat.schema is not None
    assert len(chat.schema["properties"]) == 50


async def test_the_schemas_of_all_tools_are_bounded_together(client: httpx.AsyncClient) -> None:
    properties = {f"p{number}": {"type": "string"} for number in range(1500)}
    schema = {"type": "object", "properties": properties}
    tools = [{"type": "function", "function": {"name": f"t{n}", "parameters": schema}}
             for n in range(7)]  # fmt: skip
    answer = await ask(client, tools=tools)
    assert (answer.status_code, "10,000 parts" in answer.text) == (400, True)
    assert (await ask(client, tools=tools[:6])).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("half", ["\ud800", "\\ud800"])
async def test_half_a_character_is_refused_in_any_encoding(
    client: httpx.AsyncClient, stream: bool, encoding: str, half: str
) -> None:
    said = [{"role": "user", "content": "draw a cat HALF"}]
    body = {"model": MODEL, "messages": said, "tools": [DRAW], "stream": stream}
    data = json.dumps(body).replace("HALF", half).encode(encoding, "surrogatepass")
    answer = await client.post("/v1/chat/completions", content=data)
    assert answer.status_code == 400


def test_an_answer_of_blanks_is_streamed_whole() -> None:
    events = Chunks(Chat(MODEL, [])).whole(Reply(" " * 100_000, "an engine"))
    read = [json.loads(event[6:]) for event in events if event.startswith(b"data: {")]
    assert [len(each["choices"][0]["delta"].get("content", "")) for each in read] == [0, 100_000, 0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_lone_surrogate_in_json_within_a_text_becomes_a_question_mark(
    client: httpx.AsyncClient, stream: bool
) -> None:
    call = {"id": "a", "function": {"name": "draw", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "a", "content": json.dumps({"result": "a\ud800b"})}
    messages = [*calling([call])["messages"], result]
    answer = await ask(client, messages=messages, stream=stream)
    assert (answer.status_code, "a?b" in answer.text) == (200, True)
