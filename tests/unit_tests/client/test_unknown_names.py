"""A host that refuses a name: the error says which names are near, from the host's own list."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from client_driving import PNG, REQUIRED, given, play

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.lists import near_names
from langchain_visioncraft.errors import BadRequestError, ServerError, UnknownNameError

SAMPLERS = ["Euler a", "Euler", "LMS", "Heun", "DPM2"]


def refused(detail: str, status: int = 400) -> BadRequestError:
    return BadRequestError(
        "refused", status=status, detail=detail, endpoint="POST /sd", base_url="http://h"
    )


def flow_of(name: str, **more: Any) -> Any:
    return getattr(endpoints, name)(**{**REQUIRED[name], **more})


CASES = [
    ("text_to_image", {"sampler": "Eulr"}, "sampler", "/sd/samplers", SAMPLERS, "Euler"),
    ("text_to_image", {"model": "sdxl_base"}, "model", "/sd/models", ["sdxl-base"], "sdxl-base"),
    (
        "text_to_image", {"loras": {"add_detail": 1, "arcane": 1}}, "lora", "/sd/loras",
        ["add_detail", "arcane_offset"], "arcane_offset",
    ),
    ("text_to_image_sd1", {"model": "anything v5"}, "model", "/models", ["anything_V5"],
     "anything_V5"),
    ("text_to_image_sdxl", {"scheduler": "Karras"}, "scheduler", "/schedulers-xl",
     ["normal", "karras"], "karras"),
    ("image_to_image", {"refiner": "norefiner"}, "refiner", "/img2img/refiners", ["no_refiner"],
     "no_refiner"),
    ("text_to_gif_2024", {"sampler": "euler"}, "sampler", "/samplers", SAMPLERS, "Euler"),
    ("legacy_chat", {"model": "mixtral-8x7b"}, "model", "/models-llm", ["Mixtral-8x7B-Instruct"],
     "Mixtral-8x7B-Instruct"),
    ("caption", {"model": "llava-7b"}, "model", "/models-llm", ["llava-1.5-7b-hf"],
     "llava-1.5-7b-hf"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "kind", "path", "names", "near"), CASES)
def test_a_refused_name_comes_with_near_names_of_the_right_list(
    *, name: str, arguments: dict[str, Any], kind: str, path: str, names: list[str], near: str
) -> None:
    steps: list[Any] = []
    flow = flow_of(name, **arguments)
    steps.append(next(flow))
    steps.append(flow.throw(refused(f"The server doesn't have {kind} that you gave")))
    assert (steps[1].method, steps[1].path, steps[1].auth) == ("GET", path, "none")
    with pytest.raises(UnknownNameError) as caught:
        flow.send(given(names))
    assert caught.value.suggestions[0] == near
    assert repr(near) in str(caught.value)
    assert caught.value.detail
    assert caught.value.recoverable


def test_of_a_list_of_very_many_names_the_first_ones_are_compared() -> None:
    names = [f"{number:06}" for number in range(10_000)]
    with pytest.raises(UnknownNameError) as caught:
        play(flow_of("text_to_image", sampler="Eulr"), refused("unknown sampler"), given(names))
    assert not caught.value.suggestions
    with pytest.raises(UnknownNameError) as caught:
        play(
            flow_of("text_to_image", sampler="Eulr"),
            refused("unknown sampler"),
            given([*names[1:], "Euler", "Eulers"]),
        )
    assert caught.value.suggestions == ["Euler"]


def test_a_name_that_resembles_nothing_comes_with_examples() -> None:
    with pytest.raises(UnknownNameError, match="It knows for example: 'Euler a'") as caught:
        play(flow_of("text_to_image", sampler="zzz"), refused("unknown sampler"), given(SAMPLERS))
    assert list(caught.value.suggestions) == []
    assert caught.value.name == "zzz"


@pytest.mark.parametrize("trouble", [ServerError("503", status=503), given(b"<html></html>")])
def test_without_the_list_the_refusal_itself_is_told(trouble: Any) -> None:
    refusal = refused("unknown sampler")
    with pytest.raises(BadRequestError) as caught:
        play(flow_of("text_to_image", sampler="zzz"), refusal, trouble)
    assert caught.value is refusal


def test_another_refusal_asks_for_no_list() -> None:
    with pytest.raises(BadRequestError, match="refused"):
        play(flow_of("text_to_image"), refused("the prompt is too long"))


def test_an_endpoint_without_lists_asks_for_none() -> None:
    with pytest.raises(BadRequestError, match="refused"):
        play(flow_of("openjourney"), refused("unknown model"))


def test_a_family_without_such_a_list_asks_for_none() -> None:
    with pytest.raises(BadRequestError, match="refused"):
        play(flow_of("image_to_image"), refused("unknown sampler"))


def test_a_good_answer_asks_for_no_list() -> None:
    assert len(play(flow_of("text_to_image"), given(PNG)).calls) == 1


def test_a_name_refused_under_200_comes_with_near_names_too() -> None:
    refusal = given({"error": "The server doesn't have sampler Eulr"})
    with pytest.raises(UnknownNameError) as caught:
        play(flow_of("text_to_image", sampler="Eulr"), refusal, given(SAMPLERS))
    assert caught.value.suggestions[0] == "Euler"


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"loras": {}}, "unknown lora"),
        ({}, "unknown lora"),
        ({}, "unknown sampler"),
        ({"sampler": "Euler"}, "unknown sampler"),
    ],
)
def test_a_refusal_of_no_name_that_was_given_stays_what_it_is(
    arguments: dict[str, Any], detail: str
) -> None:
    refusal = refused(detail)
    with pytest.raises(BadRequestError) as caught:
        play(flow_of("text_to_image", **arguments), refusal, given(SAMPLERS))
    assert caught.value is refusal


def test_few_names_are_compared_well_and_only_their_beginnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []
    ratio = difflib.SequenceMatcher.ratio

    def noted(self: Any) -> float:
        compared.append(len(self.a) * len(self.b))
        return ratio(self)

    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", noted)
    names = [f"{'ab' * 300}{number}" for number in range(1000)]
    assert near_names("ba" * 100, [*names, "ba" * 32], cutoff=0.5)[0] == "ba" * 32
    assert len(compared) <= 100
    assert max(compared) <= 64 * 64
