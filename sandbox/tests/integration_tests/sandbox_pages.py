"""The sandbox's page, as tests use it."""

from __future__ import annotations

import re

import httpx

KEY = "a-key-that-must-not-show"
MEDIUM = re.compile(r'src="(/page/media/[^"]+)"')
HTML = {"accept": "text/html"}


def draw(client: httpx.Client, prompt: str = "A cat", **body: object) -> httpx.Response:
    sent = {"token": KEY, "prompt": prompt, "model": "sdxl-base", "width": 64, "height": 64}
    return client.post("/sd", json={**sent, **body})


def page(client: httpx.Client, query: str = "") -> str:
    answer = client.get(f"/{query}", headers=HTML)
    assert answer.status_code == 200
    return answer.text


def items(text: str) -> int:
    return text.count("<li id=")
