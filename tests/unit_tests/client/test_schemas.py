"""Every documented bound, default and required field, and the documents' own request bodies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from client_driving import REQUIRED

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.flow import Pause
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError

BOUNDS: list[tuple[str, str, float | None, float | None]] = [
    # endpoint, field, lowest, highest: as the documents say
    ("text_to_image", "steps", 1, 35),
    ("text_to_image", "width", 64, 1024),
    ("text_to_image", "height", 64, 1024),
    ("text_to_image", "cfg_scale", 1, 30),
    ("text_to_image_sd1", "image_count", 1, 5),
    ("text_to_image_sd1", "cfg_scale", 0, 20),
    ("text_to_image_sd1", "steps", 1, 50),
    ("text_to_image_sd1", "width", 1, None),
    ("text_to_image_sd1", "height", 1, None),
    ("text_to_image_sdxl", "width", 512, 1024),
    ("text_to_image_sdxl", "height", 512, 1024),
    ("openjourney", "cfg_scale", 1, 20),
    ("openjourney", "steps", 1, 50),
    ("image_to_image", "steps", 1, 50),
    ("image_to_image", "strength", 0, 1),
    ("image_to_image_2023", "steps", 1, None),
    ("image_to_image_2023", "width", 1, None),
    ("image_to_image_2023", "height", 1, None),
    ("text_to_gif_2024", "cfg_scale", 0, 20),
    ("text_to_gif_2024", "steps", 1, 50),
    ("chat", "max_tokens", 128, 100_000),
    ("chat", "temperature", 0, 100),
    ("chat", "top_p", 0, 1),
    ("chat", "top_k", 0, 99_999),
    ("chat", "repetition_penalty", 0.01, 5),
    ("chat", "presence_penalty", -2, 2),
    ("chat", "frequency_penalty", -2, 2),
]

DEFAULTS = {
    "text_to_image": {"steps": 35, "width": 1024, "height": 1024, "cfg_scale": 7},
    "text_to_image_sd1": {"image_count": 1, "cfg_scale": 10, "steps": 30},
    "text_to_image_sdxl": {"width": 1024, "height": 1024},
    "openjourney": {"cfg_scale": 7.5, "steps": 50, "width": 1024, "height": 1024},
    "image_to_image": {
        "scheduler": "DDIM", "steps": 50, "strength": 0.8, "refiner": "no_refiner",
    },
    "image_to_image_2023": {"steps": 50, "cfg_scale": 7.0, "width": 512, "height": 512},
    "text_to_gif_2024": {"cfg_scale": 10, "steps": 30},
}  # fmt: skip

SIDES = [128, 256, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024]


def request_of(name: str, **more: Any) -> Any:
    """The endpoint's check of its parameters; nothing can be sent before it is passed."""
    getattr(endpoints, name)(**{**REQUIRED[name], **more}).close()
    return getattr(endpoints, name).request(**{**REQUIRED[name], **more})


EDGES = [(name, field, low) for name, field, low, _ in BOUNDS if low is not None]
EDGES += [(name, field, high) for name, field, _, high in BOUNDS if high is not None]
BEYOND = [(name, field, low - 1) for name, field, low, _ in BOUNDS if low is not None]
BEYOND += [(name, field, high + 1) for name, field, _, high in BOUNDS if high is not None]


@pytest.mark.parametrize(("name", "field", "value"), EDGES)
def test_a_value_at_its_bound_is_accepted(name: str, field: str, value: float) -> None:
    assert request_of(name, **{field: value}).body()[field] == value


@pytest.mark.parametrize(("name", "field", "value"), BEYOND)
def test_a_value_beyond_its_bound_fails_before_anything_is_sent(
    name: str, field: str, value: float
) -> None:
    with pytest.raises(InvalidRequestError, match=rf"Nothing was sent\. {field}: .*got"):
        request_of(name, **{field: value})


@pytest.mark.parametrize("field", ["width", "height"])
@pytest.mark.parametrize("side", SIDES)
def test_openjourney_takes_its_13_sides(field: str, side: int) -> None:
    assert request_of("openjourney", **{field: side}).body()[field] == side


@pytest.mark.parametrize("side", [0, 127, 320, 500, 513, 1000, 1025, 2048])
def test_openjourney_takes_no_other_side(side: int) -> None:
    with pytest.raises(InvalidRequestError, match="width"):
        request_of("openjourney", width=side)


def test_openjourneys_sides_are_the_documents_list() -> None:
    assert list(get_args(schemas.OpenjourneySide)) == SIDES


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_are_the_documented_ones(name: str) -> None:
    body = request_of(name).body()
    given = {field: value for field, value in body.items() if field not in REQUIRED[name]}
    given.pop("init_images", None)
    assert given == DEFAULTS[name]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, required in REQUIRED.items()
        for field in required
        if field not in getattr(endpoints, name).request.required_by_api
    ],
)
def test_a_missing_required_field_is_named(name: str, field: str) -> None:
    arguments = {key: value for key, value in REQUIRED[name].items() if key != field}
    with pytest.raises(InvalidRequestError, match=f"{field}: is required"):
        getattr(endpoints, name)(**arguments)


@pytest.mark.parametrize("name", REQUIRED)
def test_what_the_api_requires_is_sent_even_if_it_is_left_out(name: str) -> None:
    request = getattr(endpoints, name).request
    given = {k: v for k, v in REQUIRED[name].items() if k not in request.required_by_api}
    assert request.required_by_api <= set(request(**given).body())


