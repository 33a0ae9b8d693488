"""The page's journal: its bounds, waiting pages, and what counts as a failure."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from page_entries import noted
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.gate import PageGate
from visioncraft_sandbox.page.journal import Journal
from visioncraft_sandbox.page.reading import read
from visioncraft_sandbox.page.views import Writer


def test_only_the_latest_entries_are_kept(journal: Journal) -> None:
    for _ in range(25):
        noted(journal)
    assert [entry.number for entry in journal.entries()] == list(range(25, 15, -1))
    assert journal.find(3) is None


def test_the_oldest_bodies_are_dropped_and_the_entries_say_so(files: FileStore) -> None:
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


def test_unfinished_requests_are_within_the_bound() -> None:
    journal = Journal(entries=3, max_bytes=4000)
    entries = [journal.begin("POST", "/whisper", "", []) for _ in range(2)]
    for entry in entries:
        entry.request.add(b"x" * 900)
        entry.answer.add(b"x" * 900)
    entries.append(journal.begin("POST", "/whisper", "", []))
    assert [entry.held for entry in entries] == [1800, 1800, 0]
    entries[2].request.add(b"x" * 900)
    entries.append(journal.begin("POST", "/whisper", "", []))
    assert [entry.held for entry in entries] == [0, 1800, 900, 0]
    entries[0].answer.add(b"x" * 900)  # the oldest is no longer known
    assert entries[0].held == 0


def test_what_is_no_longer_kept_when_its_answer_begins_is_never_held() -> None:
    journal = Journal(entries=1, max_bytes=4000)
    first = journal.begin("GET", "/limits", "", [])
    journal.begin("GET", "/limits", "", [])
    first.answer.add(b"x" * 900)
    assert first.held == 0


def test_dropped_entries_release_their_bytes() -> None:
    journal = Journal(entries=2, max_bytes=4000)
    for _ in range(50):
        latest = noted(journal, b"x" * 900)
    assert [entry.request.kept for entry in journal.entries()] == [900, 900]
    assert latest.held == 900


def test_many_threads_may_add_entries_at_once(files: FileStore) -> None:
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
def test_a_failure_is_an_error_or_an_incomplete_answer(
    journal: Journal, facts: dict[str, Any], failed: bool
) -> None:
    assert noted(journal, **facts).failed is failed


def test_a_failure_stays_one_when_its_body_is_dropped() -> None:
    journal = Journal(entries=100, max_bytes=4000)
    failed = noted(journal, answer={"error": "The model is down."})
    for _ in range(10):
        noted(journal, b"x" * 900)
    assert failed.answer.dropped
    assert failed.failed


async def test_the_page_shows_how_far_the_work_of_a_request_is(
    journal: Journal, files: FileStore
) -> None:
    shown = []

    async def work(_scope: Any, _receive: Any, _send: Any) -> None:
        for done in (None, 0.25, 1.0):
            await asyncio.to_thread(go_on, done)
            shown.append(Writer(journal, files).item(journal.entries()[0]))

    scope = {"type": "http", "method": "POST", "path": "/upscale", "query_string": b""}
    await PageGate(work, journal)({**scope, "headers": []}, Any, Any)
    assert ["25 %" in html for html in shown] == [False, True, False]
    assert "under way, 100 %" in shown[2]
