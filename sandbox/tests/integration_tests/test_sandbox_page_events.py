"""The sandbox's page while it is open: its events."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_pages import draw, items, page
from visioncraft_sandbox import Sandbox


def events(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    name, data = "", ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data += line[6:]
        elif not line and name:
            yield name, data
            name, data = "", ""


def connect_to(text: str) -> str:
    [url] = re.findall(r'sse-connect="([^"]+)"', text)
    return str(url).replace("&amp;", "&")


def test_events_report_new_and_changed_entries(watched: Sandbox, client: httpx.Client) -> None:
    draw(client, "An old cat")
    url = connect_to(page(client))
    with client.stream("GET", url) as answer, httpx.Client(base_url=watched.url) as other:
        assert answer.headers["content-type"].startswith("text/event-stream")
        draw(other, "A new cat")
        outcome: list[tuple[str, str]] = []
        for name, data in events(answer):
            outcome.append((name, data))
            if name == "summary" and "under way" not in data:
                break
    assert outcome[0][0] == "entry"
    assert outcome[-1] == ("summary", "2 requests")
    assert 'id="e2"' in outcome[0][1]
    assert "An old cat" not in "".join(data for _, data in outcome)
    assert "A new cat" in "".join(data for _, data in outcome)


def test_after_an_interruption_the_whole_list_is_sent(
    watched: Sandbox, client: httpx.Client
) -> None:
    draw(client)
    with client.stream("GET", "/page/events?after=another-1") as answer:
        name, data = next(events(answer))
    assert name == "list"
    assert items(data) == 1


def test_the_page_is_open_a_bounded_number_of_times() -> None:
    with Sandbox(models=False) as own, httpx.Client(base_url=own.url, timeout=60) as client:
        with ExitStack() as stack:
            opened = [stack.enter_context(client.stream("GET", "/page/events")) for _ in range(16)]
            reading = [answer.iter_lines() for answer in opened]
            assert {next(lines) for lines in reading} == {"retry: 1000"}
            assert client.get("/page/events").status_code == 503
            assert client.get("/limits").status_code == 200
        # Those that have left make room for others.
        for _ in range(1000):
            with client.stream("GET", "/page/events") as answer:
                if answer.status_code == 200:
                    return
        pytest.fail("no page could be opened again")


def test_pages_that_open_at_once_are_counted_too(watched: Sandbox) -> None:
    head = b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        address = urlsplit(watched.url)
        opened = [
            stack.enter_context(socket.create_connection((address.hostname, address.port)))
            for _ in range(40)
        ]
        for each in opened:
            each.sendall(head)
        answers = [each.recv(12)[9:12] for each in opened]
    assert sorted(answers) == [b"200"] * 16 + [b"503"] * 24


def test_a_filter_applies_to_events(client: httpx.Client, watched: Sandbox) -> None:
    url = connect_to(page(client, "?failed=1"))
    with client.stream("GET", url) as answer, httpx.Client(base_url=watched.url) as other:
        draw(other)
        draw(other, width=1)
        names = []
        for name, data in events(answer):
            names.append(name)
            if data == "2 requests · 1 failed":
                break
    assert names.count("entry") == 1


def test_an_open_page_does_not_delay_the_stop() -> None:
    with (
        Sandbox(models=False) as stopping,
        httpx.Client(base_url=stopping.url) as client,
        client.stream("GET", connect_to(page(client))) as answer,
    ):
        pieces = answer.iter_text()
        assert next(pieces).startswith("retry:")
        stopping.stop()
        assert "".join(pieces).strip() == ""
