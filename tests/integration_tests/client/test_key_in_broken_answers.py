"""A key that a host repeats where nothing can be decoded, or while the caller's own code fails."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import canary_places
import pytest
from canary_places import found_in
from client_driving import DRIVERS, PNG, drive, failure_of
from loopback import RawHost, answer, draw
from tool_service import KEY

from langchain_visioncraft._redact import chain
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import ConnectionFailedError, VisionCraftError

TESTS = Path(canary_places.__file__).parent
BROKEN = {
    "a status line": f"HTTP/1.1 {KEY}\r\n\r\n",
    "a header": f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n",
    "the size of a chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n",
    "a length": f"HTTP/1.1 200 OK\r\nContent-Length: {KEY}\r\n\r\n",
}


@pytest.fixture(params=["sync", "async", "async, over httpx"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both clients, the async one over either library."""
    if request.param == "async, over httpx":
        monkeypatch.setitem(sys.modules, "langchain_visioncraft.client.fast", None)
    return DRIVERS[request.param.partition(",")[0]]


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.usefixtures("no_waiting")
def test_the_log_of_a_retry_does_not_repeat_it(
    driver: Any, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "langchain_visioncraft")
    linked = answer(
        b'{"images": ["/a.png"]}', "Content-Type: application/json", "Connection: close"
    )
    with RawHost(linked, lambda connection: connection.sendall(BROKEN[what].encode())) as host:
        client = driver(api_key=KEY, base_url=host.url, max_retries=1)
        error = failure_of(lambda: drive(client, draw()))
    assert isinstance(error, VisionCraftError)
    assert "trying again" in caplog.text
    assert not found_in(caplog.text), found_in(caplog.text)


def _chat() -> Any:
    return endpoints.chat(model="m", messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("flow", [draw, _chat])
def test_no_cause_of_an_error_holds_the_request(driver: Any, flow: Any, what: str) -> None:
    with RawHost(lambda connection: connection.sendall(BROKEN[what].encode())) as host:
        client = driver(api_key=KEY, base_url=host.url, max_retries=0)
        error = failure_of(lambda: drive(client, flow()))
    causes = list(chain(error))
    assert isinstance(error, ConnectionFailedError)
    for each in causes:
        assert not found_in(repr((each, str(each), each.args, vars(each))))
        assert not vars(each).get("_request")


def _fails(_: Any) -> None:
    raise RuntimeError


@pytest.mark.parametrize("flow", [draw, lambda: endpoints.image(prompt="x", stream=True)])
@pytest.mark.parametrize("trouble", ["the disk", "the callback"])
def test_no_local_holds_it_if_the_disk_or_the_callback_fails(
    driver: Any, flow: Any, trouble: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    words = b'{"status": "WAITING", "queue_position": 3}' + b" " * (2 << 20)
    told = words if trouble == "the callback" else PNG + bytes(2 << 20)
    with RawHost(answer(told, "Content-Type: application/json")) as host:
        client = driver(api_key=KEY, base_url=host.url, max_retries=0)
        options = {"spool_dir": tmp_path / "file", "on_progress": _fails}
        with pytest.raises((OSError, RuntimeError)) as caught:
            drive(client, flow(), **options)
    for each in chain(caught.value):
        stack = traceback.TracebackException.from_exception(each, capture_locals=True).stack
        shown = [frame.locals for frame in stack if not Path(frame.filename).is_relative_to(TESTS)]
        assert shown
        assert not found_in(shown), found_in(shown)
