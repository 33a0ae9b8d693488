"""Chat models: `ChatVisionCraft` over the service's OpenAI-compatible endpoint."""

from langchain_visioncraft.chat_models.visioncraft import ChatVisionCraft

__all__ = ["ChatVisionCraft"]
