"""Answers that a grammar allows, written at random."""

from __future__ import annotations

import random
from typing import Any

from llguidance import LLMatcher, LLTokenizer

TOKENS = LLTokenizer("byte")


def written(schema: dict[str, Any], seed: int, longest: int = 3000) -> str:
    """A text that the grammar allows, closing what is open more often than not."""
    matcher = LLMatcher(TOKENS, LLMatcher.grammar_from_json_schema(schema))
    chance, text = random.Random(seed), bytearray()
    while not matcher.is_stopped() and len(text) < longest:
        mask = matcher.compute_bitmask()
        allowed = [token for token in range(TOKENS.vocab_size) if mask[token // 8] >> token % 8 & 1]
        plain = [token for token in allowed if 32 <= token < 127] or allowed
        closing = [token for token in allowed if token > 255 or chr(token) in '"]}']
        token = chance.choice(closing if closing and chance.random() < 0.3 else plain)
        assert matcher.consume_token(token)
        text += bytes([token]) if token < 256 else b""
    return text.decode("utf-8", "replace")
