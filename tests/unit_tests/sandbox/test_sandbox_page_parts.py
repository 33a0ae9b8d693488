"""The page's parts: the journal's bounds, what is read of an entry, who is let in."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import FormData, Headers

from langchain_visioncraft.client.schemas import Wire
from langchain_visioncraft.sandbox import Fault, SandboxConfig
from langchain_visioncraft.sandbox.files import FileStore
from langchain_visioncraft.sandbox.page import words
from langchain_visioncraft.sandbox.page.guard import comes_from_the_page, is_ours, key_of
from langchain_visioncraft.sandbox.page.journal import Entry, Journal
from langchain_visioncraft.sandbox.page.ranges import ranged
from langchain_visioncraft.sandbox.page.reading import Reading, medium_bytes, read
from langchain_visioncraft.sandbox.page.trial import CAPABILITIES
from langchain_visioncraft.sandbox.page.views import Filter, duration, render

KEY = "a-key-that-must-not-show"


@pytest.fixture
def journal() -> Journal:
    return Journal(entries=10, max_bytes=4 << 20)


@pytest.fixture
def files() -> FileStore:
    return FileStore(1 << 20, 60)


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


def everything(reading: Reading) -> str:
    return repr(reading)


# The journal


def test_only_the_latest_entries_are_kept(journal: Journal) -> None:
    for _ in range(25):
        noted(journal)
    assert [entry.number for entry in journal.entries()] == list(range(25, 15, -1))
    assert journal.find(3) is None


def test_the_oldest_bodies_make_room_and_the_entries_say_so(files: FileStore) -> None:
    journal = Journal(entries=100, max_bytes=4000)
    entries = [noted(journal, b"x" * 900) for _ in range(10)]
    held = [entry.request.kept for entry in entries]
    assert sum(held) <= 4000
    assert held == [0] * 6 + [900] * 4
    assert "(900 bytes) is not kept" in read(entries[0], files).notes[0]


def test_a_body_larger_than_a_quarter_is_not_held_while_it_passes() -> None:
    journal = Journal(entries=10, max_bytes=4000)
    entry = journal.begin("POST", "/whisper", "", [])
    for _ in range(100):
        entry.request.add(b"x" * 100)
    assert entry.request.kept == 0
    assert entry.request.bytes() == b""
    assert entry.request.size == 10_000


def test_entries_that_are_crowded_out_give_their_bytes_back() -> None:
    journal = Journal(entries=2, max_bytes=4000)
    for _ in range(50):
        latest = noted(journal, b"x" * 900)
    assert [entry.request.kept for entry in journal.entries()] == [900, 900]
    assert latest.held == 900


def test_many_threads_may_note_at_once(files: FileStore) -> None:
    journal = Journal(entries=50, max_bytes=10_000)

    def note_some() -> None:
        for number in range(40):
            noted(journal, {"prompt": str(number)})

    threads = [threading.Thread(target=note_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [entry.number for entry in journal.entries()]
    assert len(set(numbers)) == 50
    assert max(numbers) == 320
    assert sum(entry.held for entry in journal.entries()) <= 10_000


async def test_whoever_waits_is_woken_by_a_change_from_another_thread(journal: Journal) -> None:
    waiting = asyncio.ensure_future(journal.wait(journal.version))
    await asyncio.sleep(0)
    await asyncio.to_thread(noted, journal)
    await asyncio.wait_for(waiting, 10)


async def test_whoever_waits_is_let_go_when_the_server_stops(journal: Journal) -> None:
    waiting = asyncio.ensure_future(journal.wait(journal.version))
    await asyncio.sleep(0)
    journal.close()
    await asyncio.wait_for(waiting, 10)


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        ({}, False),
        ({"status": 404}, True),
        ({"status": None, "complete": False}, True),
        ({"complete": False}, True),
        ({"answer": {"error": "The model is down."}}, True),
        ({"answer": {"error": None, "images": []}}, False),
        ({"answer": {"choices": [{"message": {"content": 'it says "error"'}}]}}, False),
    ],
    ids=["fine", "status", "hung-up", "cut-short", "error-under-200", "no-error", "a-word"],
)
def test_a_failure_is_whatever_did_not_give_what_was_asked(
    journal: Journal, facts: dict[str, Any], failed: bool
) -> None:
    assert noted(journal, **facts).failed is failed


def test_a_failure_stays_one_when_its_body_has_made_room() -> None:
    journal = Journal(entries=100, max_bytes=4000)
    failed = noted(journal, answer={"error": "The model is down."})
    for _ in range(10):
        noted(journal, b"x" * 900)
    assert failed.answer.dropped
    assert failed.failed


# What is read


def test_no_text_of_an_entry_holds_the_key(journal: Journal, files: FileStore) -> None:
    entry = noted(
        journal,
        {"token": KEY, "prompt": f"my key is {KEY}", "nested": {"api_key": KEY}},
        {"error": f"The key {KEY} is wrong."},
        query=f"token={KEY}&page=2",
        headers=((b"authorization", f"Bearer {KEY}".encode()), (b"cookie", KEY.encode())),
    )
    reading = read(entry, files)
    assert KEY not in everything(reading)
    assert reading.title == "my key is ***"
    assert KEY not in repr(entry)


def test_a_key_in_a_query_is_hidden(journal: Journal, files: FileStore) -> None:
    reading = read(noted(journal, b"", query=f"token={KEY}&page=2"), files)
    assert reading.title == "token=***&page=2"


def test_a_request_that_is_no_json_is_not_shown_because_it_may_hold_a_key(
    journal: Journal, files: FileStore
) -> None:
    reading = read(noted(journal, f'{{"token": "{KEY}", '.encode()), files)
    assert KEY not in everything(reading)
    assert "is no JSON" in reading.notes[0]


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
    told = [(each.side, each.index, each.name, each.mime) for each in reading.media]
    assert told == [
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
    [b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b"\xff\xfe\x00", b'"text"', b"null", b"1"],
    ids=["brackets", "deep", "binary", "text", "null", "number"],
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
    ("told", "content_type", "expected"),
    [
        ({"choices": [{"message": {"content": "Hello."}}]}, "application/json", ("Hello.", "")),
        ({"text": " spoken "}, "application/json", ("spoken", "")),
        ({"segments": [{"text": " a"}, {"text": "b "}]}, "application/json", ("a b", "")),
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
            "segments",
            "list",
            "error-object",
            "detail",
            "stream",
            "half-a-stream",
        ),
        *("html", "tool-call"),
    ],
)
def test_the_words_of_an_answer(told: Any, content_type: str, expected: tuple[str, str]) -> None:
    assert words.answer_words(told, content_type) == expected


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


def test_a_fault_is_told_as_the_command_line_writes_it() -> None:
    fault = Fault.parse("POST /sd status=503 times=2")
    assert fault.told() == "POST /sd times=2 status=503"
    assert Fault.parse(fault.told()) == fault


# Who is let in


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765", "192.168.1.5", "x.localhost:80"],
)
def test_addresses_and_localhost_are_ours(host: str) -> None:
    assert is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil@127.0.0.1"),
        *("127.0.0.1/evil", "[::1", "localhost:port", "127.0.0.1:0", "notlocalhost"),
    ],
)
def test_names_of_others_are_not_ours(host: str) -> None:
    assert not is_ours(host)


def test_a_name_that_was_given_is_ours() -> None:
    assert is_ours("Sandbox.lan:8765", ["sandbox.lan"])


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({"origin": "http://127.0.0.1:8765"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({}, False),
    ],
    ids=["origin", "fetch-site", "evil", "other-port", "null", "both", "same-site", "neither"],
)
def test_only_the_page_itself_may_send_forms(headers: dict[str, str], let_in: bool) -> None:
    assert comes_from_the_page(Headers({"host": "127.0.0.1:8765", **headers})) is let_in


def test_with_keys_the_password_must_be_one_of_them() -> None:
    config = SandboxConfig(keys=(KEY,))

    def key(text: str) -> str | None:
        value = base64.b64encode(text.encode()).decode()
        return key_of(Headers({"authorization": f"Basic {value}"}), config)

    assert key(f"me:{KEY}") == KEY
    assert key("me:wrong") is None
    assert key(KEY) is None
    assert key_of(Headers({"authorization": "Basic !"}), config) is None
    assert key_of(Headers({"authorization": f"Bearer {KEY}"}), config) is None
    assert key_of(Headers(), SandboxConfig()) == "sandbox"


@pytest.mark.parametrize("wrong", [{"page_entries": 0}, {"page_bytes": 0}])
def test_bounds_that_keep_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="page=False"):
        SandboxConfig(**wrong)  # type: ignore[arg-type]


# Parts of media


@pytest.mark.parametrize(
    ("wanted", "status", "body", "told"),
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
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_is_given_as_the_standard_says(
    wanted: str | None, status: int, body: bytes, told: str | None
) -> None:
    answer = ranged(b"0123456789", "video/mp4", wanted, {})
    assert (answer.status_code, answer.body) == (status, body)
    assert answer.headers.get("content-range") == told


# The forms


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_what_a_form_holds_at_first_passes_the_checks(name: str, pictures: Path) -> None:
    capability = CAPABILITIES[name]
    controls = capability.controls()
    given = {control.name: control.value for control in controls if control.kind != "file"}
    link = "http://127.0.0.1:1/files/cat.png"
    given |= {control.name: link for control in controls if control.kind == "file"}
    body = await capability.body(FormData(given))
    schema: type[Wire] = capability.schema
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
