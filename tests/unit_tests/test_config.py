"""Settings: arguments first, then the environment; what cannot be used is refused at once."""

from __future__ import annotations

import math
import pickle
import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import SecretStr

from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.config import (
    DEFAULT_BASE_URL,
    Timeout,
    environment_key,
    normalize_base_url,
    resolve,
)
from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError


def test_without_anything_the_documents_defaults_hold() -> None:
    settings = resolve()
    assert settings.base_url == DEFAULT_BASE_URL == "https://visioncraft.top"
    assert (settings.timeout.connect, settings.timeout.read) == (10, 600)
    assert (settings.verify, settings.max_retries, settings.api_key) == (True, 2, None)


def test_the_environment_fills_in_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", " from the environment ".replace(" ", ""))
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", "http://127.0.0.1:8765/v1/")
    settings = resolve()
    assert settings.require_key() == "fromtheenvironment"
    assert settings.base_url == "http://127.0.0.1:8765"


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "environment")
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", "http://environment.test")
    settings = resolve(api_key="argument", base_url="http://argument.test")
    assert settings.require_key() == "argument"
    assert settings.base_url == "http://argument.test"


@pytest.mark.parametrize("key", [" k1 ", "k1\n", SecretStr("k1")])
def test_a_key_may_have_blanks_around_it(key: Any) -> None:
    assert resolve(api_key=key).require_key() == "k1"


@pytest.mark.parametrize("blank", ["", "  ", "\n", SecretStr("")])
def test_a_blank_key_is_none(blank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "  ")
    assert environment_key() is None
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY"):
        resolve(api_key=blank).require_key()


def test_settings_do_not_show_the_key() -> None:
    settings = resolve(api_key="secret-key")
    assert "secret-key" not in f"{settings}{settings!r}"


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://h.example", "https://h.example"),
        ("https://h.example/", "https://h.example"),
        ("https://h.example/v1", "https://h.example"),
        ("https://h.example/v1/", "https://h.example"),
        ("https://h.example//v1//", "https://h.example"),
        ("  https://h.example ", "https://h.example"),
        ("https://h.example/api/v1", "https://h.example/api"),
        ("https://h.example/v10", "https://h.example/v10"),
        ("http://[::1]:8765/v1", "http://[::1]:8765"),
        ("HTTP://H.example", "HTTP://H.example"),
        ("https://bücher.example", "https://bücher.example"),
        ("", DEFAULT_BASE_URL),
        (None, DEFAULT_BASE_URL),
    ],
)
def test_the_root_of_a_host_has_one_form(url: str | None, root: str) -> None:
    assert normalize_base_url(url) == root


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("h.example", "begin with http"),
        ("ftp://h.example", "begin with http"),
        ("https://", "names no host"),
        ("https:///sd", "names no host"),
        ("https://user:pw@h.example", "user name or a password"),
        ("https://h.example?key=1", "query or a fragment"),
        ("https://h.example#a", "query or a fragment"),
        ("https://h.example:99999", "not a URL"),
        ("https://h.example:port", "not a URL"),
        ("http://[::1", "not a URL"),
    ],
)
def test_what_is_no_root_of_a_host_is_refused_without_being_repeated(
    url: str, problem: str
) -> None:
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        normalize_base_url(url)
    assert url == "https://" or url not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "connect", "read"),
    [(None, 10, 600), (30, 10, 30), (0.5, 10, 0.5), ((1, 2), 1, 2), ((None, None), None, None)],
)
def test_a_timeout_is_a_number_or_a_pair(value: Any, connect: Any, read: Any) -> None:
    assert Timeout.of(value) == Timeout(connect, read)


@pytest.mark.parametrize("value", [0, -1, True, "5", (1,), (1, 2, 3), (0, 1), ("1", 2), math.nan])
def test_another_timeout_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="positive number"):
        Timeout.of(value)


@pytest.mark.parametrize("value", [-1, True, 1.5, "2"])
def test_another_number_of_retries_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="max_retries"):
        resolve(max_retries=value)


def test_not_checking_certificates_warns_the_caller() -> None:
    with pytest.warns(UserWarning, match="verify=False") as caught:
        assert resolve(verify=False).verify is False
    assert len(caught) == 1


# Found in review


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "k\u00e9y", "nul\x00", "k" * 8193])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(MissingKeyError, match="api_key= cannot be sent") as caught:
        resolve(api_key=key)
    assert key not in f"{caught.value}{caught.value!r}"


def test_a_key_of_the_environment_that_cannot_be_sent_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "two words")
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY cannot be sent"):
        environment_key()


def test_a_given_key_that_is_blank_leaves_it_to_the_environment_also_in_a_pickle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "from-environment")
    client = VisionCraftClient(api_key="  ")
    assert client.key() == "from-environment"
    assert b"from-environment" not in pickle.dumps(client)


@pytest.mark.parametrize("value", [math.inf, 1e300, (1, math.inf)])
def test_a_timeout_that_no_socket_takes_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="or None"):
        Timeout.of(value)


@pytest.mark.parametrize(
    "url", ["http://a..b", f"http://{'a' * 64}.example", "http://h\x01.example"]
)
def test_a_host_that_cannot_be_looked_up_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a URL"):
        normalize_base_url(url)


@pytest.mark.parametrize("verify", [5, "", b"ca.pem", 0, 1.0])
def test_verify_is_a_flag_a_path_or_a_context(verify: Any) -> None:
    with pytest.raises(InvalidRequestError, match="verify"):
        resolve(verify=verify)


def test_a_ca_bundle_that_cannot_be_loaded_is_told_when_the_client_is_made() -> None:
    with pytest.raises(InvalidRequestError, match=r"verify='/nowhere/ca\.pem'.*cannot be loaded"):
        VisionCraftClient(verify="/nowhere/ca.pem")


@pytest.mark.parametrize("form", ["bundle", "folder", "context"])
def test_certificates_come_from_a_bundle_a_folder_or_a_context(form: str) -> None:
    bundle = Path(certifi.where())
    verify: Any = {"bundle": str(bundle), "folder": str(bundle.parent),
                   "context": ssl.create_default_context()}[form]  # fmt: skip
    with VisionCraftClient(verify=verify) as client:
        assert client.http()


def test_the_variable_of_a_wrong_base_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", "localhost:8765")
    with pytest.raises(InvalidRequestError, match=r"^VISIONCRAFT_BASE_URL is not valid"):
        resolve()
    with pytest.raises(InvalidRequestError, match=r"^base_url is not valid"):
        resolve(base_url="localhost:8766")
