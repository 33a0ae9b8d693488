"""Entries of the page's journal, as requests would leave them."""

from __future__ import annotations

import json
from typing import Any

from visioncraft_sandbox.page.journal import Entry, Journal

KEY = "a-key-that-must-not-show"


def noted(
    journal: Journal,
    body: Any = None,
    answer: Any = b"",
    *,
    path: str = "/sd",
    query: str = "",
    status: int | None = 200,
    content_type: str = "application/json",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    complete: bool = True,
) -> Entry:
    entry = journal.begin("POST", path, query, list(headers))
    entry.request.add(body if isinstance(body, bytes) else json.dumps(body).encode())
    entry.status = status
    entry.answer_headers = {"content-type": content_type, "x-visioncraft-engine": "drawing"}
    entry.answer.add(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    journal.finish(entry, complete=complete)
    return entry
