"""Access to the page."""

from __future__ import annotations

import base64

import pytest
from page_entries import KEY
from starlette.datastructures import Headers
from visioncraft_sandbox import SandboxConfig
from visioncraft_sandbox.page.gate import comes_from_the_page, key_of
from visioncraft_sandbox.protection import is_ours


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
        *("[::1]evil.example", "evil.example[::1]", "127.0.0.1evil", "127.0.0.1:80:evil", ":"),
        *("localhost evil", "localhost\\evil", "2130706433", "0x7f.1", "127.1"),
        *("[127.0.0.1]", "[localhost]", "[]", "localhost:65536", "::1"),
    ],
)
def test_foreign_names_are_not_ours(host: str) -> None:
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
        ({"origin": "http://["}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({}, False),
    ],
    ids=[
        "origin",
        "fetch-site",
        "evil",
        "other-port",
        "null",
        "broken",
        "both",
        "same-site",
        "neither",
    ],
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
