"""What a browser next door may do: names of hosts, and headers on every answer."""

from __future__ import annotations

import socket

import httpx
import pytest
from starlette.routing import Route
from visioncraft_sandbox import Sandbox, SandboxConfig, create_app
from visioncraft_sandbox.protection import is_ours

PATHS = ("/", "/limits", "/sd/models", "/v1/models", "/files/x.png", "/page/journal", "/nowhere")


def client_of(config: SandboxConfig, host: str = "localhost") -> httpx.AsyncClient:
    app = create_app(config)

    async def crash(_: object) -> None:
        msg = "crash"
        raise ArithmeticError(msg)

    app.routes.append(Route("/crash", crash))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


@pytest.mark.parametrize("path", PATHS)
async def test_no_answer_is_given_under_a_foreign_name(path: str) -> None:
    async with client_of(SandboxConfig(models=False), "evil.example:8765") as client:
        for method in ("GET", "POST", "OPTIONS"):
            answer = await client.request(method, path, json={"token": "key"})
            assert answer.status_code == 421
            assert "--allowed-host" in answer.text
        assert not client._transport.app.state.requests  # type: ignore[attr-defined]


async def test_an_allowed_name_is_answered() -> None:
    config = SandboxConfig(models=False, allowed_hosts=("Sandbox.lan",))
    async with client_of(config, "sandbox.LAN:8765") as client:
        assert (await client.get("/limits")).status_code == 200


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("[::1]", True),
        ("[fe80::1%25eth0]", True),
        ("[fe80::1%eth0.5]", True),
        ("[fe80::1%]", False),
        ("[fe80::1%25]evil.example", False),
        ('[fe80::1%25"<b>]', False),
        ("[fe80::1%25e%25]", False),
        ("[evil.example%25eth0]", False),
        ("fe80::1%25eth0", False),
    ],
)
@pytest.mark.parametrize("port", ["", ":8765"])
def test_an_address_may_have_the_scope_of_an_interface(host: str, port: str, taken: bool) -> None:
    assert is_ours(host + port) is taken


@pytest.mark.parametrize("name", ["my-box", "my-box.local"])
async def test_the_name_of_the_machine_is_answered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "My-Box")
    async with client_of(SandboxConfig(models=False), f"{name}:8765") as client:
        assert (await client.get("/limits")).status_code == 200


@pytest.mark.parametrize("name", ["http://x", "x:80", "x/y", "", "*", "a b"])
def test_an_allowed_host_is_a_name_alone(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        SandboxConfig(allowed_hosts=(name,))


@pytest.mark.parametrize("name", ["::1", "fe80::1%eth0", "localhost", "0.0.0.0", "my-box.local"])
def test_what_a_sandbox_listens_on_may_be_allowed(name: str) -> None:
    assert name in Sandbox(host=name, allowed_hosts="other").config.allowed_hosts


@pytest.mark.parametrize("path", [*PATHS, "/crash"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
async def test_every_answer_has_the_headers_for_browsers(path: str, host: str) -> None:
    async with client_of(SandboxConfig(models=False), host) as client:
        for method in ("GET", "POST", "PUT"):
            answer = await client.request(method, path, headers={"accept": "text/html"})
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in answer.headers


async def test_an_unexpected_error_is_json_without_its_details() -> None:
    async with client_of(SandboxConfig(models=False)) as client:
        answer = await client.get("/crash")
    assert (answer.status_code, list(answer.json())) == (500, ["detail"])
    assert "crash" not in answer.text
