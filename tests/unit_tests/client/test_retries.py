"""What is tried again, after which wait, and what never is."""

from __future__ import annotations

import gzip
import ssl
from pathlib import Path
from typing import Any

import pytest
from client_driving import PNG, Host, drive
from langchain_core.rate_limiters import InMemoryRateLimiter

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import RETRY_STATUSES, is_retryable, retry_wait
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    APIStatusError,
    CertificateError,
    ConnectionFailedError,
    InvalidRequestError,
    RateLimitError,
    ResponseError,
    ServerError,
    TimedOutError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
)


def draw(client: Any) -> Any:
    return drive(client, endpoints.text_to_image(prompt="x", model="m"))


def says(status: int, body: Any = None, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, headers=names, json=body)


@pytest.mark.parametrize("status", sorted(RETRY_STATUSES))
def test_a_passing_failure_is_tried_again(driver: Any, status: int, naps: list[float]) -> None:
    host = Host(says(status), says(status), PNG)
    [image] = draw(host.client(driver))
    assert image.mime_type == "image/png"
    assert len(host.requests) == 3
    assert len(naps) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422, 501, 505])
def test_a_lasting_failure_is_told_at_once(driver: Any, status: int, naps: list[float]) -> None:
    host = Host(says(status), PNG)
    with pytest.raises(APIStatusError):
        draw(host.client(driver))
    assert (len(host.requests), naps) == (1, [])


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_the_number_of_retries_is_kept_to(driver: Any, retries: int, naps: list[float]) -> None:
    host = Host(says(503))
    with pytest.raises(ServerError):
        draw(host.client(driver, max_retries=retries))
    assert len(host.requests) == retries + 1
    assert len(naps) == retries


def test_waits_grow_and_are_not_all_the_same(driver: Any, naps: list[float]) -> None:
    for _ in range(4):
        with pytest.raises(ServerError):
            draw(Host(says(503)).client(driver, max_retries=3))
    first, second, third = naps[0::3], naps[1::3], naps[2::3]
    assert all(0.5 <= nap <= 1.0 for nap in first)
    assert all(1.0 <= nap <= 1.5 for nap in second)
    assert all(2.0 <= nap <= 2.5 for nap in third)
    assert len(set(naps)) == len(naps)


def test_retry_after_is_honoured(driver: Any, naps: list[float]) -> None:
    draw(Host(says(429, retry_after="7"), PNG).client(driver))
    assert naps == [7]


def test_the_wait_in_the_sentence_is_honoured(driver: Any, naps: list[float]) -> None:
    draw(Host(says(429, {"error": "try again in 42 seconds"}), PNG).client(driver))
    assert naps == [42]


def test_a_failures_retry_after_is_honoured_too(driver: Any, naps: list[float]) -> None:
    draw(Host(says(503, retry_after="5"), PNG).client(driver))
    assert naps == [5]


@pytest.mark.parametrize(
    "reply", [says(429, retry_after="61"), says(429, {"error": "10 images per 5 minutes"})]
)
def test_a_wait_of_more_than_a_minute_is_told_and_not_slept(
    driver: Any, reply: Any, naps: list[float]
) -> None:
    host = Host(reply, PNG)
    with pytest.raises(RateLimitError) as caught:
        draw(host.client(driver))
    assert (caught.value.retry_after or 0) > 60
    assert (len(host.requests), naps) == (1, [])


def test_a_limit_under_403_is_told_at_once(driver: Any, naps: list[float]) -> None:
    host = Host(says(403, {"error": "Free users can make 3 requests per 30 seconds"}), PNG)
    with pytest.raises(RateLimitError):
        draw(host.client(driver))
    assert naps == []


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("broken pipe"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        ConnectionResetError("reset"),
    ],
)
def test_a_connection_that_fails_before_an_answer_is_tried_again(
    driver: Any, trouble: Exception, naps: list[float]
) -> None:
    host = Host(trouble, PNG)
    assert draw(host.client(driver))
    assert len(naps) == 1


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("slow"), httpx.WriteTimeout("slow")])
def test_a_call_that_may_have_been_paid_for_is_not_made_again(
    driver: Any, trouble: Exception, naps: list[float]
) -> None:
    host = Host(trouble, PNG)
    with pytest.raises(TimedOutError, match="raise timeout=") as caught:
        draw(host.client(driver))
    assert caught.value.phase in ("read", "write")
    assert len(host.requests) == 1


def test_a_read_timeout_is_tried_again_if_asked_for(driver: Any, naps: list[float]) -> None:
    host = Host(httpx.ReadTimeout("slow"), PNG)
    assert draw(host.client(driver, retry_after_timeout=True))


