"""Faults: parsing, matching requests, and their effect on an answer."""

from __future__ import annotations

import httpx
import pytest
from visioncraft_sandbox import Fault, create_app
from visioncraft_sandbox.faults import FaultBook

from langchain_visioncraft.errors import InvalidRequestError


def test_a_fault_is_read_from_a_line_of_text() -> None:
    fault = Fault.parse('POST /sd status=503 times=2 retry-after=1.5 body=\'{"error": "busy"}\'')
    assert fault.endpoint == "POST /sd"
    assert (fault.status, fault.times, fault.retry_after) == (503, 2, 1.5)
    assert fault.body == {"error": "busy"}


def test_times_may_be_always() -> None:
    assert Fault.parse("/upscale hang_up=mid-body times=always").times is None


@pytest.mark.parametrize(
    "line", ["POST /sd", "POST /sd stat=503", "POST /sd status=abc", "POST /sd body='open"]
)
def test_a_fault_that_cannot_be_read_is_refused_with_its_text(line: str) -> None:
    with pytest.raises(InvalidRequestError, match="/sd"):
        Fault.parse(line)


@pytest.mark.parametrize("endpoint", ["POST /sdd", "/sdd", "GET /sd"])
def test_a_fault_for_an_endpoint_that_is_not_there_is_refused(endpoint: str) -> None:
    fault = Fault(endpoint=endpoint, status=500)
    with pytest.raises(InvalidRequestError, match=r"no endpoint .*sd"):
        create_app(faults=FaultBook(fault))
    book = FaultBook()
    create_app(faults=book)
    with pytest.raises(InvalidRequestError, match=r"no endpoint .*sd"):
        book.inject(fault)
    assert book.pending == []


@pytest.mark.parametrize("endpoint", ["*", "/sd", "GET /files/a.png", "POST /sd*", "GET"])
def test_a_fault_may_be_for_any_endpoint_there_is(endpoint: str) -> None:
    book = FaultBook()
    create_app(faults=book)
    book.inject(Fault(endpoint=endpoint, status=500))
    assert len(book.pending) == 1


def test_a_fault_affects_as_many_requests_as_it_says() -> None:
    book = FaultBook(Fault(endpoint="POST /sd", status=500, times=2))
    struck = [book.next_for("POST", "/sd") is not None for _ in range(4)]
    assert struck == [True, True, False, False]
    assert book.pending == []


def test_a_fault_affects_every_nth_matching_request_after_those_it_skips() -> None:
    book = FaultBook(Fault(endpoint="/sd", status=500, times=None, every=2, skip=1))
    struck = [book.next_for("POST", "/sd") is not None for _ in range(6)]
    assert struck == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("endpoint", "method", "path", "matches"),
    [
        ("POST /sd", "POST", "/sd", True),
        ("POST /sd", "GET", "/sd", False),
        ("POST /sd", "POST", "/sd/models", False),
        ("GET /files/*", "GET", "/files/a.png", True),
        ("/llm", "POST", "/llm", True),
        ("*", "GET", "/limits", True),
    ],
)
def test_which_requests_a_fault_affects(
    endpoint: str, method: str, path: str, matches: bool
) -> None:
    assert Fault(endpoint=endpoint, status=500).matches(method, path) is matches


async def get(path: str, *faults: Fault) -> httpx.Response:
    app = create_app(faults=FaultBook(*faults))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


async def test_a_status_comes_with_the_documented_sentence() -> None:
    answer = await get("/limits", Fault(status=429, retry_after=7))
    assert answer.status_code == 429
    assert answer.json() == {"error": "Free users can make 10 requests per 5 minutes."}
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-visioncraft-engine"] == "fault"


async def test_html_comes_as_a_proxy_sends_it() -> None:
    answer = await get("/limits", Fault(html=True))
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "text/html"
    assert "<h1>502 Bad Gateway</h1>" in answer.text


async def test_an_error_may_come_under_status_200() -> None:
    answer = await get("/limits", Fault(status=200, body={"error": "No."}))
    assert answer.status_code == 200
    assert answer.json() == {"error": "No."}


async def test_the_real_answer_may_have_another_type_and_be_truncated() -> None:
    whole = await get("/sd/models")
    cut = await get("/sd/models", Fault(content_type="image/png", truncate=10, announce=False))
    assert cut.headers["content-type"] == "image/png"
    assert cut.content == whole.content[:10]


async def test_an_answer_may_be_empty_oversized_or_elsewhere() -> None:
    assert (await get("/limits", Fault(empty=True))).content == b""
    assert len((await get("/limits", Fault(oversize=300_000))).content) == 300_000
    moved = await get("/limits", Fault(redirect="http://10.0.0.1/x"))
    assert (moved.status_code, moved.headers["location"]) == (302, "http://10.0.0.1/x")


async def test_an_answer_may_come_without_its_length() -> None:
    answer = await get("/limits", Fault(announce=False))
    assert answer.json()
    assert "content-length" not in answer.headers


async def test_an_answer_may_be_compressed_though_nobody_asked() -> None:
    answer = await get("/limits", Fault(gzip=True))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == (await get("/limits")).json()


async def test_a_bomb_is_small_on_the_wire_and_large_when_unpacked() -> None:
    answer = await get("/limits", Fault(gzip=True, oversize=5_000_000))
    assert answer.content == bytes(5_000_000)
    assert answer.num_bytes_downloaded < 50_000


@pytest.mark.parametrize(
    "line",
    [
        "/sd reset=true",
        "/sd gzip=true oversize=1000 stall=1",
        "/sd gzip=true oversize=9 truncate=1",
    ],
)
def test_faults_that_make_no_sense_are_refused(line: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be used"):
        Fault.parse(line)


async def test_a_hang_up_without_a_socket_is_an_aborted_connection() -> None:
    with pytest.raises(ConnectionAbortedError):
        await get("/limits", Fault(hang_up="before"))
