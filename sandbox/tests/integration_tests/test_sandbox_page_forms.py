"""The forms of the sandbox's page."""

from __future__ import annotations

import contextlib
import select
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_pages import MEDIUM, page
from visioncraft_sandbox import Fault, Sandbox


def send(client: httpx.Client, name: str, **data: str) -> httpx.Response:
    origin = str(client.base_url).rstrip("/")
    headers = {"origin": origin, "hx-request": "true"}
    fields = {field: (None, value) for field, value in data.items()}
    return client.post(f"/page/try/{name}", files=fields, headers=headers)


def test_a_form_goes_through_the_api(watched: Sandbox, client: httpx.Client) -> None:
    outcome = send(client, "draw", prompt="A kite", model="sdxl-base", width="64", height="64")
    assert "/sd answered 200" in outcome.text
    assert [(each.path, each.status) for each in watched.requests] == [("/sd", 200)]
    text = page(client)
    assert "A kite" in text
    assert len(MEDIUM.findall(text)) == 1


def test_a_form_sends_files(client: httpx.Client, pictures: Path) -> None:
    answer = client.post(
        "/page/try/edit",
        data={"prompt": "Snow", "scheduler": "DDIM", "image": ""},
        files={"image": ("cat.png", (pictures / "cat.png").read_bytes(), "image/png")},
        headers={"origin": str(client.base_url).rstrip("/"), "hx-request": "true"},
    )
    assert "answered 200" in answer.text
    assert len(MEDIUM.findall(page(client))) == 2


def test_a_form_reports_mistakes_and_faults(watched: Sandbox, client: httpx.Client) -> None:
    assert "answered 400" in send(client, "draw", prompt="", model="sdxl-base").text
    watched.faults.inject(Fault(endpoint="POST /text2gif", hang_up="before"))
    assert "gave no answer" in send(client, "gif", prompt="A boat").text
    assert send(client, "nothing").status_code == 404


def test_a_form_that_is_too_large_is_refused() -> None:
    with Sandbox(models=False, max_body_bytes=1000) as small:
        with httpx.Client(base_url=small.url) as client:
            assert send(client, "gif", prompt="x" * 2000).status_code == 413
        assert not small.requests


def test_a_form_of_another_site_is_refused(watched: Sandbox, client: httpx.Client) -> None:
    data = {"prompt": "A cat", "model": "sdxl-base"}
    for headers in ({}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.post("/page/try/draw", data=data, headers=headers)
        assert answer.status_code == 403
    assert not watched.requests


def form(charset: str = "utf-8", **fields: bytes) -> tuple[bytes, dict[str, str]]:
    """A form of the page in parts, and its headers."""
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    ]
    content_type = f"multipart/form-data; boundary=b; charset={charset}"
    headers = {"content-type": content_type, "sec-fetch-site": "same-origin", "hx-request": "true"}
    return b"".join(parts) + b"--b--\r\n", headers


@pytest.mark.parametrize("capability", ["draw", "chat"])
@pytest.mark.parametrize(
    "sent",
    [
        form(prompt=b"A cat", steps=b"1e400", temperature=b"1e400"),
        form(prompt=b"A cat", steps=b"[-1e400]", temperature=b"[-1e400]"),
        form(prompt=b"A cat", steps=b"NaN", temperature=b"NaN"),
        form(prompt=b"A cat", steps=b"9" * 5000, temperature=b"9" * 5000),
        form(prompt=b"A cat", steps=b"[" * 200_000, temperature=b"[" * 200_000),
        form(prompt=b"A cat", steps=b"[" * 900 + b"]" * 900, temperature=b"[" * 900 + b"]" * 900),
        form(prompt=b"A cat", steps=b'{"a": 1}', temperature=b'{"a": 1}'),
        form("utf-8", **{f"p{number}": b"" for number in range(200)}),
    ],
)
def test_odd_values_of_a_form_are_the_callers_mistake(
    client: httpx.Client, sent: tuple[bytes, dict[str, str]], capability: str
) -> None:
    body, headers = sent
    answer = client.post(f"/page/try/{capability}", content=body, headers=headers)
    assert answer.status_code == 400 or "400" in answer.text


def test_only_the_form_that_the_page_sends_is_read(watched: Sandbox, client: httpx.Client) -> None:
    headers = {"origin": watched.url}
    for charset in ("punycode", "utf-16", "undefined"):
        body, kinds = form(charset, prompt=b"A cat")
        answer = client.post("/page/try/draw", content=body, headers=kinds | headers)
        assert answer.status_code == 415
    answer = client.post("/page/try/draw", data={"prompt": "%41" * 9}, headers=headers)
    assert answer.status_code == 415
    assert "multipart/form-data, in UTF-8" in answer.text


def test_forms_are_within_the_bound_of_all_requests() -> None:
    body, headers = form(prompt=b"x" * (6 << 20))
    headers |= {"host": "localhost", "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /page/try/draw HTTP/1.1\r\n{lines}\r\n".encode()
    with Sandbox(models=False, max_body_bytes=8 << 20) as sandbox, ExitStack() as stack:
        address = urlsplit(sandbox.url)
        uploads = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), 30))
            for _ in range(3)
        ]
        for upload in uploads:
            with contextlib.suppress(ConnectionError):  # refused while it was sent
                upload.sendall(head + body[: 5 << 20])
        [answered, *_], _, _ = select.select(uploads, [], [], 30)
        assert answered.recv(12) == b"HTTP/1.1 503"
