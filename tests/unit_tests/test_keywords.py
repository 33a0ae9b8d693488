"""A constructor that is called with a wrong keyword says which class, and what is near."""

from __future__ import annotations

import copy
import pickle

import pytest
from visioncraft_sandbox import Sandbox

import langchain_visioncraft
from langchain_visioncraft import MediaStore, VisionCraftClient


@pytest.mark.parametrize(
    ("kind", "wrong", "near"),
    [
        (langchain_visioncraft.VisionCraftClient, "max_retry", "max_retries"),
        (langchain_visioncraft.AsyncVisionCraftClient, "bse_url", "base_url"),
        (langchain_visioncraft.VisionCraftToolkit, "allow_dirs", "allowed_dirs"),
        (langchain_visioncraft.VisionCraftTextToImage, "widht", "width"),
        (langchain_visioncraft.MediaStore, "storage_option", "storage_options"),
        (Sandbox, "page_host", "page_hosts"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_keyword_is_named_with_its_class_and_what_is_near(
    kind: type, wrong: str, near: str
) -> None:
    expected = rf"^{kind.__name__} has no argument '{wrong}'\. Did you mean {near}="
    with pytest.raises(TypeError, match=expected):
        kind(**{wrong: 1})


def test_where_nothing_is_near_all_arguments_are_listed() -> None:
    with pytest.raises(TypeError, match=r"It takes root, storage_options\."):
        MediaStore(folder="x")  # type: ignore[call-arg]


def test_what_checks_keywords_still_copies_and_pickles() -> None:
    client = VisionCraftClient(api_key="key", base_url="http://visioncraft.test")
    for duplicate in (copy.copy(client), pickle.loads(pickle.dumps(client))):
        assert duplicate.settings == client.settings