class BreaksOff(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends in an error."""

    def __init__(self, error: BaseException, size: int = 100, data: bytes = PNG) -> None:
        self.error, self.data = error, data[:size]

    def __iter__(self) -> Any:
        yield self.data
        raise self.error

    async def __aiter__(self) -> Any:
        yield self.data
        raise self.error


def test_an_answer_that_breaks_off_is_not_asked_for_again(driver: Any, naps: list[float]) -> None:
    trouble = httpx.RemoteProtocolError("peer closed connection")
    host = Host(lambda _: httpx.Response(200, stream=BreaksOff(trouble)), PNG)
    with pytest.raises(ConnectionFailedError, match="broke off in the middle") as caught:
        draw(host.client(driver))
    assert caught.value.answered
    assert len(host.requests) == 1


def test_an_answer_with_damaged_compression_says_so(driver: Any) -> None:
    headers = {"content-encoding": "gzip"}
    host = Host(lambda _: httpx.Response(200, headers=headers, stream=BreaksOff(OSError())))
    with pytest.raises(TruncatedAnswerError, match="compression"):
        draw(host.client(driver))


def test_a_certificate_that_cannot_be_verified_says_what_to_do(
    driver: Any, naps: list[float]
) -> None:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "certificate has expired"
    trouble = httpx.ConnectError("TLS")
    trouble.__cause__ = cause
    host = Host(trouble)
    with pytest.raises(CertificateError, match=r"certificate has expired.*verify='ca\.pem'"):
        draw(host.client(driver))
    assert len(host.requests) == 1


def test_a_bug_is_not_dressed_as_the_services_fault(driver: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        draw(Host(ZeroDivisionError()).client(driver))


def test_errors_say_where_they_come_from(driver: Any, naps: list[float]) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        draw(Host(httpx.ConnectError("refused")).client(driver, max_retries=0))
    error = caught.value
    assert (error.endpoint, error.base_url) == ("POST /sd", "http://service.test")
    assert str(error) == "POST /sd: the connection to service.test failed (refused)."
    assert isinstance(error.__cause__, httpx.ConnectError)


@pytest.mark.parametrize(
    ("base_url", "advice"),
    [
        ("https://visioncraft.top", "closed in January 2025"),
        ("http://127.0.0.1:8765", "Is a server running there"),
        ("http://localhost:8765", "visioncraft sandbox"),
        ("http://[::1]:8765", "visioncraft sandbox"),
        ("https://elsewhere.example", r"failed \(refused\)\.$"),
    ],
)
def test_a_host_that_cannot_be_reached_comes_with_advice(
    driver: Any, naps: list[float], base_url: str, advice: str
) -> None:
    host = Host(httpx.ConnectError("refused"))
    with pytest.raises(ConnectionFailedError, match=advice):
        draw(host.client(driver, max_retries=0, base_url=base_url))


class Counting(InMemoryRateLimiter):
    """Notes how it was asked."""

    def __init__(self) -> None:
        super().__init__(requests_per_second=1000, max_bucket_size=1000)
        self.asked: list[str] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        self.asked.append(f"sync {blocking}")
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.asked.append(f"async {blocking}")
        return True


def test_the_rate_limiter_is_asked_before_every_try(driver: Any, naps: list[float]) -> None:
    limiter = Counting()
    draw(Host(says(503), says(503), PNG).client(driver, rate_limiter=limiter))
    kind = "sync" if driver.__name__.startswith("Vision") else "async"
    assert limiter.asked == [f"{kind} True"] * 3


def test_the_rate_limiter_is_not_asked_for_links(driver: Any) -> None:
    limiter = Counting()
    draw(Host({"url": "/a.png"}, PNG).client(driver, rate_limiter=limiter))
    assert len(limiter.asked) == 1


def test_a_retry_is_logged_with_its_reason(
    driver: Any, naps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "langchain_visioncraft")
    draw(Host(says(503, {"error": "overloaded"}), PNG).client(driver))
    assert "trying again in" in caplog.text
    assert "overloaded" in caplog.text


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ServerError("", status=500), True),
        (ServerError("", status=501), False),
        (RateLimitError("", status=429, retry_after=60), True),
        (RateLimitError("", status=429, retry_after=60.1), False),
        (ConnectionFailedError(""), True),
        (InvalidRequestError(""), False),
        (ValueError(), False),
    ],
)
def test_the_rule_itself(error: Exception, again: bool) -> None:
    assert is_retryable(error) is again


@pytest.mark.parametrize("download", [False, True])
def test_only_a_download_is_repeated_after_it_broke_off(download: bool) -> None:
    broken = ConnectionFailedError("")
    broken.answered = True
    assert is_retryable(broken, download=download) is download


@pytest.mark.parametrize(("asked", "wait"), [(None, 2.0), (1.0, 2.0), (9.0, 9.0)])
def test_a_wait_is_never_shorter_than_the_backoff(asked: float | None, wait: float) -> None:
    assert retry_wait(RateLimitError("", retry_after=asked), 2.0) == wait
    assert retry_wait(None, 2.0) == 2.0


def test_the_reason_of_a_certificate_is_told_even_if_the_library_words_it_differently(
    driver: Any,
) -> None:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "certificate has expired"
    trouble = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    trouble.__cause__ = cause
    with pytest.raises(CertificateError, match="certificate has expired"):
        draw(Host(trouble).client(driver))


def test_a_host_that_hangs_up_on_tls_is_tried_again(driver: Any, naps: list[float]) -> None:
    trouble = httpx.ReadError("EOF occurred in violation of protocol")
    trouble.__cause__ = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    host = Host(trouble, PNG)
    assert draw(host.client(driver))
    assert len(naps) == 1


BIG = PNG + bytes(2 << 20)


def test_a_full_disk_is_not_told_as_the_hosts_fault(
    driver: Any, naps: list[float], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    host = Host(BIG)
    with pytest.raises(OSError, match="File exists"):
        drive(
            host.client(driver),
            endpoints.text_to_image(prompt="x", model="m"),
            spool_dir=tmp_path / "file",
        )
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), ZeroDivisionError(), KeyboardInterrupt()],
)
def test_a_download_that_breaks_off_leaves_no_file_even_while_its_error_lives(
    driver: Any, trouble: BaseException, tmp_path: Path
) -> None:
    stream = BreaksOff(trouble, size=len(BIG), data=BIG)
    host = Host(lambda _: httpx.Response(200, stream=stream))
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        drive(
            host.client(driver), endpoints.text_to_image(prompt="x", model="m"), spool_dir=tmp_path
        )
    assert list(tmp_path.iterdir()) == []
    assert caught.value is not None


@pytest.mark.parametrize(
    "body", [PNG[:-12] + bytes(2 << 20), b"\x00" * (2 << 20), b"<html>" + b" " * (2 << 20)]
)
def test_an_answer_that_is_refused_leaves_no_file_even_while_its_error_lives(
    driver: Any, body: bytes, tmp_path: Path
) -> None:
    flow = endpoints.image_to_video(image=PNG) if body is BIG else endpoints.upscale(image=PNG)
    answer = body
    with pytest.raises(ResponseError) as caught:
        drive(Host(answer).client(driver), flow, spool_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert caught.value is not None


@pytest.mark.parametrize(
    ("packed", "how"),
    [("gzip, gzip", "more than once"), ("br", "as 'br'"), (" ZSTD ", "as 'zstd'")],
)
def test_an_answer_that_may_be_a_bomb_is_not_unpacked(driver: Any, packed: str, how: str) -> None:
    """Two layers, and Brotli and Zstandard alone, make a bomb that no cap sees in time."""
    data = gzip.compress(gzip.compress(bytes(1 << 20)))
    response = httpx.Response(200, stream=httpx.ByteStream(data))
    response.headers["content-encoding"] = packed
    host = Host(response)
    with pytest.raises(UnexpectedAnswerError, match=f"compressed {how}"):
        draw(host.client(driver))


def test_a_bomb_is_defused_by_the_cap(driver: Any, tmp_path: Path) -> None:
    data = gzip.compress(bytes(64 << 20))
    headers = {"content-encoding": "gzip", "content-length": str(len(data))}
    host = Host(lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(data)))
    with pytest.raises(AnswerTooLargeError):
        draw(host.client(driver, max_answer_bytes=1 << 20))


@pytest.mark.parametrize("announced", [True, False])
def test_all_links_of_a_call_together_have_a_bound(driver: Any, *, announced: bool) -> None:
    """Each is small enough, and an answer may hold 64 of them."""

    def linked(_: Any) -> Any:
        stream = httpx.ByteStream(PNG + bytes(1 << 20))
        headers = {"content-length": str(len(PNG) + (1 << 20))} if announced else {}
        return httpx.Response(200, headers=headers, stream=stream)

    links = {"images": [f"/{number}.png" for number in range(10)]}
    host = Host(links, linked)
    with pytest.raises(AnswerTooLargeError, match=r"with the files that it links to, .* 4\.2 MB"):
        draw(host.client(driver, max_answer_bytes=4 << 20))
    assert len(host.requests) == 1 + 4


def test_links_that_fit_together_are_followed(driver: Any) -> None:
    host = Host({"images": ["/1.png", "/2.png"]}, PNG)
    assert len(draw(host.client(driver, max_answer_bytes=2 * len(PNG)))) == 2
