"""Pickles, copies, configurable fields: each gives a working model."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from chat_service import KEY, Service, ask
from langchain_core.load import dumpd
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr

from langchain_visioncraft import ChatVisionCraft
from langchain_visioncraft.errors import MissingKeyError


def pickled(model: ChatVisionCraft) -> ChatVisionCraft:
    return pickle.loads(pickle.dumps(model))


COPIES: dict[str, Any] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda model: model.model_copy(),
    "model_copy deep": lambda model: model.model_copy(deep=True),
    "model_copy deep, updated": lambda model: model.model_copy(
        deep=True, update={"max_retries": 1}
    ),
    "with_config": lambda model: model.with_config(tags=["x"]),
}


@pytest.mark.parametrize("how", COPIES)
async def test_a_copy_works(service: Service, way: str, how: str) -> None:
    model = service.model(top_k=7)
    copied = COPIES[how](model)
    await ask(copied, way)
    assert service.body["top_k"] == 7
    assert service.request.headers["authorization"] == f"Bearer {KEY}"


def test_a_pickle_gives_a_working_model_with_its_settings() -> None:
    model = ChatVisionCraft(
        model="m", api_key=KEY, base_url="http://a.test/v1", top_k=7, timeout=(1, 2), max_retries=5
    )
    again = pickled(model)
    assert again == model or again.model_dump() == model.model_dump()
    assert again.root_client.api_key == again.root_async_client.api_key == KEY
    assert str(again.root_client.base_url) == "http://a.test/v1/"
    assert again.root_client.max_retries == 5
    assert again.root_client.timeout.read == 2


async def test_a_model_from_a_pickle_answers(service: Service, way: str) -> None:
    again = pickled(ChatVisionCraft(model="m", api_key=KEY, base_url="http://service.test"))
    await ask(again.model_copy(update=service.clients()), way)
    assert service.request.headers["authorization"] == f"Bearer {KEY}"


def test_a_key_of_the_environment_is_not_in_the_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    model = ChatVisionCraft(model="m")
    data = pickle.dumps(model)
    assert KEY.encode() not in data
    assert KEY.encode() not in pickle.dumps(pickle.loads(data))
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "another-key")
    assert pickle.loads(data).visioncraft_api_key == SecretStr("another-key")
    monkeypatch.delenv("VISIONCRAFT_API_KEY")
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY"):
        pickle.loads(data)


def test_keys_of_openai_are_not_in_the_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-foreign")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-foreign")
    assert b"foreign" not in pickle.dumps(ChatVisionCraft(model="m", api_key=KEY))


def test_clients_of_ones_own_cannot_be_pickled_and_it_says_so(service: Service) -> None:
    with pytest.raises(TypeError, match="http_client"):
        pickle.dumps(service.model())


async def test_an_update_of_the_connection_takes_effect(service: Service) -> None:
    model = service.model()
    moved = model.model_copy(
        update={"visioncraft_api_base": "http://moved.test/", "visioncraft_api_key": "other"}
    )
    await ask(moved, "invoke")
    assert str(service.request.url) == "http://moved.test/v1/chat/completions"
    assert service.request.headers["authorization"] == "Bearer other"
    await ask(model, "invoke")
    assert service.request.url.host == "service.test"


async def test_configurable_fields_work(service: Service, way: str) -> None:
    model = service.model(temperature=1).configurable_fields(
        temperature=ConfigurableField(id="heat"),
        visioncraft_api_key=ConfigurableField(id="key"),
    )
    await ask(model, way, config={"configurable": {"heat": 3, "key": "other"}})
    assert service.body["temperature"] == 3
    assert service.request.headers["authorization"] == "Bearer other"


def test_a_deep_copy_shares_the_rate_limiter() -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1)
    model = ChatVisionCraft(model="m", api_key=KEY, rate_limiter=limiter)
    assert copy.deepcopy(model).rate_limiter is limiter


def test_langchains_serialization_says_that_it_is_not_implemented_and_shows_no_key() -> None:
    dumped = dumpd(ChatVisionCraft(model="m", api_key=KEY))
    assert dumped["type"] == "not_implemented"
    assert KEY not in str(dumped)
