"""Which links of an answer are followed, where the connection goes, and what is said there."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import quote

import pytest
from client_driving import BASE_URL, KEY, PNG, Host, drive

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import VisionCraftClient, endpoints, links
from langchain_visioncraft.client.links import check_link, is_public
from langchain_visioncraft.errors import (
    APIStatusError,
    ConnectionFailedError,
    LinkExpiredError,
    UnexpectedAnswerError,
    UnsafeLinkError,
)
from langchain_visioncraft.media.inputs import parse_source

PUBLIC = "93.184.216.34"


def draw(client: Any) -> Any:
    return drive(client, endpoints.text_to_image(prompt="x", model="m"))


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses; what is not in it resolves to a public address."""
    names: dict[str, list[str]] = {}

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = names.get(host, [PUBLIC])
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM, 6, "", (address, port),
            )
            for address in found
        ]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "::127.0.0.1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"],
)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "link",
    [
        "ftp://cdn.example/a.png", "file:///etc/passwd.png", "gopher://x.y/",
        "https://user:secret@cdn.example/a.png",
    ],
)  # fmt: skip
def test_only_plain_http_links_are_followed(driver: Any, link: str, dns: Any) -> None:
    host = Host({"url": link})
    with pytest.raises(UnsafeLinkError, match=r"was not followed.*http\(s\)"):
        draw(host.client(driver))
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://router.example/a.png", "192.168.1.1"),
        ("http://metadata.example/a.png", "169.254.169.254"),
        ("http://v6.example/a.png", "::ffff:127.0.0.1"),
        ("http://nat.example/a.png", "64:ff9b::7f00:1"),
        ("http://2130706433/a.png", "127.0.0.1"),
        ("http://0x7f.1/a.png", "127.0.0.1"),
        ("http://127.1/a.png", "127.0.0.1"),
        ("http://[::1]/a.png", "::1"),
        ("http://localhost/a.png", "127.0.0.1"),
    ],
)
def test_a_link_into_a_private_network_is_not_followed(
    driver: Any, link: str, address: str, dns: dict[str, list[str]]
) -> None:
    host = Host({"url": link})
    name = link.split("/")[2].strip("[]")
    dns[name] = [address]
    with pytest.raises(UnsafeLinkError, match="is not a public address"):
        draw(host.client(driver))
    assert len(host.requests) == 1


def test_one_private_address_among_public_ones_is_enough(
    driver: Any, dns: dict[str, list[str]]
) -> None:
    dns["mixed.example"] = [PUBLIC, "10.0.0.1"]
    with pytest.raises(UnsafeLinkError, match=r"10\.0\.0\.1"):
        draw(Host({"url": "http://mixed.example/a.png"}).client(driver))


@pytest.mark.parametrize(
    ("link", "url", "said"),
    [
        ("https://cdn.example/a.png?s=1#part", f"https://{PUBLIC}/a.png?s=1", "cdn.example"),
        ("http://cdn.example:8080/a.png", f"http://{PUBLIC}:8080/a.png", "cdn.example:8080"),
        ("http://CDN.example/a.png", f"http://{PUBLIC}/a.png", "cdn.example"),
        ("http://MÜNCHEN.example/a.png", f"http://{PUBLIC}/a.png", "xn--mnchen-3ya.example"),
    ],
)
def test_the_connection_goes_to_the_address_that_was_checked(
    driver: Any, link: str, url: str, said: str, dns: Any
) -> None:
    host = Host({"url": link}, PNG)
    draw(host.client(driver))
    request = host.requests[1]
    assert str(request.url) == url
    assert request.headers["host"] == said
    sni = request.extensions.get("sni_hostname")
    assert sni == ("cdn.example" if link.startswith("https") else None)


def test_a_link_over_ipv6_is_pinned_in_brackets(driver: Any, dns: dict[str, list[str]]) -> None:
    dns["six.example"] = ["2606:4700::1111"]
    host = Host({"url": "https://six.example/a.png"}, PNG)
    draw(host.client(driver))
    assert host.requests[1].url.host == "2606:4700::1111"


