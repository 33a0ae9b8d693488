"""Which names suggest a key, and where keys are found and hidden."""

from __future__ import annotations

import json
from collections import deque
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from plain_app import plain_app
from visioncraft_sandbox.hiding import (
    is_secret_name,
    read_json,
    shown,
    shown_headers,
    shown_path,
    shown_text,
)
from visioncraft_sandbox.records import Received, Recorder

KEY = "zqKEYzq9f8e7d6c5b4a"

SECRET_NAMES = [
    *("token", "tokens", "TOKEN", "hf_token", "hfToken", "HF_TOKEN", "access_token", "id_token"),
    *("x-token", "hx-token", "csrftoken"),
    *("token[]", "data[token]", "user.token", "apiKey2", "api_key", "api_keys", "API-KEY"),
    *("apikey", "APIKey", "OPENAIAPIKEY"),
    *("openai_api_key", "x-stainless-api-key", "x-goog-api-key", "aws_secret_access_key"),
    *("secretAccessKey",),
    *("aws_access_key_id", "private_key", "privateKey", "key_api", "key", "x-key"),
    *("X-Amz-Signature", "X-Amz-Security-Token"),
    *("X-Amz-Credential", "sig", "signature", "secret", "client_secret", "clientSecrets"),
    *("password", "passwd", "pwd", "PassWord"),
    *("db_password", "credential", "credentials", "auth", "x-auth", "oauth", "authorization"),
    *("proxy-authorization",),
    *("Authorization", "cookie", "set-cookie", "bearer", "visioncraft-key", "sec-ch-token"),
    *("Ocp-Apim-Subscription-Key", "X-Functions-Key", "service_key", "license_key", "fal_key"),
    *("ToKeN", "x-aPi-kEy", "servicekey", "passcode"),
]

PLAIN_NAMES = [
    *("max_tokens", "maxTokens", "max_completion_tokens", "max_new_tokens", "prompt_tokens"),
    *("completion_tokens",),
    *("total_tokens", "token_count", "tokenCount", "stop_token_ids", "prompt_tokens_details"),
    *("keyframes", "monkey"),
    *("cache_key", "sec-websocket-key", "idempotency-key", "author", "authority", "design"),
    *("sigma", "prompt", "page", "model"),
    *("secretary", "tokenizer", "passes", "accept", "content-type"),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_that_suggests_a_key_is_secret_in_any_style(name: str) -> None:
    assert is_secret_name(name)
    assert shown({name: KEY}) == {name: "***"}
    assert shown({name: [KEY]}) == {name: "***"}
    assert shown({name: {"a": KEY}}) == {name: "***"}
    assert shown_text(f"page=2&{quote(name)}={KEY}") == f"page=2&{quote(name)}=***"
    assert KEY not in str(shown_headers([(name.encode(), KEY.encode())], unknown=True))


def test_a_name_in_other_forms_of_the_letters_is_secret() -> None:
    assert is_secret_name("\N{FULLWIDTH LATIN SMALL LETTER T}oken")
    assert is_secret_name("tok%65n")


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_names_are_plain(name: str) -> None:
    assert not is_secret_name(name)
    assert shown({name: 512, "more": {name: "512"}}) == {name: 512, "more": {name: "512"}}
    assert shown_text(f"{name}=512") == f"{name}=512"


@pytest.mark.parametrize("numbers", [512, 0.5, [50364, 2425], True])
def test_tokens_that_are_numbers_are_shown(numbers: Any) -> None:
    assert shown({"tokens": numbers}) == {"tokens": numbers}
    assert shown({"password": numbers}) == {"password": "***"}


TEXTS = [
    (f"http://x/a.png?token={KEY}&page=2", "http://x/a.png?token=***&page=2"),
    (f"see https://me:{KEY}@x:8/a, or not", "see https://***@x:8/a, or not"),
    (f"https://{KEY}@x/a", "https://***@x/a"),
    (f"https://x/cb#access_token={KEY}&state=1", "https://x/cb#access_token=***&state=1"),
    (f"https://x/bot12:{KEY}/a.png", "https://x/***/a.png"),
    (f"postgres://me:{KEY}@x/db", "postgres://***@x/db"),
    (
        f"https://x/?to={quote(f'http://y/?sig={KEY}', safe='')}",
        "https://x/?to=http://y/?sig=***",
    ),
    (json.dumps({"api_key": KEY, "n": 1}), '{"api_key": "***", "n": 1}'),
    (json.dumps([{"url": f"ftp://u:{KEY}@x"}]), '[{"url": "ftp://***@x"}]'),
    (json.dumps({"a": json.dumps({"token": KEY})}), '{"a": "{"token": "***"}"}'),
    (f'{{"api_key": "{KEY}", "half', '{"api_key": "***", "half'),
    (f'Body: {{"token" : "{KEY}"}}', 'Body: {"token" : "***"}'),
    (
        f'Body: {{"credentials": {{"value": "{KEY}"}}, "n": 1}}',
        'Body: {"credentials": "***", "n": 1}',
    ),
    (f'Body: {{"tokens": ["a ]", "{KEY}"], "n": 1}}', 'Body: {"tokens": "***", "n": 1}'),
    (f'Body: {{"token": {{"value": "{KEY}', 'Body: {"token": "***'),
    (f'Body: {{"url": "https:\\/\\/joe:{KEY}@h\\/"}}', 'Body: {"url": "https://***@h/"}'),
    (
        f'Body: "https:\\/\\/h\\/?n=1\\u0026api_key={KEY}"',
        'Body: "https:\\/\\/h\\/?n=1\\u0026api_key=***"',
    ),
    (f'Body: {{"to\\u006ben": "{KEY}"}}', 'Body: {"token": "***"}'),
    (f'Body: {{"a": "{{\\"token\\" : [\\"{KEY}\\"]}}"}}', 'Body: {"a": "{"token" : "***"}"}'),
    (f'\ufeff{{"token" : "{KEY}"}}', '\ufeff{"token" : "***"}'),
    (f'{{"a": 1}}\n{{"token" : "{KEY}"}}', '{"a": 1}\n{"token" : "***"}'),
    (f"{{'token': '{KEY}', 'n': 1}}", "{'token': '***', 'n': 1}"),
    (f'Client(api_key = "{KEY}", n=1)', 'Client(api_key = "***", n=1)'),
    (f"/files/x.png?token={KEY}&page=2", "/files/x.png?token=***&page=2"),
    (f"/files/x.png%3Ftoken%3D{KEY}", "/files/x.png?token=***"),
    (f"/files/x.png?tok%65n={KEY}", "/files/x.png?tok%65n=***"),
    (f"//joe:{KEY}@h/x", "//***@h/x"),
    (f"</a;token={KEY}>; rel=next", "</a;token=***>; rel=next"),
    (
        urlencode({"a": json.dumps({"token": KEY, "n": 1})}),
        'a={"token":+"***",+"n":+1}',
    ),
    (f"token={KEY}&prompt=x", "token=***&prompt=x"),
    (f'called with {{"n": 1, "token":"{KEY}"}}', 'called with {"n": 1, "token":"***"}'),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_keys_in_urls_and_in_json_within_texts_are_hidden_and_noted(
    text: str, expected: str
) -> None:
    noted: set[str] = set()
    assert shown_text(text, noted.add) == expected
    assert shown({"image": text}) == {"image": expected}
    assert any(KEY in each for each in noted)
    assert shown_text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:1/files/0123456789abcdef01234567.png",
        "https://huggingface.co/meta-llama/Meta-Llama-3-8B-Instruct/resolve/main/a.png?page=2&b",
        "https://medium.com/@user/a;b=1?max_tokens=5#top",
        '{"a":  1, "b": "a cat"}',
        "http://[x?a=1",
        "a {token} and a: [key]",
        "the token: a coin, and the key = C major",
        'C:\\\\new\\u0041 100% "tokens": [1, 2], "token": null, "keys": 2',
        "data:image/png;base64,iVBORw0KGgo//8A+b3==",
    ],
)
def test_texts_without_keys_stay_as_they_are(text: str) -> None:
    assert shown_text(text) == text


