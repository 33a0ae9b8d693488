"""Building the model: key, host, bounds, names, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import openai
import pytest
from chat_service import KEY, Service, ask
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from langchain_visioncraft import ChatVisionCraft
from langchain_visioncraft.errors import InvalidRequestError, MissingKeyError

MODEL: dict[str, Any] = {"model": "Llama-3.1-8B-Instruct", "api_key": KEY}
BOUNDS = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "top_k": (0, 99_999),
    "repetition_penalty": (0.01, 5),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "max_tokens": (1, 100_000),
}
WHOLE = ("top_k", "max_tokens")
NAMES = st.sampled_from(sorted(BOUNDS))


def test_a_missing_key_raises_at_construction_and_names_the_variable() -> None:
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY"):
        ChatVisionCraft(model="Llama-3.1-8B-Instruct")


def test_a_key_of_openai_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-foreign")
    with pytest.raises(MissingKeyError):
        ChatVisionCraft(model="Llama-3.1-8B-Instruct")


def test_the_model_is_required() -> None:
    with pytest.raises(ValidationError, match="model"):
        ChatVisionCraft(api_key=KEY)


@pytest.mark.parametrize("name", ["model", "model_name"])
@pytest.mark.parametrize("key", ["api_key", "visioncraft_api_key"])
@pytest.mark.parametrize("secret", [KEY, SecretStr(KEY)])
def test_names_and_aliases_mean_the_same(name: str, key: str, secret: Any) -> None:
    model = ChatVisionCraft(**{name: "m", key: secret})
    assert (model.model, model.model_name) == ("m", "m")
    assert model.visioncraft_api_key == SecretStr(KEY)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_every_form_of_the_base_url_leads_to_the_same_address(
    service: Service, ending: str, way: str
) -> None:
    await ask(service.model(base_url=f"http://service.test{ending}"), way)
    assert str(service.request.url) == "http://service.test/v1/chat/completions"


def test_an_invalid_base_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValidationError, match="base_url is not valid"):
        ChatVisionCraft(**MODEL, base_url="service.test")


def test_certificates_that_cannot_be_loaded_are_named() -> None:
    with pytest.raises(ValidationError, match="certificates cannot be loaded"):
        ChatVisionCraft(**MODEL, verify="/nowhere/ca.pem")


@pytest.mark.parametrize("timeout", [30, (5, 60), (None, None), None])
def test_timeouts_reach_the_sdk(timeout: Any) -> None:
    model = ChatVisionCraft(**MODEL, timeout=timeout)
    connect, read = {30: (10.0, 30), (5, 60): (5, 60), (None, None): (None, None)}.get(
        timeout, (10.0, 600.0)
    )
    for client in (model.root_client, model.root_async_client):
        assert (client.timeout.connect, client.timeout.read) == (connect, read)


def test_a_timeout_of_httpx_is_understood(service: Service) -> None:
    model = service.model(timeout=openai.Timeout(7, connect=3))
    assert (model.root_client.timeout.connect, model.root_client.timeout.read) == (3, 7)
    assert model.list_models()


@pytest.mark.parametrize("bad", [{"timeout": -1}, {"timeout": "soon"}, {"max_retries": -1}])
def test_settings_that_cannot_be_used_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChatVisionCraft(**MODEL, **bad)


@pytest.mark.parametrize(
    "setting",
    [
        {"openai_api_key": "sk-x"},
        {"openai_api_base": "http://x"},
        {"organization": "org"},
        {"openai_organization": "org"},
        {"openai_proxy": "http://x"},
        {"http_socket_options": [(1, 2, 3)]},
        {"use_responses_api": True},
    ],
)
def test_settings_of_openai_are_refused_not_ignored(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is a setting of OpenAI"):
        ChatVisionCraft(**MODEL, **setting)


@given(name=NAMES, data=st.data())
def test_values_within_the_bounds_are_kept(name: str, data: st.DataObject) -> None:
    low, high = BOUNDS[name]
    values = st.integers(low, high) if name in WHOLE else st.floats(low, high)
    value = data.draw(values)
    assert getattr(ChatVisionCraft(**MODEL, **{name: value}), name) == value


@given(name=NAMES, data=st.data())
def test_values_outside_the_bounds_are_refused_everywhere(name: str, data: st.DataObject) -> None:
    low, high = BOUNDS[name]
    if name in WHOLE:
        values = st.integers(max_value=low - 1) | st.integers(min_value=high + 1)
    else:
        below = st.floats(max_value=low, exclude_max=True, allow_nan=False)
        above = st.floats(min_value=high, exclude_min=True, allow_nan=False)
        values = below | above | st.just(float("nan"))
    value = data.draw(values)
    with pytest.raises(ValidationError, match=name):
        ChatVisionCraft(**MODEL, **{name: value})
    service = Service()
    model = service.model()
    with pytest.raises(InvalidRequestError, match=f"Nothing was sent. {name}"):
        model.bind(**{name: value})
    with pytest.raises(InvalidRequestError, match=f"Nothing was sent. {name}"):
        model.invoke("Hi", **{name: value})
    assert not service.requests


@pytest.mark.parametrize("name", ["top_k", "repetition_penalty"])
def test_bounds_hold_in_extra_body_as_well(service: Service, name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        service.model(extra_body={name: -1})
    with pytest.raises(InvalidRequestError, match=name):
        service.model().invoke("Hi", extra_body={name: -1})


async def test_a_wrong_type_is_refused_before_anything_is_sent(service: Service, way: str) -> None:
    with pytest.raises(InvalidRequestError, match="temperature"):
        await ask(service.model(), way, temperature="hot")
    assert not service.requests


@pytest.mark.parametrize("name", ["gpt-5", "gpt-5-mini", "o1", "o1-mini"])
@pytest.mark.parametrize("temperature", [None, 0.0, 0.3, 50.0])
async def test_temperature_is_sent_as_given_whatever_the_name(
    service: Service, name: str, temperature: float | None
) -> None:
    given_ = {} if temperature is None else {"temperature": temperature}
    model = service.model(model=name, **given_)
    assert model.temperature == temperature
    await ask(model, "invoke")
    assert service.body.get("temperature") == temperature


def test_a_temperature_out_of_bounds_is_refused_whatever_the_name() -> None:
    with pytest.raises(ValidationError, match="temperature"):
        ChatVisionCraft(model="gpt-5", api_key=KEY, temperature=101)


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5", "o1"])
def test_the_profile_of_openai_is_not_inherited(name: str) -> None:
    assert not ChatVisionCraft(model=name, api_key=KEY).profile


def test_no_name_of_an_inherited_validator_is_reused() -> None:
    inherited = set()
    for parent in ChatVisionCraft.__mro__[1:]:
        if parent.__module__.startswith("langchain_visioncraft"):
            continue
        decorators = getattr(parent, "__pydantic_decorators__", None)
        if decorators is not None:
            inherited |= {*decorators.model_validators, *decorators.field_validators}
    assert "validate_environment" in inherited
    own = {
        name
        for parent in ChatVisionCraft.__mro__
        if parent.__module__.startswith("langchain_visioncraft")
        for name in vars(parent)
    }
    assert not own & inherited


def test_two_clients_of_the_sdk_are_built_not_four(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[type] = []
    for kind in (openai.OpenAI, openai.AsyncOpenAI):
        original = kind.__init__

        def counting(self: Any, *args: Any, _original: Any = original, **options: Any) -> None:
            built.append(type(self))
            _original(self, *args, **options)

        monkeypatch.setattr(kind, "__init__", counting)
    ChatVisionCraft(**MODEL)
    assert len(built) == 2


def test_models_with_the_same_settings_share_their_connections() -> None:
    first, second = ChatVisionCraft(**MODEL), ChatVisionCraft(**MODEL)
    assert first.root_client._client is second.root_client._client
    assert first.root_async_client._client is second.root_async_client._client
    other = ChatVisionCraft(**MODEL, timeout=5)
    assert other.root_client._client is not first.root_client._client


def test_clients_that_are_given_are_used_as_they_are(service: Service) -> None:
    clients = service.clients()
    model = service.model(**clients)
    assert model.root_client._client is clients["http_client"]
    assert model.root_async_client._client is clients["http_async_client"]


def test_construction_sends_nothing_and_warns_of_nothing(service: Service) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service.model(max_tokens=10)
    assert not service.requests


def test_verify_false_warns_once(service: Service) -> None:
    with pytest.warns(UserWarning, match="certificates are not checked") as caught:
        assert service.model(verify=False).list_models()
    assert len(caught) == 1


@pytest.mark.parametrize("tokens", [-1, 0, 100_001])
def test_max_tokens_out_of_their_bounds_are_an_error(tokens: int) -> None:
    with pytest.raises(ValidationError, match="max_tokens"):
        ChatVisionCraft(**MODEL, max_tokens=tokens)
