"""Every endpoint as a generator: what it asks for, and what it makes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from client_driving import PNG, REQUIRED, given, play
from samples import MAKES_MEDIA, SAMPLES

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import Call
from langchain_visioncraft.client.outgoing import JSONBody
from langchain_visioncraft.client.schemas import LIST_PATHS
from langchain_visioncraft.media.inputs import Upload
from langchain_visioncraft.media.sniff import sniff

MEDIA_ENDPOINTS = {
    name: (SAMPLES[name].path, SAMPLES[name].answers[0], sniff(SAMPLES[name].answers[0]))
    for name in MAKES_MEDIA
}
TAKE_A_PICTURE = [
    name for name in MAKES_MEDIA if "image" in REQUIRED[name] and name != "image_to_image_2023"
]
LINK = "https://cdn.example.com/file"


def flow_of(name: str, **more: Any) -> Any:
    return getattr(endpoints, name)(**{**REQUIRED[name], **more})


@pytest.mark.parametrize("name", MEDIA_ENDPOINTS)
def test_a_media_endpoint_posts_to_its_documented_path_with_the_key_left_to_the_driver(
    name: str,
) -> None:
    path, body, _ = MEDIA_ENDPOINTS[name]
    [call] = play(flow_of(name), given(body)).calls
    assert (call.method, call.path, call.auth) == ("POST", path, "token")
    assert "token" not in (call.body or {})


@pytest.mark.parametrize("name", MEDIA_ENDPOINTS)
def test_a_media_endpoint_takes_the_file_itself(name: str) -> None:
    _, body, mime = MEDIA_ENDPOINTS[name]
    played = play(flow_of(name), given(body))
    [medium] = played.result
    assert (medium.mime_type, medium.read()) == (mime, body)
    assert played.links == []


@pytest.mark.parametrize("name", MEDIA_ENDPOINTS)
def test_a_media_endpoint_follows_the_links_of_its_answer(name: str) -> None:
    _, body, mime = MEDIA_ENDPOINTS[name]
    links = [f"{LINK}/1", f"{LINK}/2"]
    played = play(flow_of(name), given({"images": links}), given(body), given(body))
    assert played.links == links
    assert [medium.mime_type for medium in played.result] == [mime, mime]


@pytest.mark.parametrize("name", MEDIA_ENDPOINTS)
def test_what_is_not_set_is_not_sent(name: str) -> None:
    [call] = play(flow_of(name), given(MEDIA_ENDPOINTS[name][1])).calls
    assert None not in (call.body or {}).values()
    assert "negative_prompt" not in (call.body or {})


@pytest.mark.parametrize(
    "name",
    [name for name in MAKES_MEDIA if name != "image_to_image_2023" and "image" in REQUIRED[name]],
)
def test_a_picture_rides_along_as_a_stream(name: str) -> None:
    [call] = play(flow_of(name), given(MEDIA_ENDPOINTS[name][1])).calls
    assert isinstance((call.body or {})["image"], Upload)


@pytest.mark.parametrize(
    "name",
    [name for name in MAKES_MEDIA if name != "image_to_image_2023" and "image" in REQUIRED[name]],
)
def test_a_link_to_a_picture_is_passed_on_and_not_read(name: str) -> None:
    flow = flow_of(name, image="https://example.com/cat.png")
    [call] = play(flow, given(MEDIA_ENDPOINTS[name][1])).calls
    assert (call.body or {})["image"] == "https://example.com/cat.png"


def test_the_2023_form_of_image_to_image_sends_a_list_of_one() -> None:
    flow = flow_of("image_to_image_2023", image="https://example.com/cat.png")
    [call] = play(flow, given(PNG)).calls
    body = dict(call.body or {})
    assert body["init_images"] == ["https://example.com/cat.png"]
    assert "image" not in body


def test_the_2023_form_of_image_to_image_streams_a_file_inside_its_list() -> None:
    [call] = play(flow_of("image_to_image_2023"), given(PNG)).calls
    [upload] = (call.body or {})["init_images"]
    assert isinstance(upload, Upload)
    assert len(b"".join(JSONBody(call.body or {}))) == JSONBody(call.body or {}).content_length


def test_an_inpainting_mask_rides_beside_the_picture() -> None:
    [call] = play(flow_of("image_to_image", mask=PNG), given(PNG)).calls
    mask = (call.body or {})["mask"]
    assert isinstance(mask, Upload)
    assert mask.field_name == "mask"


@pytest.mark.parametrize(("family", "kind"), LIST_PATHS)
def test_each_list_is_asked_for_at_its_documented_path_without_a_key(
    family: str, kind: str
) -> None:
    played = play(endpoints.list_names(family=family, kind=kind), given(["one", "two"]))
    assert played.calls == [Call("GET", LIST_PATHS[family, kind], auth="none")]
    assert played.result == ["one", "two"]


def test_the_documents_twelve_lists_are_all_there() -> None:
    assert set(LIST_PATHS.values()) == {
        *("/sd/models", "/sd/samplers", "/sd/loras", "/models", "/samplers", "/loras"),
        *("/models-xl", "/samplers-xl", "/schedulers-xl", "/models-llm"),
        *("/img2img/schedulers", "/img2img/refiners"),
    }


@pytest.mark.parametrize("announced", ["application/json", "text/plain; charset=utf-8", None])
def test_limits_are_read_whatever_type_they_are_served_as(announced: str | None) -> None:
    tiers = {"Free Tier": {"SDXL models": "10 per 5 minutes"}, "Tier 1 ($10 per month)": {}}
    played = play(endpoints.limits(), given(tiers, announced))
    assert played.result == tiers
    assert played.calls == [Call("GET", "/limits", auth="none")]


def test_limits_that_are_a_sentence_are_given_as_they_are() -> None:
    assert play(endpoints.limits(), given(b"No limits today.")).result == {
        "limits": "No limits today."
    }


def test_the_chat_endpoint_sends_the_key_as_a_bearer() -> None:
    completion = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    played = play(flow_of("chat"), given(completion))
    [call] = played.calls
    assert (call.path, call.auth) == ("/v1/chat/completions", "bearer")
    assert played.result == completion


def test_transcription_posts_the_recording() -> None:
    played = play(flow_of("transcribe", task="translate", language="de"), given({"text": "Hi"}))
    [call] = played.calls
    assert call.path == "/whisper"
    body = dict(call.body or {})
    assert isinstance(body.pop("audio"), Upload)
    assert body == {"task": "translate", "language": "de"}


@pytest.mark.parametrize("name", REQUIRED)
def test_a_call_shows_no_body_in_its_repr(name: str) -> None:
    step = next(getattr(endpoints, name)(**REQUIRED[name]))
    assert "a cat" not in repr(step)


def test_an_endpoint_says_its_name() -> None:
    assert repr(endpoints.text_to_image) == "<endpoint text_to_image>"
    assert "POST /sd" in str(endpoints.text_to_image.__doc__)
