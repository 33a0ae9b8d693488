"""Tokens are estimated offline."""

from __future__ import annotations

from typing import Any

import pytest
from chat_service import Service
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.tools import tool

from langchain_visioncraft.chat_models.common import TOKENS_PER_IMAGE, estimate_tokens


@given(st.text())
def test_an_estimate_is_between_one_token_per_character_and_one_per_four(text: str) -> None:
    assert len(text) / 4 <= estimate_tokens(text) <= len(text)


def test_text_is_counted_without_a_tokenizer(service: Service) -> None:
    model = service.model()
    assert model.get_num_tokens("Hello, my friend") == 4
    assert model.get_num_tokens("") == 0
    assert model.get_num_tokens("こんにちは") == 5


def test_messages_tools_and_images_count(service: Service) -> None:
    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    model = service.model()
    text = [SystemMessage("Be brief."), HumanMessage("1 + 1?")]
    counted = model.get_num_tokens_from_messages(text)
    assert 8 < counted < 20
    assert model.get_num_tokens_from_messages(text, tools=[add]) > counted + 20
    image = HumanMessage([{"type": "image", "base64": "A" * 1_000_000, "mime_type": "image/png"}])
    assert TOKENS_PER_IMAGE <= model.get_num_tokens_from_messages([image]) < 600
    call: Any = {"name": "add", "args": {"a": 1, "b": 2}, "id": "1"}
    assert model.get_num_tokens_from_messages([AIMessage("", tool_calls=[call])]) > 5


def test_a_tokenizer_of_ones_own_is_used(service: Service) -> None:
    model = service.model(custom_get_token_ids=lambda text: [1] * len(text.split()))
    assert model.get_num_tokens("one two three") == 3
    assert model.get_token_ids("one two") == [1, 1]
    assert model.get_num_tokens_from_messages([HumanMessage("one two")]) == 6


def test_ids_of_tokens_are_not_invented(service: Service) -> None:
    with pytest.raises(NotImplementedError, match="custom_get_token_ids"):
        service.model().get_token_ids("Hello")


def test_messages_can_be_trimmed_to_a_number_of_tokens(service: Service) -> None:
    messages = [HumanMessage("x" * 400), AIMessage("y" * 400), HumanMessage("z" * 40)]
    kept = trim_messages(messages, max_tokens=50, token_counter=service.model())
    assert [message.content[0] for message in kept] == ["z"]
