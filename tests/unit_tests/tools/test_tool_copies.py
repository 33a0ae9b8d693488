"""One tool in many hands: copies, pickles, dumps, clients, and really being async."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.utils.function_calling import convert_to_openai_tool
from tool_service import HOST, KEY, WAYS, Service, arguments_for, call, httpx

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    MediaStore,
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftClient,
    VisionCraftTextToImage,
    VisionCraftTranscribe,
)
from langchain_visioncraft.tools import VisionCraftTool

Make = Callable[..., Any]
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda tool: tool.model_copy(),
    "model_copy deep": lambda tool: tool.model_copy(deep=True),
    "model_copy deep, updated": lambda tool: tool.model_copy(deep=True, update={"max_retries": 1}),
}


@pytest.mark.parametrize("way_to_copy", COPIES)
async def test_a_copy_works(
    make: Make,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    way_to_copy: str,
) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1e6, check_every_n_seconds=1e-4)
    duplicate = COPIES[way_to_copy](make(kind, rate_limiter=limiter))
    for way in WAYS:
        assert (await call(duplicate, way, arguments)).status == "success"


def test_a_pickle_keeps_settings_schema_and_store(
    kind: type[VisionCraftTool], store: MediaStore
) -> None:
    tool = kind(api_key=KEY, base_url=HOST, store=store, timeout=(3, None), content="blocks")
    loaded = pickle.loads(pickle.dumps(tool))
    assert convert_to_openai_tool(loaded) == convert_to_openai_tool(tool)
    assert loaded._sync_client.settings == tool._sync_client.settings
    assert (loaded.store.root, loaded.content) == (store.root, "blocks")


async def test_a_pickled_tool_works(
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    service: Service,
    store: MediaStore,
    way: str,
) -> None:
    tool = pickle.loads(pickle.dumps(kind(api_key=KEY, base_url=HOST, store=store)))
    for name, client in service.clients().items():
        setattr(tool, name, client)
    assert (await call(tool, way, arguments)).status == "success"


def test_a_tool_with_connections_of_ones_own_says_why_it_does_not_pickle(
    make: Make, kind: type[VisionCraftTool]
) -> None:
    with pytest.raises(TypeError, match="Build it where it is used"):
        pickle.dumps(make(kind))


def test_a_key_from_the_environment_is_not_pickled(
    kind: type[VisionCraftTool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    assert KEY.encode() not in pickle.dumps(kind())
    assert KEY.encode() not in pickle.dumps(kind(client=VisionCraftClient()))


def test_model_copy_with_an_update_fits_the_schema_to_it() -> None:
    tool = VisionCraftTextToImage(width=512)
    assert tool.model_copy(update={"width": 256}).args["width"]["default"] == 256
    assert tool.args["width"]["default"] == 512


def test_model_copy_to_another_host_goes_there(kind: type[VisionCraftTool]) -> None:
    tool = kind(base_url=HOST)
    moved = tool.model_copy(update={"base_url": "http://other.test"})
    hosts = [each._sync_client.settings.base_url for each in (tool, moved)]
    assert hosts == [HOST, "http://other.test"]


def test_setting_the_host_moves_both_drivers(kind: type[VisionCraftTool]) -> None:
    tool = kind(base_url=HOST)
    tool.base_url = "http://other.test"
    for client in (tool._sync_client, tool._async_client):
        assert client.settings.base_url == "http://other.test"


def test_a_dump_holds_no_key_and_builds_the_tool_again(kind: type[VisionCraftTool]) -> None:
    tool = kind(api_key=KEY, base_url=HOST)
    dumped = tool.model_dump(exclude_unset=True)
    assert KEY not in repr(dumped)
    again = kind(**dumped)
    assert convert_to_openai_tool(again) == convert_to_openai_tool(tool)


def test_a_dump_to_json_shows_the_schema(kind: type[VisionCraftTool]) -> None:
    tool = kind(api_key=KEY)
    dumped = json.loads(tool.model_dump_json())
    assert dumped["args_schema"] == tool.args_schema.model_json_schema()
    assert dumped["api_key"].strip("*") == ""


# Clients


async def test_async_goes_through_the_async_client_on_the_loops_own_thread(
    make: Make, service: Service, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    threads: set[int] = set()
    answer = service._answer

    def noting(request: Any) -> Any:
        threads.add(threading.get_ident())
        return answer(request)

    service._answer = noting  # type: ignore[method-assign]
    clients = service.clients()
    clients["http_client"].close()  # any use of it fails
    await call(make(kind, **clients), "ainvoke", arguments)
    assert threads == {threading.get_ident()}


def test_sync_goes_through_the_sync_client(
    make: Make, service: Service, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    tool = make(kind, http_async_client=None)
    assert tool.invoke(arguments)
    assert service.requests


@pytest.mark.parametrize("driver", [VisionCraftClient, AsyncVisionCraftClient])
async def test_a_client_of_either_kind_serves_both_ways(
    make: Make,
    service: Service,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    *,
    way: str,
    driver: Any,
) -> None:
    client = driver(api_key=KEY, base_url=HOST, **service.clients())
    assert (await call(make(kind, client=client), way, arguments)).status == "success"


def test_a_client_and_settings_of_its_own_contradict_each_other(
    kind: type[VisionCraftTool],
) -> None:
    with pytest.raises(ValueError, match=r"Give either client= or base_url="):
        kind(client=VisionCraftClient(), base_url=HOST)


@pytest.mark.parametrize("driver", [VisionCraftClient, AsyncVisionCraftClient])
def test_tools_with_one_client_share_both_drivers(driver: Any) -> None:
    client = driver(base_url=HOST)
    first, second = VisionCraftTextToImage(client=client), VisionCraftCatalog(client=client)
    assert first._sync_client is second._sync_client
    assert first._async_client is second._async_client


def test_one_tool_serves_many_threads_at_once(
    make: Make, service: Service, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    tool = make(kind)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: tool.invoke(arguments), range(8)))
    assert len(set(results)) == 1


def test_concurrent_calls_keep_their_own_arguments(
    make: Make, service: Service, store: MediaStore
) -> None:
    def heard(request: Any) -> Any:
        return httpx.Response(200, json={"text": json.loads(request.content)["language"]})

    service.answers["/whisper"] = heard
    tool = make(VisionCraftTranscribe)
    arguments = arguments_for(VisionCraftTranscribe, store)
    languages = [f"{first}{second}" for first in "abcd" for second in "wxyz"]
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda name: tool.invoke({**arguments, "language": name}), languages)
        assert list(results) == languages


async def test_batches_give_results_in_order(make: Make, way: str) -> None:
    tool = make(VisionCraftCatalog)
    inputs = [{"family": "sd", "kind": kind} for kind in ("models", "samplers")]
    results = tool.batch(inputs) if way == "invoke" else await tool.abatch(inputs)
    assert ["models" in results[0], "samplers" in results[1]] == [True, True]


def test_a_chat_model_travels_with_the_caption_tool() -> None:
    tool = VisionCraftCaption(chat_model=FakeListChatModel(responses=["A cat."]))
    assert pickle.loads(pickle.dumps(tool)).chat_model.responses == ["A cat."]