def test_ipv4_goes_before_ipv6(driver: Any, dns: dict[str, list[str]]) -> None:
    dns["both.example"] = ["2606:4700::1111", PUBLIC]
    host = Host({"url": "https://both.example/a.png"}, PNG)
    draw(host.client(driver))
    assert host.requests[1].url.host == PUBLIC


def test_the_key_is_never_sent_to_a_link(driver: Any, dns: Any) -> None:
    host = Host({"images": ["https://cdn.example/a.png", "/b.png"]}, PNG)
    draw(host.client(driver))
    for request in host.requests[1:]:
        assert KEY not in f"{request.url}{dict(request.headers)}{request.content!r}"


@pytest.mark.parametrize("link", ["/files/a.png", "files/a.png", "//service.test/files/a.png"])
def test_a_relative_link_belongs_to_the_apis_own_origin(driver: Any, link: str) -> None:
    host = Host({"url": link}, PNG)
    draw(host.client(driver))
    assert str(host.requests[1].url) == f"{BASE_URL}/files/a.png"


def test_the_apis_own_origin_may_be_on_this_machine(driver: Any) -> None:
    root = "http://127.0.0.1:8765"
    host = Host({"url": f"{root}/files/a.png"}, PNG)
    assert draw(host.client(driver, base_url=root))


def test_another_port_of_this_machine_is_not_the_apis_own(
    driver: Any, dns: dict[str, list[str]]
) -> None:
    dns["127.0.0.1"] = ["127.0.0.1"]
    host = Host({"url": "http://127.0.0.1:22/files/a.png"}, PNG)
    with pytest.raises(UnsafeLinkError):
        draw(host.client(driver, base_url="http://127.0.0.1:8765"))


@pytest.mark.parametrize("place", ["{}.example/a.png", "cdn.example/a.png?k={}", "cdn.example/{}"])
@pytest.mark.parametrize("redirected", [False, True])
def test_a_link_that_would_take_the_key_to_another_host_is_not_followed(
    driver: Any, dns: Any, place: str, *, redirected: bool
) -> None:
    away = f"http://{place.format(quote(KEY.upper()))}"
    moved = httpx.Response(302, headers={"location": away})
    replies = [{"images": ["/a.png"]}, moved] if redirected else [{"images": [away]}]
    host = Host(*replies, PNG)
    with pytest.raises(UnsafeLinkError, match="holds the key") as caught:
        draw(host.client(driver))
    assert KEY.lower() not in str(caught.value).lower()
    assert len(host.requests) == 1 + redirected


def test_the_letters_of_a_host_are_those_that_are_looked_up(driver: Any, dns: Any) -> None:
    wide = KEY.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    with pytest.raises(UnsafeLinkError, match="holds the key"):
        draw(Host({"images": [f"http://{wide}.example/a.png"]}).client(driver))


def test_the_parameters_of_ones_own_http_client_go_to_no_other_host(driver: Any, dns: Any) -> None:
    host = Host({"images": ["https://cdn.example/a.png?s=1"]}, PNG)
    client = host.client(driver)
    for own in (client.http_client, client.http_async_client):
        own.params = {"account": "ann"}
    draw(client)
    assert [request.url.query for request in host.requests] == [b"account=ann", b"s=1"]


def test_a_link_to_the_apis_own_host_may_hold_the_key(driver: Any) -> None:
    assert draw(Host({"images": [f"/a.png?token={KEY}"]}, PNG).client(driver))


