"""What requests refuse and how they say it, and the documents' own request bodies.

The documented bounds and defaults are in ``test_documented_parameters.py``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from client_driving import REQUIRED

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.flow import Pause
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError


def request_of(name: str, **more: Any) -> Any:
    """The endpoint's check of its parameters; nothing can be sent before it is passed."""
    getattr(endpoints, name)(**{**REQUIRED[name], **more}).close()
    return getattr(endpoints, name).request(**{**REQUIRED[name], **more})


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


def test_an_unknown_field_gets_near_names() -> None:
    with pytest.raises(InvalidRequestError, match=r"hight: .* here \(did you mean height\?\)\."):
        request_of("text_to_image", hight=64)


@pytest.mark.parametrize("name", REQUIRED)
def test_the_key_is_no_parameter_of_any_endpoint(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="token"):
        request_of(name, token="secret")


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, required in REQUIRED.items() for field in required
     if isinstance(required[field], str) and field not in ("family", "kind")],
)  # fmt: skip
def test_a_required_text_is_not_empty(name: str, field: str) -> None:
    with pytest.raises(InvalidRequestError, match=field):
        request_of(name, **{field: ""})


@pytest.mark.parametrize("language", ["en", "de", "auto", None])
def test_a_language_is_a_code_of_two_letters(language: str | None) -> None:
    assert request_of("transcribe", language=language).language == language


@pytest.mark.parametrize("language", ["english", "EN", "e", " "])
def test_a_language_is_nothing_else(language: str) -> None:
    with pytest.raises(InvalidRequestError, match="language"):
        request_of("transcribe", language=language)


def test_a_list_that_no_family_has_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(InvalidRequestError, match=r"no schedulers, only models, samplers, loras"):
        endpoints.list_names(family="sd", kind="schedulers")


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidRequestError, match=r"steps: .*; width: ") as caught:
        request_of("text_to_image", steps=99, width=5000)
    assert caught.value.recoverable


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
