"""Connections: kept, per loop, per process; TLS, links, and what fails before there is one."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import httpx as classic
import pytest
from client_driving import DRIVERS, KEY, PNG, drive
from loopback import NAMES, RawHost, answer, closed_port, draw, names

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient, endpoints, links
from langchain_visioncraft.errors import (
    CertificateError,
    ConnectionFailedError,
    ServerError,
    UnsafeLinkError,
)


def test_a_connection_is_kept_from_call_to_call() -> None:
    with RawHost(NAMES) as host, VisionCraftClient(base_url=host.url) as client:
        for _ in range(5):
            assert client.run(names()) == ["one", "two"]
    assert host.connections == 1


def test_a_connection_is_kept_within_a_loop() -> None:
    async def main(url: str) -> None:
        async with AsyncVisionCraftClient(base_url=url) as client:
            for _ in range(5):
                assert await client.run(names()) == ["one", "two"]

    with RawHost(NAMES) as host:
        asyncio.run(main(host.url))
    assert host.connections == 1


def test_a_client_serves_one_event_loop_after_another() -> None:
    with RawHost(NAMES) as host:
        client = AsyncVisionCraftClient(base_url=host.url)
        for _ in range(3):
            assert drive(client, names()) == ["one", "two"]
        gc.collect()


def test_a_client_that_is_dropped_in_its_loop_closes_its_connections() -> None:
    async def main(host: RawHost) -> None:
        client = AsyncVisionCraftClient(base_url=host.url)
        await client.run(names())
        assert not host.goodbyes(0)
        del client
        gc.collect()  # of a transport that is not closed Python warns, which is an error here
        assert await asyncio.to_thread(host.goodbyes)

    async def drop(url: str) -> None:
        await AsyncVisionCraftClient(base_url=url).run(names())

    with RawHost(NAMES) as host:
        asyncio.run(main(host))
        asyncio.run(drop(host.url))  # the loop ends at once
        dropped_later = AsyncVisionCraftClient(base_url=host.url)
        drive(dropped_later, names())
        del dropped_later
        gc.collect()


def test_a_client_serves_several_event_loops_at_once() -> None:
    with RawHost(NAMES) as host:
        client = AsyncVisionCraftClient(base_url=host.url)
        assert in_threads(lambda: drive(client, names())) == [["one", "two"]] * 6


def test_a_client_serves_threads() -> None:
    with RawHost(NAMES) as host, VisionCraftClient(base_url=host.url) as client:
        assert in_threads(lambda: client.run(names())) == [["one", "two"]] * 6


def in_threads(work: Any) -> list[Any]:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_forked_process_does_not_speak_over_its_parents_connection(driver: Any) -> None:
    with RawHost(NAMES) as host:
        client = driver(base_url=host.url)
        drive(client, names())
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(0 if drive(client, names()) == ["one", "two"] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert drive(client, names()) == ["one", "two"]
        if driver is VisionCraftClient:
            assert host.connections == 2
            client.close()


def test_a_pickled_client_works(driver: Any) -> None:
    with RawHost(answer(PNG)) as host:
        client = pickle.loads(pickle.dumps(driver(base_url=host.url, api_key=KEY)))
        assert drive(client, draw())[0].read() == PNG
        assert KEY.encode() in host.seen[0].body
        if driver is VisionCraftClient:
            client.close()


def test_the_twin_of_a_client_works(driver: Any) -> None:
    with RawHost(NAMES) as host:
        client = driver(base_url=host.url)
        twin = client.as_kind(next(kind for kind in DRIVERS.values() if kind is not driver))
        assert drive(twin, names()) == drive(client, names())
        for one in (client, twin):
            if isinstance(one, VisionCraftClient):
                one.close()


@pytest.mark.parametrize("library", [httpx, classic], ids=["ours", "plain httpx"])
@pytest.mark.parametrize("kind", DRIVERS)
def test_a_client_of_either_library_may_be_given(kind: str, library: Any, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(PNG)
    with RawHost(answer(PNG), answer(b'{"error": "tired"}', status="500 Oops")) as host:

        async def main() -> None:
            async with library.AsyncClient() as given:
                client = AsyncVisionCraftClient(
                    base_url=host.url, api_key=KEY, http_async_client=given, max_retries=0
                )
                assert await client.run(endpoints.upscale(image=picture))
                with pytest.raises(ServerError, match="tired"):
                    await client.run(draw())

        if kind == "async":
            asyncio.run(main())
        else:
            with library.Client() as given:
                client = VisionCraftClient(
                    base_url=host.url, api_key=KEY, http_client=given, max_retries=0
                )
                assert client.run(endpoints.upscale(image=picture))
                with pytest.raises(ServerError, match="tired"):
                    client.run(draw())


@pytest.mark.parametrize("library", [httpx, classic], ids=["ours", "plain httpx"])
def test_errors_of_either_library_are_translated(library: Any) -> None:
    with library.Client() as given:
        client = VisionCraftClient(base_url=closed_port(), http_client=given, max_retries=0)
        with pytest.raises(ConnectionFailedError):
            client.run(names())


def test_a_refused_connection_says_who_refused(driver: Any, no_waiting: None) -> None:
    url = closed_port()
    with pytest.raises(ConnectionFailedError, match=f"the connection to {url[7:]} failed"):
        drive(driver(base_url=url), names())


def test_a_link_to_another_port_of_this_machine_is_not_followed(driver: Any) -> None:
    with RawHost(answer(b"secret")) as inside:
        link = f'{{"url": "{inside.url}/a.png"}}'.encode()
        with RawHost(answer(link)) as host:
            client = driver(base_url=host.url, api_key=KEY)
            with pytest.raises(UnsafeLinkError):
                drive(client, draw())
            if driver is VisionCraftClient:
                client.close()
    assert inside.connections == 0


def test_a_link_to_the_apis_own_port_is_followed_without_the_key(driver: Any) -> None:
    with RawHost(answer(b'{"url": "/a.png"}'), answer(PNG)) as host:
        client = driver(base_url=host.url, api_key=KEY)
        assert drive(client, draw())
        if driver is VisionCraftClient:
            client.close()
    assert KEY not in f"{host.seen[1].head}{host.seen[1].body!r}"


def test_a_proxy_connects_a_link_to_the_address_that_was_checked(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        return real("93.184.216.34" if host == "cdn.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with RawHost(answer(PNG)) as proxy, RawHost(answer(b'{"url": "http://cdn.example/a"}')) as host:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client = driver(base_url=host.url, api_key=KEY)
        assert drive(client, draw())
        if driver is VisionCraftClient:
            client.close()
    [asked] = proxy.seen
    assert asked.head.startswith("GET http://93.184.216.34/a HTTP/1.1")
    assert asked.header("host") == "cdn.example"


# TLS


def test_a_certificate_that_nobody_vouches_for_is_refused(driver: Any, tls: ssl.SSLContext) -> None:
    with RawHost(NAMES, tls=tls) as host:
        client = driver(base_url=host.url)
        with pytest.raises(CertificateError, match=r"self-signed certificate.*verify='ca\.pem'"):
            drive(client, names())
        if driver is VisionCraftClient:
            client.close()
    assert host.connections == 1
    assert host.seen == []


def test_a_ca_bundle_vouches_for_a_certificate(
    driver: Any, tls: ssl.SSLContext, certificate: Path
) -> None:
    with RawHost(NAMES, tls=tls) as host:
        client = driver(base_url=host.url, verify=str(certificate))
        assert drive(client, names()) == ["one", "two"]
        if driver is VisionCraftClient:
            client.close()


def test_verification_can_be_switched_off_with_a_warning(driver: Any, tls: ssl.SSLContext) -> None:
    with RawHost(NAMES, tls=tls) as host:
        with pytest.warns(UserWarning, match="verify=False"):
            client = driver(base_url=host.url, verify=False)
        assert drive(client, names()) == ["one", "two"]
        if driver is VisionCraftClient:
            client.close()


def test_each_host_of_a_shared_address_is_asked_for_and_verified_by_its_own_name(
    driver: Any,
    tls: ssl.SSLContext,
    certificate: Path,
    asked_for: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".example") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(links, "is_public", lambda _: True)
    with RawHost(answer(PNG), tls=tls) as cdn:
        found = [f"https://{name}.example:{cdn.port}/{name}.png" for name in ("a", "b", "c")]
        body = f'{{"images": ["{found[0]}", "{found[1]}", "{found[2]}"]}}'.encode()
        with RawHost(answer(body)) as host:
            client = driver(base_url=host.url, api_key=KEY, verify=str(certificate))
            with pytest.raises(CertificateError, match=r"c\.example"):
                drive(client, draw())
            if driver is VisionCraftClient:
                client.close()
    assert asked_for == ["a.example", "b.example", "c.example"]
    hosts = [seen.header("host") for seen in cdn.seen]
    assert hosts == [f"a.example:{cdn.port}", f"b.example:{cdn.port}"]
