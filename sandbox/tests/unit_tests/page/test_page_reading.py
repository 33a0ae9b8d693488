"""What the page reads of an entry, and how it writes it: media, words, no key, no markup."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from page_entries import KEY, noted
from visioncraft_sandbox import Fault
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.page.reading import answer_words, medium_bytes, read
from visioncraft_sandbox.page.views import Filter, duration, render


def test_no_text_of_an_entry_holds_the_key(journal: Journal, files: FileStore) -> None:
    entry = noted(
        journal,
        {"token": KEY, "prompt": f"my key is {KEY}", "nested": {"api_key": KEY}},
        {"error": f"The key {KEY} is wrong."},
        query=f"token={KEY}&page=2",
        headers=((b"authorization", f"Bearer {KEY}".encode()), (b"cookie", KEY.encode())),
    )
    reading = read(entry, files)
    assert KEY not in repr(reading)
    assert reading.title == "my key is ***"
    assert KEY not in repr(entry)


HIDDEN_KEY = "a-key-that-must-not-show"
"""As `KEY`, and never beside it: nothing else tells the page that this is a key."""

ODD_KEY = 'key "quoted" / \u00e9 & more'


def basic(password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"me:{password}".encode())


PLACES: dict[str, dict[str, Any]] = {
    **{
        f"field {name}": {"body": {name: KEY}}
        for name in ("token", "TOKEN", "Token", "api_key", "apiKey", "API-KEY", "key", "secret")
    },
    **{
        f"field {name}": {"body": {"deep": [{name: KEY}]}}
        for name in ("access_token", "authorization", "password", "x-api-key", "client_secret")
    },
    "a field that holds a list": {"body": {"token": [KEY]}},
    "a field that holds an object": {"body": {"api_key": {"value": KEY}}},
    **{
        f"header {name}": {"headers": ((name.encode(), KEY.encode()),)}
        for name in ("api-key", "token", "TOKEN", "x-token", "x-auth", "x-goog-api-key", "cookie")
    },
    **{
        f"header {name}": {"headers": ((name.encode(), f"Bearer {KEY}".encode()),)}
        for name in ("authorization", "Authorization", "proxy-authorization", "x-something")
    },
    "header basic": {"headers": ((b"authorization", basic(KEY)),), "body": {"prompt": KEY}},
    "a referrer's query": {"headers": ((b"referer", f"http://x/?token={KEY}".encode()),)},
    "a referrer's path": {"headers": ((b"referer", f"http://x/{KEY}/".encode()),)},
    **{
        f"query {name}": {"query": f"{name}={KEY}"} for name in ("token", "TOKEN", "api_key", "key")
    },
    "a step of the path": {"path": f"/{KEY}/sd"},
    "the last step of a path": {"path": f"/v1/{KEY}"},
    "an answer that repeats the path": {"path": f"/{KEY}", "answer": {"detail": f"no /{KEY}"}},
    "a link in a field": {
        "headers": ((b"api-key", KEY.encode()),),
        "body": {"image": f"http://x/?k={KEY}"},
    },
    "a field that stands twice": {
        "body": f'{{"token": "{KEY}", "token": "x", "prompt": "{KEY}"}}'.encode()
    },
    "a link that an error repeats": {
        "body": {"image": f"http://u:{KEY}@x/?page=1"},
        "answer": {"error": f"image: http://u:{KEY}@x/ could not be fetched. {KEY}"},
    },
    "a link that only an answer holds": {"answer": {"detail": f"http://x/?sig={KEY} failed"}},
    "the arguments of a tool call": {
        "body": {"messages": [{"content": "a", "arguments": f'{{"api_key": "{KEY}"}}'}]},
        "answer": {"text": f"with {KEY}"},
    },
    "a header of a family that is shown": {"headers": ((b"hx-token", KEY.encode()),)},
    "a password that is a number": {
        "body": {"password": 9876543210123, "prompt": f"9876543210123 {KEY}", "token": KEY}
    },
    "a text that is cut off within the key": {
        "body": {"token": KEY, "prompt": "x" * 70 + KEY + "y" * 30_000}
    },
    "a body that is a form": {"body": f"token={KEY}".encode()},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_key_is_hidden_wherever_it_stands(journal: Journal, files: FileStore, place: str) -> None:
    entry = noted(journal, **{"body": {}, **PLACES[place]})
    reading = read(entry, files)
    page = "".join(
        render(template, entry=entry, reading=reading, mark="", version="")
        for template in ("item.html", "entry.html", "detail.html")
    )
    for text in (repr(reading), page, repr(entry)):
        assert KEY not in text
        assert KEY[:10] not in text


@pytest.mark.parametrize("spelt", [ODD_KEY, quote(ODD_KEY), quote(ODD_KEY, safe="")])
def test_a_key_is_hidden_as_urls_and_json_write_it(
    journal: Journal, files: FileStore, spelt: str
) -> None:
    reading = read(noted(journal, {"token": ODD_KEY, "prompt": spelt}, {"text": spelt}), files)
    assert reading.title == reading.text == "***"
    assert "quoted" not in repr(reading)


def test_the_sandboxs_own_keys_are_hidden_wherever_they_stand(files: FileStore) -> None:
    journal = Journal(10, 1 << 20, (HIDDEN_KEY,))
    entry = noted(journal, {"prompt": f"say {HIDDEN_KEY}", HIDDEN_KEY: 1}, {"text": HIDDEN_KEY})
    entry.method = HIDDEN_KEY
    entry.headers.append((HIDDEN_KEY.encode(), b""))
    reading = read(entry, files)
    assert (reading.title, reading.text) == ("say ***", "***")
    assert HIDDEN_KEY not in repr(reading)
    assert HIDDEN_KEY not in render("item.html", entry=entry, reading=reading, mark="", version="")


def test_with_very_many_keys_no_text_is_shown(journal: Journal, files: FileStore) -> None:
    body = {"prompt": "a cat", "list": [{"token": f"key-number-{n}"} for n in range(51)]}
    assert read(noted(journal, body), files).title == "***"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/models/Llama-3-8B-Instruct",
        "/files/0123456789abcdef01234567.png",
        *("/img2img/schedulers", "/v1/audio/transcriptions", "/midjourney/result", "/models-llm"),
    ],
)
def test_paths_without_keys_are_shown(journal: Journal, files: FileStore, path: str) -> None:
    assert read(noted(journal, {}, path=path), files).path == path


def test_a_key_in_a_query_is_hidden(journal: Journal, files: FileStore) -> None:
    reading = read(noted(journal, b"", query=f"token={KEY}&page=2"), files)
    assert reading.title == "token=***&page=2"


def test_a_request_that_is_not_json_is_not_shown_because_it_may_hold_a_key(
    journal: Journal, files: FileStore
) -> None:
    reading = read(noted(journal, f'{{"token": "{KEY}", '.encode()), files)
    assert KEY not in repr(reading)
    assert "is not JSON" in reading.notes[0]


def test_the_note_of_a_transcript_is_shown_without_keys(journal: Journal, files: FileStore) -> None:
    answer = {"text": "Merci.", "note": f"Perhaps this is not English, {KEY}."}
    [note] = read(noted(journal, {"token": KEY}, answer, path="/whisper"), files).notes
    assert note.startswith("Perhaps this is not English, ")
    assert KEY not in note


def test_pictures_are_read_out_of_fields_links_and_answers(
    journal: Journal, files: FileStore, pictures: Path
) -> None:
    png = (pictures / "cat.png").read_bytes()
    name = files.add(png, "drawing")
    entry = noted(
        journal,
        {
            "token": KEY,
            "image": base64.b64encode(png).decode(),
            "mask": f"data:image/png;base64,{base64.b64encode(png).decode()}",
        },
        {"images": [f"http://127.0.0.1:1/files/{name}", "http://127.0.0.1:1/files/gone.png"]},
    )
    reading = read(entry, files)
    given = [(each.side, each.index, each.name, each.mime) for each in reading.media]
    assert given == [
        ("in", 0, "image", "image/png"),
        ("in", 1, "mask", "image/png"),
        ("out", 0, "", "image/png"),
    ]
    assert {(each.width, each.height) for each in reading.media} == {(256, 192)}
    for each in reading.media:
        assert medium_bytes(entry, files, each.side, each.index) == png
    assert medium_bytes(entry, files, "out", 1) is None
    assert "[image/png, " in reading.request
    assert len(reading.request) < 300


def test_the_picture_of_a_chat_message_is_read(
    journal: Journal, files: FileStore, pictures: Path
) -> None:
    url = f"data:;base64,{base64.b64encode((pictures / 'cat.jpg').read_bytes()).decode()}"
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    reading = read(noted(journal, {"messages": [{"role": "user", "content": content}]}), files)
    assert reading.title == "What is this?"
    assert [(each.name, each.mime) for each in reading.media] == [("image", "image/jpeg")]


def test_svg_is_text_and_never_a_picture(journal: Journal, files: FileStore) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    entry = noted(
        journal,
        {"image": base64.b64encode(svg).decode()},
        svg,
        content_type="image/svg+xml",
    )
    reading = read(entry, files)
    assert reading.media == ()
    assert medium_bytes(entry, files, "out", 0) is None
    assert "&lt;script&gt;" in render("detail.html", entry=entry, reading=reading)


@pytest.mark.parametrize(
    "data",
    [
        b'{"token": "\\ud800 is half a character"}',
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"\xff\xfe\x00",
        b'"text"',
        b"null",
        b"1",
    ],
    ids=["half", "brackets", "deep", "binary", "text", "null", "number"],
)
def test_any_body_can_be_read(journal: Journal, files: FileStore, data: bytes) -> None:
    reading = read(noted(journal, data, data), files)
    assert isinstance(reading.answer, str)


STREAM = (
    'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    'data: {"choices": [{"delta": {"content": "A cork, "}}]}\n\n'
    'data: {"choices": [{"delta": {"content": "a boat."}}]}\n\n'
    "data: [DONE]\n\n"
)


@pytest.mark.parametrize(
    ("given", "content_type", "expected"),
    [
        ({"choices": [{"message": {"content": "Hello."}}]}, "application/json", ("Hello.", "")),
        ({"text": " spoken "}, "application/json", ("spoken", "")),
        (["Euler", "DDIM"], "application/json", ("Euler, DDIM", "")),
        ({"error": {"message": "No."}, "code": 400}, "application/json", ("", "No.")),
        ({"detail": "Not found."}, "application/json", ("", "Not found.")),
        (STREAM, "text/event-stream", ("A cork, a boat.", "")),
        (STREAM[:150], "text/event-stream", ("A cork,", "")),
        ("<h1>502</h1>", "text/html", ("<h1>502</h1>", "")),
        (
            {
                "choices": [
                    {
                        "message": {
                            "content": None,
                            "tool_calls": [{"function": {"name": "draw", "arguments": "{}"}}],
                        }
                    }
                ]
            },
            "application/json",
            ("→ draw {}", ""),
        ),
    ],
    ids=[
        *(
            "chat",
            "whisper",
            "list",
            "error-object",
            "detail",
            "stream",
            "half-a-stream",
        ),
        *("html", "tool-call"),
    ],
)
def test_the_words_of_an_answer(given: Any, content_type: str, expected: tuple[str, str]) -> None:
    assert answer_words(given, content_type) == expected


def test_a_prompt_is_escaped(journal: Journal, files: FileStore) -> None:
    entry = noted(journal, {"prompt": "<script>alert(1)</script>", "model": '"><img src=x>'})
    shown = render("item.html", entry=entry, reading=read(entry, files), mark="m")
    assert "<script" not in shown
    assert "<img" not in shown


def test_a_filter_takes_endpoints_with_parameters(journal: Journal) -> None:
    entry = noted(journal, path="/files/abc.png")
    assert Filter("POST /files/{name}").takes(entry)
    assert not Filter("GET /files/{name}").takes(entry)
    assert not Filter("POST /sd").takes(entry)
    assert not Filter(failed=True).takes(entry)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0004, "0 ms"), (0.42, "420 ms"), (3.21, "3.2 s"), (125, "2 min 5 s")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_fault_as_text_is_written_as_on_the_command_line() -> None:
    fault = Fault.parse("POST /sd status=503 times=2")
    assert str(fault) == "POST /sd times=2 status=503"
    assert Fault.parse(str(fault)) == fault
