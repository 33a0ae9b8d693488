"""Clients are made without a request, pickle, have counterparts, close; given ones stay open."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import signal
import threading
import weakref
from typing import Any

import pytest
from client_driving import BASE_URL, DRIVERS, KEY, PNG, Host, drive

from langchain_visioncraft._compat import httpx
from langchain_visioncraft._threads import SMALL_BYTES
from langchain_visioncraft.client import (
    AsyncVisionCraftClient,
    VisionCraftClient,
    endpoints,
    transport,
)
from langchain_visioncraft.client.base import DEFAULT_MAX_ANSWER_BYTES
from langchain_visioncraft.client.flow import Call, Flow
from langchain_visioncraft.client.transport import LoopSafeAsyncClient
from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError, VisionCraftError


def names(client: Any) -> Any:
    return drive(client, endpoints.list_names(family="sd", kind="models"))


@pytest.mark.parametrize(("length", "apart"), [(SMALL_BYTES, False), (SMALL_BYTES + 1, True)])
async def test_a_long_answer_is_read_apart_from_the_event_loop(*, length: int, apart: bool) -> None:
    def where() -> Flow[int]:
        yield Call("GET", "/limits", auth="none")
        return threading.get_ident()

    client = Host(b"1" * length).client(AsyncVisionCraftClient)
    assert (await client.run(where()) != threading.get_ident()) == apart


def test_making_a_client_needs_neither_key_nor_host(driver: Any) -> None:
    client = driver()
    assert repr(client) == f"{driver.__name__}(base_url='https://visioncraft.top')"
    with pytest.raises(MissingKeyError):
        client.key()


@pytest.mark.parametrize(
    "bad",
    [
        {"base_url": "visioncraft.top"}, {"timeout": -1}, {"timeout": 0}, {"timeout": "5"},
        {"timeout": (1, 2, 3)}, {"max_retries": -1}, {"max_retries": 1.5}, {"max_retries": True},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_told_at_once(driver: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(bad))):
        driver(**bad)


def test_a_pickled_client_keeps_a_key_that_was_given(driver: Any) -> None:
    client = driver(api_key=KEY, base_url=BASE_URL, max_retries=5, timeout=(1, 2))
    again = pickle.loads(pickle.dumps(client))
    assert again.key() == KEY
    assert again.settings == client.settings
    assert again.max_answer_bytes == DEFAULT_MAX_ANSWER_BYTES


def test_a_pickled_client_reads_a_key_of_the_environment_there(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    data = pickle.dumps(driver())
    assert KEY.encode() not in data
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "other-machine")
    assert pickle.loads(data).key() == "other-machine"


def test_a_copy_works_by_itself(driver: Any) -> None:
    host = Host(["a"])
    client = host.client(driver)
    again = copy.copy(client)
    assert names(again) == ["a"]
    assert again._lock is not client._lock


def test_twins_share_their_settings(driver: Any, recwarn: pytest.WarningsRecorder) -> None:
    client = Host(["a"]).client(driver, max_retries=7, retry_after_timeout=True, timeout=3)
    is_sync = driver is VisionCraftClient
    twin = client.as_kind(AsyncVisionCraftClient if is_sync else VisionCraftClient)
    assert type(twin) is (AsyncVisionCraftClient if is_sync else VisionCraftClient)
    assert twin.settings is client.settings
    assert twin.retry_after_timeout
    assert twin.key() == KEY
    assert names(twin) == ["a"]


def test_a_twin_does_not_warn_again_that_certificates_are_not_checked(driver: Any) -> None:
    with pytest.warns(UserWarning, match="verify=False"):
        client = driver(verify=False)
    twin = client.as_kind(next(kind for kind in DRIVERS.values() if kind is not driver))
    assert twin.settings.verify is False


def test_a_given_client_is_left_open(driver: Any) -> None:
    host = Host(["a"])
    client = host.client(driver)
    if driver is VisionCraftClient:
        client.close()
        assert not client.http_client.is_closed
    assert names(client) == ["a"]


def test_a_client_is_usable_again_after_closing() -> None:
    with VisionCraftClient(base_url=BASE_URL) as client:
        first = client.http()
    assert first.is_closed
    second = client.http()
    assert second is not first
    client.close()
    client.close()


def test_threads_share_one_http_client() -> None:
    client = VisionCraftClient(base_url=BASE_URL)
    found: list[Any] = []
    gate = threading.Barrier(8)

    def look() -> None:
        gate.wait()
        found.append(client.http())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    client.close()


def test_a_forked_process_opens_connections_of_its_own() -> None:
    client = VisionCraftClient(base_url=BASE_URL)
    parents = client.http()
    child = os.fork()
    if child == 0:
        os._exit(0 if client.http() is not parents else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert client.http() is parents
    client.close()


def test_a_flow_is_closed_when_its_driver_fails(driver: Any) -> None:
    closed: list[bool] = []

    def flow() -> Any:
        try:
            yield next(endpoints.limits())
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError):
        drive(Host(ZeroDivisionError()).client(driver), flow())
    assert closed == [True]


def test_a_flow_may_catch_what_went_wrong(driver: Any, naps: list[float]) -> None:
    def flow() -> Any:
        try:
            yield next(endpoints.limits())
        except VisionCraftError as error:
            return f"caught {error.status}"

    host = Host(httpx.Response(400))
    assert drive(host.client(driver), flow()) == "caught 400"


def test_progress_may_be_awaited(naps: list[float]) -> None:
    told: list[str] = []

    async def tell(progress: Any) -> None:
        told.append(progress.message)

    host = Host({"data": 1}, {"URL": "/a.png"}, PNG)
    client = host.client(AsyncVisionCraftClient)
    drive(client, endpoints.midjourney(prompt="x"), on_progress=tell)
    assert told == ["submitted to Midjourney"]


def test_event_loops_do_not_pile_up_in_a_client() -> None:
    client = LoopSafeAsyncClient(transport=httpx.MockTransport(Host(["a"])))

    async def ask() -> None:
        await client.get(BASE_URL)

    for _ in range(3):
        asyncio.run(ask())
    gc.collect()
    assert len(client._clients._inner) == 0


def test_closed_http_clients_do_not_pile_up_in_a_client() -> None:
    client = VisionCraftClient(base_url=BASE_URL)
    closed = []
    for _ in range(3):
        closed.append(weakref.ref(client.http()))
        client.close()
    gc.collect()
    assert [ref() for ref in closed] == [None, None, None]


def test_an_http_client_that_is_forgotten_is_closed() -> None:
    client = VisionCraftClient(base_url=BASE_URL)
    http = client.http()
    del client
    gc.collect()
    assert http.is_closed


def test_a_lock_that_was_held_in_a_fork_does_not_stop_the_child() -> None:
    client = VisionCraftClient(base_url=BASE_URL)
    with client._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            client.http()
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


async def test_the_first_call_prepares_tls_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    client, places = AsyncVisionCraftClient(api_key="k", max_retries=0), []

    def prepared(*_: Any) -> Any:
        places.append(threading.current_thread() is threading.main_thread())
        raise InvalidRequestError("far enough")

    monkeypatch.setattr(transport, "client_options", prepared)
    with pytest.raises(InvalidRequestError):
        await client.run(endpoints.limits())
    assert places == [False]
