"""Pictures and recordings as documents: parsers, a loader, and retrieval that cites its sources."""

from langchain_visioncraft.document_loaders.caching import FolderByteStore
from langchain_visioncraft.document_loaders.captions import VisionCraftCaptionParser
from langchain_visioncraft.document_loaders.loader import VisionCraftMediaLoader
from langchain_visioncraft.document_loaders.reports import LoadReport, Skipped
from langchain_visioncraft.document_loaders.retrieval import (
    Citation,
    CitedAnswer,
    cited_answer_chain,
)
from langchain_visioncraft.document_loaders.transcripts import VisionCraftTranscriptParser

__all__ = [
    "Citation",
    "CitedAnswer",
    "FolderByteStore",
    "LoadReport",
    "Skipped",
    "VisionCraftCaptionParser",
    "VisionCraftMediaLoader",
    "VisionCraftTranscriptParser",
    "cited_answer_chain",
]