@pytest.mark.parametrize("step", [KEY, f"sk-proj-{KEY}", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"])
def test_a_step_that_looks_like_a_key_is_hidden_after_models(step: str) -> None:
    noted: list[str] = []
    assert shown_path(f"/v1/models/{step}", noted.append) == "/v1/models/***"
    assert noted == [step]


def test_both_values_of_a_field_that_stands_twice_are_noted() -> None:
    noted: set[str] = set()
    data = f'{{"in": {{"token": "first-key", "token": "{KEY}"}}, "image": "a", "image": "b"}}'
    assert read_json(data.encode(), noted.add)["image"] == "b"
    assert noted == {"first-key", KEY}


def test_keys_in_urls_nested_very_deeply_are_hidden() -> None:
    deep = f"http://x/?token={KEY}"
    for _ in range(60):
        deep = f"http://x/?a={quote(deep, safe='')}"
    assert KEY not in shown_text(f"a={quote(deep, safe='')}")
    for _ in range(8):
        deep = quote(json.dumps(deep), safe="")
    assert KEY not in shown_text(deep)


async def test_recorded_requests_hold_no_key() -> None:
    log: deque[Received] = deque()

    transport = httpx.ASGITransport(Recorder(plain_app, log))
    arguments = json.dumps({"api_key": KEY})
    body = {"image": f"http://u:{KEY}@x/?token={KEY}", "calls": [{"arguments": arguments}]}
    body[f"https://joe:{KEY}@h/?token={KEY}"] = "x"
    headers = {
        "hx-token": KEY,
        "referer": f"/?sig={KEY}",
        "x-forwarded-uri": f"/sd?api_key={KEY}",
        "x-original-url": f"/sd?api_key={KEY}",
        "link": f"</a?token={KEY}>; rel=next",
        "x-meta": f'{{"token" : "{KEY}", broken',
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        await client.post(f"/v1/models/{KEY}", json=body, headers=headers)
        await client.post(f"/sd%3Ftoken={KEY}", json=body)
        await client.post("/sd;token=short")
    received, *others = log
    assert received.body["image"] == "http://***@x/?token=***"
    assert KEY not in f"{received} {received.body} {others}"
    assert others[-1].path == "/sd;token=***"


def test_a_key_in_a_path_is_noted_as_it_stands_there() -> None:
    noted: list[str] = []
    shown_path("/x/sk-proj-1234567890%deabcdef", noted.append)
    assert "sk-proj-1234567890%deabcdef" in noted
