"""A constructor that is called with a wrong keyword names its class and near names."""

from __future__ import annotations

import copy
import importlib
import pickle
from typing import Any

import pytest
from pydantic import ValidationError
from visioncraft_sandbox import Sandbox

import langchain_visioncraft
from langchain_visioncraft import (
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    MediaStore,
    VisionCraftCaptionParser,
    VisionCraftClient,
    VisionCraftMediaLoader,
)
from langchain_visioncraft._keywords import keywords_of
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.ray import caption

PUBLIC = ("", ".client", ".media", ".chat_models", ".document_loaders", ".tools", ".ray")
RETURNED = {
    "Capabilities",
    "Citation",
    "CitedAnswer",
    "LoadReport",
    "Media",
    "Problem",
    "Progress",
    "Segment",
    "Skipped",
    "Transcript",
    "Usage",
}
"""Results, which a user does not construct."""
NEAR = {
    "AsyncVisionCraftClient": ("bse_url", "base_url"),
    "Budget": ("picture", "pictures"),
    "CallLimits": ("in_fligth", "in_flight"),
    "ChatVisionCraft": ("tool_caling", "tool_calling"),
    "ChatVisionCraftLegacy": ("visoin", "vision"),
    "FolderByteStore": ("foldr", "folder"),
    "MediaStore": ("storage_option", "storage_options"),
    "ShowMedia": ("max_sied", "max_side"),
    "VisionCraftCaptionParser": ("promt", "prompt"),
    "VisionCraftClient": ("max_retry", "max_retries"),
    "VisionCraftContext": ("api_kye", "api_key"),
    "VisionCraftMediaLoader": ("max_concurency", "max_concurrency"),
    "VisionCraftToolkit": ("allow_dirs", "allowed_dirs"),
    "VisionCraftTranscriptParser": ("langauge", "language"),
}
"""Of each class a keyword with a slip, and what was meant; all tools are called with `api_kye`."""


def public_classes() -> dict[str, type]:
    modules = [importlib.import_module(f"langchain_visioncraft{name}") for name in PUBLIC]
    public = {name: getattr(module, name) for module in modules for name in module.__all__}
    return {
        name: value
        for name, value in sorted(public.items())
        if isinstance(value, type) and not issubclass(value, VisionCraftError)
    }


@pytest.mark.parametrize(
    "kind",
    [*(kind for name, kind in public_classes().items() if name not in RETURNED), Sandbox],
    ids=lambda kind: kind.__name__,
)
def test_a_wrong_keyword_is_named_with_its_class_and_what_is_near(kind: type) -> None:
    table = {**NEAR, "Sandbox": ("allowed_host", "allowed_hosts")}
    wrong, near = table.get(kind.__name__, ("api_kye", "api_key"))
    expected = rf"^{kind.__name__} has no argument '{wrong}'\. Did you mean {near}="
    with pytest.raises(TypeError, match=expected):
        kind(**{wrong: 1})


def test_where_nothing_is_near_all_arguments_are_listed() -> None:
    with pytest.raises(TypeError, match=r"It takes root, storage_options\."):
        MediaStore(folder="x")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["temprature", "api_kye", "tool_caling", "modle"])
def test_a_chat_model_does_not_send_a_misspelt_field(name: str) -> None:
    meant = {"temprature": "temperature", "api_kye": "api_key", "modle": "model"}
    expected = f"ChatVisionCraft has no argument '{name}'. Did you mean {meant.get(name, '')}"
    with pytest.raises(TypeError, match=expected):
        ChatVisionCraft(**{"model": "m", "api_key": "any", name: 1})


@pytest.mark.parametrize(
    ("name", "place"),
    [("min_p", "extra_body"), ("guided_choice", "extra_body"), ("user", "model_kwargs")],
)
def test_a_parameter_of_the_request_is_shown_its_place(name: str, place: str) -> None:
    with pytest.raises(TypeError) as caught:
        ChatVisionCraft(**{"model": "m", "api_key": "any", name: "a"})
    assert str(caught.value) == (
        f"ChatVisionCraft has no argument '{name}'. "
        f"A parameter of the request goes into {place}={{'{name}': …}}."
    )
    model = ChatVisionCraft(**{"model": "m", "api_key": "any", place: {name: {"a": 1}}})
    body = model._get_request_payload("Hi")
    assert {**body, **body.get("extra_body", {})}[name] == {"a": 1}