@pytest.mark.parametrize("name", REQUIRED)
def test_an_unknown_field_is_named(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="colour: is not a parameter here"):
        request_of(name, colour="red")


@pytest.mark.parametrize("name", REQUIRED)
def test_the_key_is_no_parameter_of_any_endpoint(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="token"):
        request_of(name, token="secret")


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, required in REQUIRED.items() for field in required
     if isinstance(required[field], str) and field not in ("task_id", "family", "kind")],
)  # fmt: skip
def test_a_required_text_is_not_empty(name: str, field: str) -> None:
    with pytest.raises(InvalidRequestError, match=field):
        request_of(name, **{field: ""})


def test_at_most_five_loras_are_taken() -> None:
    five = {f"lora{n}": 0.5 for n in range(5)}
    assert request_of("text_to_image", loras=five).body()["loras"] == five
    with pytest.raises(InvalidRequestError, match="loras"):
        request_of("text_to_image", loras={**five, "sixth": 1})


@pytest.mark.parametrize("language", ["en", "de", "auto", None])
def test_a_language_is_a_code_of_two_letters(language: str | None) -> None:
    assert request_of("transcribe", language=language).language == language


@pytest.mark.parametrize("language", ["english", "EN", "e", ""])
def test_a_language_is_nothing_else(language: str) -> None:
    with pytest.raises(InvalidRequestError, match="language"):
        request_of("transcribe", language=language)


@pytest.mark.parametrize("resize", [1, 3, 8])
def test_upscaling_is_by_2_or_4(resize: int) -> None:
    with pytest.raises(InvalidRequestError, match="resize"):
        request_of("upscale", resize=resize)


def test_a_list_that_no_family_has_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(InvalidRequestError, match=r"no schedulers, only models, samplers, loras"):
        endpoints.list_names(family="sd", kind="schedulers")


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidRequestError, match=r"steps: .*; width: ") as caught:
        request_of("text_to_image", steps=99, width=5000)
    assert caught.value.mendable


def test_a_picture_that_is_none_keeps_its_own_error() -> None:
    with pytest.raises(MediaInputError, match="image"):
        request_of("upscale", image="hello there!")


def test_a_long_value_is_not_repeated() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request_of("text_to_image", width="9" * 500)
    assert "999" not in str(caught.value)


# The documents' own bodies

SEEDS = Path(__file__).parents[4] / "shared" / "seeds"
DOCUMENTED = {
    "/sd": "text_to_image",
    "/generate": "text_to_image_sd1",
    "/generate-xl": "text_to_image_sdxl",
    "/midjourney": "midjourney",
    "/midjourney/result": "midjourney_result",
    "/openjourney": "openjourney",
    "/img2img": "image_to_image",
    "/llm": "legacy_chat",
    "/v1/chat/completions": "chat",
    "/text2gif": "text_to_gif",
    "/generate-gif": "text_to_gif_2024",
    "/img2video": "image_to_video",
    "/upscale": "upscale",
    "/whisper": "transcribe",
}
_REQUEST = re.compile(r"^(?:POST|GET) https?://[^/\s]+(/\S+)$", re.MULTILINE)
_BODY = re.compile(r"^```(?:json|javascript)?\n(\{\n.*?^\})\n```", re.MULTILINE | re.DOTALL)


def documented_bodies() -> list[Any]:
    """The JSON bodies of the documents, each with the path that stands before it."""
    found = []
    for document in sorted(SEEDS.glob("*.txt")):
        text = document.read_text(encoding="utf-8")
        paths = [(match.start(), match[1]) for match in _REQUEST.finditer(text)]
        for match in _BODY.finditer(text):
            before = [path for at, path in paths if at < match.start()]
            # One document quotes a text with ' and is no JSON there.
            body = re.sub(r": '(.*)'", lambda m: ": " + json.dumps(m[1]), match[1])
            try:
                decoded = json.loads(body)
            except ValueError:
                continue
            if {"token", "messages"} & decoded.keys() and "string" not in decoded.values():
                label = f"{document.name[:3]}{before[-1]}"
                found.append(pytest.param(before[-1], decoded, id=label))
    return found


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the service's documents are not beside the code")
def test_the_documents_hold_bodies_for_every_endpoint() -> None:
    assert {case.values[0] for case in documented_bodies()} == set(DOCUMENTED)


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the service's documents are not beside the code")
@pytest.mark.parametrize(("path", "body"), documented_bodies())
def test_a_body_from_the_documents_is_understood_and_sent_as_it_stands(
    path: str, body: dict[str, Any]
) -> None:
    wanted = {name: value for name, value in body.items() if name != "token"}
    name = DOCUMENTED[path]
    arguments = dict(wanted)
    for field in ("image", "audio"):
        if str(arguments.get(field, "")).startswith("your_"):
            wanted[field] = arguments[field] = "https://example.com/file"
    if "init_images" in arguments:
        name = "image_to_image_2023"
        [arguments["image"]] = arguments.pop("init_images")
    flow = getattr(endpoints, name)(**arguments)
    step = next(flow)
    if isinstance(step, Pause):  # a task is given a moment before it is asked for
        step = flow.send(step.seconds)
    assert step.path == path
    sent = step.body
    assert {field: sent[field] for field in wanted} == wanted
