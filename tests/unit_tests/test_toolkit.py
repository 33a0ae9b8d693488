"""The toolkit: its tools share one client and one store."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from pydantic import ValidationError
from tool_service import HOST, KEY, Service

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    MediaStore,
    VisionCraftClient,
    VisionCraftToolkit,
)

OTHERS = [
    "visioncraft_image_to_image",
    "visioncraft_text_to_gif",
    "visioncraft_image_to_video",
    "visioncraft_upscale",
    "visioncraft_caption",
    "visioncraft_transcribe",
    "visioncraft_catalog",
    "visioncraft_limits",
]
ENGINES = {
    **dict.fromkeys(
        ("dalle", "kandinsky", "playground", "leonardo-xl"), "visioncraft_text_to_image_engine"
    ),
    "image": "visioncraft_image",
    "sd": "visioncraft_text_to_image",
    "sd1": "visioncraft_text_to_image_sd1",
    "sdxl": "visioncraft_text_to_image_sdxl",
    "midjourney": "visioncraft_midjourney",
    "openjourney": "visioncraft_openjourney",
}


def by_name(toolkit: VisionCraftToolkit) -> dict[str, Any]:
    return {tool.name: tool for tool in toolkit.get_tools()}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_tools_are_these_of_which_one_draws(engine: Any) -> None:
    assert list(by_name(VisionCraftToolkit(text_to_image=engine))) == [ENGINES[engine], *OTHERS]


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValidationError, match="text_to_image"):
        VisionCraftToolkit(text_to_image="dall-e-9")


def test_all_tools_share_both_drivers_and_the_store(store: MediaStore) -> None:
    tools = VisionCraftToolkit(api_key=KEY, store=store).get_tools()
    for part in ("_sync_client", "_async_client", "store"):
        assert len({id(getattr(tool, part)) for tool in tools}) == 1


def test_tools_had_at_different_times_share_them_too() -> None:
    toolkit = VisionCraftToolkit()
    first, second = toolkit.get_tools()[0], toolkit.get_tools()[-1]
    assert first._async_client is second._async_client


@pytest.mark.parametrize("driver", [VisionCraftClient, AsyncVisionCraftClient])
def test_a_ready_client_is_taken(driver: Any) -> None:
    client = driver(base_url=HOST)
    toolkit = VisionCraftToolkit(client=client)
    assert all(tool.client is client for tool in toolkit.get_tools())


def test_a_ready_client_and_settings_contradict_each_other() -> None:
    with pytest.raises(ValidationError, match="either client= or base_url="):
        VisionCraftToolkit(client=VisionCraftClient(), base_url=HOST)


def test_settings_reach_every_tool(tmp_path: Path) -> None:
    toolkit = VisionCraftToolkit(
        api_key=KEY, base_url=HOST, timeout=5, content="blocks", allowed_dirs=[tmp_path]
    )
    for tool in toolkit.get_tools():
        settings = tool._sync_client.settings
        assert (settings.base_url, settings.timeout.read) == (HOST, 5)
        assert (tool.content, tool.allowed_dirs) == ("blocks", [tmp_path])


def test_an_empty_name_of_a_folder_does_not_allow_the_current_one() -> None:
    with pytest.raises(ValidationError, match="empty name"):
        VisionCraftToolkit(api_key=KEY, allowed_dirs=[""])


def test_options_reach_their_tool_only() -> None:
    toolkit = VisionCraftToolkit(
        tool_options={"visioncraft_text_to_image": {"width": 512, "content": "blocks"}}
    )
    tools = by_name(toolkit)
    drawing = tools.pop("visioncraft_text_to_image")
    assert (drawing.width, drawing.content) == (512, "blocks")
    assert {tool.content for tool in tools.values()} == {"text"}


def test_options_for_a_tool_that_is_not_here_are_refused() -> None:
    with pytest.raises(ValidationError, match="visioncraft_midjourney is not among"):
        VisionCraftToolkit(tool_options={"visioncraft_midjourney": {"deadline": 5}})


def test_options_out_of_bounds_are_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="width"):
        VisionCraftToolkit(tool_options={"visioncraft_text_to_image": {"width": 5000}})


def test_a_chat_model_of_ones_own_captions() -> None:
    chat = FakeListChatModel(responses=["A cat."])
    assert by_name(VisionCraftToolkit(chat_model=chat))["visioncraft_caption"].chat_model is chat


def test_building_it_needs_no_key_and_makes_no_request() -> None:
    service = Service()
    VisionCraftToolkit(base_url=HOST, **service.clients()).get_tools()
    assert not service.requests


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="Did you mean api_key="):
        VisionCraftToolkit(key=KEY)


@pytest.mark.parametrize("wrong", [{"base_url": "nonsense"}, {"timeout": 0}, {"key": 1}])
def test_one_that_cannot_be_built_does_not_show_its_key(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, TypeError)) as caught:
        VisionCraftToolkit(**{"api_key": KEY, **wrong})
    assert KEY[:8] not in str(caught.value)


def test_it_pickles_and_copies() -> None:
    toolkit = VisionCraftToolkit(api_key=KEY, base_url=HOST, text_to_image="sdxl")
    for duplicate in (pickle.loads(pickle.dumps(toolkit)), copy.deepcopy(toolkit)):
        tools = duplicate.get_tools()
        assert tools[0].name == "visioncraft_text_to_image_sdxl"
        assert tools[0]._sync_client.settings == toolkit.get_tools()[0]._sync_client.settings


def test_a_key_from_the_environment_is_not_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCRAFT_API_KEY", KEY)
    assert KEY.encode() not in pickle.dumps(VisionCraftToolkit())


async def test_handles_pass_between_its_tools_sync_and_async(store: MediaStore) -> None:
    service = Service()
    toolkit = VisionCraftToolkit(api_key=KEY, base_url=HOST, store=store, **service.clients())
    tools = by_name(toolkit)
    line = tools["visioncraft_text_to_image"].invoke({"prompt": "a cat"})
    caption = await tools["visioncraft_caption"].ainvoke({"image": line.split()[0]})
    assert caption == "A cat."
    assert service.paths == ["/sd", "/v1/chat/completions"]
