"""The requests of the page's forms, and ranges of media."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import FormData
from visioncraft_sandbox.page.forms import CAPABILITIES
from visioncraft_sandbox.page.routes import ranged

from langchain_visioncraft.client import fields


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_the_initial_values_of_a_form_are_valid(name: str, pictures: Path) -> None:
    capability = CAPABILITIES[name]
    controls = capability.controls
    given = {control.name: control.value for control in controls if control.kind != "file"}
    link = "http://127.0.0.1:1/files/cat.png"
    given |= {control.name: link for control in controls if control.kind == "file"}
    body = await capability.body(FormData(given))
    schema: type[fields.Request] = capability.schema
    schema.model_validate({key: value for key, value in body.items() if key in schema.model_fields})
    required = {name for name, field in schema.model_fields.items() if field.is_required()}
    assert required <= set(body)


async def test_a_form_sends_numbers_as_numbers_and_leaves_out_what_is_empty() -> None:
    form = FormData({"prompt": "A cat\r\nin a boat", "width": "64", "steps": "", "sampler": " "})
    body = await CAPABILITIES["draw"].body(form)
    assert body == {"prompt": "A cat\nin a boat", "width": 64}


async def test_a_chat_form_makes_a_conversation() -> None:
    form = FormData({"prompt": "Hello", "model": "gemma-2-9b-it", "stream": "true"})
    assert await CAPABILITIES["chat"].body(form) == {
        "messages": [{"role": "user", "content": "Hello"}],
        "model": "gemma-2-9b-it",
        "stream": True,
    }


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        (f"bytes={'9' * 5000}-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_is_given_as_the_standard_says(
    wanted: str | None, status: int, body: bytes, content_range: str | None
) -> None:
    answer = ranged(b"0123456789", "video/mp4", wanted, {})
    assert (answer.status_code, answer.body) == (status, body)
    assert answer.headers.get("content-range") == content_range


async def test_a_long_value_is_left_to_the_endpoint_unread() -> None:
    values = f"[{'{},' * 100}0]"
    body = await CAPABILITIES["draw"].body(FormData({"prompt": "A cat", "steps": values}))
    assert body["steps"] == values
