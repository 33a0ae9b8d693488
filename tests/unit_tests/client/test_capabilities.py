"""What a host offers, by its lists; and a toolkit that offers only what will work."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import pytest
from client_driving import BASE_URL, DRIVERS, KEY, Host, failure_of

from langchain_visioncraft import VisionCraftToolkit, errors
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import Capabilities, VisionCraftClient
from langchain_visioncraft.client.drawing import BEST_FIRST, Engine
from langchain_visioncraft.tools.engines import TEXT_TO_IMAGE

GENERATIONS: dict[str, tuple[set[str], list[str]]] = {
    "2023-11": (
        {"/models", "/samplers"},
        ["visioncraft_text_to_image_sd1", "visioncraft_image_to_image", "visioncraft_catalog"],
    ),
    "2024-03": (
        {
            *("/models", "/samplers", "/loras", "/models-xl", "/samplers-xl", "/schedulers-xl"),
            *("/img2img/schedulers", "/img2img/refiners", "/models-llm", "/limits"),
        },
        [
            *("visioncraft_text_to_image_sdxl", "visioncraft_image_to_image"),
            *("visioncraft_text_to_gif", "visioncraft_image_to_video", "visioncraft_upscale"),
            *("visioncraft_transcribe", "visioncraft_catalog", "visioncraft_limits"),
        ],
    ),
    "2024-05": (
        {
            *("/sd/models-sd", "/sd/models-sdxl", "/sd/loras-sd", "/sd/loras-sdxl"),
            *("/sd/samplers", "/models-llm", "/limits"),
        },
        [
            *("visioncraft_text_to_image", "visioncraft_text_to_gif", "visioncraft_caption"),
            *("visioncraft_catalog", "visioncraft_limits"),
        ],
    ),
    "2024-08": (
        {"/image/models/FLUX.1", "/image/loras/FLUX.1", "/image/samplers", "/models-llm"},
        ["visioncraft_image", "visioncraft_caption", "visioncraft_catalog"],
    ),
    "2024-12, without samplers": (
        {"/image/models/SD-1.5"},
        ["visioncraft_image", "visioncraft_catalog"],
    ),
    "none": (set(), ["visioncraft_catalog"]),
}


def host_with(lists: set[str], otherwise: Any = None) -> Host:
    def answer(request: Any) -> Any:
        if request.url.path in lists:
            return httpx.Response(200, json={} if request.url.path == "/limits" else ["a"])
        return otherwise or httpx.Response(404, json={"detail": "Not Found"})

    return Host(answer)


def capabilities_of(host: Host, driver: str) -> Capabilities:
    client = host.client(DRIVERS[driver], max_retries=0)
    if driver == "sync":
        found: Capabilities = client.capabilities()
        return found

    async def ask() -> Capabilities:
        return await client.capabilities()

    return asyncio.run(ask())


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_toolkit_offers_the_tools_of_its_hosts_generation(generation: str, driver: str) -> None:
    lists, tools = GENERATIONS[generation]
    offered = capabilities_of(host_with(lists), driver)
    toolkit = VisionCraftToolkit(api_key=KEY, capabilities=offered, text_to_image="auto")
    assert [tool.name for tool in toolkit.get_tools()] == tools


def test_no_key_is_sent_to_find_out() -> None:
    host = host_with(GENERATIONS["2024-08"][0])
    capabilities_of(host, "sync")
    for request in host.requests:
        assert request.method == "GET"
        assert "authorization" not in request.headers
        assert KEY not in str(request.url)


def test_a_tool_with_several_versions_takes_the_one_that_is_there() -> None:
    tools = {}
    for generation in ("2023-11", "2024-03"):
        offered = capabilities_of(host_with(GENERATIONS[generation][0]), "sync")
        toolkit = VisionCraftToolkit(capabilities=offered, text_to_image="auto")
        tools[generation] = {tool.name: tool for tool in toolkit.get_tools()}
    assert tools["2023-11"]["visioncraft_image_to_image"].api_version == "2023-11"
    assert tools["2024-03"]["visioncraft_image_to_image"].api_version == "2024-03"
    assert tools["2024-03"]["visioncraft_text_to_gif"].api_version == "2024-03"


@pytest.mark.parametrize(
    "otherwise",
    [
        httpx.Response(405, json={"detail": "Method Not Allowed"}),
        httpx.Response(200, html="<!doctype html><title>Home</title>"),
        httpx.Response(200, json={"detail": "Not Found"}),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
    ],
    ids=["405", "a page for every path", "an error under 200", "a redirect"],
)
def test_what_is_not_a_list_is_no_sign_of_one(otherwise: Any) -> None:
    offered = capabilities_of(host_with({"/image/samplers"}, otherwise), "sync")
    assert offered.lists == ("image",)
    assert offered.endpoints == ("image", "list_names")


@pytest.mark.parametrize(
    ("otherwise", "kind"),
    [
        (httpx.Response(503), errors.ServerError),
        (httpx.Response(401, json={"detail": "No key."}), errors.AuthenticationError),
    ],
)
def test_a_host_that_fails_is_not_one_that_offers_nothing(otherwise: Any, kind: type) -> None:
    failure = failure_of(lambda: capabilities_of(host_with(set(), otherwise), "sync"))
    assert type(failure) is kind


def test_auto_asks_the_host_once_and_only_when_tools_are_wanted() -> None:
    host = host_with(GENERATIONS["2024-05"][0])
    toolkit = VisionCraftToolkit(client=host.client(VisionCraftClient), text_to_image="auto")
    assert not host.requests
    first = [tool.name for tool in toolkit.get_tools()]
    asked = len(host.requests)
    assert first == [tool.name for tool in toolkit.get_tools()]
    assert len(host.requests) == asked


def test_an_engine_that_the_host_lacks_is_refused_with_what_to_do() -> None:
    offered = Capabilities(("sd",), ("text_to_image",))
    with pytest.raises(ValueError, match=r"does not offer it\. Use 'auto'"):
        VisionCraftToolkit(base_url=BASE_URL, capabilities=offered, text_to_image="image")


def test_a_caption_by_a_model_of_ones_own_needs_no_host(fake_chat: Any) -> None:
    offered = Capabilities(("sd1",), ("text_to_image_sd1",))
    toolkit = VisionCraftToolkit(capabilities=offered, text_to_image="auto", chat_model=fake_chat)
    assert "visioncraft_caption" in [tool.name for tool in toolkit.get_tools()]


def test_auto_tries_every_engine_that_a_list_can_tell_of() -> None:
    named = {TEXT_TO_IMAGE[engine](api_key=KEY).endpoint().__name__ for engine in BEST_FIRST}
    assert named == {"image", "text_to_image", "text_to_image_sdxl", "text_to_image_sd1"}


@pytest.fixture
def fake_chat() -> Any:
    from langchain_core.language_models import FakeListChatModel

    return FakeListChatModel(responses=["A cat."])


def test_every_engine_has_a_tool() -> None:
    assert tuple(TEXT_TO_IMAGE) == get_args(Engine)
