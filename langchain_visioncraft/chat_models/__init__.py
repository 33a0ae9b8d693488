"""Chat models: `ChatVisionCraft` (OpenAI-compatible), and one over ``POST /llm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.chat_models.legacy import ChatVisionCraftLegacy
    from langchain_visioncraft.chat_models.profiles import MODEL_PROFILES
    from langchain_visioncraft.chat_models.visioncraft import ChatVisionCraft

_MODULES = {
    "MODEL_PROFILES": "profiles",
    "ChatVisionCraft": "visioncraft",
    "ChatVisionCraftLegacy": "legacy",
}

__all__ = ["MODEL_PROFILES", "ChatVisionCraft", "ChatVisionCraftLegacy"]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
