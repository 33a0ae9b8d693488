"""Chat models: `ChatVisionCraft` over the OpenAI-compatible endpoint."""

from langchain_visioncraft.chat_models.profiles import MODEL_PROFILES
from langchain_visioncraft.chat_models.visioncraft import ChatVisionCraft

__all__ = ["MODEL_PROFILES", "ChatVisionCraft"]
