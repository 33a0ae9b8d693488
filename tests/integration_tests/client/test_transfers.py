"""Uploads and downloads over real connections: exact lengths, constant memory, nothing left."""

from __future__ import annotations

import base64
import gc
import gzip
import hashlib
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from client_driving import KEY, PNG, drive
from loopback import HANG_UP, RawHost, answer, unannounced

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import (
    AnswerTooLargeError,
    ConnectionFailedError,
    TimedOutError,
    TruncatedAnswerError,
)

MEGABYTE = 1 << 20
LARGE = PNG + bytes(20 * MEGABYTE) + PNG[-12:]  # a PNG with its end at the end


def draw() -> Any:
    return endpoints.text_to_image(prompt="x", model="m")


def peak_of(work: Any) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_upload_costs_the_same_memory_whatever_its_size(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVEfmt ")
        for _ in range(40):
            file.write(bytes(MEGABYTE))
    with RawHost(answer(b'{"text": "Hi"}')) as host:
        client = driver(api_key=KEY, base_url=host.url)
        drive(client, endpoints.limits())
        peak = peak_of(lambda: drive(client, endpoints.transcribe(audio=path)))
        seen = host.seen[-1]
    assert peak < 8 * MEGABYTE
    text = base64.b64encode(path.read_bytes())
    body = b'{"audio":"' + text + b'","token":"' + KEY.encode() + b'"}'
    assert seen.size == int(seen.header("content-length") or 0) == len(body)
    assert seen.sha256 == hashlib.sha256(body).hexdigest()
    close(client)


def close(client: Any) -> None:
    if hasattr(client, "close"):
        client.close()


def test_a_download_costs_the_same_memory_whatever_its_size(driver: Any, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with RawHost(answer(LARGE)) as host:
        client = driver(api_key=KEY, base_url=host.url)
        given: list[Any] = []
        peak = peak_of(lambda: given.extend(drive(client, draw(), spool_dir=spool)))
        close(client)
    assert peak < 8 * MEGABYTE
    [media] = given
    assert media.size == len(LARGE)
    assert media.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert len(list(spool.iterdir())) == 1
    del media
    given.clear()
    gc.collect()
    assert list(spool.iterdir()) == []


def test_an_upload_is_made_again_from_its_beginning(
    driver: Any, tmp_path: Path, no_waiting: None
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(LARGE[: 3 * MEGABYTE])
    with RawHost(HANG_UP, answer(b"", status="503 Busy"), answer(PNG)) as host:
        client = driver(api_key=KEY, base_url=host.url)
        drive(client, endpoints.upscale(image=path))
        close(client)
    assert len({seen.sha256 for seen in host.seen}) == 1
    assert len(host.seen) == 3


def test_a_host_that_hangs_up_before_answering_is_asked_again(
    driver: Any, no_waiting: None
) -> None:
    with RawHost(HANG_UP, HANG_UP, answer(PNG)) as host:
        client = driver(api_key=KEY, base_url=host.url)
        assert drive(client, draw())
        close(client)
    assert len(host.seen) == 3


def test_a_host_that_keeps_hanging_up_is_told(driver: Any, no_waiting: None) -> None:
    with RawHost(HANG_UP) as host:
        client = driver(api_key=KEY, base_url=host.url)
        with pytest.raises(ConnectionFailedError, match="failed"):
            drive(client, draw())
        close(client)
    assert len(host.seen) == 3


def hang_up_in(body: bytes, announced: int) -> Any:
    def send(connection: socket.socket) -> None:
        connection.sendall(answer(body, length=announced))

    return send


def test_a_download_that_breaks_off_is_not_asked_for_again_and_leaves_nothing(
    driver: Any, tmp_path: Path
) -> None:
    with RawHost(hang_up_in(LARGE[: 3 * MEGABYTE], len(LARGE))) as host:
        client = driver(api_key=KEY, base_url=host.url)
        with pytest.raises(ConnectionFailedError, match="middle of the answer") as caught:
            drive(client, draw(), spool_dir=tmp_path)
        close(client)
    assert caught.value.answered
    assert len(host.seen) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_answer_without_a_length_is_taken(driver: Any) -> None:
    with RawHost(unannounced(PNG)) as host:
        client = driver(api_key=KEY, base_url=host.url)
        [media] = drive(client, draw())
        close(client)
    assert media.read() == PNG


def test_an_answer_without_a_length_that_was_cut_off_is_noticed(driver: Any) -> None:
    with RawHost(unannounced(PNG[:5000])) as host:
        client = driver(api_key=KEY, base_url=host.url)
        with pytest.raises(TruncatedAnswerError, match="cut off"):
            drive(client, draw())
        close(client)


@pytest.mark.parametrize("rest", [b"zz\r\n", b"4\r\n1234zz", b"-1\r\n"])
def test_chunks_that_are_damaged_later_end_the_call(driver: Any, rest: bytes) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n")
        time.sleep(0.1)  # until it was read
        connection.sendall(rest)
        silent(connection)

    with RawHost(send) as host:
        client = driver(api_key=KEY, base_url=host.url, deadline=10)
        with pytest.raises(ConnectionFailedError, match="middle of the answer"):
            drive(client, draw())
        close(client)
    assert len(host.seen) == 1


def slowly(connection: socket.socket) -> None:
    connection.sendall(answer(PNG[:1000], length=len(PNG)))
    silent(connection)


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the client hangs up


@pytest.mark.parametrize("way", [slowly, silent])
def test_a_host_that_falls_silent_is_given_up_once(driver: Any, way: Any, tmp_path: Path) -> None:
    with RawHost(way) as host:
        client = driver(api_key=KEY, base_url=host.url, timeout=(60, 0.3))
        with pytest.raises(TimedOutError, match="no answer from 127") as caught:
            drive(client, draw(), spool_dir=tmp_path)
        close(client)
    assert caught.value.phase == "read"
    assert len(host.seen) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [answer, unannounced])
def test_an_answer_beyond_the_cap_is_not_taken(driver: Any, form: Any, tmp_path: Path) -> None:
    with RawHost(form(LARGE)) as host:
        client = driver(api_key=KEY, base_url=host.url, max_answer_bytes=2 * MEGABYTE)
        with pytest.raises(AnswerTooLargeError, match=r"larger than 2\.1 MB"):
            drive(client, draw(), spool_dir=tmp_path)
        close(client)
    assert list(tmp_path.iterdir()) == []


def test_a_compressed_bomb_is_stopped_at_the_cap(driver: Any, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 * MEGABYTE), 1)
    with RawHost(answer(bomb, "Content-Encoding: gzip")) as host:
        client = driver(api_key=KEY, base_url=host.url, max_answer_bytes=4 * MEGABYTE)

        def work() -> None:
            with pytest.raises(AnswerTooLargeError):
                drive(client, draw(), spool_dir=tmp_path)

        assert peak_of(work) < 48 * MEGABYTE
        close(client)
    assert list(tmp_path.iterdir()) == []


def test_a_compressed_answer_is_unpacked_though_none_was_asked_for(driver: Any) -> None:
    with RawHost(answer(gzip.compress(PNG), "Content-Encoding: gzip")) as host:
        client = driver(api_key=KEY, base_url=host.url)
        [media] = drive(client, draw())
        close(client)
    assert media.read() == PNG
    assert host.seen[0].header("accept-encoding") == "identity"