def test_a_redirect_of_a_link_is_followed_and_checked_again(driver: Any, dns: Any) -> None:
    moved = httpx.Response(302, headers={"location": "https://b.example/b.png"})
    host = Host({"url": "https://a.example/a.png"}, lambda _: moved, PNG)
    draw(host.client(driver))
    assert [request.headers["host"] for request in host.requests[1:]] == ["a.example", "b.example"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_a_private_network_is_not_followed(
    driver: Any, status: int, dns: dict[str, list[str]]
) -> None:
    dns["inside.example"] = ["10.0.0.1"]
    moved = httpx.Response(status, headers={"location": "http://inside.example/x"})
    host = Host({"url": "https://a.example/a.png"}, lambda _: moved)
    with pytest.raises(UnsafeLinkError):
        draw(host.client(driver))
    assert len(host.requests) == 2


def test_a_redirect_to_another_scheme_is_not_followed(driver: Any, dns: Any) -> None:
    moved = httpx.Response(302, headers={"location": "file:///etc/passwd"})
    with pytest.raises(UnsafeLinkError):
        draw(Host({"url": "https://a.example/a.png"}, lambda _: moved).client(driver))


def test_a_relative_redirect_stays_on_its_host(driver: Any, dns: Any) -> None:
    moved = httpx.Response(302, headers={"location": "/b.png"})
    host = Host({"url": "https://a.example/a.png"}, lambda _: moved, PNG)
    draw(host.client(driver))
    assert host.requests[2].headers["host"] == "a.example"
    assert host.requests[2].url.path == "/b.png"


def test_redirects_in_a_circle_come_to_an_end(driver: Any, dns: Any) -> None:
    def again(_: Any) -> Any:
        return httpx.Response(302, headers={"location": "https://a.example/a.png"})

    host = Host({"url": "https://a.example/a.png"}, again)
    with pytest.raises(UnsafeLinkError, match="more than 5 times"):
        draw(host.client(driver))
    assert len(host.requests) == 7


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_is_gone_says_so(driver: Any, status: int, naps: list[float]) -> None:
    host = Host({"url": "/a.png"}, lambda _: httpx.Response(status))
    with pytest.raises(LinkExpiredError, match="make the call again") as caught:
        draw(host.client(driver))
    assert (caught.value.status, caught.value.recoverable) == (status, True)
    assert len(host.requests) == 2


def test_a_link_whose_host_has_a_bad_moment_is_tried_again(driver: Any, naps: list[float]) -> None:
    host = Host({"url": "/a.png"}, lambda _: httpx.Response(503), PNG)
    assert draw(host.client(driver))
    assert len(host.requests) == 3


def test_a_link_whose_host_stays_down_is_named(driver: Any, naps: list[float], dns: Any) -> None:
    host = Host({"url": "https://cdn.example/a.png"}, lambda _: httpx.Response(503))
    with pytest.raises(APIStatusError, match=r"the link of POST /sd on cdn\.example answered 503"):
        draw(host.client(driver))


def test_a_link_to_an_unknown_host_is_a_failed_connection(
    driver: Any, dns: dict[str, list[str]], naps: list[float]
) -> None:
    dns["gone.example"] = []
    with pytest.raises(ConnectionFailedError, match=r"gone\.example failed.*not known"):
        draw(Host({"url": "https://gone.example/a.png"}).client(driver))


def test_a_name_is_resolved_again_for_every_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public at first and private a moment later gets nowhere."""
    answers = iter([PUBLIC, "127.0.0.1"])

    def getaddrinfo(_: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    host = Host({"images": ["https://flip.example/1.png", "https://flip.example/2.png"]}, PNG)
    with pytest.raises(UnsafeLinkError):
        draw(host.client(VisionCraftClient))
    assert [request.url.host for request in host.requests[1:]] == [PUBLIC]


def test_checking_a_links_form_needs_no_network() -> None:
    link = check_link("a.png", base_url="https://h.example/root", endpoint="POST /sd")
    assert (link.url, link.host, link.port, link.own) == (
        "https://h.example/root/a.png", "h.example", 443, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "link",
    [
        "http://[bad", "http://h:99999/a.png", "http://a..b/x.png",
        f"http://{'a' * 64}.example/x.png",
        "http://h.example/\x01.png", "http://h\x00.example/x.png",
        f"http://h.example/{'a' * 70_000}.png",
    ],
)  # fmt: skip
def test_a_damaged_link_is_not_followed(driver: Any, link: str) -> None:
    with pytest.raises(UnsafeLinkError, match="was not followed"):
        draw(Host({"url": link}).client(driver))


def test_a_link_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "urlsplit", None)
    for link in (f"http://{'ü.' * 50_000}test/a.png", f"{'./' * 10_000}a.png"):
        with pytest.raises(UnsafeLinkError, match="it is too long"):
            check_link(link, base_url=BASE_URL, endpoint="POST /sd")


@pytest.mark.parametrize("location", ["http://[bad", "http://a..b/", "http://h:port/"])
def test_a_damaged_redirect_of_a_link_is_not_followed(driver: Any, location: str, dns: Any) -> None:
    moved = httpx.Response(302, headers={"location": location})
    with pytest.raises(UnsafeLinkError):
        draw(Host({"url": "https://a.example/a.png"}, lambda _: moved).client(driver))


def test_a_library_may_read_a_redirect_that_is_not_to_be_followed(driver: Any, dns: Any) -> None:
    def refuse(_: Any) -> Any:
        raise httpx.RemoteProtocolError("Invalid URL in location header: Invalid port: 'port'.")

    host = Host({"url": "https://a.example/a.png"}, refuse)
    with pytest.raises(UnsafeLinkError, match="redirected to an invalid URL"):
        draw(host.client(driver))
    assert len(host.requests) == 2


@pytest.mark.parametrize("location", ["http://[bad", "", None])
def test_a_damaged_redirect_of_a_call_is_told_as_one(driver: Any, location: str | None) -> None:
    headers = {} if location is None else {"location": location}
    with pytest.raises(UnexpectedAnswerError, match="redirected"):
        draw(Host(lambda _: httpx.Response(302, headers=headers)).client(driver))


@pytest.mark.parametrize("status", [300, 304, 302])
def test_a_link_that_redirects_nowhere_is_no_file(driver: Any, status: int) -> None:
    host = Host({"url": "/a.png"}, lambda _: httpx.Response(status, content=PNG))
    with pytest.raises(APIStatusError, match=f"answered {status}"):
        draw(host.client(driver))


def test_a_relative_link_that_fails_names_the_apis_own_host(driver: Any, naps: list[float]) -> None:
    host = Host({"url": "/a.png"}, lambda _: httpx.Response(503))
    with pytest.raises(APIStatusError, match=r"the link of POST /sd on service\.test answered"):
        draw(host.client(driver))


def test_hosts_that_share_an_address_do_not_share_a_connection(driver: Any, dns: Any) -> None:
    """A pool knows addresses only: the second host would be asked over the first one's TLS."""
    host = Host({"images": ["https://a.example/1.png", "https://b.example/2.png"]}, PNG)
    draw(host.client(driver))
    assert [request.headers["connection"] for request in host.requests[1:]] == ["close", "close"]


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("a b.png", "a%20b.png"),
        ("Käse 月　.png", "K%C3%A4se%20%E6%9C%88%E3%80%80.png"),
        ("100%.png?q=5%&r=%2F", "100%25.png?q=5%25&r=%2F"),
        ("a%20b.png?X-Sig=a%2Bb%3D", "a%20b.png?X-Sig=a%2Bb%3D"),
        ('a|b^c`{d}\\"<e>.png', "a%7Cb%5Ec%60%7Bd%7D%5C%22%3Ce%3E.png"),
        ("a[1](2)'+,;=@!$&*~.png", "a[1](2)'+,;=@!$&*~.png"),
    ],
)
def test_odd_characters_in_a_link_are_percent_encoded_once(
    driver: Any, link: str, asked: str
) -> None:
    host = Host({"images": [f"{BASE_URL}/{link}"]}, PNG)
    draw(host.client(driver))
    assert host.requests[1].url.raw_path.decode() == f"/{asked}"
    url = parse_source(f"https://bücher.example/{link}").url
    assert url == f"https://bücher.example/{asked}"
