"""Chat models: `ChatVisionCraft` (OpenAI-compatible), and one over ``POST /llm``."""

from langchain_visioncraft.chat_models.legacy import ChatVisionCraftLegacy
from langchain_visioncraft.chat_models.profiles import MODEL_PROFILES
from langchain_visioncraft.chat_models.visioncraft import ChatVisionCraft

__all__ = ["MODEL_PROFILES", "ChatVisionCraft", "ChatVisionCraftLegacy"]
