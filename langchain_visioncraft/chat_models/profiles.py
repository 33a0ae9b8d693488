"""Profiles of the documented models (the list at the end of the document of 2024-09).

Context sizes come from the models' cards, or from ``max_position_embeddings`` in their
``config.json``, on Hugging Face; the host may allow less. ``tool_calling`` is true if the card says
that the model was trained for it and its chat template takes ``tools``. ``max_output_tokens`` is
the document's greatest ``max_tokens``, or all that fits into the context. ``structured_output`` is
false because the document has no ``response_format``. ``image_tool_message`` is true for models
that take images, because tool results are then sent as a user message. Fields without a source,
such as ``tool_choice``, are left out.
"""

from __future__ import annotations

import re
from typing import Any

MOST_TOKENS = 100_000
"""The documented maximum of ``max_tokens``."""

MODEL_PROFILES: dict[str, dict[str, Any]] = {}
"""Name → profile. Add your own models, or change a profile:

```python
from langchain_visioncraft.chat_models import MODEL_PROFILES, ChatVisionCraft

MODEL_PROFILES["Hermes-2-Pro-Llama-3-8B"] = {"max_input_tokens": 8192, "tool_calling": True}
chat = ChatVisionCraft(model="Hermes-2-Pro-Llama-3-8B", api_key="any")
assert chat.profile["tool_calling"]
del MODEL_PROFILES["Hermes-2-Pro-Llama-3-8B"]
```
"""


def _model(
    name: str, context: int | None = None, *, tools: bool = False, images: bool = False
) -> None:
    profile: dict[str, Any] = {
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": images,
        "image_url_inputs": images,
        "audio_inputs": False,
        "video_inputs": False,
        "pdf_inputs": False,
        "image_tool_message": images,
        "tool_calling": tools,
        "structured_output": False,
        "open_weights": True,
    }
    if context is not None:
        profile["max_input_tokens"] = context
        profile["max_output_tokens"] = min(context, MOST_TOKENS)
    MODEL_PROFILES[name] = profile


# The document does not say which model of this name: 4,096 (Llama 2) or 8,192 tokens (Llama 3).
_model("airoboros-70b")
_model("dolphin-2.6-mixtral-8x7b", 32_768)  # cognitivecomputations: config
_model("openchat-3.6-8b", 8_192)  # openchat/openchat-3.6-8b-20240522: card
# mistralai/Mixtral-8x22B-Instruct-v0.1: config; its card shows function calling.
_model("Mixtral-8x22B-Instruct-v0.1", 65_536, tools=True)
_model("codegemma-7b-it", 8_192)  # google/codegemma-7b-it: config
_model("WizardLM-2-8x22B", 65_536)  # based on Mixtral-8x22B: config
_model("zephyr-orpo-141b-A35b-v0.1", 65_536)  # HuggingFaceH4, based on Mixtral-8x22B: config
_model("dbrx-instruct", 32_768)  # databricks/dbrx-instruct: card, "context length of 32K tokens"
# mistralai/Mistral-7B-Instruct-v0.3: config; card, "Supports function calling".
_model("Mistral-7B-Instruct-v0.3", 32_768, tools=True)
_model("Llama-2-70b-chat-hf", 4_096)  # meta-llama/Llama-2-70b-chat-hf: card, "4k"
_model("Mixtral-8x7B-Instruct-v0.1", 32_768)  # mistralai/Mixtral-8x7B-Instruct-v0.1: config
_model("Llama-3-8B-Instruct", 8_192)  # meta-llama/Meta-Llama-3-8B-Instruct: card, "8k"
_model("Mixtral-8x22B-v0.1", 65_536)  # mistralai/Mixtral-8x22B-v0.1: config
_model("Yi-34B-Chat", 4_096)  # 01-ai/Yi-34B-Chat: config
_model("Llama-2-7b-chat-hf", 4_096)  # meta-llama/Llama-2-7b-chat-hf: card, "4k"
_model("Llama-2-13b-chat-hf", 4_096)  # meta-llama/Llama-2-13b-chat-hf: card, "4k"
_model("gemma-1.1-7b-it", 8_192)  # google/gemma-1.1-7b-it: config
# Qwen/Qwen2-72B-Instruct: config; its card says 131,072 with YaRN, which a host must switch on.
_model("Qwen2-72B-Instruct", 32_768)
_model("Phi-3-medium-4k-instruct", 4_096)  # microsoft/Phi-3-medium-4k-instruct: card, "4K"
_model("L3-70B-Euryale-v2.1", 8_192)  # Sao10K/L3-70B-Euryale-v2.1, based on Llama 3: config
_model("dolphin-2.9.1-llama-3-70b", 8_192)  # cognitivecomputations, based on Llama 3: config
_model("Llama-3-70B-Instruct", 8_192)  # meta-llama/Meta-Llama-3-70B-Instruct: card, "8k"
_model("lzlv_70b_fp16_hf", 4_096)  # lizpreciatior/lzlv_70b_fp16_hf, based on Llama 2: config
_model("WizardLM-2-7B", 32_768)  # based on Mistral-7B-v0.1: config
# llava-hf/llava-1.5-7b-hf: its language model is Vicuna 1.5 with 4,096 tokens; card, images.
_model("llava-1.5-7b-hf", 4_096, images=True)
_model("gemma-2-9b-it", 8_192)  # google/gemma-2-9b-it: config
_model("gemma-2-27b-it", 8_192)  # google/gemma-2-27b-it: config
# meta-llama/Llama-3.1-*-Instruct: card, "128k"; "Tool use with transformers".
_model("Llama-3.1-8B-Instruct", 131_072, tools=True)
_model("Llama-3.1-70B-Instruct", 131_072, tools=True)
_model("Llama-3.1-405B-Instruct", 131_072, tools=True)
_model("Nemotron-4-340B-Instruct", 4_096)  # nvidia/Nemotron-4-340B-Instruct: card, "4,096 tokens"


def profile_of(model: str) -> dict[str, Any] | None:
    """The profile of a model; ``None`` for an unknown one.

    Case, and an owner before ``/``, are ignored: ``meta-llama/Llama-3.1-8B-Instruct``.
    """
    known = MODEL_PROFILES.get(model)
    if known is None:
        wanted = model.rpartition("/")[2].lower()
        found = (value for name, value in MODEL_PROFILES.items() if name.lower() == wanted)
        known = next(found, None)
    return None if known is None else dict(known)


_THINKING = re.compile(r"\br1\b|qwq|thinking|reasoner|minimax-m|nemotron", re.IGNORECASE)


def opens_thoughts(name: str) -> bool:
    """Whether the chat template of a model opens a thought, so that its answers only close it."""
    return bool((profile_of(name) or {}).get("reasoning_output")) or bool(_THINKING.search(name))


_SEEING = re.compile(
    r"llava|vision|vlm|pixtral|moondream|internvl|molmo|idefics|florence|paligemma|glm-?4(?:\.\d)?v"
    r"|minicpm-?[vo](?![a-z])|(?<![a-z])vl(?![a-z])|gemma-?3(?!.*\b(?:1b|270m))|llama-?4",
    re.IGNORECASE,
)


def takes_images(model: str, vision: bool | None = None) -> bool:
    """Whether a model takes images: as set, by its profile, or by a name like ``Qwen2.5-VL``."""
    if vision is not None:
        return vision
    known = (profile_of(model) or {}).get("image_inputs")
    return bool(_SEEING.search(model) if known is None else known)
