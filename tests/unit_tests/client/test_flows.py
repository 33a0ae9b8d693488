"""Every endpoint as a generator: what it asks for, and what it makes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from client_driving import PNG, REQUIRED, given, play
from samples import MAKES_MEDIA, SAMPLES

from langchain_visioncraft import errors
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import Call
from langchain_visioncraft.client.lists import LISTS
from langchain_visioncraft.client.outgoing import JSONBody
from langchain_visioncraft.errors import EndpointNotFoundError, InvalidRequestError
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


@pytest.mark.parametrize(
    ("family", "kind", "path"),
    [(*names, path) for names, (path, _) in LISTS.items() if "{" not in path],
)
def test_each_list_is_asked_for_at_its_documented_path_without_a_key(
    family: str, kind: str, path: str
) -> None:
    played = play(endpoints.list_names(family=family, kind=kind), given(["one", "two"]))
    assert played.calls == [Call("GET", path, auth="none")]
    assert played.result == ["one", "two"]


FIRST = "GET /models-llm on h answered"
NO_LIST = (
    errors.EndpointNotFoundError(f"{FIRST} 404", status=404),
    errors.BadRequestError(f"{FIRST} 405", status=405),
    errors.AuthenticationError(f"{FIRST} 401", status=401),
    errors.UnexpectedAnswerError(f"{FIRST} a page", status=200),
)
MODELS = [{"id": "gpt-oss-20b", "object": "model"}, {"id": "whisper-1", "object": "model"}]


@pytest.mark.parametrize("refused", NO_LIST, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    "listed",
    [
        {"object": "list", "data": MODELS},
        {"data": MODELS, "has_more": False, "first_id": "a", "last_id": "b", "object": "list"},
        MODELS,
    ],
    ids=["openai", "with pages", "bare"],
)
def test_of_a_host_without_the_list_of_chat_models_openais_is_taken(
    refused: Exception, listed: Any
) -> None:
    played = play(endpoints.list_names("llm", "models"), refused, given(listed))
    assert played.calls[1:] == [Call("GET", "/v1/models", auth="bearer")]
    assert played.result == ["gpt-oss-20b", "whisper-1"]


@pytest.mark.parametrize(
    ("second", "raised"),
    [
        (errors.EndpointNotFoundError("GET /v1/models 404"), FIRST),
        (errors.MissingKeyError(), FIRST),
        (errors.ConnectionFailedError("GET /v1/models reset"), FIRST),
        (errors.AuthenticationError("GET /v1/models 401"), "GET /v1/models 401"),
    ],
)
def test_without_either_list_the_first_refusal_is_raised_unless_the_key_is_wrong(
    second: Exception, raised: str
) -> None:
    with pytest.raises(errors.VisionCraftError, match=raised):
        play(endpoints.list_names("llm", "models"), NO_LIST[0], second)


@pytest.mark.parametrize(
    ("list_of", "refused"),
    [
        (("sd1", "models"), NO_LIST[0]),
        (("llm", "models"), errors.ServerError("503", status=503)),
        (("llm", "models"), errors.RateLimitError("429", status=429)),
        (("llm", "models"), errors.ConnectionFailedError("reset")),
    ],
)
def test_other_lists_and_other_failures_are_final(list_of: Any, refused: Exception) -> None:
    with pytest.raises(type(refused)):
        play(endpoints.list_names(*list_of), refused)


@pytest.mark.parametrize(
    ("family", "base_model", "path"),
    [("image", "FLUX.1", "/image/models/FLUX.1"), ("sd", "sdxl", "/sd/models-sdxl")],
)
def test_a_list_for_one_base_model_is_a_list_of_its_own(
    family: str, base_model: str, path: str
) -> None:
    flow = endpoints.list_names(family=family, kind="models", base_model=base_model)
    assert play(flow, given(["one"])).calls == [Call("GET", path, auth="none")]


def test_the_parts_of_a_divided_list_are_one_list_and_some_may_be_missing() -> None:
    gone = EndpointNotFoundError("GET /sd/models")
    answers = gone, given(["a", "b"]), gone, given(["b", "c"])
    played = play(endpoints.list_names(family="sd", kind="models"), *answers)
    assert [call.path for call in played.calls] == [
        *("/sd/models", "/sd/models-sdxl", "/sd/models-sd", "/sd/models-sd3")
    ]
    assert played.result == ["a", "b", "c"]


def test_a_list_without_any_part_is_not_offered() -> None:
    gone = [EndpointNotFoundError("no")] * 4
    with pytest.raises(EndpointNotFoundError):
        play(endpoints.list_names(family="sd", kind="models"), *gone)


@pytest.mark.parametrize("base_model", ["../limits", "a/b", "?", ".."])
def test_a_base_model_cannot_lead_to_another_path(base_model: str) -> None:
    with pytest.raises(InvalidRequestError, match="base_model"):
        endpoints.list_names(family="image", kind="models", base_model=base_model)


def test_a_list_that_is_not_divided_has_no_base_model() -> None:
    with pytest.raises(InvalidRequestError, match="one list"):
        endpoints.list_names(family="sd1", kind="models", base_model="sd")


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
