"""What is known of models decides what they are offered."""

from __future__ import annotations

import pytest

from langchain_visioncraft.chat_models import MODEL_PROFILES
from langchain_visioncraft.chat_models.profiles import MOST_TOKENS, profile_of

CALL_TOOLS = {
    "Llama-3.1-8B-Instruct", "Llama-3.1-70B-Instruct", "Llama-3.1-405B-Instruct",
    "Mistral-7B-Instruct-v0.3", "Mixtral-8x22B-Instruct-v0.1",
}  # fmt: skip
"""Those whose cards say that they were trained for it."""


def test_the_models_that_are_offered_tools_and_pictures_are_pinned() -> None:
    assert {name for name, known in MODEL_PROFILES.items() if known["tool_calling"]} == CALL_TOOLS
    for fact in ("image_inputs", "image_url_inputs", "image_tool_message"):
        assert [name for name, known in MODEL_PROFILES.items() if known[fact]] == [
            "llava-1.5-7b-hf"
        ]


def test_all_documented_models_read_and_write_text_and_are_open() -> None:
    always = {"text_inputs", "text_outputs", "open_weights"}
    never = {"audio_inputs", "video_inputs", "pdf_inputs", "structured_output"}
    for known in MODEL_PROFILES.values():
        assert {name for name in always | never if known[name]} == always


@pytest.mark.parametrize(
    "name", ["Llama-3-8B-Instruct", "llama-3-8b-instruct", "meta-llama/Llama-3-8B-Instruct"]
)
def test_a_profile_is_found_in_any_case_and_of_any_owner(name: str) -> None:
    found = profile_of(name)
    assert found is not None
    assert found["max_input_tokens"] == 8192
    found["max_input_tokens"] = 1
    assert MODEL_PROFILES["Llama-3-8B-Instruct"]["max_input_tokens"] == 8192


def test_a_model_that_is_not_known_has_no_profile() -> None:
    assert profile_of("Llama-4") is None


def test_an_answer_is_at_most_as_long_as_context_and_document_allow() -> None:
    longest = {name: known.get("max_output_tokens") for name, known in MODEL_PROFILES.items()}
    assert longest["Llama-3.1-8B-Instruct"] == MOST_TOKENS == 100_000
    assert longest["Llama-3-8B-Instruct"] == 8192
    assert longest["airoboros-70b"] is None