def test_a_misspelt_key_is_not_to_be_sent_as_a_parameter() -> None:
    with pytest.raises(TypeError, match=r"no argument 'key'\. Did you mean api_key=\?$"):
        ChatVisionCraft(model="m", key="vc-secret")


def test_what_is_refused_or_without_effect_is_never_suggested() -> None:
    for kind, wrong in ((ChatVisionCraft, "organisation"), (ChatVisionCraftLegacy, "temprature")):
        with pytest.raises(TypeError) as caught:
            kind(**{wrong: 1})
        assert not {"organization=", "temperature="} & set(
            str(caught.value).replace("?", " ").split()
        )
        assert " temperature," not in str(caught.value)


@pytest.mark.parametrize("name", ["openai_api_key", "organization", "use_responses_api"])
def test_settings_of_openai_still_say_what_to_do_instead(name: str) -> None:
    with pytest.raises(ValidationError, match="is a setting of OpenAI"):
        ChatVisionCraft(**{"model": "m", "api_key": "any", name: "x"})


@pytest.mark.parametrize("name", ["temperature", "max_tokens"])
def test_the_legacy_model_still_takes_langchains_standard_parameters(name: str) -> None:
    with pytest.warns(UserWarning, match=f"{name} has no effect"):
        ChatVisionCraftLegacy(**{"model": "m", "api_key": "any", name: 1, "streaming": True})


@pytest.mark.parametrize("options", ["caption_options", "transcript_options"])
def test_options_of_the_loader_name_the_parser_that_they_are_for(options: str) -> None:
    kind = f"VisionCraft{options.partition('_')[0].title()}Parser"
    with pytest.raises(TypeError, match=f"^{kind} has no argument 'bass_url'. Did you mean base_u"):
        VisionCraftMediaLoader(".", **{options: {"bass_url": "http://visioncraft.test"}})


class Strict(VisionCraftCaptionParser):
    """A subclass that takes nothing else."""

    def __init__(self, *, style: str) -> None:
        super().__init__(prompt=f"Describe the {style}.")


class Loose(VisionCraftCaptionParser):
    """A subclass that takes whatever its base takes."""

    def __init__(self, *, style: str, **others: Any) -> None:
        super().__init__(prompt=f"Describe the {style}.", **others)


class Chat(ChatVisionCraft):
    """A subclass with a constructor of its own."""

    def __init__(self, *, style: str, **others: Any) -> None:
        super().__init__(model=style, **others)


def test_subclasses_may_take_other_keywords() -> None:
    assert Strict(style="light").prompt == "Describe the light."
    assert Loose(style="light", max_side=8).max_side == 8
    assert Chat(style="m", api_key="any", top_k=1).model_name == "m"
    assert keywords_of(Strict) == ("style",)
    with pytest.raises(TypeError, match=r"Strict has no argument 'stile'\. Did you mean style="):
        Strict(stile="light")  # type: ignore[call-arg]


def test_functions_for_datasets_name_themselves() -> None:
    with pytest.raises(TypeError, match=r"^caption has no argument 'outptu'\. Did you"):
        caption(None, "path", outptu="text")  # type: ignore[arg-type,call-arg]


def test_what_checks_keywords_still_copies_and_pickles() -> None:
    client = VisionCraftClient(api_key="key", base_url="http://visioncraft.test")
    for duplicate in (copy.copy(client), pickle.loads(pickle.dumps(client))):
        assert duplicate.settings == client.settings
    chat = ChatVisionCraft(model="m", api_key="any")
    for duplicate in (copy.copy(chat), chat.model_copy(), pickle.loads(pickle.dumps(chat))):
        assert duplicate.model_dump() == chat.model_dump()


def test_every_class_that_a_user_constructs_is_tried() -> None:
    assert NEAR.keys() | RETURNED <= public_classes().keys()
    tools = set(langchain_visioncraft.tools.__all__)
    assert public_classes().keys() - NEAR.keys() - RETURNED - tools == set()
