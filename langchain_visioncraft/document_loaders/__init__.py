"""Pictures and recordings as documents: parsers, a loader, and retrieval that shows its sources."""

from langchain_visioncraft.document_loaders.caching import FolderByteStore, RemoteByteStore
from langchain_visioncraft.document_loaders.guarding import Skipped
from langchain_visioncraft.document_loaders.loader import (
    LoadReport,
    VisionCraftMediaLoader,
)
from langchain_visioncraft.document_loaders.parsers import (
    VisionCraftCaptionParser,
    VisionCraftTranscriptParser,
)
from langchain_visioncraft.document_loaders.retrieval import (
    Citation,
    CitedAnswer,
    cited_answer_chain,
    media_of,
)

__all__ = [
    "Citation",
    "CitedAnswer",
    "FolderByteStore",
    "LoadReport",
    "RemoteByteStore",
    "Skipped",
    "VisionCraftCaptionParser",
    "VisionCraftMediaLoader",
    "VisionCraftTranscriptParser",
    "cited_answer_chain",
    "media_of",
]
